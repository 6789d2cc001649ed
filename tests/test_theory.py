"""P3, P4 and P5, measured."""

import numpy as np
import pytest
from conftest import relative

import minprox as mp
from minprox.ground import backend
from minprox.paper import theory
from minprox.paper.norms import norm


@pytest.fixture
def problem(rng):
    net = mp.Sequential(
        *(mp.Linear(10, 20), mp.ReLU(), mp.Linear(20, 15), mp.Tanh(), mp.Linear(15, 4)),
        seed=0,
        dtype="float64",
    )
    return net, rng.random((12, 10)), rng.integers(0, 4, 12), mp.CrossEntropy()


def dense_map(rng, rows=9, cols=6):
    return mp.DenseMap(rng.standard_normal((rows, cols - 1)), bias=True)


def test_angle(rng):
    u = rng.standard_normal((3, 4))
    assert theory.angle(u, 2 * u) == 0
    assert relative(theory.angle(u, -u), np.pi) < 1e-15
    v = np.array([1.0, 1e-9])
    assert relative(theory.angle(np.array([1.0, 0.0]), v), 1e-9) < 1e-6  # arccos would give 0
    with pytest.raises(ValueError, match="not zero"):
        theory.angle(u, 0 * u)


@pytest.mark.parametrize("kappa", [1.0, 1.5, 10.0, 1e8])
def test_angle_bound_is_kantorovichs(kappa):
    bound = theory.angle_bound(kappa)
    assert abs(np.cos(bound) - 2 * np.sqrt(kappa) / (1 + kappa)) < 1e-15
    with pytest.raises(ValueError, match="at least 1"):
        theory.angle_bound(0.5)


def test_angle_bound_is_attained():
    """The worst case of Kantorovich: equal parts of the two extreme eigenvectors, weighted."""
    kappa = 7.0
    g = np.array([1.0, np.sqrt(kappa)])
    d = g / np.array([1.0, kappa])
    assert abs(theory.angle(g, d) - theory.angle_bound(kappa)) < 1e-14


@pytest.mark.parametrize("tau_theta", [1e-3, 0.05, 1.0, 50.0, 1e4])
def test_P3_every_step_descends_within_the_bound(problem, tau_theta):
    net, x, y, loss = problem
    for layer in theory.descent(net, mp.forward(net, x), loss, y, tau_theta):
        assert layer.slope > 0
        assert layer.angle <= layer.bound + 1e-12


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10])
def test_P3_every_cg_iterate_descends(problem, n):
    net, x, y, loss = problem
    for solver in (mp.CG(n), mp.BlockCG(n)):
        for layer in theory.descent(net, mp.forward(net, x), loss, y, 5.0, solver):
            assert layer.slope > 0


def test_a_step_with_the_wrong_sign_does_not_descend(problem):
    net, x, y, loss = problem
    found = theory.descent(
        net, mp.forward(net, x), loss, y, 5.0, lambda A, delta, tau: -mp.Exact()(A, delta, tau)
    )
    assert all(layer.slope < 0 and layer.angle > layer.bound for layer in found[:-1])


def test_what_a_descent_tells_of_the_sizes_and_of_what_has_no_angle(problem):
    net, x, y, loss = problem
    tape = mp.forward(net, x)
    grads, steps = mp.backprop(net, tape, loss, y), mp.proxprop(net, tape, loss, y, 0.5)
    for layer, g, d in zip(theory.descent(net, tape, loss, y, 0.5), grads, steps, strict=True):
        assert relative(layer.gradient, np.linalg.norm(g)) < 1e-14
        assert relative(layer.step, np.linalg.norm(d)) < 1e-14
        assert relative(layer.slope, np.vdot(g, d)) < 1e-12
    for factor in (0.0, np.nan):
        no_step = lambda A, delta, tau, factor=factor: factor * np.ones_like(A.T @ delta)  # noqa: E731
        found = theory.descent(net, tape, loss, y, 0.5, no_step)[0]
        assert np.isnan(found.angle)
        assert found.step == 0 or np.isnan(found.step)
        assert found.bound < np.pi / 2


@pytest.mark.parametrize(("rows", "cols"), [(9, 6), (6, 9), (6, 6)])
@pytest.mark.parametrize("tau_theta", [0.05, 20.0])
def test_condition_against_the_dense_matrix(rng, rows, cols, tau_theta):
    A = dense_map(rng, rows, cols)
    M = A.matrix().T @ A.matrix() + np.eye(cols) / tau_theta
    assert relative(theory.condition(A, tau_theta), np.linalg.cond(M)) < 1e-10
    assert theory.condition(A, tau_theta) <= theory.condition_bound(A, tau_theta) * (1 + 1e-12)
    assert (
        relative(theory.condition_bound(A, tau_theta), 1 + tau_theta * np.linalg.norm(A.matrix(), 2) ** 2)
        < 1e-12
    )
    assert relative(theory.spectrum(A), np.linalg.eigvalsh(A.matrix().T @ A.matrix())) < 1e-12


