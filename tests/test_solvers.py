"""The implicit step: exact in both forms, by conjugate gradients, and what a wrong one would show."""

import itertools
from functools import partial

import numpy as np
import pytest
from conftest import adjoint_gap, dense_step, materialise, raises, relative
from hypothesis import given
from hypothesis import strategies as st

import minprox as mp
from minprox.engine.linear_map import DenseMap, transpose
from minprox.engine.solvers import exact as exact_solver
from minprox.engine.solvers import relative_residual
from minprox.engine.solvers.block_conjugate_gradients import inner
from minprox.engine.solvers.exact import inverse_shifted, solve_shifted
from minprox.engine.stacked_map import StackedMap

taus = (1e-4, 1e-2, 1.0, 1e2, 1e4)
forms = [mp.Exact("primal"), mp.Exact("dual"), mp.Exact()]
iterative = [mp.CG(3), mp.BlockCG(3), mp.BlockCG(3, "primal"), mp.BlockCG(3, "dual")]
every_solver = [*forms, *iterative, mp.Explicit()]

layers = {
    "tall": (mp.Linear(5, 4), (12, 5)),
    "wide": (mp.Linear(12, 4), (5, 12)),
    "no bias": (mp.Linear(7, 3, bias=False), (7, 7)),
    "convolution": (mp.Conv2d(2, 4, 3, padding=1), (2, 2, 5, 4)),
    "wide convolution": (mp.Conv2d(3, 4, 3), (1, 3, 5, 4)),
    "groups": (mp.Conv2d(4, 6, 2, stride=2, groups=2), (3, 4, 4, 6)),
    "depthwise": (mp.Conv2d(3, 3, 2, groups=3, bias=False), (1, 3, 2, 3)),
}


@pytest.fixture(params=layers)
def system(request, rng):
    """A linear map, an error and the matrix of the map, materialised from its products."""
    layer, shape = layers[request.param]
    a = rng.standard_normal(shape)
    A = layer.linear_map(a)
    delta = rng.standard_normal(layer.rows(np.zeros((shape[0], *layer.output_shape(shape[1:])))).shape)
    return A, delta, materialise(A, delta.shape[-1], layer.groups)


# Exact steps


@pytest.mark.parametrize("tau", taus)
@pytest.mark.parametrize("solver", forms, ids=repr)
def test_both_forms_are_the_dense_solution(solver, tau, system):
    """Primal (E6) and dual (E7)."""
    A, delta, matrix = system
    d = solver(A, delta, tau)
    assert relative(d, dense_step(matrix, delta, tau)) < 1e-10
    assert relative_residual(A, delta, tau, d) < 1e-10


@pytest.mark.parametrize("tau", taus)
def test_the_dense_reference_is_the_solution_of_both_systems(tau, rng):
    """The reference of these tests is neither (E6) nor (E7): it must agree with both."""
    for shape in [(12, 5), (5, 12)]:
        matrix, delta = rng.standard_normal(shape), rng.standard_normal((shape[0], 3))
        d = dense_step(matrix, delta, tau)
        if shape[0] > shape[1]:
            expected = np.linalg.solve(matrix.T @ matrix + np.eye(5) / tau, matrix.T @ delta)
        else:
            expected = matrix.T @ np.linalg.solve(matrix @ matrix.T + np.eye(5) / tau, delta)
        assert relative(d, expected) < 1e-10


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 20)])
@pytest.mark.parametrize("tau", [1e2, 1e4])
def test_refinement_makes_both_forms_agree_to_the_last_digits(tau, shape, rng):
    U, s, Vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    a, delta = U * np.geomspace(5, 0.05, len(s)) @ Vt, rng.standard_normal((shape[0], 3))
    for form in ("primal", "dual"):
        d = mp.Exact(form)(DenseMap(a, False), delta, tau)
        assert relative(d, dense_step(a, delta, tau)) < 3e-14


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.booleans(),
    st.floats(-6, 6).map(lambda e: 10.0**e),
    st.integers(0, 2**32 - 1),
)
def test_the_forms_agree_and_decrease_the_subproblem(N, n_in, bias, tau, seed):
    rng = np.random.default_rng(seed)
    A = DenseMap(rng.standard_normal((N, n_in)), bias)
    delta = rng.standard_normal((N, 2))
    one, other = (mp.Exact(form)(A, delta, tau) for form in ("primal", "dual"))
    assert relative(A @ one, A @ other) < 1e-8
    for d in (one, other):
        # at θ − d: ½‖A(θ − d) − z‖² + 1/(2τ_θ)‖d‖², with A θ − z = δ
        after = ((delta - A @ d) ** 2).sum() + (d**2).sum() / tau
        assert after < (delta**2).sum()


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", [*forms, *iterative], ids=repr)
def test_every_implicit_step_decreases_its_subproblem(solver, dtype, tau, rng):
    for shape in [(12, 5), (5, 12)]:
        if dtype == "float32" and tau > 1e3 and shape[0] > shape[1] and repr(solver) == "Exact('dual')":
            continue  # the wrong form for a tall map: τ_θ times the rounding errors of float32
        A = DenseMap(rng.standard_normal(shape).astype(dtype), True)
        delta = rng.standard_normal((shape[0], 4)).astype(dtype)
        d = solver(A, delta, tau)
        assert d.dtype == dtype
        d, delta = d.astype("float64"), delta.astype("float64")
        A = DenseMap(A.a.astype("float64"), True)
        # ½‖δ − A d‖² + 1/(2τ_θ)‖d‖² − ½‖δ‖², without the cancellation
        gain = np.vdot(A.T @ delta, d) - ((A @ d) ** 2).sum() / 2 - (d**2).sum() / (2 * tau)
        assert gain > 0


