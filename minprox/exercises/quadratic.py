"""Exercises 1 and 2: the right steps on ``f(θ) = ½ ‖Aθ − b‖²``, and the problems."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import SHAPES


def gradient(A, b, theta):
    """``∇f(θ) = Aᵀ(Aθ − b)``."""
    return A.T @ (A @ theta - b)


def value(A, b, theta):
    """``f(θ) = ½ ‖Aθ − b‖²``."""
    return float(np.sum((A @ theta - b) ** 2)) / 2


def normal(A):
    """``AᵀA``, and its identity matrix."""
    return A.T @ A, np.eye(A.shape[1])


def explicit_step(A, b, theta, tau):
    return theta - tau * gradient(A, b, theta)


def implicit_step(A, b, theta, tau):
    N, eye = normal(A)
    return np.linalg.solve(eye + tau * N, theta + tau * A.T @ b)


def contraction_factors(A, tau):
    lam = np.linalg.eigvalsh(A.T @ A)
    return 1 - tau * lam, 1 / (1 + tau * lam)


def largest_stable_step(A):
    return 2 / np.linalg.norm(A, 2) ** 2


def steps():
    rng, taus = np.random.default_rng(1), (0.3, 2.0, 0.05, 1.7)
    return [
        {
            "A": rng.standard_normal((rows, cols)),
            "b": rng.standard_normal((rows, 1)),
            "theta": rng.standard_normal((cols, 1)),
            "tau": tau,
        }
        for (rows, cols), tau in zip(SHAPES, taus, strict=True)
    ]


def matrices():
    return [{"A": p["A"], "tau": p["tau"]} for p in steps()]


def matrices_alone():
    return [{"A": p["A"]} for p in steps()]
