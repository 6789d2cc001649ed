"""Why the exact step trails under Adam: steps in leading eigenvectors, claims that can hold and fail."""

import numpy as np
import pytest

import minprox as mp
from minprox.experiments import Result
from minprox.experiments.oracle import STEPS, X3_STEPS, Leading


def test_in_all_eigenvectors_it_is_the_exact_step(rng):
    A, delta = mp.DenseMap(rng.standard_normal((20, 6)), bias=True), rng.standard_normal((20, 3))
    np.testing.assert_allclose(Leading(7)(A, delta, 0.7), mp.Exact()(A, delta, 0.7), rtol=1e-10)


def test_it_stays_in_the_span_of_the_leading_ones_and_is_exact_there(rng):
    U, V = (np.linalg.qr(rng.standard_normal((n, 5)))[0] for n in (9, 5))
    A = mp.DenseMap((U * [5.0, 4.0, 3.0, 0.2, 0.1]) @ V.T, bias=False)
    delta = rng.standard_normal((9, 2))
    d, whole = Leading(3)(A, delta, 2.0), mp.Exact()(A, delta, 2.0)
    np.testing.assert_allclose(V[:, 3:].T @ d, 0, atol=1e-12)
    np.testing.assert_allclose(V[:, :3].T @ d, V[:, :3].T @ whole, rtol=1e-10)


def found(**last):
    """Three seeds of runs whose last training losses are functions of log₁₀ τ_θ."""
    return [
        Result(key, seed, step, {}, mp.History(epoch=[0, 1], status="finished", train_loss=[2.0, loss(step)]))
        for key, loss in last.items()
        for seed in range(3)
        for step in STEPS
    ]


def valley(best, depth):
    return lambda step: depth + abs(np.log10(step) - best)


@pytest.mark.parametrize(
    ("exact", "leading", "expected"),
    [
        (valley(-2, 0.1), valley(0, 0.2), ["holds"] * 4),
        (valley(0, 0.1), valley(-3, 0.2), ["does not hold", "holds", "does not hold", "does not hold"]),
        (valley(-1, 0.9), valley(-3, 0.2), ["holds", "does not hold", "does not hold", "does not hold"]),
    ],
)
def test_the_claims_can_hold_and_can_fail(exact, leading, expected):
    results = found(exact=exact, leading=leading, cg3=valley(0, 0.3), cg10=valley(-1, 0.2))
    assert [claim.decide(results).verdict for claim in X3_STEPS.claims] == expected
