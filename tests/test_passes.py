"""The passes: gradients as derivatives, implicit steps as the literal formula, and what they refuse."""

import functools

import numpy as np
import pytest
from conftest import (
    along,
    dense_step,
    direction,
    materialise,
    pairing,
    raises,
    relative,
    slope,
)

import minprox as mp

solvers = [mp.Exact(), mp.Exact("primal"), mp.Exact("dual"), mp.CG(1), mp.CG(3)]
solvers += [mp.BlockCG(1), mp.BlockCG(3), mp.BlockCG(3, "dual"), mp.Explicit()]


def dense(dtype):
    layers = [mp.Linear(6, 8), mp.ReLU(), mp.Linear(8, 7, bias=False), mp.GELU(), mp.Linear(7, 3)]
    return mp.Sequential(*layers, seed=1, dtype=dtype), (6,)


def convolutional(dtype):
    layers = [mp.Conv2d(2, 4, 3, padding="same"), mp.ReLU(), mp.MaxPool2d(2)]
    layers += [mp.Conv2d(4, 4, 2, stride=2, padding=1, groups=2, bias=False), mp.Softplus()]
    layers += [mp.AvgPool2d(2, stride=1), mp.Flatten(), mp.Linear(4, 3)]
    return mp.Sequential(*layers, seed=1, dtype=dtype), (2, 5, 4)


def residual(dtype):
    x = mp.Input((2, 5, 4))
    h = mp.LeakyReLU()(mp.Conv2d(2, 4, 3, padding=1)(x))
    r = mp.Add()(h, mp.Tanh()(mp.Conv2d(4, 4, 3, padding=1)(h)), h)
    s = mp.Concat()(r, x, mp.Sigmoid()(mp.Conv2d(2, 3, 1)(x)))
    return mp.Graph(x, mp.Linear(9, 3)(mp.GlobalAvgPool2d()(s)), seed=1, dtype=dtype), (2, 5, 4)


def dropout(dtype):
    layers = [mp.Linear(6, 8), mp.Dropout(0.4), mp.Tanh(), mp.Linear(8, 7), mp.Dropout(0.2)]
    return mp.Sequential(*layers, mp.Linear(7, 3), seed=1, dtype=dtype), (6,)


nets = pytest.mark.parametrize("build", [dense, convolutional, residual, dropout])
chains = [dense, convolutional, dropout]


def problem(build, rng, dtype="float64", N=5):
    net, shape = build(dtype)
    return net, rng.standard_normal((N, *shape)).astype(dtype), rng.integers(0, 3, N)


# Gradients


@nets
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_gradient_is_the_derivative(build, smoothing, rng):
    """Along random directions, by central differences (P1)."""
    (net, x, y), loss = problem(build, rng), mp.CrossEntropy(smoothing)
    grads = mp.backprop(net, mp.forward(net, x, training=True, seed=5), loss, y)
    for _ in range(3):
        v = direction(net, rng)
        J = along(net, lambda: loss(mp.forward(net, x, training=True, seed=5).output, y), v)
        assert slope(J, 1e-4) == pytest.approx(pairing(grads, v), rel=1e-7)


@nets
def test_the_gradient_of_each_layer_is_its_own(build, rng):
    (net, x, _), loss = problem(build, rng), mp.SquaredError()
    y = rng.standard_normal((5, 3))
    grads = mp.backprop(net, mp.forward(net, x), loss, y)
    for l, theta in enumerate(net.parameters):
        v = [np.zeros_like(other) for other in net.parameters]
        v[l] = rng.standard_normal(theta.shape) / theta.size**0.5
        J = along(net, lambda: loss(mp.forward(net, x).output, y), v)
        assert slope(J, 1e-4) == pytest.approx(pairing(grads, v), rel=1e-7)


def test_dropout_acts_in_training_only_and_by_its_seed(rng):
    net, x, _ = problem(dropout, rng)

    def output(**options):
        return mp.forward(net, x, **options).output

    assert (output(training=True, seed=3) == output(training=True, seed=3)).all()
    assert (output(training=True, seed=(3, 1)) != output(training=True, seed=(3, 2))).any()
    assert (output(training=True, seed=3) != output()).any()
    assert (output(seed=3) == output(seed=4)).all()
    tape = mp.forward(net, x, training=True)
    masks = [tape.layers[i].mask for i in (2, 5)]
    assert masks[0].shape != masks[1].shape
    assert all(0 < (mask == 0).mean() < 1 for mask in masks)


