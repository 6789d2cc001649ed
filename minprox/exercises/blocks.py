"""Exercise 26, two of its tasks: the minima of the blocks of a and of z, and where they may go wrong."""

from __future__ import annotations

import numpy as np

from minprox.exercises.penalty import phi, square
from minprox.exercises.tasks import Identity, Mistake, Task, descends, excess
from minprox.exercises.variants import inverse, normal, varied


def best_a(theta, s, w, y, gamma):
    W, b = theta[:-1], theta[-1]
    return np.linalg.solve(
        W @ W.T / len(y) + gamma * np.eye(len(W)), ((y - b) @ W.T / len(y) + gamma * (s + w)).T
    ).T


def best_z(p, q, gamma, rho):
    on, off = between(p, q, gamma, rho), np.minimum(q, 0)
    return np.where(cost(on, p, q, gamma, rho) < cost(off, p, q, gamma, rho), on, off)


def between(p, q, gamma, rho):
    """The minimiser with z ≥ 0, where σ(z) = z."""
    return np.maximum((gamma * p + rho * q) / (gamma + rho), 0)


def cost(z, p, q, gamma, rho):
    return gamma / 2 * (np.maximum(z, 0) - p) ** 2 + rho / 2 * (z - q) ** 2


def activations():
    shapes = [
        {"theta": (n + 1, m), "s": (r, n), "w": (r, n), "y": (r, m)}
        for r, n, m in ((6, 3, 2), (4, 4, 4), (1, 5, 3))
    ]
    return normal(57, shapes, gamma=(0.3, 2.0, 0.07))


def entries():
    return normal(
        58, [{"p": s, "q": s} for s in ((6, 5), (8, 8), (1, 20))], gamma=(0.7, 2.0, 0.1), rho=(0.3, 0.5, 1.4)
    )


def off_minimum(z, p, q, gamma, rho):
    """How far z is from a place where the cost can go down in neither direction, entry by entry."""
    right = gamma * (np.maximum(z, 0) - p) + rho * (z - q)
    left = np.where(z > 0, right, rho * (z - q))
    right = np.where(z >= 0, right, left)
    return float(np.maximum(np.maximum(left, 0), np.maximum(-right, 0)).max()) / (gamma + rho)


A_BLOCK = Task(
    "best_a",
    best_a,
    activations,
    (
        Identity(
            "the derivative of ‖[a, 1]θ − y‖²/2N + γ/2 ‖s − a + w‖² vanishes along every change of a",
            "E3",
            lambda a, theta, s, w, y, gamma: descends(
                a - s - w, lambda v: square(phi(theta, v) - y) / (2 * len(y)), a, -1 / gamma
            ),
            "set the derivative to zero: a (WWᵀ/N + γI) = (y − b)Wᵀ/N + γ(s + w)",
        ),
    ),
    (
        Mistake(
            "the mean over the samples is missing: 1/N",
            lambda theta, s, w, y, gamma: best_a(theta, s, w, y, gamma / len(y)),
        ),
        Mistake("the multiplier is missing: a is drawn to s + w", varied(best_a, w=np.zeros_like)),
        Mistake("the sign of the multiplier: a is drawn to s + w", varied(best_a, w=np.negative)),
        Mistake("1/γ stands where γ belongs", varied(best_a, gamma=inverse)),
        Mistake(
            "the bias is not taken off: aW is to be y − b",
            varied(best_a, theta=lambda theta: np.vstack([theta[:-1], 0 * theta[-1:]])),
        ),
        Mistake("the tie is missing: this is s + w", lambda theta, s, w, y, gamma: s + w),
        Mistake(
            "γ is missing before s + w",
            lambda theta, s, w, y, gamma: best_a(theta, (s + w) / gamma, 0 * w, y, gamma),
        ),
    ),
)

Z_BLOCK = Task(
    "best_z",
    best_z,
    entries,
    (
        Identity(
            "no small change of an entry lowers γ/2 (σ(z) − p)² + ρ/2 (z − q)²",
            "E3",
            off_minimum,
            "for z > 0 the derivative is γ(z − p) + ρ(z − q), for z < 0 it is ρ(z − q)",
        ),
        Identity(
            "no large one does",
            "E3",
            lambda z, p, q, gamma, rho: max(
                excess(float((cost(z, p, q, gamma, rho) - cost(v, p, q, gamma, rho)).max()), 1e-12, 1.0)
                for v in (between(p, q, gamma, rho), np.minimum(q, 0))
            ),
            "there are two candidates, one for each side of the ReLU: compare their costs",
        ),
    ),
    (
        Mistake("only the side z ≥ 0 is looked at: where z < 0, σ(z) is 0", between),
        Mistake("only the side z ≤ 0 is looked at", lambda p, q, gamma, rho: np.minimum(q, 0)),
        Mistake(
            "as if σ were linear: the case z < 0 has another minimum",
            lambda p, q, gamma, rho: (gamma * p + rho * q) / (gamma + rho),
        ),
        Mistake(
            "the side is told by the sign of q; expected by the lower cost",
            lambda p, q, gamma, rho: np.where(q > 0, between(p, q, gamma, rho), np.minimum(q, 0)),
        ),
        Mistake(
            "the side is told by the sign of the mean; expected by the lower cost",
            lambda p, q, gamma, rho: np.where(
                gamma * p + rho * q > 0, between(p, q, gamma, rho), np.minimum(q, 0)
            ),
        ),
        Mistake("γ and ρ are exchanged", lambda p, q, gamma, rho: best_z(p, q, rho, gamma)),
        Mistake(
            "the side with the higher cost is taken",
            lambda p, q, gamma, rho: between(p, q, gamma, rho) + np.minimum(q, 0) - best_z(p, q, gamma, rho),
        ),
        Mistake("this is σ(z); expected z itself", lambda **p: np.maximum(best_z(**p), 0)),
    ),
)
