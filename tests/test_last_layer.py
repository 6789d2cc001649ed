"""The proximal step of a last layer that faces a loss which is no quadratic (E4)."""

import functools

import numpy as np
import pytest
from conftest import raises, relative
from scipy.optimize import minimize
from test_passes import problem
from test_strict_arrays import convolutional, dense, residual

import minprox as mp
from minprox.engine.solvers import NewtonCG

LOSSES = [
    mp.CrossEntropy(),
    mp.CrossEntropy(label_smoothing=0.1, class_weights=[1.0, 2.0, 0.5]),
    mp.BinaryCrossEntropy(),
    mp.Huber(0.3),
]
losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)
taus = pytest.mark.parametrize("tau", [0.05, 30.0, 1e4])


def targets(loss, shape, rng):
    if isinstance(loss, mp.CrossEntropy):
        return rng.integers(0, shape[1], (shape[0], *shape[2:]))
    return (rng.standard_normal(shape) > 0).astype(float)


def after(net, d):
    """The net with the last layer after the step."""
    net.parameters[-1][...] -= d
    return net


@losses
@taus
@pytest.mark.parametrize("build", [dense, convolutional, residual])
def test_the_step_solves_the_optimality_condition(build, tau, loss, rng):
    """∇L(u) + (u − θ)/τ_θ = 0 (E4), and the other layers do what they did."""
    (net, x, _), solver = problem(build, rng), mp.Exact()
    y, tape = targets(loss, (5, 3), rng), mp.forward(net, x)
    steps = mp.proxprop(net, tape, loss, y, tau, solver, last_layer="proximal")
    for d, e in zip(steps[:-1], mp.proxprop(net, tape, loss, y, tau, solver), strict=False):
        assert (d == e).all()
    start = mp.backprop(net, tape, loss, y)[-1]
    gradient = mp.backprop(net, mp.forward(after(net, steps[-1]), x), loss, y)[-1]
    assert relative(gradient, steps[-1] / tau) * np.linalg.norm(steps[-1] / tau) < 1e-9 * np.linalg.norm(
        start
    )


@losses
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("tau", [0.5, 100.0])
def test_the_step_ends_where_scipy_does(tau, decay, loss, rng):
    net, x = mp.Sequential(mp.Linear(4, 3), seed=0, dtype="float64"), rng.standard_normal((9, 4))
    y, theta = targets(loss, (9, 3), rng), net.parameters[0].copy()
    (d,) = mp.proxprop(net, mp.forward(net, x), loss, y, tau, last_layer="proximal", weight_decay=decay)

    def block(u):
        net.parameters[0][...] = u.reshape(theta.shape)
        tape = mp.forward(net, x)
        away = u - theta.ravel()
        value = float(loss(tape.output, y)) + decay / 2 * u @ u + away @ away / (2 * tau)
        return value, mp.backprop(net, tape, loss, y)[0].ravel() + decay * u + away / tau

    found = minimize(block, theta.ravel(), jac=True, method="BFGS", options={"gtol": 1e-9})
    assert relative(theta.ravel() - d.ravel(), found.x) < 1e-6
    assert block(theta.ravel() - d.ravel())[0] <= found.fun + 1e-13


def test_on_a_quadratic_newton_takes_the_linear_solve(rng):
    net, x, _ = problem(dense, rng)
    y, tape, tau = rng.standard_normal((5, 3)), mp.forward(net, x), 3.0
    linear = mp.proxprop(net, tape, mp.SquaredError(), y, tau, last_layer="proximal")[-1]
    _, A, delta = next(iter(mp.errors(net, tape, mp.SquaredError(), y)))
    solver = NewtonCG(mp.SquaredError(), y, tape.output, net.transfers[-1])
    assert relative(solver(A, delta, tau), linear) < 1e-8


def test_for_small_steps_it_is_the_gradient_and_it_never_overshoots(rng):
    """d/τ_θ → ∇J (P3); the value of the block falls for every τ_θ (P5)."""
    net, x, y = problem(dense, rng)
    loss, tape = mp.CrossEntropy(), mp.forward(net, x)
    g = mp.backprop(net, tape, loss, y)[-1]
    d = mp.proxprop(net, tape, loss, y, 1e-6, last_layer="proximal")[-1]
    assert relative(d / 1e-6, g) < 1e-4
    before, theta = float(loss(tape.output, y)), net.parameters[-1].copy()
    for tau in 10.0 ** np.arange(-3, 6):
        d = mp.proxprop(net, mp.forward(net, x), loss, y, tau, last_layer="proximal")[-1]
        now = float(loss(mp.forward(after(net, d), x).output, y)) + (d * d).sum() / (2 * tau)
        assert now < before
        net.parameters[-1][...] = theta


def test_the_report_certifies_the_step(rng):
    net, x, y = problem(dense, rng)
    tape, loss, tau = mp.forward(net, x), mp.CrossEntropy(), 30.0
    steps, reports = mp.proxprop(net, tape, loss, y, tau, last_layer="proximal", report=True)
    assert reports[-1].solver == "NewtonCG()"
    assert reports[-1].residual < 1e-10
    assert 2 < reports[-1].iterations < 15
    _, A, delta = next(iter(mp.errors(net, tape, loss, y)))
    solver = NewtonCG(loss, y, tape.output, net.transfers[-1])
    assert solver.residual(A, delta, tau, steps[-1]) == reports[-1].residual
    planted = {
        "a per cent too long": 1.01 * steps[-1],
        "the gradient": A.T @ delta,
        "one linear solve": mp.Exact()(A, delta * 5, tau / 5),
    }
    for d in planted.values():
        assert solver.residual(A, delta, tau, d) > 1e-3


