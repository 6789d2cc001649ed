"""Penalties: their proximal maps against the definition, the conjugate, and each other."""

import pickle

import numpy as np
import pytest
from conftest import named, raises, relative
from hypothesis import given
from hypothesis import strategies as st
from strict_arrays import fetches_forbidden
from test_cupy import dtypes, normal, same

import minprox as mp
from minprox.engine.prox.base import soft

prox = mp.prox
PENALTIES = [
    *(prox.L1(0.7), prox.L1(0.0), prox.L2Squared(0.4), prox.L2Squared(0.0), prox.ElasticNet(0.3, 0.6)),
    *(prox.ElasticNet(0.3, 0.0), prox.ElasticNet(0.0, 0.6), prox.GroupL1(0.8), prox.GroupL1(0.8, "columns")),
    *(prox.Box(-0.5, 1.0), prox.Box(0.2, float("inf")), prox.NonNegative(), prox.Simplex(2.0)),
    *(prox.Simplex(axis=0), prox.Simplex(0.5, axis=1), prox.Nuclear(0.9)),
]
penalties = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**32 - 1)
powers = st.floats(-3, 3)


def drawn(seed, shape, count=1):
    """Normal matrices, with some entries that are zero or the same."""
    rng = np.random.default_rng(seed)
    found = np.round(2 * rng.standard_normal((count, *shape)), rng.integers(1, 12))
    return found if count > 1 else found[0]


def inside(penalty, seed, shape):
    """A matrix at which Ω is finite."""
    return penalty.prox(drawn([seed, 1], shape), 0.3)


@penalties
@given(seed=seeds, shape=shapes, power=powers)
def test_no_other_point_does_better(penalty, seed, shape, power):
    """The proximal map is the minimiser (E4): Ω(u) + ‖u − v‖²/2τ ≤ Ω(w) + ‖w − v‖²/2τ − ‖w − u‖²/2τ."""
    tau, v = 10**power, drawn(seed, shape)
    u = penalty.prox(v, tau)
    assert np.isfinite(penalty(u))
    near = [u + s * (v - u) for s in (-0.1, 0.1)]
    for w in (inside(penalty, seed, shape), *near):
        left = penalty(u) + ((u - v) ** 2 - (w - v) ** 2 + (w - u) ** 2).sum() / (2 * tau)
        assert left <= penalty(w) + 1e-9 * (1 + 1 / tau)


@penalties
@given(seed=seeds, shape=shapes, power=powers)
def test_the_step_is_a_subgradient(penalty, seed, shape, power):
    """Optimality: (v − u)/τ ∈ ∂Ω(u), which is Ω(u) + Ω*(w) = ⟨u, w⟩, the equality of Fenchel and Young."""
    tau, v = 10**power, drawn(seed, shape)
    u = penalty.prox(v, tau)
    w = (v - u) / tau
    assert penalty(u) + penalty.conjugate(w) == pytest.approx(np.vdot(u, w), abs=1e-7 * (1 + 1 / tau))


@penalties
@given(seed=seeds, shape=shapes)
def test_fenchel_and_young(penalty, seed, shape):
    """⟨u, w⟩ ≤ Ω(u) + Ω*(w) for all u and w."""
    u, w = inside(penalty, seed, shape), drawn([seed, 2], shape)
    assert np.vdot(u, w) <= penalty(u) + penalty.conjugate(w) + 1e-9


@penalties
@given(seed=seeds, shape=shapes, power=powers)
def test_firmly_nonexpansive(penalty, seed, shape, power):
    """‖Δu‖² ≤ ⟨Δu, Δv⟩: no two points move apart."""
    one, two = drawn(seed, shape, 2)
    moved = penalty.prox(one, 10**power) - penalty.prox(two, 10**power)
    assert (moved**2).sum() <= np.vdot(moved, one - two) + 1e-10