def test_the_errors_come_last_layer_first(rng):
    net, x, y = problem(dense, rng)
    tape = mp.forward(net, x)
    found = list(mp.errors(net, tape, mp.CrossEntropy(), y))
    assert [l for l, _, _ in found] == [2, 1, 0]
    assert [A.shape for _, A, _ in found] == [(5, 8), (5, 8), (5, 7)]
    for l, A, delta in found:
        assert delta.shape == tape.z[l].shape
        assert relative(A @ net.parameters[l], tape.z[l]) == 0  # A_l θ_l = z_l


# Implicit steps


@pytest.mark.parametrize("tau", [1e-3, 0.05, 1.0, 50.0])
def test_implicit_steps_are_the_literal_formula(tau, rng):
    """The forward pass (E1), its gradients (P1) and the solves (E6), written out by hand."""
    net, x, y = problem(dense, rng)
    first, second, third = net.parameters
    A1 = np.hstack([x, np.ones((5, 1))])
    z1 = A1 @ first
    A2 = np.maximum(z1, 0)
    z2 = A2 @ second
    gelu = mp.GELU()
    A3 = np.hstack([gelu.forward(z2), np.ones((5, 1))])
    p = np.exp(A3 @ third)
    p /= p.sum(axis=1, keepdims=True)
    delta3 = (p - np.eye(3)[y]) / 5
    delta2 = gelu.adjoint(delta3 @ third[:-1].T, None, z2)
    delta1 = (z1 > 0) * (delta2 @ second.T)

    def step(A, delta):
        return np.linalg.solve(A.T @ A + np.eye(A.shape[1]) / tau, A.T @ delta)

    tape, loss = mp.forward(net, x), mp.CrossEntropy()
    grads, steps = mp.backprop(net, tape, loss, y), mp.proxprop(net, tape, loss, y, tau)
    for found, expected in zip(grads, [A1.T @ delta1, A2.T @ delta2, A3.T @ delta3], strict=True):
        assert relative(found, expected) < 1e-13
    for found, expected in zip(steps, [step(A1, delta1), step(A2, delta2), A3.T @ delta3], strict=True):
        assert relative(found, expected) < 1e-12