@pytest.mark.parametrize("shape", ["sequence", "image"])
def test_a_last_layer_with_several_places(shape, rng):
    """A dense layer on sequences, and a convolution that labels every pixel."""
    if shape == "sequence":
        net = mp.Sequential(mp.Input((6, 4)), mp.Linear(4, 5), mp.Tanh(), mp.Linear(5, 3), dtype="float64")
        x, y, loss = rng.standard_normal((3, 6, 4)), rng.integers(0, 3, (3, 6)), mp.CrossEntropy()
    else:
        net = mp.Sequential(mp.Conv2d(2, 4, 3), mp.Tanh(), mp.Conv2d(4, 2, 2, groups=2), dtype="float64")
        x, loss = rng.standard_normal((3, 2, 6, 6)), mp.BinaryCrossEntropy()
        y = targets(loss, (3, 2, 3, 3), rng)
    d = mp.proxprop(net, mp.forward(net, x), loss, y, 20.0, last_layer="proximal")[-1]
    gradient = mp.backprop(net, mp.forward(after(net, d), x), loss, y)[-1]
    assert relative(gradient, d / 20.0) < 1e-8


def test_with_a_penalty_on_the_input_gradient(rng):
    """The penalty is a linear term of the block: ∇L(u) + (u − θ)/τ_θ + λ ∇R(θ) = 0 (D1)."""
    net, x, y = problem(dense, rng)
    tape, loss, tau = mp.forward(net, x), mp.CrossEntropy(), 2.0
    options = {"lam": 0.3, "tau_theta": tau, "last_layer": "proximal"}
    g = 0.3 * mp.methods.penalty_gradient(net, tape, loss, y)[-1]
    d = mp.methods.double_backprop(net, tape, loss, y, **options)[-1]
    gradient = mp.backprop(net, mp.forward(after(net, d), x), loss, y)[-1]
    assert relative(gradient + g, d / tau) < 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_what_is_not_finite(dtype, rng):
    net, x, y = problem(dense, rng)
    net = mp.Sequential(mp.Linear(6, 3), dtype=dtype, seed=0)
    x, loss = rng.standard_normal((5, 6)).astype(dtype), mp.CrossEntropy()
    (d,), (report,) = mp.proxprop(net, mp.forward(net, x), loss, y, 50.0, last_layer="proximal", report=True)
    assert d.dtype == dtype
    assert report.residual < {"float32": 1e-4, "float64": 1e-10}[dtype]
    net.parameters[0][0, 0] = np.nan
    with np.errstate(all="ignore"):
        (d,) = mp.proxprop(net, mp.forward(net, x), loss, y, 50.0, last_layer="proximal")
    assert np.isnan(d).any()


def test_where_there_is_no_error_there_is_no_step(rng):
    net, x = mp.Sequential(mp.Linear(6, 3), seed=0, dtype="float64"), rng.standard_normal((5, 6))
    tape = mp.forward(net, x)
    (d,), (report,) = mp.proxprop(net, tape, mp.Huber(), tape.output, 5.0, last_layer="proximal", report=True)
    assert not d.any()
    assert (report.iterations, report.residual) == (0, 0.0)


def test_a_loss_that_is_not_convex_still_goes_down(rng):
    class Wave(mp.Loss):
        def __call__(self, output, y):
            return np.sin(output - y).sum() / len(y)

        def gradient(self, output, y):
            return np.cos(output - y) / len(y)

        def tangent(self, output, y, motion):
            return -np.sin(output - y) * motion / len(y)

    net, x = mp.Sequential(mp.Linear(6, 3), seed=0, dtype="float64"), rng.standard_normal((5, 6))
    y, loss = rng.standard_normal((5, 3)), Wave()
    before = loss(mp.forward(net, x).output, y)
    (d,) = mp.proxprop(net, mp.forward(net, x), loss, y, 10.0, last_layer="proximal")
    assert loss(mp.forward(after(net, d), x).output, y) + (d * d).sum() / 20 < before


def test_training_with_it(rng):
    """It is a direction like any other: one epoch from scratch."""
    data = mp.datasets.blobs()
    net = mp.Sequential(mp.Linear(2, 10), mp.Tanh(), mp.Linear(10, 3), seed=0)
    direction = functools.partial(mp.proxprop, tau_theta=1.0, last_layer="proximal")
    history = mp.train(net, data, mp.CrossEntropy(), mp.SGD(net, 1.0), direction, epochs=2, batch_size=50)
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]


def test_it_is_not_linear_in_the_gradient(rng):
    net, x, y = problem(dense, rng)
    direction = functools.partial(mp.proxprop, tau_theta=1.0, last_layer="proximal")
    with raises(TypeError, "linear in the gradient", "NewtonCG"):
        mp.theory.root(net, mp.forward(net, x), mp.CrossEntropy(), y, direction)