def test_P3_limits_of_tau_theta(rng):
    A, delta = dense_map(rng), rng.standard_normal((9, 3))
    small = mp.Exact()(A, delta, 1e-9) / 1e-9
    assert relative(small, theory.small_step_limit(A, delta)) < 1e-6
    projected = A.matrix() @ np.linalg.lstsq(A.matrix(), delta, rcond=None)[0]
    assert relative(theory.large_step_limit(A, delta), projected) < 1e-12
    assert relative(A @ mp.Exact()(A, delta, 1e9), projected) < 1e-7


def test_P5_factors_are_those_of_steps_on_a_stiff_quadratic():
    """Those of explicit steps (E2) too, on both sides of their bound."""
    q = mp.datasets.ridge(30, 6, condition=1e4, seed=0)
    eigenvalues, V = np.linalg.eigh(q.A.T @ q.A)
    theta = q.solution + V @ np.ones((6, 1))
    for tau in (0.1, 1.9, 2.1, 1e3):
        explicit = theta - tau * q.gradient(theta)
        assert (
            relative(V.T @ (explicit - q.solution), theory.explicit_factor(eigenvalues, tau)[:, None]) < 1e-9
        )
        A = mp.DenseMap(q.A, bias=False)
        implicit = theta - mp.Exact()(A, q.A @ theta - q.b, tau)
        factor = theory.implicit_factor(eigenvalues, tau)
        assert relative(V.T @ (implicit - q.solution), factor[:, None]) < 1e-9
        assert (factor > 0).all()
        assert (factor <= 1).all()
        unstable = np.abs(theory.explicit_factor(eigenvalues, tau)).max() > 1
        assert unstable == (tau > theory.largest_stable_step(eigenvalues))
    with pytest.raises(ValueError, match="positive eigenvalue"):
        theory.largest_stable_step([0.0])


@pytest.mark.parametrize("tau_theta", 10.0 ** np.arange(-6, 7))
def test_P5_the_implicit_step_minimises_its_subproblem(rng, tau_theta):
    A, delta = dense_map(rng), rng.standard_normal((9, 3))
    d = mp.Exact()(A, delta, tau_theta)
    best = theory.subproblem(A, delta, tau_theta, d)
    assert best < theory.subproblem(A, delta, tau_theta, 0 * d)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert best < theory.subproblem(A, delta, tau_theta, factor * d)


def test_P4_armijo_accepts_what_it_promises(problem):
    net, x, y, loss = problem
    before = [theta.copy() for theta in net.parameters]
    for tau_theta in (0.05, 10.0):
        tape = mp.forward(net, x)
        d, g = mp.proxprop(net, tape, loss, y, tau_theta), mp.backprop(net, tape, loss, y)
        tau = mp.armijo(net, x, loss, y, d, tau=64.0)
        for theta, old in zip(net.parameters, before, strict=True):
            np.testing.assert_array_equal(theta, old)
        slope = sum((u * v).sum() for u, v in zip(g, d, strict=True))

        def J(step, d=d):
            net.parameters = [old - step * v for old, v in zip(before, d, strict=True)]
            value = float(loss(mp.forward(net, x).output, y))
            net.parameters = before
            return value

        assert J(tau) <= J(0) - 1e-4 * tau * slope
        assert tau == 64.0 or J(2 * tau) > J(0) - 2e-4 * tau * slope
    for factor in (-1, 0):
        with pytest.raises(ValueError, match="do not descend"):
            mp.armijo(net, x, loss, y, [factor * v for v in d])


def test_P4_armijo_with_proxprop_drives_the_gradient_to_zero(problem):
    net, x, y, loss = problem
    y = np.arange(12) % 4
    norms = []
    for _ in range(60):
        tape = mp.forward(net, x)
        g, d = mp.backprop(net, tape, loss, y), mp.proxprop(net, tape, loss, y, 1.0)
        norms.append(np.sqrt(sum((v * v).sum() for v in g)))
        tau = mp.armijo(net, x, loss, y, d, tau=16.0)
        net.parameters = [theta - tau * v for theta, v in zip(net.parameters, d, strict=True)]
    assert norms[-1] < 0.05 * norms[0]


# Groups, small parts, and sizes far from 1