def ball(v, radius, axis):
    """The nearest matrix whose rows or columns are no longer than a radius."""
    norms = np.linalg.norm(v, axis=axis, keepdims=True)
    return v * np.minimum(1, radius / np.maximum(norms, 1e-300))


def spectral_ball(v, radius):
    U, s, Vt = np.linalg.svd(v, full_matrices=False)
    return U @ np.diag(np.minimum(s, radius)) @ Vt


def prox_support(v, sigma, low, high):
    """Of u ↦ Σ max(low·u, high·u): what lies beyond σ·high or below σ·low moves there, the rest vanishes."""
    return np.maximum(v - sigma * high, 0) + np.minimum(v - sigma * low, 0)


CONJUGATES = [  # prox_{σΩ*}, derived by hand from Ω* and not by Moreau's identity
    (prox.L1(0.7), lambda v, sigma: np.clip(v, -0.7, 0.7)),
    (prox.L1(0.0), lambda v, sigma: 0 * v),
    (prox.L2Squared(0.4), lambda v, sigma: v / (1 + sigma / 0.8)),
    (prox.L2Squared(0.0), lambda v, sigma: 0 * v),
    (prox.GroupL1(0.8), lambda v, sigma: ball(v, 0.8, 1)),
    (prox.GroupL1(0.8, "columns"), lambda v, sigma: ball(v, 0.8, 0)),
    (prox.Box(-0.5, 1.0), lambda v, sigma: prox_support(v, sigma, -0.5, 1.0)),
    (prox.Box(0.2, np.inf), lambda v, sigma: np.minimum(v - 0.2 * sigma, 0)),
    (prox.NonNegative(), lambda v, sigma: np.minimum(v, 0)),
    (prox.Nuclear(0.9), lambda v, sigma: spectral_ball(v, 0.9)),
]


@pytest.mark.parametrize(("penalty", "by_hand"), CONJUGATES, ids=named)
@given(seed=seeds, shape=shapes, power=powers)
def test_moreaus_identity(penalty, by_hand, seed, shape, power):
    """v = prox_{τΩ}(v) + τ prox_{Ω*/τ}(v/τ), the second part by hand."""
    tau, v = 10**power, drawn(seed, shape)
    parts = penalty.prox(v, tau) + tau * by_hand(v / tau, 1 / tau)
    assert relative(parts, v) <= 1e-12
    assert relative(penalty.prox_conjugate(v, tau), by_hand(v, tau)) <= 1e-11


CONES = (
    prox.L1(0.0),
    prox.L2Squared(0.0),
    prox.Box(0.2, np.inf),
    prox.NonNegative(),
)  # Ω* knows no scale there


@pytest.mark.parametrize("penalty", [p for p in PENALTIES if p not in CONES], ids=repr)
@given(seed=seeds, shape=shapes, power=powers)
def test_the_proximal_map_of_the_conjugate(penalty, seed, shape, power):
    """prox_{σΩ*}(v) minimises Ω*(w) + ‖w − v‖²/2σ."""
    sigma, v = 10**power, drawn(seed, shape)
    w = penalty.prox_conjugate(v, sigma)
    other = penalty.prox_conjugate(drawn([seed, 1], shape), 0.3)
    left = penalty.conjugate(w) + ((w - v) ** 2 - (other - v) ** 2).sum() / (2 * sigma)
    assert left <= penalty.conjugate(other) + 1e-6 * (1 + 1 / sigma)