@nets
@pytest.mark.parametrize("tau", [0.05, 20.0])
def test_implicit_steps_are_dense_solves_in_every_net(tau, build, rng):
    """Each of them solves its own system (E6)."""
    (net, x, y), loss = problem(build, rng), mp.CrossEntropy()
    tape = mp.forward(net, x, training=True)
    steps, grads = mp.proxprop(net, tape, loss, y, tau), mp.backprop(net, tape, loss, y)
    for l, A, delta in mp.errors(net, tape, loss, y):
        layer = net.transfers[l]
        matrix = materialise(A, layer.theta_shape[1] // layer.groups, layer.groups)
        assert relative(grads[l], layer.join(matrix.swapaxes(-1, -2) @ delta)) < 1e-13
        if l in net.last_transfers:
            assert (steps[l] == grads[l]).all()
        else:
            assert relative(steps[l], layer.join(dense_step(matrix, delta, tau))) < 1e-11


def test_each_layer_may_have_its_own_step_size_and_solver(rng):
    (net, x, y), loss = problem(dense, rng), mp.CrossEntropy()
    tape = mp.forward(net, x)
    alone = {
        (l, tau, repr(solver)): mp.proxprop(net, tape, loss, y, tau, solver)[l]
        for l in range(3)
        for tau in (0.1, 2.0)
        for solver in (mp.Exact(), mp.CG(2))
    }
    for taus in ([0.1, 2.0, 2.0], (2.0, 0.1, 0.1), np.array([2.0, 0.1, float("nan")])):
        for pair in ([mp.Exact(), mp.CG(2), mp.CG(2)], (mp.CG(2), mp.Exact(), mp.Exact())):
            steps = mp.proxprop(net, tape, loss, y, taus, pair)
            for l, d in enumerate(steps[:2]):
                assert (d == alone[l, taus[l], repr(pair[l])]).all()
            assert (steps[2] == mp.backprop(net, tape, loss, y)[2]).all()


@nets
@pytest.mark.parametrize("solver", solvers, ids=repr)
def test_every_step_descends(solver, build, rng):
    (net, x, y), loss = problem(build, rng), mp.CrossEntropy()
    tape = mp.forward(net, x)
    grads = mp.backprop(net, tape, loss, y)
    for tau in (1e-6, 0.05, 1.0, 1e4):
        for g, d in zip(grads, mp.proxprop(net, tape, loss, y, tau, solver), strict=True):
            assert np.vdot(g, d) > 0


@nets
def test_small_steps_are_the_gradient_and_large_ones_project(build, rng):
    (net, x, y), loss = problem(build, rng), mp.CrossEntropy()
    tape = mp.forward(net, x)
    for l, A, delta in mp.errors(net, tape, loss, y):
        if l in net.last_transfers:
            continue
        layer, grads = net.transfers[l], mp.backprop(net, tape, loss, y)
        small = mp.proxprop(net, tape, loss, y, 1e-10)[l] / 1e-10
        assert relative(small, grads[l]) < 1e-7
        large = A @ layer.split(mp.proxprop(net, tape, loss, y, 1e10)[l])
        matrix = materialise(A, layer.theta_shape[1] // layer.groups, layer.groups)
        projection = matrix @ np.linalg.pinv(matrix, rcond=1e-10) @ delta
        assert relative(large, projection) < 1e-4


@pytest.mark.parametrize("solver", [mp.Exact("primal"), mp.Exact("dual"), mp.BlockCG(3), mp.CG(3)], ids=repr)
def test_a_batch_repeated_k_times_is_a_k_times_larger_tau_theta(solver, rng):
    """d(τ_θ) of the repeated batch is d₁(k τ_θ)/k: δ is a mean, AᵀA a sum (E6)."""
    (net, x, y), loss, k, tau = problem(dense, rng), mp.CrossEntropy(), 3, 0.2
    repeated = mp.forward(net, np.tile(x, (k, *[1] * (x.ndim - 1))))
    *steps, last = mp.proxprop(net, repeated, loss, np.tile(y, k), tau, solver)
    *alone, own = mp.proxprop(net, mp.forward(net, x), loss, y, k * tau, solver)
    for d, e in zip(steps, alone, strict=True):
        assert relative(k * d, e) < 1e-10
    assert relative(last, own) < 1e-12


# The last layer


@pytest.mark.parametrize("build", [dense, convolutional, residual])
@pytest.mark.parametrize("solver", [mp.Exact(), mp.BlockCG(100), mp.CG(100)], ids=repr)
@pytest.mark.parametrize("tau", [0.05, 30.0])
def test_the_proximal_step_of_the_last_layer_minimises_its_block(tau, solver, build, rng):
    (net, x, _), loss = problem(build, rng), mp.SquaredError()
    y, last = rng.standard_normal((5, 3)), len(net.parameters) - 1
    tape = mp.forward(net, x)
    steps = mp.proxprop(net, tape, loss, y, tau, solver, last_layer="proximal")
    theta = net.parameters[last].copy()
    for d, e in zip(steps[:last], mp.proxprop(net, tape, loss, y, tau, solver), strict=False):
        assert (d == e).all()

    def block(u):
        net.parameters[last][...] = u
        return loss(mp.forward(net, x).output, y) + ((u - theta) ** 2).sum() / (2 * tau)

    u = theta - steps[last]
    least = block(u)
    gradient = mp.backprop(net, mp.forward(net, x), loss, y)[last]
    assert relative(gradient, steps[last] / tau) < 1e-10  # ∇L(u) + (u − θ)/τ_θ = 0
    for _ in range(10):
        assert block(u + 1e-3 * rng.standard_normal(u.shape)) > least


def test_a_convolution_may_be_the_last_layer(rng):
    net = mp.Sequential(mp.Conv2d(2, 4, 3), mp.Tanh(), mp.Conv2d(4, 2, 2, groups=2), dtype="float64")
    x, y = rng.standard_normal((3, 2, 6, 6)), rng.standard_normal((3, 2, 3, 3))
    loss, theta, tau = mp.SquaredError(), net.parameters[1].copy(), 0.8
    d = mp.proxprop(net, mp.forward(net, x), loss, y, tau, last_layer="proximal")[1]
    net.parameters[1][...] = theta - d
    assert relative(mp.backprop(net, mp.forward(net, x), loss, y)[1], d / tau) < 1e-10


# Weight decay


decaying = [
    mp.Exact(),
    mp.Exact("primal"),
    mp.Exact("dual"),
    mp.BlockCG(200),
    mp.BlockCG(200, "primal"),
    mp.CG(300),
]


@nets
@pytest.mark.parametrize("solver", decaying, ids=repr)
@pytest.mark.parametrize("decay", [0.02, 3.0])
def test_a_step_with_weight_decay_is_the_dense_solve_of_its_system(decay, solver, build, rng):
    """(AᵀA + (λ + 1/τ_θ) I) d = Aᵀ δ + λ θ in every layer, and the gradient of J + λ/2 ‖θ‖² in the last."""
    (net, x, y), loss, tau = problem(build, rng), mp.CrossEntropy(), 0.4
    tape = mp.forward(net, x, training=True)
    steps, reports = mp.proxprop(net, tape, loss, y, tau, solver, weight_decay=decay, report=True)
    for l, A, delta in mp.errors(net, tape, loss, y):
        layer, theta = net.transfers[l], net.transfers[l].split(net.parameters[l])
        matrix = materialise(A, layer.theta_shape[1] // layer.groups, layer.groups)
        right = matrix.swapaxes(-1, -2) @ delta + decay * theta
        if l in net.last_transfers:
            assert relative(steps[l], layer.join(right)) < 1e-13
        else:
            M = matrix.swapaxes(-1, -2) @ matrix + (decay + 1 / tau) * np.eye(matrix.shape[-1])
            assert relative(steps[l], layer.join(np.linalg.solve(M, right))) < 1e-9
            assert reports[l].solver == repr(solver)
            assert reports[l].residual < 1e-8


@nets
def test_no_weight_decay_changes_no_bit_and_a_tiny_one_almost_none(build, rng):
    (net, x, y), loss = problem(build, rng), mp.CrossEntropy()
    tape = mp.forward(net, x)
    for solver in (mp.Exact(), mp.CG(3), mp.BlockCG(2)):
        plain = mp.proxprop(net, tape, loss, y, 0.4, solver)
        none = mp.proxprop(net, tape, loss, y, 0.4, solver, weight_decay=0)
        tiny = mp.proxprop(net, tape, loss, y, 0.4, solver, weight_decay=1e-13)
        for d, e, f in zip(plain, none, tiny, strict=True):
            assert (d == e).all()
            assert relative(f, d) < 1e-9


@functools.cache
def ridge_problem():
    """Linear regression, two layers deep, at its optimum: by alternating least squares."""
    rng, decay = np.random.default_rng(0), 0.05
    net = mp.Sequential(mp.Linear(4, 5), mp.Linear(5, 2, bias=False), dtype="float64")
    x, y = rng.standard_normal((7, 4)), rng.standard_normal((7, 2))
    first, second = net.parameters
    A = np.hstack([x, np.ones((7, 1))])
    for _ in range(1000):
        B = A @ first
        second[...] = np.linalg.solve(B.T @ B / 7 + decay * np.eye(5), B.T @ y / 7)
        K = np.kron(second @ second.T, A.T @ A / 7) + decay * np.eye(25)
        first[...] = np.linalg.solve(K, (A.T @ y @ second.T / 7).T.ravel()).reshape(5, 5).T
    return net, mp.forward(net, x), mp.SquaredError(), y, decay


@pytest.mark.parametrize(
    "solver",
    [*decaying[:3], mp.CG(1), mp.CG(3), mp.BlockCG(1), mp.BlockCG(3), mp.Explicit()],
    ids=repr,
)
@pytest.mark.parametrize("last_layer", ["explicit", "proximal"])
@pytest.mark.parametrize("tau", [0.1, 50.0])
def test_steps_with_weight_decay_vanish_at_the_optimum(tau, last_layer, solver):
    net, tape, loss, y, decay = ridge_problem()
    steps = mp.proxprop(net, tape, loss, y, tau, solver, last_layer=last_layer, weight_decay=decay)
    for d, theta in zip(steps, net.parameters, strict=True):
        assert np.abs(theta).max() > 0.1
        assert np.abs(d).max() < 1e-9 * max(1, tau)
    plain = mp.proxprop(net, tape, loss, y, tau, solver, last_layer=last_layer)
    by_the_optimiser = plain[0] + decay * net.parameters[0]
    assert isinstance(solver, mp.Explicit) or np.abs(by_the_optimiser).max() > 1e-3


def test_a_weight_decay_that_is_no_number(rng):
    net, x, y = problem(dense, rng)
    for wrong in (-1, float("nan"), "0.1"):
        with raises(ValueError, "weight_decay", repr(wrong)):
            mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, 0.1, weight_decay=wrong)


# Reports


@nets
@pytest.mark.parametrize("solver", solvers, ids=repr)
def test_a_report_tells_the_solver_its_iterations_and_the_residual(solver, build, rng):
    (net, x, y), loss, tau = problem(build, rng), mp.CrossEntropy(), 0.3
    tape = mp.forward(net, x)
    steps, reports = mp.proxprop(net, tape, loss, y, tau, solver, report=True)
    for one, other in zip(steps, mp.proxprop(net, tape, loss, y, tau, solver), strict=True):
        assert (one == other).all()
    for l, A, delta in mp.errors(net, tape, loss, y):
        found, layer = reports[l], net.transfers[l]
        if l in net.last_transfers:
            assert (found.solver, found.form) == ("Explicit()", "")
            assert (found.iterations, found.residual) == (None, 0)
            continue
        d, gradient = layer.split(steps[l]), A.T @ delta
        residual = A.T @ (A @ d) + d / tau - gradient
        expected = np.linalg.norm(residual.ravel()) / np.linalg.norm(gradient.ravel())
        assert found.solver == repr(solver)
        if isinstance(solver, mp.Explicit):
            expected = 0  # it solves nothing
        assert found.residual == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert found.iterations == getattr(solver, "iterations", None)
        if isinstance(solver, mp.Exact):
            assert found.residual < 1e-13
            assert found.form == solver.form.replace("auto", "dual" if A.shape[0] <= A.shape[1] else "primal")
        else:
            assert found.residual > 0.01 or found.iterations != 1
            assert (found.form != "") == isinstance(solver, mp.BlockCG)


def test_a_report_of_a_plain_function(rng):
    (net, x, y), loss = problem(dense, rng), mp.CrossEntropy()

    def gradient(A, delta, tau_theta):
        return A.T @ delta

    tape = mp.forward(net, x)
    steps, reports = mp.proxprop(net, tape, loss, y, 0.1, gradient, report=True)
    for d, g in zip(steps, mp.backprop(net, tape, loss, y), strict=True):
        assert (d == g).all()
    assert reports[0].iterations is None
    assert "gradient" in reports[0].solver


@pytest.mark.parametrize("margin", [30, 60, 90, 200])
def test_a_report_where_the_errors_almost_or_quite_vanish(margin):
    net = mp.Sequential(mp.Linear(4, 4), mp.ReLU(), mp.Linear(4, 2))
    net.parameters = [np.vstack([np.eye(4), np.zeros((1, 4))]), np.zeros((5, 2))]
    net.parameters[1][-1] = margin, 0
    net.parameters[1][0] = 1, -1
    x, y, loss = np.ones((3, 4), "float32"), np.zeros(3, int), mp.CrossEntropy()
    for solver in solvers:
        tape = mp.forward(net, x)
        steps, reports = mp.proxprop(net, tape, loss, y, 0.5, solver, report=True)
        assert all(np.isfinite(d).all() for d in steps)
        assert all(0 <= found.residual < 1.01 for found in reports)


# Arrays: what comes out, and what is never written to


@nets
@pytest.mark.parametrize("solver", solvers, ids=repr)
def test_float32_comes_out_where_float32_goes_in(solver, build, rng):
    (net, x, y), loss = problem(build, rng, "float32"), mp.CrossEntropy(0.1)
    tape = mp.forward(net, x, training=True)
    arrays = [*tape.values, loss.gradient(tape.output, y), *mp.backprop(net, tape, loss, y)]
    arrays += [delta for _, _, delta in mp.errors(net, tape, loss, y)]
    for tau in (0.1, np.float64(0.1), np.full(len(net.parameters), 0.1)):
        arrays += mp.proxprop(net, tape, loss, y, tau, solver)
    arrays += mp.proxprop(net, tape, mp.SquaredError(), rng.standard_normal((5, 3)), 1, solver)
    assert {array.dtype.name for array in arrays} == {"float32"}
    for d, theta in zip(arrays[-len(net.parameters) :], net.parameters, strict=True):
        assert d.shape == theta.shape


class Frozen(mp.Layer):
    """The identity, whose arrays, on the way and on the way back, nobody can write to."""

    def output_shape(self, shape):
        return shape

    def forward(self, a):
        return locked(a.copy())

    def adjoint(self, delta, output, a):
        return locked(delta.copy())


def locked(array):
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("build", chains)
@pytest.mark.parametrize("solver", solvers, ids=repr)
def test_nothing_that_goes_in_is_written_to(solver, build, rng):
    layers = [part for layer in build("float64")[0].layers for part in (Frozen(), layer)]
    for layer in layers:
        if isinstance(layer, mp.Transfer):
            layer.theta = None
    net, x, y = problem(lambda dtype: (mp.Sequential(*layers, Frozen(), dtype=dtype), build(dtype)[1]), rng)
    loss = mp.CrossEntropy()
    targets = locked(rng.standard_normal((5, 3)))
    tape = mp.forward(net, locked(x), training=True)
    for array in [*net.parameters, *tape.values]:
        locked(array)
    locked(y)
    before = [array.copy() for array in [*net.parameters, *tape.values, y]]

    def careful(A, delta, tau_theta):
        return locked(solver(A, locked(delta), tau_theta))

    mp.backprop(net, tape, loss, y)
    steps, _ = mp.proxprop(net, tape, loss, y, 0.3, solver, report=True)
    mp.proxprop(net, tape, mp.SquaredError(), targets, 0.3, careful)
    again = mp.proxprop(net, tape, loss, y, 0.3, careful)
    assert all((one == other).all() for one, other in zip(steps, again, strict=True))
    for array, copy in zip([*net.parameters, *tape.values, y], before, strict=True):
        assert (array == copy).all()


# What is refused


@pytest.mark.parametrize("tau", [0, -1.0, float("nan"), float("inf"), [0.1, 0.0, 0.1], [0.1, -1, 0.1]])
def test_a_step_size_that_is_not_positive_and_finite(tau, rng):
    net, x, y = problem(dense, rng)
    with raises(ValueError, "tau_theta", "positive"):
        mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, tau)


@pytest.mark.parametrize("name", ["tau_theta", "solver"])
@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_sequence_of_the_wrong_length(name, count, rng):
    net, x, y = problem(dense, rng)
    values = {"tau_theta": 0.1, "solver": mp.Exact()}
    values[name] = [values[name]] * count
    with raises(ValueError, name, "3", str(count)):
        mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, **values)


