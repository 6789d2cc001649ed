"""Exercise 8, the filter of an exact step, Nesterov's momentum, and how inexact a step is."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import implicit_step, shifted, systems
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import chosen, inverse, normal, times, varied


def filter_factors(A, tau_theta):
    return 1 / np.linalg.eigvalsh(shifted(A, 1 / tau_theta))


def nesterov_step(theta, v, g, tau, mu):
    v_next = mu * v + g
    return theta - tau * (g + mu * v_next), v_next


def inexactness(A, delta, tau_theta, d):
    return relative(shifted(A, 1 / tau_theta) @ d, A.T @ delta)


def velocities():
    shape = dict.fromkeys(("theta", "v", "g"), (5, 3))
    return normal(20, [shape] * 4, tau=(0.3, 1.7, 0.05, 2.0), mu=(0.9, 0.5, 0.95, 0.0))


def unfinished():
    rng = np.random.default_rng(21)
    return [p | {"d": rng.standard_normal((p["A"].shape[1], 3))} for p in systems()]


def on_eigenvectors(factors, A, tau_theta):
    """How far ``M V diag(factors)`` is from ``V``, with the eigenvectors V of AᵀA in ascending order."""
    V = np.linalg.eigh(A.T @ A)[1]
    return relative(shifted(A, 1 / tau_theta) @ (V * factors), V)


FACTORS = Task(
    "filter_factors",
    filter_factors,
    chosen(systems, "A", "tau_theta"),
    (
        Identity(
            "(AᵀA + I/τ_θ) (factor · v) = v for every eigenvector v of AᵀA",
            "E6",
            on_eigenvectors,
            "on an eigenvector with the eigenvalue λ, M is the number λ + 1/τ_θ",
        ),
    ),
    (
        Mistake("1/τ_θ: the factor is 1/(λ + 1/τ_θ)", varied(filter_factors, tau_theta=inverse)),
        Mistake(
            "upside down: the step divides by λ + 1/τ_θ",
            lambda A, tau_theta: 1 / filter_factors(A, tau_theta),
        ),
        Mistake(
            "the order: ascending in λ, so that the factors descend",
            lambda A, tau_theta: filter_factors(A, tau_theta)[::-1],
        ),
        Mistake(
            "τ_θ is missing above: this is 1/(1 + τ_θλ), the factor of an implicit step itself",
            lambda A, tau_theta: filter_factors(A, tau_theta) / tau_theta,
        ),
        Mistake(
            "AAᵀ stands where AᵀA belongs: it has an eigenvalue for each sample",
            varied(filter_factors, A=lambda A: A.T),
        ),
    ),
)

NESTEROV = Task(
    "nesterov_step",
    nesterov_step,
    velocities,
    (
        Identity(
            "θ − θ⁺ = τ ((1 + μ) g + μ² v)",
            "",
            lambda new, v_next, theta, v, g, tau, mu: relative(theta - new, tau * ((1 + mu) * g + mu**2 * v)),
            "insert v⁺ = μ v + g into θ⁺ = θ − τ (g + μ v⁺)",
        ),
        Identity(
            "v⁺ − g = μ v",
            "",
            lambda new, v_next, theta, v, g, tau, mu: relative(v_next, g + mu * v),
            "the velocity fades by μ and takes up the direction",
        ),
    ),
    (
        Mistake(
            "this is plain (heavy-ball) momentum, θ − τ v⁺; Nesterov's looks one step ahead",
            lambda theta, v, g, tau, mu: theta - tau * (mu * v + g),
        ),
        Mistake(
            "the old velocity is used in the step; expected the new one",
            lambda theta, v, g, tau, mu: theta - tau * (g + mu * v) if mu else theta - 2 * tau * g,
        ),
        Mistake("momentum is missing: this is θ − τ g", lambda theta, v, g, tau, mu: theta - tau * g),
        Mistake(
            "the sign: the step goes against the direction",
            lambda theta, v, g, tau, mu: 2 * theta - nesterov_step(theta, v, g, tau, mu)[0],
        ),
        Mistake(
            "the direction has the factor 1 − μ; expected 1",
            lambda theta, v, g, tau, mu: mu * v + (1 - mu) * g,
            1,
        ),
        Mistake(
            "τ stands in the velocity; expected in the step alone",
            lambda theta, v, g, tau, mu: mu * v + tau * g,
            1,
        ),
        Mistake("this is the old velocity", lambda theta, v, g, tau, mu: v + 0 * g, 1),
    ),
    parts=("theta_next", "v_next"),
)

INEXACT = Task(
    "inexactness",
    inexactness,
    unfinished,
    (
        Identity(
            "answer · ‖Aᵀδ‖ = ‖M (d − d*)‖ with the exact step d*",
            "E6",
            lambda share, A, delta, tau_theta, d: relative(
                share * np.linalg.norm(A.T @ delta),
                np.linalg.norm(shifted(A, 1 / tau_theta) @ (d - implicit_step(A, delta, tau_theta))),
            ),
            "M d − Aᵀδ vanishes at the exact step",
        ),
    ),
    (
        Mistake(
            "1/τ_θ: M is AᵀA + I/τ_θ, found τ_θ I",
            varied(inexactness, tau_theta=inverse),
        ),
        Mistake(
            "1/τ_θ: the shift d/τ_θ is missing",
            varied(inexactness, tau_theta=np.inf),
        ),
        Mistake(
            "the square of the norms", lambda A, delta, tau_theta, d: inexactness(A, delta, tau_theta, d) ** 2
        ),
        Mistake(
            "not divided by ‖Aᵀδ‖",
            times(inexactness, lambda A, delta, **_: np.linalg.norm(A.T @ delta)),
        ),
        Mistake(
            "this is the distance to the exact step, ‖d − d*‖/‖d*‖; expected the residual, without a solve",
            lambda A, delta, tau_theta, d: relative(d, implicit_step(A, delta, tau_theta)),
        ),
        Mistake(
            "divided by ‖δ‖; expected by ‖Aᵀδ‖",
            lambda A, delta, tau_theta, d: (
                inexactness(A, delta, tau_theta, d) * np.linalg.norm(A.T @ delta) / np.linalg.norm(delta)
            ),
        ),
    ),
)

EXERCISE = Exercise("08", "exact and inexact steps", (FACTORS, NESTEROV, INEXACT))