@given(seed=seeds, shape=shapes, power=powers)
def test_penalties_that_are_one_another(seed, shape, power):
    tau, v = 10**power, drawn(seed, shape)

    def same(one, other, argument=v):
        assert relative(one.prox(argument, tau), other.prox(argument, tau)) <= 1e-12
        for part in ("__call__", "conjugate"):
            assert getattr(one, part)(argument) == pytest.approx(getattr(other, part)(argument), rel=1e-9)

    same(prox.ElasticNet(0.3, 0.0), prox.L1(0.3))
    same(prox.ElasticNet(0.0, 0.3), prox.L2Squared(0.3))
    same(prox.GroupL1(0.3), prox.L1(0.3), v[:, :1])  # groups of one entry
    same(prox.GroupL1(0.3, "columns"), prox.L1(0.3), v[:1])
    same(prox.Nuclear(0.3), prox.GroupL1(0.3), v[:1])  # a matrix of rank 1
    same(prox.Simplex(2.0, axis=1), prox.Simplex(2.0), v[:1])
    assert (prox.Simplex(axis=0).prox(v, tau) == prox.Simplex(axis=1).prox(v.T, tau).T).all()
    assert (prox.GroupL1(0.3).prox(v, tau) == prox.GroupL1(0.3, "columns").prox(v.T, tau).T).all()


def test_by_hand():
    v = np.array([[3.0, -4.0], [0.3, 0.4]])
    assert prox.ElasticNet(1.0, 0.5).prox(v, 2.0).tolist() == [[1 / 3, -2 / 3], [0, 0]]
    assert prox.ElasticNet(1.0, 0.5)(v) == pytest.approx(7.7 + 25.25 / 2)
    assert prox.GroupL1(2.0)(v) == pytest.approx(2 * 5.5)
    assert np.allclose(prox.GroupL1(2.0).prox(v, 1.0), [[1.8, -2.4], [0, 0]])
    assert prox.Nuclear(2.0)(np.diag([3.0, -4.0])) == pytest.approx(14)
    assert np.allclose(prox.Nuclear(2.0).prox(np.diag([3.0, -4.0, 1.0]), 0.75), np.diag([1.5, -2.5, 0]))
    assert prox.Box(-1, 2).conjugate(np.array([3.0, -4.0, 0.0])) == 10
    assert prox.Box(-np.inf, 2).conjugate(np.array([3.0, 0.0])) == 6
    assert prox.Box(-np.inf, 2).conjugate(np.array([3.0, -1e-9])) == np.inf
    assert prox.Simplex(3.0).conjugate(np.array([1.0, -2.0])) == 3
    assert prox.L2Squared(0.5).conjugate(np.array([1.0, 3.0])) == 5
    assert prox.Simplex()(np.array([0.5, 0.4])) == np.inf
    assert prox.L1(1.0).conjugate(np.array([0.5, -1.1])) == np.inf


@penalties
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_stays_and_no_argument_changes(penalty, dtype):
    v = np.random.default_rng(3).standard_normal((4, 3)).astype(dtype)
    v.setflags(write=False)
    found = [penalty.prox(v, 0.5), penalty.prox_conjugate(v, 0.5), penalty(v), penalty.conjugate(v)]
    assert {value.dtype.name for value in found} == {dtype}
    assert [np.shape(value) for value in found] == [(4, 3), (4, 3), (), ()]
    if dtype == "float32":
        assert relative(found[0], penalty.prox(v.astype("float64"), 0.5)) <= 1e-6


@dtypes
@penalties
def test_on_the_other_backend_nothing_is_fetched(penalty, dtype, other):
    def everything():
        v = normal(dtype, 4, 3)
        exp = mp.array_module(v).exp
        with fetches_forbidden():
            u, w = penalty.prox(v, 0.5), penalty.prox_conjugate(v, 0.5)
            values = penalty(u), penalty(v), penalty.conjugate(w), penalty.conjugate(v)
            return u, w, *(exp(-abs(value)) for value in values)  # infinity becomes 0

    same(everything, other, dtype)


@penalties
def test_a_step_of_zero_and_a_second_step(penalty):
    """For τ = 0 nothing moves but onto the set where Ω is finite; there a projection leaves all as it is."""
    v = drawn(5, (4, 3))
    u = penalty.prox(v, 0)
    assert relative(u, penalty.prox(v, 1e-12)) <= 1e-9
    assert relative(penalty.prox(u, 0), u) <= 1e-12