def test_a_singular_gram_matrix_is_no_obstacle(rng):
    a = rng.standard_normal((6, 1)) @ rng.standard_normal((1, 9))  # rank 1, twice the same sample
    a[1] = a[0]
    A, delta = DenseMap(a, bias=False), rng.standard_normal((6, 3))
    for tau in taus:
        for solver in forms:
            assert relative(solver(A, delta, tau), dense_step(a, delta, tau)) < 1e-10


@pytest.mark.parametrize("tau", [0.05, 1.0, 50.0])
@pytest.mark.parametrize("N", [50, 100, 500])
@pytest.mark.parametrize("widths", [(64, 200, 10), (64, 400, 100, 400, 10)], ids=str)
def test_float32_steps_on_the_digits_are_those_of_float64(widths, N, tau):
    x, y = (array[:N] for array in (digits.train.x, digits.train.y))
    steps = []
    for dtype in ("float32", "float64"):
        pairs = itertools.pairwise(widths[:-1])
        hidden = [part for pair in pairs for part in (mp.Linear(*pair), mp.ReLU())]
        net = mp.Sequential(*hidden, mp.Linear(*widths[-2:]), seed=0, dtype=dtype)
        steps.append(mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, tau))
    for one, other in zip(*steps, strict=True):
        assert one.dtype == "float32"
        assert relative(one, other) < 1e-3


digits = mp.datasets.digits(dtype="float64")


# Conjugate gradients


@pytest.mark.parametrize("tau", [1e-4, 0.05, 1.0, 50.0])
@pytest.mark.parametrize("solver", [mp.CG(500), mp.BlockCG(60), mp.BlockCG(60, "primal")], ids=repr)
def test_enough_iterations_are_the_exact_step(solver, tau, system):
    A, delta, matrix = system
    d, done = solver.solve(A, delta, tau)
    assert relative(d, dense_step(matrix, delta, tau)) < 1e-8
    assert done <= solver.iterations
    assert (solver(A, delta, tau) == d).all()


def krylov(M, b, n):
    """An orthonormal basis of span{b, M b, …, Mⁿ⁻¹ b}."""
    basis = np.zeros((len(b), 0))
    v = b
    for _ in range(n):
        for _ in range(2):  # twice is enough
            v = v - basis @ (basis.T @ v)
        basis = np.column_stack([basis, v / np.linalg.norm(v)])
        v = M @ basis[:, -1]
    return basis


def least(M, b, n):
    """The minimiser of ½⟨x, M x⟩ − ⟨b, x⟩ over the Krylov space."""
    Q = krylov(M, b, n)
    return Q @ np.linalg.solve(Q.T @ M @ Q, Q.T @ b)


def energy(M, b, x):
    """½⟨x, M x⟩ − ⟨b, x⟩, for each column."""
    return ((x * (M @ x)).sum(axis=0) / 2 - (b * x).sum(axis=0)).round(14)


def quadratic(rng, rows=9, cols=12, n_out=5, tau=0.7):
    A, delta = DenseMap(rng.standard_normal((rows, cols - 1)), True), rng.standard_normal((rows, n_out))
    matrix = A.matrix()
    return A, delta, tau, matrix.T @ matrix + np.eye(cols) / tau, matrix.T @ delta


