"""Exercise 11, the angle of a step, Kantorovich's bound, and a line search."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import shifted, systems
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import chosen, inverse, normal, times, varied


def cosine(g, d):
    return float(np.vdot(g, d) / (np.linalg.norm(g) * np.linalg.norm(d)))


def bound(kappa):
    return 2 * np.sqrt(kappa) / (1 + kappa)


def kantorovich(A, tau_theta):
    return bound(np.linalg.cond(shifted(A, 1 / tau_theta)))


def line_search(f, theta, g, d, c):
    steps = 2.0 ** -np.arange(60)
    return next(float(tau) for tau in steps if enough(tau, f, theta, g, d, c))


def enough(tau, f, theta, g, d, c):
    """Whether ``f(θ − τ d) ≤ f(θ) − c τ ⟨g, d⟩``."""
    return f(theta - tau * d) <= f(theta) - c * tau * np.vdot(g, d)


def pairs():
    return normal(26, [{"g": shape, "d": shape} for shape in ((5, 3), (4, 4), (1, 6))])


def quartic(A):
    """``½ ‖Aθ‖² + ¼ Σ θ⁴``, and its gradient."""
    return (
        lambda theta: float(np.sum((A @ theta) ** 2) / 2 + np.sum(theta**4) / 4),
        lambda theta: A.T @ (A @ theta) + theta**3,
    )


def descents():
    rng, problems = np.random.default_rng(27), []
    for n, scale, c in ((3, 1.0, 0.1), (5, 4.0, 0.3), (2, 0.05, 0.5), (4, 0.5, 0.9)):
        f, gradient = quartic(scale * rng.standard_normal((n, n)))
        theta = rng.standard_normal((n, 1))
        g = gradient(theta)
        problems.append({"f": f, "theta": theta, "g": g, "d": g * rng.uniform(0.5, 1.5, (n, 1)), "c": c})
    return problems


def attained(smallest, A, tau_theta):
    """How far the answer is from the cosine at the worst gradient, ``√m v₁ + √M vₙ``."""
    M = shifted(A, 1 / tau_theta)
    m, V = np.linalg.eigh(M)
    if len(m) == 1:
        return relative(smallest, 1.0)
    g = np.sqrt(m[0]) * V[:, 0] + np.sqrt(m[-1]) * V[:, -1]
    return relative(smallest, cosine(g, np.linalg.solve(M, g)))


def first(tau, f, theta, g, d, c):
    """0 if τ is a power of ½ which is enough, and 2τ is not, unless τ = 1."""
    power = 0 < tau <= 1 and np.log2(tau) == np.round(np.log2(tau))
    return float(
        not (
            power and enough(tau, f, theta, g, d, c) and (tau == 1 or not enough(2 * tau, f, theta, g, d, c))
        )
    ) + abs(tau - line_search(f, theta, g, d, c))


COSINE = Task(
    "cosine",
    cosine,
    pairs,
    (
        Identity(
            "‖g/‖g‖ − d/‖d‖‖² = 2 − 2 cos α",
            "P3",
            lambda c, g, d: relative(
                np.linalg.norm(g / np.linalg.norm(g) - d / np.linalg.norm(d)) ** 2, 2 - 2 * c
            ),
            "the inner product over both norms, all entries of a layer as one vector",
        ),
    ),
    (
        Mistake("the norms are missing", lambda g, d: np.vdot(g, d)),
        Mistake("the norm of d is missing", lambda g, d: cosine(g, d) * np.linalg.norm(d)),
        Mistake("the norm of g is missing", lambda g, d: cosine(g, d) * np.linalg.norm(g)),
        Mistake(
            "the squares of the norms", lambda g, d: cosine(g, d) / (np.linalg.norm(g) * np.linalg.norm(d))
        ),
        Mistake("this is the angle, expected its cosine", lambda g, d: np.arccos(cosine(g, d))),
        Mistake(
            "one for each column; expected one for the whole layer",
            lambda g, d: (g * d).sum(axis=0) / (np.linalg.norm(g, axis=0) * np.linalg.norm(d, axis=0)),
        ),
    ),
)

BOUND = Task(
    "kantorovich",
    kantorovich,
    chosen(systems, "A", "tau_theta"),
    (
        Identity(
            "one gradient attains it: √m v₁ + √M vₙ, with the smallest and the largest eigenvalue",
            "P3",
            attained,
            "κ belongs to AᵀA + I/τ_θ, not to AᵀA",
        ),
    ),
    (
        Mistake("1/τ_θ: M is AᵀA + I/τ_θ, found τ_θ I", varied(kantorovich, tau_theta=inverse)),
        Mistake(
            "the root is missing: 2√κ/(1 + κ)",
            lambda A, tau_theta: (
                2
                * np.linalg.cond(shifted(A, 1 / tau_theta))
                / (1 + np.linalg.cond(shifted(A, 1 / tau_theta)))
            ),
        ),
        Mistake(
            "κ is taken at most: 1 + τ_θ ‖A‖² is an upper bound of it, sharp where AᵀA is singular",
            lambda A, tau_theta: bound(1 + tau_theta * np.linalg.norm(A, 2) ** 2),
        ),
        Mistake("κ is that of A; M has its squares, shifted", lambda A, tau_theta: bound(np.linalg.cond(A))),
        Mistake(
            "this is the angle, expected its cosine",
            lambda A, tau_theta: np.arccos(kantorovich(A, tau_theta)),
        ),
        Mistake(
            "this is the sine of the largest angle, (κ − 1)/(κ + 1)",
            lambda A, tau_theta: np.sqrt(1 - kantorovich(A, tau_theta) ** 2),
        ),
    ),
)

SEARCH = Task(
    "line_search",
    line_search,
    descents,
    (
        Identity(
            "f(θ − τ d) ≤ f(θ) − c τ ⟨g, d⟩, and 2τ is too much, or τ = 1",
            "P4",
            first,
            "halve τ while the inequality fails, beginning at 1",
        ),
    ),
    (
        Mistake("c is missing: any decrease is taken", varied(line_search, c=0.0)),
        Mistake("one halving too many", times(line_search, 1 / 2)),
        Mistake(
            "one halving too few: this step is still too long, where it is not 1",
            lambda f, theta, g, d, c: min(1.0, 2 * line_search(f, theta, g, d, c)),
        ),
        Mistake("τ = 1 always: nothing is searched", lambda f, theta, g, d, c: 1.0),
        Mistake(
            "⟨d, d⟩ stands where ⟨g, d⟩ belongs", lambda f, theta, g, d, c: line_search(f, theta, d, d, c)
        ),
    ),
)

EXERCISE = Exercise("11", "angles, and a line search", (COSINE, BOUND, SEARCH))
