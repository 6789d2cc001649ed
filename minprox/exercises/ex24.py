"""Exercise 24, scalings: a batch that is repeated, the rule for another size, and the length of a step."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import implicit_step, shifted, systems
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import times


def repeated_step(A, delta, tau_theta, k):
    return implicit_step(A, delta, k * tau_theta) / k


def rescaled(tau, tau_theta, k):
    return k * tau, tau_theta / k


def damping(tau_theta, rows):
    return 1 / (rows * tau_theta)


def total_length(tau, mu):
    return tau / (1 - mu)


def batches():
    return [p | {"k": k} for p, k in zip(systems(), (2, 3, 5, 4), strict=True)]


def rules():
    return [
        {"tau": tau, "tau_theta": tau_theta, "k": k}
        for tau, tau_theta, k in ((1.0, 0.05, 4.0), (0.3, 2.0, 0.2), (2.5, 10.0, 3.0))
    ]


def sizes():
    return [{"tau_theta": t, "rows": rows} for t, rows in ((0.05, 500), (2.0, 100), (0.5, 7))]


def momenta():
    return [{"tau": tau, "mu": mu} for tau, mu in ((0.05, 0.95), (1.0, 0.9), (0.3, 0.5), (2.0, 0.0))]


def one_layer():
    p = systems()[1]
    return p["A"], p["delta"]


def same_move(tau_next, tau_theta_next, tau, tau_theta, k):
    """How far ``τ⁺ d⁺`` on the larger batch is from ``τ d``; AᵀA grows by k, and Aᵀδ stays."""
    A, delta = one_layer()
    grown = np.linalg.solve(k * A.T @ A + np.eye(A.shape[1]) / tau_theta_next, A.T @ delta)
    return relative(tau_next * grown, tau * implicit_step(A, delta, tau_theta))


def repeated_optimality(d, A, delta, tau_theta, k):
    """How far d is from the step on the batch that is written down k times."""
    B, errors = np.tile(A, (k, 1)), np.tile(delta / k, (k, 1))
    return relative(shifted(B, 1 / tau_theta) @ d, B.T @ errors)


def same_inverse(lam, tau_theta, rows):
    """How far ``(AᵀA/N + λ I)⁻¹`` is from ``N (AᵀA + I/τ_θ)⁻¹``, for some A with N rows."""
    A = np.random.default_rng(38).standard_normal((rows, 4))
    return relative(
        np.linalg.inv(A.T @ A / rows + lam * np.eye(4)), rows * np.linalg.inv(shifted(A, 1 / tau_theta))
    )


def last_of_many(length, tau, mu):
    """How far the length is from that of step 2000."""
    v = 0.0
    for _ in range(2000):
        v = mu * v + 1
    return relative(length, tau * v)


REPEATED = Task(
    "repeated_step",
    repeated_step,
    batches,
    (
        Identity(
            "(BᵀB + I/τ_θ) d = Bᵀε, B being A written k times and ε being δ/k written k times",
            "E6",
            repeated_optimality,
            "BᵀB = k AᵀA, and Bᵀε = Aᵀδ",
        ),
    ),
    (
        Mistake(
            "AᵀA is that of one copy: on the repeated batch it is k AᵀA",
            lambda A, delta, tau_theta, k: implicit_step(A, delta, tau_theta),
        ),
        Mistake(
            "1/k is missing: this is d(k τ_θ), with k times the gradient",
            lambda A, delta, tau_theta, k: implicit_step(A, delta, k * tau_theta),
        ),
        Mistake(
            "τ_θ is divided by k: that is the rule which undoes the effect",
            lambda A, delta, tau_theta, k: implicit_step(A, delta, tau_theta / k),
        ),
        Mistake(
            "AᵀA has k²; B is A written k times, not k A",
            lambda A, delta, tau_theta, k: implicit_step(A, delta, k**2 * tau_theta) / k**2,
        ),
        Mistake(
            "Aᵀδ is divided by k: the gradient of a mean stays as it is",
            times(repeated_step, lambda k, **_: 1 / k),
        ),
    ),
)

RULE = Task(
    "rescaled",
    rescaled,
    rules,
    (
        Identity(
            "τ⁺ (k AᵀA + I/τ_θ⁺)⁻¹Aᵀδ = τ (AᵀA + I/τ_θ)⁻¹Aᵀδ",
            "E6",
            same_move,
            "take k out of the bracket on the left",
        ),
        Identity(
            "τ⁺ τ_θ⁺ = τ τ_θ, the step for small τ_θ",
            "E6",
            lambda tau_next, tau_theta_next, tau, tau_theta, k: relative(
                tau_next * tau_theta_next, tau * tau_theta
            ),
            "where AᵀA hardly counts, the step is τ τ_θ times the gradient",
        ),
    ),
    (
        Mistake("the wrong way: τ grows with the batch", lambda tau, tau_theta, k: tau / k),
        Mistake("τ stays; expected k τ", lambda tau, tau_theta, k: tau + 0 * k),
        Mistake(
            "the root of k is a rule for the noise of gradients; here the step is to stay",
            lambda tau, tau_theta, k: tau * np.sqrt(k),
        ),
        Mistake("the wrong way: τ_θ falls as the batch grows", lambda tau, tau_theta, k: tau_theta * k, 1),
        Mistake("τ_θ stays; expected τ_θ/k", lambda tau, tau_theta, k: tau_theta + 0 * k, 1),
    ),
    parts=("tau_next", "tau_theta_next"),
)

DAMPING = Task(
    "damping",
    damping,
    sizes,
    (
        Identity(
            "(AᵀA/N + λ I)⁻¹ = N (AᵀA + I/τ_θ)⁻¹",
            "E6",
            same_inverse,
            "N (AᵀA/N + λ I) = AᵀA + N λ I",
        ),
    ),
    (
        Mistake("N is missing: this is 1/τ_θ", lambda tau_theta, rows: 1 / tau_theta + 0 * rows),
        Mistake("N stands above; expected below", lambda tau_theta, rows: rows / tau_theta),
        Mistake("upside down", lambda tau_theta, rows: rows * tau_theta),
        Mistake("τ_θ stands above: 1/(N τ_θ)", lambda tau_theta, rows: tau_theta / rows),
    ),
)

LENGTH = Task(
    "total_length",
    total_length,
    momenta,
    (
        Identity(
            "it is the length of step 2000",
            "E2",
            last_of_many,
            "v tends to the g for which v = μ v + g",
        ),
    ),
    (
        Mistake("momentum is missing: this is τ", lambda tau, mu: tau + 0 * mu),
        Mistake("upside down: momentum makes steps longer", lambda tau, mu: tau * (1 - mu)),
        Mistake("the sign of μ", lambda tau, mu: tau / (1 + mu)),
        Mistake("this is the second step only, 1 + μ", lambda tau, mu: tau * (1 + mu)),
        Mistake("the first term of the series, 1, is missing", lambda tau, mu: tau * mu / (1 - mu)),
    ),
)

EXERCISE = Exercise("24", "scalings", (REPEATED, RULE, DAMPING, LENGTH))