@penalties
def test_penalties_print_compare_and_pickle(penalty):
    assert eval(repr(penalty), {"inf": float("inf"), **vars(prox)}) == penalty
    assert pickle.loads(pickle.dumps(penalty)) == penalty
    assert penalty != prox.L1(0.123)


@pytest.mark.parametrize(
    "penalty", [p for p in PENALTIES if type(p) in (prox.GroupL1, prox.Nuclear)], ids=repr
)
def test_a_matrix_is_expected(penalty):
    for function in (penalty, penalty.conjugate, lambda v: penalty.prox(v, 1.0)):
        with raises(ValueError, type(penalty).__name__, "expected a matrix", "(3,)"):
            function(np.ones(3))


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: prox.L1(-1), ["lam of L1", "-1"]),
        (lambda: prox.L2Squared(float("nan")), ["lam of L2Squared", "nan"]),
        (lambda: prox.ElasticNet(1, float("inf")), ["lam2 of ElasticNet", "inf"]),
        (lambda: prox.GroupL1("much"), ["lam of GroupL1", "'much'"]),
        (lambda: prox.GroupL1(1, "cells"), ["groups of GroupL1", "columns", "'cells'"]),
        (lambda: prox.Box(1, -1), ["Box", "low=1", "high=-1"]),
        (lambda: prox.Box(float("nan"), 1), ["Box", "nan"]),
        (lambda: prox.Simplex(0), ["total of Simplex", "positive", "0"]),
        (lambda: prox.Simplex(axis=2), ["Simplex", "axis", "2"]),
        (lambda: prox.Nuclear(-0.5), ["lam of Nuclear", "-0.5"]),
        (lambda: prox.L1(1).prox(np.ones(2), -1), ["tau", "-1"]),
        (lambda: prox.Box(0, 1).prox(np.ones(2), float("nan")), ["tau", "nan"]),
        (lambda: prox.Simplex().prox(np.ones(2), None), ["tau", "None"]),
        (lambda: prox.L1(1).prox_conjugate(np.ones(2), 0), ["sigma", "positive", "0"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(make, parts):
    with raises(ValueError, *parts):
        make()


@penalties
def test_what_is_not_finite_stays_visible(penalty):
    v = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert np.isnan(penalty.prox(v, 0.5)).any()


def test_a_penalty_of_your_own_needs_its_own_formulas():
    class Mine(prox.Penalty):
        def prox(self, v, tau):
            return v / 2

    for function in (Mine(), Mine().conjugate):
        with pytest.raises(NotImplementedError, match="Mine has no"):
            function(np.ones(2))
    with pytest.raises(NotImplementedError, match="Penalty has no proximal map"):
        prox.Penalty().prox(np.ones(2), 1.0)


def test_planted_errors_are_rejected():
    """The checks above see a threshold without τ, half a factor, the other order, and wrong groups."""

    class WithoutStep(prox.L1):
        def prox(self, v, tau):
            return soft(v, self.lam)

    class Halved(prox.L2Squared):
        def prox(self, v, tau):
            return v / (1 + tau * self.lam)

    class Reversed(prox.ElasticNet):
        def prox(self, v, tau):
            return soft(v / (1 + 2 * tau * self.lam2), tau * self.lam1)

    class Tilted(prox.GroupL1):
        def norms(self, u):
            return np.linalg.norm(u, axis=0, keepdims=True) if u.shape[0] > 1 else abs(u)

    def caught(test, *arguments):
        for seed in range(20):
            try:
                test.hypothesis.inner_test(*arguments, seed, (3, 4), -0.5)
            except AssertionError:
                return True
        return False

    for penalty in (WithoutStep(0.7), Halved(0.4), Reversed(0.3, 0.6)):
        assert caught(test_no_other_point_does_better, penalty)
        assert caught(test_the_step_is_a_subgradient, penalty)
    assert caught(test_moreaus_identity, Tilted(0.8), dict(CONJUGATES)[prox.GroupL1(0.8)])