def test_the_entry_of_the_explicit_last_layer_is_not_used_but_that_of_a_proximal_one_is(rng):
    net, x, _ = problem(dense, rng)
    tape, y, taus = mp.forward(net, x), rng.standard_normal((5, 3)), [0.1, 0.1, 0.0]
    mp.proxprop(net, tape, mp.SquaredError(), y, taus)
    with raises(ValueError, "tau_theta", "0.0"):
        mp.proxprop(net, tape, mp.SquaredError(), y, taus, last_layer="proximal")


def test_a_last_layer_that_is_no_proximal_step(rng):
    net, x, y = problem(dense, rng)
    tape = mp.forward(net, x)
    with raises(ValueError, "last_layer: expected one of explicit, proximal, found 'implicit'"):
        mp.proxprop(net, tape, mp.CrossEntropy(), y, 0.1, last_layer="implicit")

    class Flat(mp.Loss):
        def __call__(self, output, y):
            return output.sum() * 0

        def gradient(self, output, y):
            return 0 * output

    with raises(ValueError, "proximal", "linear solve", "value and tangent", "Flat()"):
        mp.proxprop(net, tape, Flat(), y, 0.1, last_layer="proximal")
    net = mp.Sequential(mp.Linear(6, 3), mp.Tanh(), dtype="float64")
    with raises(ValueError, "proximal", "transfer", "Tanh()"):
        mp.proxprop(net, mp.forward(net, x), mp.SquaredError(), x[:, :3], 0.1, last_layer="proximal")


