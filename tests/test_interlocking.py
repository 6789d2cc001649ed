"""Interlocking back-propagation: the published example by hand, its two ends, and what each module sees."""

import copy

import numpy as np
import pytest
from conftest import relative

import minprox as mp
from minprox.methods.interlocking import n_wise
from minprox.methods.modules import Modules, cut


class Gain(mp.Transfer):
    """``z_i = θ_i a_i``."""

    def __init__(self, *values):
        super().__init__(theta_shape=(1, len(values)))
        self.values = values

    def forward(self, theta, a):
        return a * theta[0]

    def adjoint_input(self, theta, a, delta):
        return delta * theta[0]

    def adjoint_theta(self, a, delta):
        return (a * delta).sum(axis=0)[None]

    def draw(self, rng):
        return np.array([self.values], dtype="float64")


class Given(mp.CrossEntropy):
    """Cross-entropy at the heads; at the end, where the logits are 24, the given gradient."""

    def gradient(self, output, y):
        return np.full_like(output, 0.1) if (output == 24).all() else super().gradient(output, y)


HAND = {  # the parameters of the three modules after one step with learning rate 1, for the horizon N
    1: ((1.5, 2.5), (2.0, 4.0), (3.4, 3.4)),
    2: ((0.5, 3.5), (2.2, 2.2), (3.4, 3.4)),
    3: ((0.8, 0.8), (2.2, 2.2), (3.4, 3.4)),
}


@pytest.mark.parametrize("horizon", HAND)
def test_the_published_example_by_hand(horizon):
    """One step by the rule (I1)."""
    modules = [mp.Sequential(Gain(v, v), dtype="float64") for v in (2, 3, 4)]
    net = Modules(modules, [mp.Sequential(Gain(1, 1), dtype="float64") for _ in range(2)])
    tape = mp.forward(net, np.ones((1, 2)))
    mp.SGD(net, lr=1.0).step(n_wise(net, tape, Given(), np.array([1]), horizon))
    found = [module.parameters[0].ravel() for module in modules]
    np.testing.assert_allclose(found, HAND[horizon], rtol=0, atol=1e-12)


def tower(K=4, seed=0):
    """Modules with a residual branch and a shared layer, all of width 5, and heads of two layers."""

    def module(s):
        x = mp.Input((5,))
        twice = mp.Linear(5, 5)
        h = mp.Add()(x, mp.Tanh()(twice(x)))
        return mp.Graph(x, mp.Tanh()(twice(h)), seed=s, dtype="float64")

    def head(s):
        return mp.Sequential(mp.Linear(5, 4), mp.Tanh(), mp.Linear(4, 3), seed=s, dtype="float64")

    modules = [module(seed + k) for k in range(K - 1)] + [head(seed + 90)]
    return Modules(modules, [head(seed + 50 + k) for k in range(K - 1)])


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((6, 5)), rng.integers(0, 3, 6)


def of(net, parts, directions):
    """The directions of the given modules or heads."""
    place = {id(layer): d for layer, d in zip(net.transfers, directions, strict=True)}
    return [place[id(layer)] for part in parts for layer in part.transfers]


def joined(net):
    """The same modules as one net without heads."""
    x = h = mp.Input((5,))
    for module in net.modules:
        symbols = [h]
        for node, sources in zip(module.nodes[1:], module.sources[1:], strict=True):
            symbols.append(node.layer(*(symbols[j] for j in sources)))
        h = symbols[-1]
    return mp.Graph(x, h, dtype="float64")


def test_the_full_horizon_is_back_propagation_and_the_heads_have_no_influence(batch):
    net, (x, y) = tower(), batch
    loss, plain = mp.CrossEntropy(), joined(net)
    expected = mp.backprop(plain, mp.forward(plain, x), loss, y)
    found = of(net, net.modules, n_wise(net, mp.forward(net, x), loss, y, horizon=4))
    assert all(relative(d, g) < 1e-12 for d, g in zip(found, expected, strict=True))
    ordinary = mp.backprop(net, mp.forward(net, x), loss, y)
    assert all(relative(d, g) < 1e-12 for d, g in zip(of(net, net.modules, ordinary), expected, strict=True))
    assert not any(d.any() for d in of(net, net.heads, ordinary))


@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_each_direction_is_the_gradient_of_the_furthest_loss_in_sight_alone(batch, horizon):
    net, (x, y) = tower(), batch
    loss, tape = mp.CrossEntropy(), mp.forward(net, x)
    directions, end_to_end = (n_wise(net, tape, loss, y, N) for N in (horizon, 4))
    for i, module in enumerate(net.modules):
        k = min(i + horizon - 1, 3)  # counted from 0
        chain = [*net.modules[: k + 1], *([net.heads[k]] if k < 3 else [])]
        ending = Modules(chain, [tower(seed=7).heads[0] for _ in chain[1:]])
        expected = of(ending, [module], mp.backprop(ending, mp.forward(ending, x), loss, y))
        found = of(net, [module], directions)
        assert all(relative(d, g) < 1e-12 for d, g in zip(found, expected, strict=True))
        if i >= 4 - horizon:
            assert all((d == g).all() for d, g in zip(found, of(net, [module], end_to_end), strict=True))
    for i, head in enumerate(net.heads):
        ending = Modules([*net.modules[: i + 1], head], [tower(seed=7).heads[0] for _ in range(i + 1)])
        expected = of(ending, [head], mp.backprop(ending, mp.forward(ending, x), loss, y))
        found = of(net, [head], directions)
        assert all(relative(d, g) < 1e-12 for d, g in zip(found, expected, strict=True))


