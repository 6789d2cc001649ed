"""Exercise 4: the penalty energy (E3) and Algorithm 1 done right, and the problems."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import with_ones


def phi(theta, a):
    """``φ(θ, a) = [a, 1] θ``; both may be complex, for a complex step."""
    return a @ theta[:-1] + theta[-1]


def square(v):
    return (v * v).sum()


def sigma_prime(z):
    return 1 - np.tanh(z) ** 2


def loss(output, y):
    return square(output - y) / (2 * len(y))


def couplings(theta1, x, z1, a1):
    """``½ ‖σ(z₁) − a₁‖²`` and ``½ ‖φ(θ₁, x) − z₁‖²``."""
    return square(np.tanh(z1) - a1) / 2, square(phi(theta1, x) - z1) / 2


def energy(theta1, theta2, x, z1, a1, y, gamma, rho):
    one, other = couplings(theta1, x, z1, a1)
    return loss(phi(theta2, a1), y) + gamma * one + rho * other


def half_steps(theta, a_below, z, a_half, tau, gamma, rho):
    z_half = z - tau * gamma * sigma_prime(z) * (np.tanh(z) - a_half)
    return z_half, a_below - tau * rho * (phi(theta, a_below) - z_half) @ theta[:-1].T


def parameter_step(theta, a_below, z_half, tau, rho):
    return theta - tau * rho * with_ones(a_below).T @ (phi(theta, a_below) - z_half)


def sweep(theta1, theta2, x, y, tau):
    z1 = phi(theta1, x)
    return swept(theta1, theta2, x, y, tau, sigma_prime(z1))


def swept(theta1, theta2, x, y, tau, slope, share=1.0, fresh=False):
    """Algorithm 1 with γ = ρ = 1/τ; the last three arguments are where it may go wrong."""
    a1 = np.tanh(phi(theta1, x))
    delta2 = (phi(theta2, a1) - y) / len(y) * share
    a1_half = a1 - tau * delta2 @ theta2[:-1].T
    if fresh:
        delta2 = (phi(theta2, a1_half) - y) / len(y)
    delta1 = slope * (a1 - a1_half)
    return (
        theta1 - with_ones(x).T @ delta1,
        theta2 - tau * with_ones(a1_half if fresh else a1).T @ delta2,
    )


def objective(theta1, theta2, x, y):
    """``J``, analytic in both θ."""
    return loss(phi(theta2, np.tanh(phi(theta1, x))), y)


def nets():
    rng, taus = np.random.default_rng(6), (0.3, 1.5, 0.05, 0.7)
    return [
        {
            "theta1": rng.standard_normal((n + 1, m)),
            "theta2": rng.standard_normal((m + 1, out)),
            "x": rng.standard_normal((rows, n)),
            "y": rng.standard_normal((rows, out)),
            "tau": tau,
        }
        for (rows, n, m, out), tau in zip(
            ((5, 4, 4, 4), (7, 4, 3, 2), (2, 3, 6, 4), (1, 2, 3, 2)), taus, strict=True
        )
    ]


def lifted():
    rng, weights = np.random.default_rng(7), ((2.0, 0.6), (0.3, 1.7), (5.0, 0.4), (1.1, 3.0))
    free = [
        {name: p[name] for name in ("theta1", "theta2", "x")}
        | {
            "z1": phi(p["theta1"], p["x"]) + rng.standard_normal((len(p["x"]), p["theta1"].shape[1])),
            "a1": rng.standard_normal((len(p["x"]), p["theta1"].shape[1])),
            "y": p["y"],
        }
        for p in nets()
    ]
    return [p | {"gamma": gamma, "rho": rho} for p, (gamma, rho) in zip(free, weights, strict=True)]


def halves():
    return [
        {
            "theta": p["theta1"],
            "a_below": p["x"],
            "z": phi(p["theta1"], p["x"]),
            "a_half": q["a1"],
            "tau": p["tau"],
            "gamma": q["gamma"],
            "rho": q["rho"],
        }
        for p, q in zip(nets(), lifted(), strict=True)
    ]


def moves():
    return [
        {
            "theta": p["theta"],
            "a_below": p["a_below"],
            "z_half": p["z"] + p["a_half"],
            "tau": p["tau"],
            "rho": p["rho"],
        }
        for p in halves()
    ]