def test_a_shared_last_layer_is_not_taken_for_a_proximal_block(rng):
    """Its rows also stand before the output, so that its block is no linear solve."""
    layer = mp.Linear(3, 3)
    net = mp.Sequential(layer, mp.Tanh(), layer, dtype="float64")
    x, y = rng.standard_normal((2, 5, 3))
    with pytest.raises(ValueError, match="proximal"):
        mp.proxprop(net, mp.forward(net, x), mp.SquaredError(), y, 0.1, last_layer="proximal")


def test_a_tape_of_another_net(rng):
    net, x, y = problem(dense, rng)
    other = dense("float64")[0]
    for call in (
        lambda: mp.backprop(net, mp.forward(other, x), mp.CrossEntropy(), y),
        lambda: mp.proxprop(net, mp.forward(other, x), mp.CrossEntropy(), y, 0.1),
        lambda: list(mp.errors(net, mp.forward(other, x), mp.CrossEntropy(), y)),
    ):
        with raises(ValueError, "tape", "another net"):
            call()


def test_targets_that_do_not_fit_the_output(rng):
    net, x, y = problem(dense, rng)
    with raises(ValueError, "labels", "(5,)", "(4,)"):
        mp.backprop(net, mp.forward(net, x), mp.CrossEntropy(), y[:4])
    with raises(ValueError, "targets", "(5, 3)", "(5,)"):
        mp.proxprop(net, mp.forward(net, x), mp.SquaredError(), x[:, 0], 0.1)


