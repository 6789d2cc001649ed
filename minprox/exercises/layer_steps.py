"""Exercises 5 to 7: the steps of one layer (E5, E6) done right, and the problems."""

from __future__ import annotations

import numpy as np

from minprox.exercises.penalty import sigma_prime
from minprox.exercises.tasks import SHAPES, relative, with_ones
from minprox.exercises.variants import normal

TAUS = (0.05, 2.0, 0.4, 5.0)
SHIFT = "1/τ_θ: the shift of the matrix is I/τ_θ"


def layer_matrix(a):
    return with_ones(a)


def implicit_step(A, delta, tau_theta):
    return np.linalg.solve(A.T @ A + np.eye(A.shape[1]) / tau_theta, A.T @ delta)


def proximal_update(theta, A, z_half, tau_theta):
    return theta - implicit_step(A, A @ theta - z_half, tau_theta)


def algorithm_2_layer(theta, a_below, z, a_half, tau_theta):
    z_half = z - sigma_prime(z) * (np.tanh(z) - a_half)
    A = with_ones(a_below)
    below = a_below - (A @ theta - z_half) @ theta[:-1].T
    return z_half, below, proximal_update(theta, A, z_half, tau_theta)


def inputs():
    return normal(8, [{"a": shape} for shape in SHAPES])


def systems():
    return normal(9, [{"A": shape, "delta": (shape[0], 3)} for shape in SHAPES], tau_theta=TAUS)


def updates():
    rng = np.random.default_rng(10)
    return [
        {
            "theta": rng.standard_normal((p["A"].shape[1], 3)),
            "A": p["A"],
            "z_half": p["delta"],
            "tau_theta": p["tau_theta"],
        }
        for p in systems()
    ]


def sweeps():
    rng, problems = np.random.default_rng(11), []
    for (rows, cols), tau_theta in zip(SHAPES, TAUS, strict=True):
        theta, a = rng.standard_normal((cols + 1, 4)), rng.standard_normal((rows, cols))
        z = with_ones(a) @ theta
        a_half = np.tanh(z) + rng.standard_normal(z.shape)
        problems.append({"theta": theta, "a_below": a, "z": z, "a_half": a_half, "tau_theta": tau_theta})
    return problems


def shifted(A, shift):
    return A.T @ A + shift * np.eye(A.shape[1])


def bare_bias(A, tau_theta):
    """``AᵀA + I/τ_θ`` without the shift in the last place, that of the bias."""
    return A.T @ A + np.diag([1 / tau_theta] * (A.shape[1] - 1) + [0.0])


def mean_gram(A, tau_theta):
    """``AᵀA/N + I/τ_θ``."""
    return shifted(A / np.sqrt(len(A)), 1 / tau_theta)


def optimality(new, theta, A, z_half, tau_theta):
    """How far ``Aᵀ(Aθ⁺ − z_half) + (θ⁺ − θ)/τ_θ`` is from zero."""
    return relative(A.T @ (A @ new - z_half), (theta - new) / tau_theta)
