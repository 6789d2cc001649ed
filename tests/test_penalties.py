"""Penalties in optimisers: a proximal step after any step, and where it comes to rest."""

import functools

import numpy as np
import pytest
from conftest import raises, relative
from test_cupy import dtypes, problem, same
from test_strict_arrays import convolutional

import minprox as mp

L1, GroupL1 = mp.prox.L1, mp.prox.GroupL1
MAKERS = [
    functools.partial(mp.SGD, lr=0.3),
    functools.partial(mp.SGD, lr=0.05, momentum=0.9),
    functools.partial(mp.SGD, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    functools.partial(mp.Adam, lr=0.01),
]
makers = pytest.mark.parametrize("make", MAKERS)
IMPLICIT = functools.partial(mp.proxprop, tau_theta=0.2, solver=mp.Exact())


def small(dtype="float64"):
    layers = [mp.Linear(4, 6), mp.Tanh(), mp.Linear(6, 5, bias=False), mp.Tanh(), mp.Linear(5, 3)]
    return mp.Sequential(*layers, seed=2, dtype=dtype)


@makers
@pytest.mark.parametrize("penalise_bias", [False, True])
def test_the_proximal_step_follows_the_step(make, penalise_bias, rng):
    """θ ← prox_{tΩ}(θ) (E4), with t = τ/(1 − μ), on the rows that belong to weights."""
    one, two, penalty = small(), small(), mp.prox.ElasticNet(0.2, 0.3)
    plain, penalised = make(one), make(two, penalty=penalty, penalise_bias=penalise_bias)
    t = {0.3: 0.3, 0.05: 0.5, 0.01: 0.01}[plain.lr]
    for _ in range(3):
        d = [rng.standard_normal(theta.shape) for theta in one.parameters]
        one.parameters = two.parameters
        plain.step(d)
        penalised.step(d)
        for theta, found, bias in zip(one.parameters, two.parameters, (True, False, True), strict=True):
            rows = len(theta) - (bias and not penalise_bias)
            assert relative(found[:rows], penalty.prox(theta[:rows], t)) <= 1e-14
            assert (found[rows:] == theta[rows:]).all()


def test_each_layer_may_have_its_own(rng):
    one, two = small(), small()
    d = [rng.standard_normal(theta.shape) for theta in one.parameters]
    mp.SGD(one, lr=0.5).step(d)
    mp.SGD(two, lr=0.5, penalty=[L1(0.4), None, GroupL1(1e3)]).step(d)
    first, second, third = two.parameters
    assert (first[:-1] == L1(0.2).prox(one.parameters[0][:-1], 1.0)).all()
    assert (second == one.parameters[1]).all()
    assert not third[:-1].any()
    assert (third[-1] == one.parameters[2][-1]).all()


# Where it comes to rest


def regression(direction, make, penalty, steps=3000):
    """A linear net on 30 samples, trained to rest: θ, the direction there, and the gradient."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 6))
    y = x @ (rng.standard_normal((6, 3)) * (np.arange(6) < 3)[:, None]) + 0.1 * rng.standard_normal((30, 3))
    net, loss = mp.Sequential(mp.Linear(6, 3, bias=False), dtype="float64"), mp.SquaredError()
    optimiser = make(net, penalty=penalty)
    for _ in range(steps):
        optimiser.step(direction(net, mp.forward(net, x), loss, y))
    tape = mp.forward(net, x)
    return net.parameters[0], direction(net, tape, loss, y)[0], mp.backprop(net, tape, loss, y)[0]


def gap(penalty, theta, w):
    """Ω(θ) + Ω*(w) − ⟨θ, w⟩, which is 0 if and only if w ∈ ∂Ω(θ)."""
    return penalty(theta) + penalty.conjugate(w) - np.vdot(theta, w)


@makers
@pytest.mark.parametrize("penalty", [L1(0.2), GroupL1(0.3), mp.prox.ElasticNet(0.1, 0.2)], ids=repr)
def test_sgd_rests_at_the_optimum_with_any_momentum(make, penalty):
    """−∇J ∈ ∂Ω(θ): the optimality condition of J + Ω; Adam rests elsewhere, and the check sees it."""
    make = functools.partial(make.func, **{k: v for k, v in make.keywords.items() if k != "weight_decay"})
    theta, _, gradient = regression(mp.backprop, make, penalty)
    if make.func is mp.Adam:
        assert not gap(penalty, theta, -gradient) <= 1e-3
    else:
        assert gap(penalty, theta, -gradient) <= 1e-12
        assert not theta.all()  # some have vanished


@pytest.mark.parametrize("make", MAKERS[:2])
def test_implicit_steps_rest_where_the_direction_is_a_subgradient(make):
    direction = functools.partial(IMPLICIT, last_layer="proximal")
    theta, d, gradient = regression(direction, make, L1(0.05))
    assert gap(L1(0.05), theta, -d) <= 1e-12
    assert gap(L1(0.05), theta, -gradient) > 1e-3


def test_half_the_square_is_weight_decay():
    """L2Squared(λ/2) and ``weight_decay=λ`` come to rest at the same place."""
    momentum = functools.partial(mp.SGD, lr=0.05, momentum=0.9, nesterov=True)
    decayed = functools.partial(momentum, weight_decay=0.4)
    one, _, _ = regression(mp.backprop, momentum, mp.prox.L2Squared(0.2))
    two, _, _ = regression(mp.backprop, decayed, None)
    assert relative(one, two) <= 1e-12


# Training


def training(epochs, make, direction=mp.backprop, **options):
    data = mp.datasets.blobs(n=200)
    net = mp.Sequential(mp.Linear(2, 12), mp.ReLU(), mp.Linear(12, 3), seed=0)
    history = mp.train(
        net, data, mp.CrossEntropy(), make(net), direction, epochs=epochs, batch_size=30, **options
    )
    return net.parameters, history


@makers
@pytest.mark.parametrize("direction", [mp.backprop, IMPLICIT])
def test_a_resumed_run_ends_with_the_same_bits(make, direction, tmp_path):
    make = functools.partial(make, penalty=[GroupL1(0.01, "columns"), mp.prox.Nuclear(0.005)])
    whole, _ = training(4, make, direction)
    training(2, make, direction, checkpoint=tmp_path / "c.npz")
    resumed, history = training(4, make, direction, checkpoint=tmp_path / "c.npz", resume=True)
    assert len(history) == 4
    assert [theta.tobytes() for theta in resumed] == [theta.tobytes() for theta in whole]
    assert {theta.dtype.name for theta in resumed} == {"float32"}


def test_another_penalty_is_another_run(tmp_path):
    training(1, functools.partial(mp.SGD, lr=0.1, penalty=L1(0.01)), checkpoint=tmp_path / "c.npz")
    for options in ({"penalty": L1(0.02)}, {}, {"penalty": L1(0.01), "penalise_bias": True}):
        make = functools.partial(mp.SGD, lr=0.1, **options)
        with raises(ValueError, "penal", "was", "is now"):
            training(2, make, checkpoint=tmp_path / "c.npz", resume=True)


@pytest.mark.parametrize("penalty", [mp.prox.Nuclear(0.01), L1(0.01)], ids=repr)
def test_a_run_that_diverges_is_a_result(penalty):
    _, history = training(5, functools.partial(mp.SGD, lr=1e30, momentum=0.9, penalty=penalty))
    assert history.status == "diverged"


def test_groups_vanish_whole():
    """A penalty on columns switches whole units off."""
    make = functools.partial(mp.SGD, lr=0.1, momentum=0.9, penalty=[GroupL1(0.01, "columns"), None])
    (first, _), history = training(30, make)
    norms = np.linalg.norm(first[:-1], axis=0)
    assert 2 <= (norms > 0).sum() <= 9
    assert history.validation_accuracy[-1] > 0.95


@dtypes
@makers
def test_on_the_other_backend(make, dtype, other):
    def updates():
        net, tape, loss, y = problem(convolutional, dtype)
        optimiser = make(net, penalty=[L1(0.01), GroupL1(0.1), mp.prox.Nuclear(0.02)])
        for _ in range(3):
            optimiser.step(mp.backprop(net, mp.forward(net, tape.values[0]), loss, y))
        return net.parameters

    same(updates, other, dtype)


@pytest.mark.parametrize(
    ("penalty", "parts"),
    [
        ("l1", ["penalty", "prox(v, tau)", "'l1'"]),
        (0.1, ["penalty", "prox(v, tau)", "0.1"]),
        ([L1(1), 0.1, None], ["penalty", "prox(v, tau)", "0.1"]),
        ([L1(1)], ["penalty", "each of 3", "found 1"]),
    ],
)
def test_a_wrong_penalty_is_named(penalty, parts):
    with raises(ValueError, *parts):
        mp.SGD(small(), 0.1, penalty=penalty)