def test_local_learning_does_not_know_what_follows(batch):
    net, (x, y) = tower(), batch
    before = of(net, net.modules[:2], n_wise(net, mp.forward(net, x), mp.CrossEntropy(), y, 1))
    for part in net.modules[2:]:
        part.parameters = [theta + 1 for theta in part.parameters]
    after = of(net, net.modules[:2], n_wise(net, mp.forward(net, x), mp.CrossEntropy(), y, 1))
    assert all((d == g).all() for d, g in zip(before, after, strict=True))
    further = of(net, net.modules[:2], n_wise(net, mp.forward(net, x), mp.CrossEntropy(), y, 3))
    assert not any((d == g).all() for d, g in zip(before, further, strict=True))


def test_the_full_horizon_with_implicit_steps_is_proxprop(batch):
    net, (x, y) = tower(), batch
    loss, plain = mp.CrossEntropy(), joined(net)
    expected = mp.proxprop(plain, mp.forward(plain, x), loss, y, tau_theta=0.7)
    found = of(net, net.modules, n_wise(net, mp.forward(net, x), loss, y, 4, tau_theta=0.7))
    assert all(relative(d, g) < 1e-12 for d, g in zip(found, expected, strict=True))
    tape = mp.forward(net, x)
    explicit = n_wise(net, tape, loss, y, 2)
    mixed = n_wise(net, tape, loss, y, 2, tau_theta=[None, 0.5, None, None])
    for k, parts in enumerate(zip(net.modules, [*net.heads, net.modules[-1]], strict=True)):
        same = [(a == b).all() for part in parts for a, b in
                zip(of(net, [part], mixed), of(net, [part], explicit), strict=True)]  # fmt: skip
        assert all(same) is (k != 1)


def test_a_net_is_cut_at_its_symbols(batch):
    x, _ = batch
    input = mp.Input((5,))
    h1 = mp.Tanh()(mp.Linear(5, 6)(input))
    h2 = mp.Add()(h1, mp.Tanh()(mp.Linear(6, 6)(h1)))
    net = mp.Graph(input, mp.Linear(6, 3)(h2), seed=3, dtype="float64")
    parts = cut(net, [h1, h2])
    value = x
    for part in parts:
        value = mp.forward(part, value).output
    assert (value == mp.forward(net, x).output).all()
    assert [id(t) for part in parts for t in part.transfers] == [id(t) for t in net.transfers]
    inner = net.nodes[net.nodes.index(h2) - 1]
    with pytest.raises(ValueError, match="reads across the cut"):
        cut(net, [inner])
    with pytest.raises(ValueError, match="in order"):
        cut(net, [h2, h1])
    with pytest.raises(ValueError, match="no node"):
        cut(net, [mp.Input((5,))])


def test_modules_train_copy_and_pickle(batch):
    net, (x, y) = tower(), batch
    loss, twin = mp.CrossEntropy(), copy.deepcopy(tower())
    for one in (net, twin):
        optimizer = mp.SGD(one, lr=0.1, momentum=0.5)
        for _ in range(200):
            optimizer.step(n_wise(one, mp.forward(one, x), loss, y, 2))
    assert all((a == b).all() for a, b in zip(net.parameters, twin.parameters, strict=True))
    assert loss(mp.forward(net, x).output, y) < 0.2


def test_what_makes_no_modules():
    net = tower()
    with pytest.raises(ValueError, match="a head for each but the last"):
        Modules(net.modules, net.heads[:-1])
    with pytest.raises(TypeError, match="expected nets"):
        Modules([mp.Linear(2, 2)], [])
    with pytest.raises(ValueError, match="stands in two"):
        Modules([net.modules[0], net.modules[0]], [net.heads[0]])
    with pytest.raises(ValueError, match="does not fit"):
        Modules([net.modules[0], mp.Sequential(mp.Linear(4, 2), dtype="float64")], [net.heads[0]])
    x, y = np.zeros((2, 5)), np.array([0, 1])
    with pytest.raises(ValueError, match="horizon"):
        n_wise(net, mp.forward(net, x), mp.CrossEntropy(), y, 0)
    with pytest.raises(ValueError, match="one a module"):
        n_wise(net, mp.forward(net, x), mp.CrossEntropy(), y, 1, tau_theta=[1.0])
    plain = joined(net)
    with pytest.raises(TypeError, match="net of modules"):
        n_wise(plain, mp.forward(plain, x), mp.CrossEntropy(), y)