# Tapes that are stale, and batches that are empty


CHANGES = {
    "a step": lambda net, tape, y: mp.SGD(net, 0.1).step(mp.backprop(net, tape, mp.CrossEntropy(), y)),
    "an implicit step": lambda net, tape, y: mp.Adam(net).step(
        mp.proxprop(net, tape, mp.CrossEntropy(), y, 0.1)
    ),
    "in place": lambda net, tape, y: net.parameters[-1].__imul__(2),
    "all at once": lambda net, tape, y: setattr(net, "parameters", [2 * theta for theta in net.parameters]),
    "a layer": lambda net, tape, y: setattr(net.transfers[0], "theta", 2 * net.parameters[0]),
}


@nets
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stale_tape_is_refused_and_right_again_once_the_parameters_are(change, build, dtype, rng):
    net, x, y = problem(build, rng, dtype)
    tape, loss, start = mp.forward(net, x), mp.CrossEntropy(), [theta.copy() for theta in net.parameters]
    expected = mp.backprop(net, tape, loss, y)
    change(net, tape, y)
    for call in (
        lambda: mp.backprop(net, tape, loss, y),
        lambda: mp.proxprop(net, tape, loss, y, 0.1),
        lambda: mp.input_gradient(net, tape, loss, y),
    ):
        with raises(ValueError, "stale", "parameters of", "mp.forward"):
            call()
    net.parameters = start
    for one, other in zip(mp.backprop(net, tape, loss, y), expected, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([mp.Linear(4, 3)], (4,)),
        ([mp.Conv2d(2, 3, 3), mp.MaxPool2d(2), mp.Flatten()], (2, 6, 6)),
        ([mp.GlobalAvgPool2d()], (2, 6, 6)),
        ([mp.AvgPool2d(2)], (2, 6, 6)),
        ([mp.Flatten()], (2, 6, 6)),
        ([mp.Dropout(0.5), mp.Tanh()], (3,)),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_an_empty_batch_is_refused_whatever_the_layer(layers, shape, training):
    net = mp.Sequential(*layers)
    with raises(ValueError, "forward", "one sample or more", str((0, *shape))):
        mp.forward(net, np.zeros((0, *shape), "float32"), training=training)
