"""Exercise 23, the implicit step under other names: ridge regression, FOOF's damping, a trust region."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from minprox.exercises.layer_steps import implicit_step, shifted, systems
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import inverse, times, varied


def ridge_rows(A, delta, tau_theta):
    return stacked(A, delta, 1 / np.sqrt(tau_theta))


def stacked(A, delta, weight):
    cols = A.shape[1]
    return np.vstack([A, weight * np.eye(cols)]), np.vstack([delta, np.zeros((cols, delta.shape[1]))])


def damped_step(A, delta, lam):
    return len(A) * implicit_step(A, delta, 1 / (len(A) * lam))


def trust_region(A, delta, radius):
    def gap(logarithm):
        return np.linalg.norm(implicit_step(A, delta, np.exp(logarithm))) - radius

    return float(np.exp(brentq(gap, np.log(1e-6), np.log(1e6), xtol=1e-15, rtol=1e-14)))


def damped():
    return [
        {"A": p["A"], "delta": p["delta"], "lam": lam}
        for p, lam in zip(systems(), (0.3, 2.0, 0.05, 1.0), strict=True)
    ]


def regions():
    return [
        {"A": p["A"], "delta": p["delta"], "radius": float(np.linalg.norm(implicit_step(**p)))}
        for p in systems()
    ]


def in_region(tau_theta, A, delta, radius):
    """How far the length of the step is from the radius."""
    return relative(np.linalg.norm(implicit_step(A, delta, tau_theta)), radius)


RIDGE = Task(
    "ridge_rows",
    ridge_rows,
    systems,
    (
        Identity(
            "BᵀB = AᵀA + I/τ_θ, the matrix of the normal equations",
            "E6",
            lambda B, c, A, delta, tau_theta: relative(B.T @ B, shifted(A, 1 / tau_theta)),
            "the weight of a row is squared in BᵀB",
        ),
        Identity(
            "B holds A above a multiple of the identity",
            "E6",
            lambda B, c, A, delta, tau_theta: relative(B, ridge_rows(A, delta, tau_theta)[0]),
            "the rows of A first",
        ),
        Identity(
            "c holds δ above zeros",
            "E6",
            lambda B, c, A, delta, tau_theta: relative(c, ridge_rows(A, delta, tau_theta)[1]),
            "the step is pulled towards zero",
        ),
    ),
    (
        Mistake(
            "the weight stands without its root: I/√τ_θ",
            lambda A, delta, tau_theta: stacked(A, delta, 1 / tau_theta)[0],
        ),
        Mistake(
            "1/τ_θ: the weight is 1/√τ_θ, found √τ_θ",
            lambda A, delta, tau_theta: stacked(A, delta, np.sqrt(tau_theta))[0],
        ),
        Mistake(
            "1/τ_θ: the weight is 1/√τ_θ, found τ_θ",
            lambda A, delta, tau_theta: stacked(A, delta, tau_theta)[0],
        ),
        Mistake("the weight is missing: I/√τ_θ", lambda A, delta, tau_theta: stacked(A, delta, 1.0)[0]),
        Mistake(
            "the identity stands first; expected A above it",
            lambda A, delta, tau_theta: np.roll(ridge_rows(A, delta, tau_theta)[0], A.shape[1], axis=0),
        ),
        Mistake(
            "ones stand below δ; expected zeros",
            lambda A, delta, tau_theta: np.vstack([delta, np.ones((A.shape[1], delta.shape[1]))]),
            1,
        ),
        Mistake("the zeros below δ are missing", lambda A, delta, tau_theta: delta, 1),
    ),
    parts=("B", "c"),
)

DAMPED = Task(
    "damped_step",
    damped_step,
    damped,
    (
        Identity(
            "(AᵀA/N + λ I) d = Aᵀδ",
            "E6",
            lambda d, A, delta, lam: relative(shifted(A / np.sqrt(len(A)), lam) @ d, A.T @ delta),
            "N is the number of rows of A",
        ),
    ),
    (
        Mistake("1/N is missing before AᵀA", lambda A, delta, lam: implicit_step(A, delta, 1 / lam)),
        Mistake("1/λ stands where λ belongs", varied(damped_step, lam=inverse)),
        Mistake(
            "Aᵀδ is divided by N too: δ has its 1/N already",
            times(damped_step, lambda A, **_: 1 / len(A)),
        ),
        Mistake(
            "N is the number of columns; expected of rows, that is of samples",
            lambda A, delta, lam: np.linalg.solve(shifted(A / np.sqrt(A.shape[1]), lam), A.T @ delta),
        ),
        Mistake("this is the gradient Aᵀδ: the system is not solved", lambda A, delta, lam: A.T @ delta),
    ),
)

REGION = Task(
    "trust_region",
    trust_region,
    regions,
    (
        Identity(
            "‖(AᵀA + I/τ_θ)⁻¹Aᵀδ‖ = radius",
            "E6",
            in_region,
            "the length grows with τ_θ, so that an interval can be halved",
        ),
    ),
    (
        Mistake(
            "this is 1/τ_θ, the multiplier of the constraint",
            lambda A, delta, radius: 1 / trust_region(A, delta, radius),
        ),
        Mistake("this is log τ_θ", lambda A, delta, radius: np.log(trust_region(A, delta, radius))),
    ),
)

EXERCISE = Exercise("23", "other names of the implicit step", (RIDGE, DAMPED, REGION))