def krylov_gap(solver, rng, rows=9):
    """How far n-step iterates stand from the minimisers over the Krylov space of each column."""
    A, delta, tau, M, b = quadratic(rng, rows)
    n = solver.iterations
    expected = np.column_stack([least(M, column, n) for column in b.T])
    return relative(solver(A, delta, tau), expected)


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("form", ["auto", "primal", "dual"])
def test_block_cg_minimises_over_the_krylov_space_of_each_column(form, n, rng):
    assert krylov_gap(mp.BlockCG(n, form), rng) < 1e-10
    assert krylov_gap(mp.BlockCG(n, form), rng, rows=30) < 1e-8


@pytest.mark.parametrize("n", range(1, 7))
def test_cg_minimises_over_the_krylov_space_of_the_flattened_vector(n, rng):
    A, delta, tau, M, b = quadratic(rng)
    expected = least(np.kron(M, np.eye(b.shape[1])), b.ravel(), n).reshape(b.shape)
    assert relative(mp.CG(n)(A, delta, tau), expected) < 1e-10


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("name", ["wide", "no bias", "wide convolution", "depthwise"])
def test_block_cg_is_the_same_in_both_coordinates(name, n, rng):
    layer, shape = layers[name]
    A = layer.linear_map(rng.standard_normal(shape))
    delta = layer.rows(rng.standard_normal((shape[0], *layer.output_shape(shape[1:]))))
    for tau in (0.01, 1.0, 30.0):
        primal, dual = (mp.BlockCG(n, form)(A, delta, tau) for form in ("primal", "dual"))
        assert relative(dual, primal) < 1e-9


@pytest.mark.parametrize("tau", [0.05, 1.0, 50.0])
def test_block_cg_is_never_behind_cg_and_neither_ever_goes_up(tau, rng):
    A, delta, _, _, b = quadratic(rng)
    matrix = A.matrix()
    M = matrix.T @ matrix + np.eye(12) / tau
    before = 0.0
    for n in range(1, 13):
        flat, block = (energy(M, b, solver(A, delta, tau)).sum() for solver in (mp.CG(n), mp.BlockCG(n)))
        assert block <= flat + 1e-12
        assert block <= before + 1e-12
        before = block
    assert before == pytest.approx(energy(M, b, np.linalg.solve(M, b)).sum(), rel=1e-9)


def test_many_columns_iterate_in_portions(rng):
    A = DenseMap(rng.standard_normal((4, 9)), True)
    delta = rng.standard_normal((4, 2 * mp.BlockCG.width + 88))
    d, done = mp.BlockCG(2, "dual").solve(A, delta, 0.5)
    assert relative(d, mp.BlockCG(2, "primal")(A, delta, 0.5)) < 1e-12
    assert done == 2


def test_the_cheaper_coordinates_are_chosen_and_never_the_dual_of_a_tall_map(rng):
    def chosen(rows, cols, n_out, n=3):
        A = DenseMap(np.zeros((rows, cols), "float32"), False)
        return mp.BlockCG(n).chosen(A, np.zeros((rows, n_out), "float32"))

    assert chosen(500, 3073, 4000) == "dual"
    assert chosen(500, 501, 1) == "primal"  # one column does not pay for a Gram matrix
    assert chosen(501, 500, 4000, 100) == "primal"
    assert [chosen(100, 101, 1, n) for n in (40, 60)] == ["primal", "dual"]  # nor do few iterations
    for rows, cols, form in [(4, 5, "dual"), (5, 5, "dual"), (6, 5, "primal")]:
        A = DenseMap(np.zeros((rows, cols)), False)
        assert mp.Exact().chosen(A) == form
        assert mp.Exact("primal").chosen(A) == "primal"


class Passes(DenseMap):
    """A dense map that counts its forward and adjoint passes."""

    passes = 0

    def __matmul__(self, theta):
        self.passes += 1
        return super().__matmul__(theta)

    def adjoint(self, delta):
        self.passes += 1
        return super().adjoint(delta)


class PassesOnly(Passes):
    normal_cost = float("inf")