def test_the_large_step_limit_takes_each_group_and_all_float32_digits_for_what_they_are(rng):
    a = rng.standard_normal((5, 3, 4, 4)).astype("float32")
    a[:, 1] *= 3e-4
    a[:, 2] *= 1e-20
    layer = mp.Conv2d(3, 3, 4, groups=3, bias=False)  # a row for each sample, 16 columns: the range is all
    delta = layer.rows(rng.standard_normal((5, 3, 1, 1)).astype("float32"))
    limit = theory.large_step_limit(layer.linear_map(a), delta)
    assert limit.dtype == "float32"
    assert relative(limit, delta) < 1e-6
    tall = (1 + 1e-4 * rng.standard_normal((3000, 4))).astype("float32")
    delta = rng.standard_normal((3000, 2))
    expected = tall @ np.linalg.lstsq(tall.astype("float64"), delta, rcond=None)[0]
    limit = theory.large_step_limit(mp.DenseMap(tall, bias=False), delta)
    assert relative(limit, expected) < 1e-9  # all 4 directions, not 1
    low = mp.DenseMap(np.outer(rng.standard_normal(30), rng.standard_normal(20)), bias=False)
    assert np.linalg.matrix_rank(theory.large_step_limit(low, np.eye(30))) == 1


def test_the_condition_number_is_that_of_the_worst_group_alone():
    layer = mp.Conv2d(2, 2, 1, groups=2, bias=False)
    a = np.array([3.0, 0.1]).reshape(1, 2, 1, 1)
    assert theory.condition(layer.linear_map(a), 10.0) == 1
    a = np.zeros((2, 4, 1, 1))
    a[0, :2, 0, 0], a[1, :2, 0, 0] = (3, 0), (0, 1)  # eigenvalues 9 and 1
    a[0, 2:, 0, 0], a[1, 2:, 0, 0] = (30, 0), (0, 30)
    A = mp.Conv2d(4, 2, 1, groups=2, bias=False).linear_map(a)
    assert theory.condition(A, 1.0) == pytest.approx(10 / 2, rel=1e-12)
    assert theory.condition(A, 1.0) <= theory.condition_bound(A, 1.0)


def test_P3_the_bound_of_a_layer_holds_over_all_of_its_groups(rng):
    net = mp.Sequential(
        *(mp.Input((4, 2, 2)), mp.Conv2d(4, 4, 1, groups=4, bias=False), mp.Tanh(), mp.Flatten()),
        *(mp.Linear(16, 3),),
        seed=0,
        dtype="float64",
    )
    x = rng.standard_normal((5, 4, 2, 2)) * np.array([10, 1, 0.1, 0.01]).reshape(4, 1, 1)
    first, last = theory.descent(net, mp.forward(net, x), mp.CrossEntropy(), rng.integers(0, 3, 5), 10.0)
    assert 0.01 < first.angle <= first.bound
    assert first.kappa > 100
    assert (last.angle, last.bound, last.kappa) == (0, 0, 1)  # the explicit layer


@pytest.mark.parametrize("size", [1e-200, 1e-310, 1e200, 1e308])
def test_angles_do_not_depend_on_sizes(size):
    u, v = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    assert relative(theory.angle(size * u, v), np.arccos(0.6)) < 1e-13
    assert relative(theory.angle(u, -size * v), np.pi - np.arccos(0.6)) < 1e-13
    assert theory.angle(size * v, v / size if 1e-300 < size < 1e300 else v) < 1e-12
    many = np.ones(100)
    assert relative(theory.angle(size * many, np.append(many[1:], -1)), np.arccos(0.98)) < 1e-12


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1.0, 1e200])
def test_norms_of_any_size(size):
    v = size * np.array([[3.0, 0.0, np.nan], [4.0, 0.0, 1.0]])
    np.testing.assert_allclose(norm(v, axis=0), [5 * size, 0, np.nan], rtol=1e-12)
    assert norm(v[:, :2]) == pytest.approx(5 * size, rel=1e-12)
    assert norm(np.array([np.inf, 1.0])) == np.inf


def test_the_factors_take_arrays_of_either_backend(other):
    with mp.use(other):
        eigenvalues = backend.asarray(np.array([0.5, 2.0]))
    for factor, expected in [(theory.explicit_factor, [0, -3]), (theory.implicit_factor, [0.5, 0.2])]:
        found = factor(eigenvalues, 2.0)
        assert type(found) is type(eigenvalues)
        assert mp.to_numpy(found).tolist() == expected
        assert [float(factor(value, 2.0)) for value in (0.5, 2.0)] == expected
        assert factor([0.5, 2], 2).tolist() == expected
    assert theory.largest_stable_step(eigenvalues) == 1


@pytest.mark.parametrize(
    ("first", "slope", "expected"),
    [(2.0, 1e-4, 1.0), (1.0, 0.4, 1.0), (1.0, 0.6, 0.5), (1.0, 0.9, 0.125), (0.1, 0.9, 0.1)],
)
def test_P4_armijo_asks_for_its_share_of_the_decrease(first, slope, expected):
    """On ``J = ½ θ²`` at θ = 1 along the gradient: ``½ (1 − τ)² ≤ ½ − σ τ`` for τ up to 2 (1 − σ)."""
    net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    net.parameters = [np.ones((1, 1))]
    x, y = np.ones((1, 1)), np.zeros((1, 1))
    assert mp.armijo(net, x, mp.SquaredError(), y, [np.ones((1, 1))], first, slope) == expected
