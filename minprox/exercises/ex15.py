"""Exercise 15, the tangent pass: how outputs, errors and gradients move with the parameters."""

from __future__ import annotations

import numpy as np

from minprox.exercises.by_hand import softmax
from minprox.exercises.penalty import sigma_prime
from minprox.exercises.tasks import SHAPES, Exercise, Identity, Mistake, Task, along, relative
from minprox.exercises.variants import normal


def layer_tangent(theta, v, A, A_dot):
    return A @ v + A_dot @ theta


def softmax_tangent(z, z_dot):
    p = softmax(z)
    return p * (z_dot - (p * z_dot).sum(axis=1, keepdims=True)) / len(z)


def tanh_tangent(z, z_dot, e, e_dot):
    return sigma_prime(z) * e_dot + second(z) * z_dot * e


def second(z):
    """``σ″(z)``."""
    return -2 * np.tanh(z) * sigma_prime(z)


def gradient_tangent(A, A_dot, delta, delta_dot):
    return A.T @ delta_dot + A_dot.T @ delta


def layers():
    return normal(
        30,
        [
            {"theta": (cols, 3), "v": (cols, 3), "A": (rows, cols), "A_dot": (rows, cols)}
            for rows, cols in SHAPES
        ],
    )


def several(*names):
    return lambda: normal(31, [dict.fromkeys(names, shape) for shape in ((6, 4), (3, 3), (1, 5))])


def gradients():
    return normal(
        32,
        [
            {"A": (rows, cols), "A_dot": (rows, cols), "delta": (rows, 3), "delta_dot": (rows, 3)}
            for rows, cols in SHAPES
        ],
    )


LAYER = Task(
    "layer_tangent",
    layer_tangent,
    layers,
    (
        Identity(
            "ż = d/dt (A + t Ȧ)(θ + t v)",
            "T1",
            lambda u, theta, v, A, A_dot: relative(u, along(np.matmul, (A, A_dot), (theta, v))),
            "both factors move",
        ),
    ),
    (
        Mistake("Ȧ θ is missing: the inputs move too", lambda theta, v, A, A_dot: A @ v),
        Mistake("A v is missing: the parameters move too", lambda theta, v, A, A_dot: A_dot @ theta),
        Mistake("Ȧ v is of second order", lambda theta, v, A, A_dot: A @ v + A_dot @ theta + A_dot @ v),
        Mistake(
            "the dots are on one factor: this is A θ + Ȧ v", lambda theta, v, A, A_dot: A @ theta + A_dot @ v
        ),
    ),
)

SOFTMAX = Task(
    "softmax_tangent",
    softmax_tangent,
    several("z", "z_dot"),
    (
        Identity(
            "δ̇ = d/dt softmax(z + t ż)/N",
            "T2",
            lambda u, z, z_dot: relative(u, along(softmax, (z, z_dot)) / len(z)),
            "the derivative of p is p ∘ ż − p ⟨p, ż⟩; the target does not move",
        ),
        Identity(
            "the entries sum to zero in each row",
            "T2",
            lambda u, z, z_dot: float(np.abs(u.sum(axis=1)).max() / np.abs(u).max()),
            "probabilities sum to one, however z moves",
        ),
    ),
    (
        Mistake(
            "⟨p, ż⟩ is missing: each entry of p depends on all of z",
            lambda z, z_dot: softmax(z) * z_dot / len(z),
        ),
        Mistake("1/N is missing", lambda z, z_dot: softmax_tangent(z, z_dot) * len(z)),
        Mistake(
            "this is p(1 − p) ż, the derivative of a sigmoid in each entry",
            lambda z, z_dot: softmax(z) * (1 - softmax(z)) * z_dot / len(z),
        ),
        Mistake(
            "⟨p, ż⟩ is summed over the batch; expected over each row",
            lambda z, z_dot: softmax(z) * (z_dot - (softmax(z) * z_dot).sum()) / len(z),
        ),
        Mistake(
            "the mean of ż is subtracted; expected ⟨p, ż⟩",
            lambda z, z_dot: softmax(z) * (z_dot - z_dot.mean(axis=1, keepdims=True)) / len(z),
        ),
    ),
)

TANH = Task(
    "tanh_tangent",
    tanh_tangent,
    several("z", "z_dot", "e", "e_dot"),
    (
        Identity(
            "answer = d/dt σ′(z + t ż)(e + t ė)",
            "T3",
            lambda u, z, z_dot, e, e_dot: relative(
                u, along(lambda w, v: sigma_prime(w) * v, (z, z_dot), (e, e_dot))
            ),
            "σ″ = −2 σ σ′ for tanh",
        ),
    ),
    (
        Mistake(
            "σ″ ż e is missing: that leaves the Gauss–Newton part",
            lambda z, z_dot, e, e_dot: sigma_prime(z) * e_dot,
        ),
        Mistake(
            "the sign of σ″: it is −2 σ σ′",
            lambda z, z_dot, e, e_dot: sigma_prime(z) * e_dot - second(z) * z_dot * e,
        ),
        Mistake(
            "a factor 2: σ″ = −2 σ σ′",
            lambda z, z_dot, e, e_dot: sigma_prime(z) * e_dot + second(z) / 2 * z_dot * e,
        ),
        Mistake(
            "σ″ = −2 σ σ′, here σ′ is missing",
            lambda z, z_dot, e, e_dot: sigma_prime(z) * e_dot - 2 * np.tanh(z) * z_dot * e,
        ),
        Mistake("ż is missing: σ″ ż e", lambda z, z_dot, e, e_dot: sigma_prime(z) * e_dot + second(z) * e),
        Mistake("σ′ ė is missing", lambda z, z_dot, e, e_dot: second(z) * z_dot * e),
    ),
)

GRADIENT = Task(
    "gradient_tangent",
    gradient_tangent,
    gradients,
    (
        Identity(
            "Ġ = d/dt (A + t Ȧ)ᵀ(δ + t δ̇)",
            "T3",
            lambda u, A, A_dot, delta, delta_dot: relative(
                u, along(lambda B, d: B.T @ d, (A, A_dot), (delta, delta_dot))
            ),
            "the product rule; A moves as the layers below do",
        ),
    ),
    (
        Mistake(
            "Ȧᵀδ is missing: this is the Gauss–Newton part",
            lambda A, A_dot, delta, delta_dot: A.T @ delta_dot,
        ),
        Mistake("Aᵀδ̇ is missing", lambda A, A_dot, delta, delta_dot: A_dot.T @ delta),
        Mistake(
            "Ȧᵀδ̇ is of second order",
            lambda A, A_dot, delta, delta_dot: (A + A_dot).T @ delta_dot + A_dot.T @ delta,
        ),
        Mistake("this is the gradient Aᵀδ itself", lambda A, A_dot, delta, delta_dot: A.T @ delta),
    ),
)

EXERCISE = Exercise("15", "the tangent pass", (LAYER, SOFTMAX, TANH, GRADIENT))