@pytest.mark.parametrize("kind", [mp.CG, partial(mp.BlockCG, form="primal")], ids=["CG", "BlockCG"])
@given(rows=st.integers(1, 60), cols=st.integers(1, 12), n_out=st.integers(1, 4), n=st.integers(1, 8))
def test_products_by_the_normal_matrix_are_those_by_passes_and_the_fewer_multiplications(
    kind, rows, cols, n_out, n
):
    rng = np.random.default_rng(0)
    a, delta = rng.standard_normal((rows, cols)), rng.standard_normal((rows, n_out))
    A, free = Passes(a, False), PassesOnly(a, False)
    by_passes, by_matrix = 2 * n * rows * cols * n_out, rows * cols**2 / 2 + n * cols**2 * n_out
    d, done = kind(n).solve(A, delta, 0.5)
    assert relative(d, kind(n).solve(free, delta, 0.5)[0]) < 1e-10
    assert A.passes == 1 if by_matrix < by_passes else A.passes >= 1 + 2 * done
    assert free.passes >= 1 + 2 * done  # Aᵀδ, and both passes in each iteration


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cg_stops_only_where_no_digit_is_left(dtype, rng):
    """A residual as small as rounding, or smaller, is no reason to stop."""
    a = np.diag(np.geomspace(1, 30, 10)).astype(dtype)
    A, delta = DenseMap(a, False), rng.standard_normal((10, 1)).astype(dtype)
    for tiny in (1, 1e-30):
        d, done = mp.CG(25).solve(A, delta * np.array(tiny, dtype), 1e4)
        assert done == 25
        assert relative(d.astype("float64") / tiny, dense_step(a.astype("float64"), delta, 1e4)) < 1e-4
    if dtype == "float32":  # it goes on as long as the squares of the residual have all their digits
        assert 30 < mp.CG(500).solve(A, delta, 1e4)[1] < 46
    d, done = mp.CG(25).solve(DenseMap(np.eye(10, dtype=dtype), False), np.ones((10, 1), dtype), 1.0)
    assert done < 5  # there, nothing is left at all


def test_a_dual_form_that_is_cheap_is_not_taken_where_its_gram_matrix_is_singular(rng):
    class Cheap(DenseMap):
        gram_cost, normal_cost = 0.0, float("inf")

    for rows, form in [(4, "dual"), (5, "dual"), (6, "primal"), (7, "primal")]:
        A, delta = Cheap(rng.standard_normal((rows, 5)), False), np.zeros((rows, 1000))
        assert mp.BlockCG(1).chosen(A, delta) == form


def test_inner_products_of_long_float32_columns_are_summed_in_float64(rng):
    u = rng.random((200_000, 2)).astype("float32")
    expected = (u.astype("float64") ** 2).sum(axis=0)
    found = inner(u, u)
    assert (found.shape, found.dtype) == ((1, 2), np.float32)
    assert relative(found[0], expected) < 1e-7
    assert relative((u * u).sum(axis=0), expected) > 1e-6  # what float32 makes of it


# Where there is nothing to solve


