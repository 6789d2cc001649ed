"""The paper's text against what it simplifies to: E3, P1, A1, A2, E5."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import relative

import minprox as mp


def dense():
    layers = mp.Linear(6, 9), mp.Tanh(), mp.Linear(9, 5), mp.ReLU(), mp.Linear(5, 4, bias=False)
    return mp.Sequential(*layers, seed=1, dtype="float64"), (7, 6)


def conv():
    layers = (
        *(mp.Conv2d(4, 6, 3, padding=1, groups=2), mp.ReLU(), mp.MaxPool2d(2)),
        *(mp.Conv2d(6, 4, (3, 2), stride=2, dilation=(1, 2)), mp.Sigmoid(), mp.Flatten()),
        mp.Linear(4, 4),
    )
    return mp.Sequential(*layers, seed=2, dtype="float64"), (5, 4, 8, 8)


def deep():
    widths = [5, 8, 7, 6, 7, 4]
    layers = [layer for n, m in pairwise(widths) for layer in (mp.Linear(n, m), mp.GELU())]
    return mp.Sequential(*layers[:-1], seed=3, dtype="float64"), (3, 5)


def flattened_first():
    net = mp.Sequential(mp.Flatten(), mp.Linear(12, 3), mp.Tanh(), mp.Linear(3, 4), seed=4, dtype="float64")
    return net, (6, 3, 2, 2)


chains = pytest.mark.parametrize("make", [dense, conv, deep, flattened_first])
losses = pytest.mark.parametrize("loss", [mp.CrossEntropy(), mp.SquaredError()], ids=repr)


def batch(make, loss, rng):
    net, shape = make()
    x = rng.standard_normal(shape)
    n = len(x)
    y = rng.integers(0, 4, n) if isinstance(loss, mp.CrossEntropy) else rng.standard_normal((n, 4))
    return net, x, y


@chains
@losses
@pytest.mark.parametrize("tau", [1e-3, 1.0, 40.0])
def test_P1_algorithm_1_is_gradient_descent(make, loss, tau, rng):
    """Every step of the sweep (A1) is ``−τ`` times a gradient."""
    net, x, y = batch(make, loss, rng)
    sweep = mp.algorithm_1(net, x, loss, y, tau)
    grads = mp.backprop(net, mp.forward(net, x), loss, y)
    for l, (theta, g) in enumerate(zip(net.parameters, grads, strict=True), start=1):
        step = tau * g
        assert relative(theta - sweep.theta_next[l], step) < 1e-12 * (
            1 + np.linalg.norm(theta) / np.linalg.norm(step)
        )


@chains
@losses
@pytest.mark.parametrize(("tau", "tau_theta"), [(1.0, 0.05), (0.3, 2.0), (1.0, 50.0)])
def test_A2_algorithm_2_is_proxprop(make, loss, tau, tau_theta, rng):
    """The ``argmin`` of each layer is its preconditioned gradient step (P2)."""
    net, x, y = batch(make, loss, rng)
    sweep = mp.algorithm_2(net, x, loss, y, tau, tau_theta)
    steps = mp.proxprop(net, mp.forward(net, x), loss, y, tau_theta)
    for l, (theta, d) in enumerate(zip(net.parameters, steps, strict=True), start=1):
        assert relative(sweep.theta_next[l], theta - tau * d) < 1e-12


def test_A2_takes_one_tau_theta_for_each_layer(rng):
    net, x, y = batch(dense, mp.CrossEntropy(), rng)
    taus = [0.1, 7.0, 1.0]
    sweep = mp.algorithm_2(net, x, mp.CrossEntropy(), y, 1.0, taus)
    steps = mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, taus)
    for l, (theta, d) in enumerate(zip(net.parameters, steps, strict=True), start=1):
        assert relative(sweep.theta_next[l], theta - d) < 1e-12
    with pytest.raises(ValueError, match="tau_theta: expected one value, or 3"):
        mp.algorithm_2(net, x, mp.CrossEntropy(), y, 1.0, taus[:2])


@chains
def test_half_steps_are_the_errors_of_back_propagation(make, rng):
    """``z_l − z_l^{1/2} = τ ∂J/∂z_l`` (the induction behind P1), by rows of ``A_l``."""
    net, x, y = batch(make, mp.CrossEntropy(), rng)
    tau = 0.7
    for sweep in (
        mp.algorithm_1(net, x, mp.CrossEntropy(), y, tau),
        mp.algorithm_2(net, x, mp.CrossEntropy(), y, tau, tau_theta=1.0),
    ):
        for l, _, delta in mp.errors(net, mp.forward(net, x), mp.CrossEntropy(), y):
            if l + 1 in sweep.z_half:
                layer = net.transfers[l]
                moved = layer.rows(sweep.z[l + 1] - sweep.z_half[l + 1])
                assert relative(moved, tau * delta) < 1e-11
        assert sorted(sweep.a_half) == sorted(sweep.z_half) == list(range(1, len(net.parameters)))


@chains
def test_energy_is_the_loss_at_the_forward_pass_and_grows_with_broken_couplings(make, rng):
    loss = mp.CrossEntropy()
    net, x, y = batch(make, loss, rng)
    s = mp.algorithm_1(net, x, loss, y, tau=0.1)
    J = float(loss(mp.forward(net, x).output, y))
    E = mp.energy(net, loss, y, s.theta, s.a, s.z, gamma=3.0, rho=5.0)
    assert relative(E, J) < 1e-14
    broken = {l: z + 0.1 for l, z in s.z.items()}
    parts = [mp.energy(net, loss, y, s.theta, s.a, broken, gamma=g, rho=r) for g, r in ((1, 0), (0, 1))]
    squares = sum(0.01 * z.size for z in s.z.values())
    assert relative(parts[1] - J, squares / 2) < 1e-12  # ρ/2 ‖φ(θ, a) − z‖²
    assert parts[0] > J  # γ/2 ‖σ(z) − a‖²
    both = mp.energy(net, loss, y, s.theta, s.a, broken, gamma=2.0, rho=3.0)
    assert relative(both - J, 2 * (parts[0] - J) + 3 * (parts[1] - J)) < 1e-12


@pytest.mark.parametrize(("gamma", "rho"), [(2.0, 5.0), (5.0, 2.0), (3.0, 0.5)])
def test_E3_gradients_of_the_blocks_are_the_steps_of_algorithm_1(gamma, rho, rng):
    """Each block step is ``−τ`` times the derivative of (E3) where the sweep stands (A1), for any γ and ρ."""
    loss, tau, h = mp.SquaredError(), 0.3, 1e-6
    net, x, y = batch(dense, loss, rng)
    s = mp.algorithm_1(net, x, loss, y, tau, gamma, rho)
    last = max(s.theta)

    def moves_down(name, l, new, **at):
        """Compare with the slope of E along a random motion of one block."""
        old = getattr(s, name)[l]
        bump = rng.standard_normal(old.shape)

        def E(shift):
            values = {"theta": s.theta, "a": s.a, "z": s.z, **at}
            values[name] = {**values[name], l: old + shift * bump}
            return mp.energy(net, loss, y, values["theta"], values["a"], values["z"], gamma, rho)

        slope = (E(h) - E(-h)) / (2 * h)
        assert abs(slope) > 1e-6
        assert relative(np.sum((old - new) * bump) / tau, slope) < 1e-6

    moves_down("a", last - 1, s.a_half[last - 1])
    moves_down("theta", last, s.theta_next[last])
    for l in range(last - 1, 0, -1):
        moves_down("z", l, s.z_half[l], a={**s.a, l: s.a_half[l]})
        behind = {**s.z, l: s.z_half[l]}
        moves_down("theta", l, s.theta_next[l], z=behind)
        if l > 1:
            moves_down("a", l - 1, s.a_half[l - 1], z=behind)


def test_proximal_step_minimises_E5(rng):
    """It is a proximal map (E4): no other θ has a smaller value."""
    loss, tau_theta = mp.CrossEntropy(), 3.0
    net, x, y = batch(conv, loss, rng)
    s = mp.algorithm_2(net, x, loss, y, 1.0, tau_theta)
    phi = net.transfers[1]

    def subproblem(theta):
        coupling = phi.forward(theta, s.a[1]) - s.z_half[2]
        return np.sum(coupling**2) / 2 + np.sum((theta - s.theta[2]) ** 2) / (2 * tau_theta)

    best = subproblem(s.theta_next[2])
    assert best < subproblem(s.theta[2])
    for _ in range(10):
        assert best < subproblem(s.theta_next[2] + 1e-3 * rng.standard_normal(s.theta[2].shape))


def test_nets_that_are_no_chain_are_refused(rng):
    x = mp.Input((4,))
    h = mp.Linear(4, 4)(x)
    residual = mp.Graph(x, mp.Linear(4, 2)(mp.Add()(x, mp.ReLU()(h))))
    shared = mp.Linear(4, 4)
    twice = mp.Sequential(shared, mp.ReLU(), shared, mp.ReLU(), mp.Linear(4, 2))
    ends = mp.Sequential(mp.Linear(4, 2), mp.ReLU())
    data, y, loss = rng.random((3, 4)), np.array([0, 1, 0]), mp.CrossEntropy()
    for net, words in ((residual, "has other inputs"), (twice, "stands twice"), (ends, "found ReLU")):
        with pytest.raises(ValueError, match=words):
            mp.algorithm_1(net, data, loss, y, 0.1)