@pytest.mark.parametrize("solver", every_solver, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_error_gives_no_step(solver, dtype, rng):
    for layer, shape in layers.values():
        A = layer.linear_map(rng.standard_normal(shape).astype(dtype))
        z = np.zeros((shape[0], *layer.output_shape(shape[1:])), dtype)
        d = solver(A, layer.rows(z), 0.3)
        assert d.dtype == dtype
        assert not d.any()
        assert relative_residual(A, layer.rows(z), 0.3, d) == 0


@pytest.mark.parametrize("solver", every_solver, ids=repr)
def test_a_column_without_error_stays_and_disturbs_no_other(solver, rng):
    A, delta, tau, _, _ = quadratic(rng)
    alone = delta[:, [1, 3]]
    delta = delta * [0, 1, 0, 1, 0]
    d = solver(A, delta, tau)
    assert not d[:, [0, 2, 4]].any()
    assert relative(d[:, [1, 3]], solver(A, alone, tau)) < 1e-12


@pytest.mark.parametrize(
    "solver", [*forms, *iterative, mp.CG(40), mp.BlockCG(40), mp.BlockCG(40, "dual")], ids=repr
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convergence_before_the_last_iteration_is_quiet(solver, dtype, rng):
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    a = np.outer(rng.standard_normal(5), rng.standard_normal(8)).astype(dtype)
    single = rng.standard_normal((1, 8)).astype(dtype)
    for matrix in (a, np.eye(5, dtype=dtype), single, np.zeros((5, 8), dtype)):
        A, delta = DenseMap(matrix, False), rng.standard_normal((len(matrix), 3)).astype(dtype)
        for tau in (0.1, 10.0):
            d = solver(A, delta, tau)
            assert np.isfinite(d).all()
            expected = dense_step(matrix.astype("float64"), delta, tau)
            assert relative(d, expected) < tolerance
            assert np.isfinite(relative_residual(A, delta, tau, d))


@pytest.mark.parametrize("solver", every_solver, ids=repr)
@pytest.mark.parametrize("power", [-110, -70, -40, 40])
def test_the_step_scales_with_the_error(solver, power, rng):
    A = DenseMap(rng.standard_normal((5, 12)).astype("float32"), True)
    delta = rng.standard_normal((5, 4)).astype("float32")
    c = np.float32(2.0) ** power
    d = solver(A, c * delta, 0.5)
    assert relative(d.astype("float64") / float(c), solver(A, delta, 0.5)) < 1e-4


@pytest.mark.parametrize("power", [-110, -70, -40, 40])
def test_the_residual_does_not_depend_on_the_scale_of_the_error(power, rng):
    A = DenseMap(rng.standard_normal((5, 12)).astype("float32"), True)
    delta = rng.standard_normal((5, 4)).astype("float32")
    c, d = np.float32(2.0) ** power, mp.BlockCG(2)(A, delta, 0.5)
    expected = relative_residual(A, delta, 0.5, d)
    assert relative_residual(A, c * delta, 0.5, c * d) == pytest.approx(expected, rel=1e-4)


# What is not finite stays so


def poisoned(array, value, place):
    """A copy with one entry replaced; the place is a share of its length."""
    copy = array.copy()
    copy.reshape(-1)[int(place * (array.size - 1))] = value
    return copy


@pytest.mark.parametrize("solver", [*forms, *iterative, mp.CG(1), mp.BlockCG(1)], ids=repr)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_spoils_every_entry_that_it_can_reach(solver, value, dtype, rng):
    """An input that is no number must not be taken for one that needs no step."""
    for layer, shape in layers.values():
        a = rng.standard_normal(shape).astype(dtype)
        delta = layer.rows(rng.standard_normal((shape[0], *layer.output_shape(shape[1:])))).astype(dtype)
        for place in (0.0, 0.37, 1.0):
            with np.errstate(all="ignore"):
                A = layer.linear_map(poisoned(a, value, place))
                d = solver(A, delta, 0.3)
                reached = layer.linear_map(poisoned(0 * a, np.nan, place)).matrix()
                if layer.groups > 1:  # a group has a system of its own
                    d = d[np.isnan(reached).any(axis=(1, 2))]
                assert not np.isfinite(d).any(), place
                spoilt = poisoned(delta, value, place)
                d = solver(layer.linear_map(a), spoilt, 0.3)
                columns = ~np.isfinite(spoilt).all(axis=-2)
                assert not np.isfinite(d.swapaxes(-1, -2)[columns]).any(), place
                if np.isnan(value):
                    assert np.isnan(d.swapaxes(-1, -2)[columns]).all()


# What a solver is


@pytest.mark.parametrize("solver", every_solver, ids=repr)
def test_solvers_never_write_to_their_arguments(solver, rng):
    for layer, shape in layers.values():
        a = rng.standard_normal(shape)
        delta = rng.standard_normal((shape[0], *layer.output_shape(shape[1:])))
        delta = np.ascontiguousarray(layer.rows(delta))
        copies = a.copy(), delta.copy()
        a.setflags(write=False)
        delta.setflags(write=False)
        first = solver(layer.linear_map(a), delta, 0.3)
        again = solver(layer.linear_map(a), delta, 0.3)
        assert (first == again).all()
        assert (a == copies[0]).all()
        assert (delta == copies[1]).all()


@pytest.mark.parametrize("solver", every_solver, ids=repr)
def test_a_step_size_of_numpy_keeps_float32(solver, rng):
    A = DenseMap(rng.standard_normal((5, 12)).astype("float32"), True)
    delta = rng.standard_normal((5, 4)).astype("float32")
    d = solver(A, delta, np.float64(0.5))
    assert d.dtype == "float32"
    assert (d == solver(A, delta, 0.5)).all()


def test_a_plain_function_is_a_solver(rng):
    def damped(A, delta, tau_theta):
        return tau_theta * (A.T @ delta)

    net = mp.Sequential(mp.Linear(6, 5), mp.Tanh(), mp.Linear(5, 3), dtype="float64")
    x, y, loss = rng.standard_normal((4, 6)), rng.integers(0, 3, 4), mp.CrossEntropy()
    tape = mp.forward(net, x)
    first, last = mp.proxprop(net, tape, loss, y, 0.25, damped)
    grads = mp.backprop(net, tape, loss, y)
    assert (first == 0.25 * grads[0]).all()
    assert (last == grads[1]).all()
    lambdas = mp.proxprop(net, tape, loss, y, 0.25, [lambda A, delta, tau: 0 * (A.T @ delta)] * 2)
    assert not lambdas[0].any()


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: mp.Exact("both"), ["Exact", "primal", "dual", "both"]),
        (lambda: mp.BlockCG(3, "both"), ["BlockCG", "primal", "dual", "both"]),
        *[
            (lambda kind=kind, n=n: kind(n), [kind.__name__, "integer of at least 1", repr(n)])
            for kind in (mp.CG, mp.BlockCG)
            for n in (0, -1, 2.0, True, "3")
        ],
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(make, parts):
    with raises(ValueError, *parts):
        make()


def test_a_solver_prints_as_the_call_that_makes_it():
    texts = ["Exact()", "Exact('dual')", "CG(3)", "BlockCG(5)", "BlockCG(5, 'primal')", "Explicit()"]
    assert [repr(eval(text, vars(mp).copy())) for text in texts] == texts
    assert repr(mp.CG(np.int64(3))) == "CG(3)"


# Planted errors: the identities above must reject each of these


def aliased_cg(A, delta, tau_theta, iterations):
    """Conjugate gradients as published once: P is R, so that R −= … loses the search direction."""
    x, R = 0, A.T @ delta
    P, rho = R, (R * R).sum(axis=0)
    for _ in range(iterations):
        Q = A.T @ (A @ P) + P / tau_theta
        alpha = rho / (P * Q).sum(axis=0)
        x = x + alpha * P
        R -= alpha * Q  # in place
        new = (R * R).sum(axis=0)
        P, rho = R + new / rho * P, new
    return x


class Aliased:
    def __init__(self, iterations):
        self.iterations = iterations

    def __call__(self, A, delta, tau_theta):
        return aliased_cg(A, delta, tau_theta, self.iterations)


def test_the_krylov_space_rejects_the_aliased_iteration(rng):
    assert krylov_gap(Aliased(1), rng) < 1e-12  # the first iterate is right: it takes two to see it
    for n in (2, 3, 5):
        assert krylov_gap(Aliased(n), rng) > 1e-2
        assert krylov_gap(mp.BlockCG(n), rng) < 1e-12


def identities(A, delta, tau, d, rng):
    """The defects of the adjoint, of the matrix, and of the optimality condition of a step."""
    theta = rng.standard_normal(d.shape)
    matrix = materialise(A, d.shape[-1])
    gradient = matrix.T @ delta
    return {
        "adjoint": adjoint_gap(A @ theta, delta, theta, A.T @ delta),
        "matrix": relative(A.matrix(), matrix),
        "gram": relative(A.gram(), matrix @ matrix.T) + relative(A.T.gram(), matrix.T @ matrix),
        "optimality": relative(matrix.T @ (matrix @ d) + d / tau, gradient),
    }


class WrongSign(DenseMap):
    def adjoint(self, delta):
        return -super().adjoint(delta)


class NoBiasRow(DenseMap):
    def adjoint(self, delta):
        d = super().adjoint(delta)
        return np.concatenate([d[:-1], 0 * d[-1:]])


class NoOnes(DenseMap):
    def matrix(self):
        return np.concatenate([self.a, 0 * self.a[:, :1]], axis=1)

    def gram(self, dtype="float64"):
        return self.a @ self.a.T

    def normal(self, dtype="float64"):
        return self.matrix().T @ self.matrix()


class Transposed(DenseMap):
    def matrix(self):
        return super().matrix().T.reshape(self.shape)

    def gram(self, dtype="float64"):
        return self.matrix() @ transpose(self.matrix())

    def normal(self, dtype="float64"):
        return transpose(self.matrix()) @ self.matrix()


def no_shift(A, delta, tau_theta):
    return np.linalg.lstsq(A.matrix(), delta, rcond=None)[0]


def inverse_tau(A, delta, tau_theta):
    return mp.Exact()(A, delta, 1 / tau_theta)


def ascent(A, delta, tau_theta):
    return -mp.Exact()(A, delta, tau_theta)


@pytest.mark.parametrize(
    ("kind", "solver", "broken"),
    [
        (DenseMap, mp.Exact("primal"), set()),
        (DenseMap, mp.Exact("dual"), set()),
        (DenseMap, mp.CG(50), set()),
        (DenseMap, mp.BlockCG(50), set()),
        (WrongSign, mp.Exact("primal"), {"adjoint", "optimality"}),
        (NoBiasRow, mp.Exact("dual"), {"adjoint", "optimality"}),
        (NoBiasRow, mp.CG(50), {"adjoint", "optimality"}),
        (NoOnes, mp.Exact("primal"), {"matrix", "gram", "optimality"}),
        (NoOnes, mp.Exact("dual"), {"matrix", "gram", "optimality"}),
        (Transposed, mp.Exact("primal"), {"matrix", "gram", "optimality"}),
        (Transposed, mp.Exact("dual"), {"matrix", "gram", "optimality"}),
        (DenseMap, no_shift, {"optimality"}),
        (DenseMap, inverse_tau, {"optimality"}),
        (DenseMap, ascent, {"optimality"}),
        (DenseMap, mp.Explicit(), {"optimality"}),
        (DenseMap, mp.CG(2), {"optimality"}),
    ],
)
def test_the_identities_reject_every_planted_error_and_nothing_else(kind, solver, broken, rng):
    for rows in (9, 20):
        A, delta = kind(rng.standard_normal((rows, 11)), True), rng.standard_normal((rows, 4))
        defects = identities(A, delta, 0.2, solver(A, delta, 0.2), rng)
        assert {name for name, defect in defects.items() if defect > 1e-2} == broken
        assert all(defect < 1e-10 for name, defect in defects.items() if name not in broken)


def test_the_patch_matrix_rejects_a_transposed_kernel(rng):
    layer, turned = mp.Conv2d(2, 3, 3), mp.Conv2d(2, 3, 3)
    a, theta = rng.standard_normal((2, 2, 5, 5)), rng.standard_normal(layer.theta_shape)
    A, B = layer.linear_map(a), turned.linear_map(a.swapaxes(2, 3))
    assert relative(A.matrix() @ theta, A @ theta) < 1e-13
    assert relative(B.matrix() @ theta, A @ theta) > 0.1


@pytest.mark.parametrize("tau_theta", [50, 10, 5, 1, 0.5, 0.1, 0.05, 0.005, 0.0005])
def test_float32_steps_on_bright_images_keep_the_shift(tau_theta):
    """Images share a mean that is 1e6 times the shift 1/τ_θ; a Gram matrix in float32 loses it."""
    rng = np.random.default_rng(0)
    brightness, detail = rng.uniform(0.3, 0.9, (200, 1)), 0.001 * rng.standard_normal((200, 1500))
    a, delta = (brightness + detail).astype("float32"), rng.standard_normal((200, 30)).astype("float32")
    A, exact = mp.DenseMap(a, bias=True), mp.DenseMap(a.astype("float64"), bias=True)
    expected = dense_step(exact.matrix(), delta.astype("float64"), tau_theta)
    assert relative(mp.Exact()(A, delta, tau_theta), expected) < 1e-3
    if tau_theta == 50:  # the planted error: the same formula on a Gram matrix summed in float32
        W = np.linalg.inv(A.gram("float32") + np.eye(200, dtype="float32") / np.float32(tau_theta))
        assert relative(A.T @ (W @ delta), expected) > 1e-2


@pytest.mark.parametrize("shape", [(1, 1), (63, 63), (200, 200), (3, 130, 130)])
def test_the_inverse_of_a_shifted_gram_matrix(shape, rng):
    B = rng.standard_normal(shape)
    gram = B @ np.swapaxes(B, -1, -2)
    W = inverse_shifted(gram, 0.5)
    assert relative(W @ (gram + 0.5 * np.eye(shape[-1])), np.broadcast_to(np.eye(shape[-1]), shape)) < 1e-11
    assert np.array_equal(W, np.swapaxes(W, -1, -2))


def test_a_shift_below_all_digits_is_raised_to_them():
    """Rounding has made this Gram matrix indefinite: no factor of Cholesky's, and steps of the wrong sign."""
    gram = np.array([[1.0, 1.0], [1.0, 1.0 - 1e-15]])
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(gram)
    W = inverse_shifted(gram, 1e-30)
    assert (np.linalg.eigvalsh(W) > 0).all()
    raised = 2e-14  # some units of rounding of the trace
    assert relative(W, np.linalg.inv(gram + raised * np.eye(2))) < 0.5
    assert relative(inverse_shifted(gram, 1e-9), np.linalg.inv(gram + 1e-9 * np.eye(2))) < 1e-5


# Low rank and large step sizes: what must cancel is up to 1e12 times as large as what is left


def low_rank(dtype="float64"):
    """Maps of a lower rank than their shapes tell: equal rows, equal columns, few factors."""
    rng = np.random.default_rng(0)
    digits = mp.datasets.digits().train.x
    factors = rng.standard_normal((80, 8)) @ rng.standard_normal((8, 120))
    flat, channels = np.ones((2, 3, 6, 6)), rng.random((1, 4, 1, 1)) * np.ones((1, 4, 5, 5))
    maps = {
        "equal": DenseMap(np.ones((500, 600)), False),
        "equal, tall": DenseMap(np.ones((300, 200)), True),
        "each digit four times": DenseMap(np.repeat(digits[:12], 4, axis=0), True),
        "few factors": DenseMap(factors, True),
        "few factors, tall": DenseMap(factors.T.copy(), False),
        "flat images": mp.Conv2d(3, 4, 3).linear_map(flat),
        "few flat images": mp.Conv2d(4, 4, 5).linear_map(np.ones((20, 4, 5, 5))),
        "groups": mp.Conv2d(4, 6, 2, groups=2).linear_map(channels),
        "depthwise": mp.Conv2d(4, 4, 5, groups=4).linear_map(np.repeat(channels, 9, axis=0)),
        "shared": StackedMap([DenseMap(np.ones((30, 90)), True), DenseMap(2 * np.ones((40, 90)), True)]),
    }
    for A in maps.values():
        for part in getattr(A, "maps", [A]):
            name = "images" if hasattr(part, "images") else "a"
            setattr(part, name, getattr(part, name).astype("float32").astype(dtype))
            part.dtype = np.dtype(dtype)
    return maps


def error_for(A, rng, n_out=3):
    matrix = A.matrix()
    return rng.standard_normal((*matrix.shape[:-1], n_out)).astype(matrix.dtype)


@pytest.mark.parametrize("shape", [(5, 5), (2, 5, 5)])
def test_a_system_is_solved_as_by_the_inverse(shape, rng):
    B, b = rng.standard_normal((*shape[:-1], 3)), rng.standard_normal((*shape[:-1], 4))
    gram = B @ B.swapaxes(-1, -2)  # of rank 3
    for shift, bar in ((0.5, 1e-12), (1e-30, 1e-2)):  # the smaller shift is raised
        assert relative(solve_shifted(gram, shift, b), inverse_shifted(gram, shift) @ b) < bar
    assert np.isnan(solve_shifted(np.full(shape, np.inf), 0.5, b)).all()


@pytest.mark.parametrize("form", ["auto", "primal", "dual"])
@pytest.mark.parametrize("name", low_rank())
def test_exact_steps_of_low_rank_hold_their_equation_for_large_step_sizes(name, form, rng):
    A = low_rank()[name]
    delta = error_for(A, rng)
    for tau in (1.0, 1e4, 1e5, 1e6):
        d = mp.Exact(form)(A, delta, tau)
        assert relative_residual(A, delta, tau, d) < 1e-9, tau
        assert relative(A @ d, A @ dense_step(A.matrix(), delta, tau)) < 1e-9


@pytest.mark.parametrize("form", ["auto", "primal", "dual"])
@pytest.mark.parametrize("name", low_rank())
def test_float32_steps_of_low_rank_hold_it_as_far_as_their_digits_go(name, form, rng):
    A, exact = low_rank("float32")[name], low_rank()[name]
    delta = error_for(A, rng)
    for tau, tolerance in [(0.05, 2e-4), (50.0, 2e-4), (1e6, 1e-3)]:
        d = mp.Exact(form)(A, delta, tau)
        assert d.dtype == "float32"
        d = d.astype("float64")
        assert relative_residual(exact, delta.astype("float64"), tau, d) < tolerance, tau


@pytest.mark.parametrize(
    "name", ["equal", "each digit four times", "few factors", "few flat images", "shared"]
)
def test_float32_steps_in_dual_form_are_those_of_float64(name, rng):
    A, exact = low_rank("float32")[name], low_rank()[name]
    delta = error_for(A, rng)
    for tau in (0.05, 50.0, 1e4):
        expected = mp.Exact("dual")(exact, delta.astype("float64"), tau)
        assert relative(mp.Exact("dual")(A, delta, tau), expected) < 1e-4


def test_without_refinement_or_float64_products_low_rank_shows(rng, monkeypatch):
    """What the tests above are there for: the plain formulas."""
    delta = error_for(low_rank()["equal"], rng)
    monkeypatch.setattr(exact_solver, "REFINEMENTS", 0)
    monkeypatch.setattr(exact_solver, "cancels", lambda *args: False)
    A = low_rank()["equal"]
    assert relative_residual(A, delta, 1e6, mp.Exact("dual")(A, delta, 1e6)) > 1e-5
    A = low_rank("float32")["equal"]
    delta = delta.astype("float32")
    assert relative_residual(A, delta, 50.0, mp.Exact("dual")(A, delta, 50.0)) > 1e-1


def test_products_in_float64_are_for_what_cancels_alone(rng):
    """Batches of full rank, such as those of the paper's nets, need none."""
    a = rng.random((100, 900)).astype("float32")
    for matrix, tau, found in [(a, 0.05, False), (a, 1.0, False), (np.ones_like(a), 0.05, True)]:
        K = DenseMap(matrix, True).gram()
        W = inverse_shifted(K, 1 / tau)
        assert exact_solver.cancels(K, W, tau, np.dtype("float32")) is found


def test_no_iteration_is_done_where_nothing_is_to_solve():
    _, done = mp.CG(5).solve(DenseMap(np.ones((3, 2)), True), np.zeros((3, 4)), 1.0)
    assert done == 0
