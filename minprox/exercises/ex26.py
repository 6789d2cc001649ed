"""Exercise 26, splitting: the blocks of the penalty energy, and multipliers at its ties."""

from __future__ import annotations

import numpy as np

from minprox.exercises.blocks import A_BLOCK, Z_BLOCK
from minprox.exercises.layer_steps import SHIFT, implicit_step
from minprox.exercises.penalty import phi, square
from minprox.exercises.tasks import (
    SHAPES,
    Exercise,
    Identity,
    Mistake,
    Task,
    relative,
    with_ones,
)
from minprox.exercises.variants import inverse, normal, times, varied


def theta_step(theta, a, z, u, tau_theta):
    A = with_ones(a)
    return theta - implicit_step(A, A @ theta - (z - u), tau_theta)


def multiplier_step(theta, x, z, a, u, w):
    s, t = phi(theta, x) - z, np.maximum(z, 0) - a
    return u + s, w + t, float(square(s) + square(t)) / float(square(a))


def updates():
    shapes = [{"theta": (n + 1, 3), "a": (rows, n), "z": (rows, 3), "u": (rows, 3)} for rows, n in SHAPES]
    return normal(56, shapes, tau_theta=(0.05, 2.0, 0.4, 5.0))


def ties():
    shapes = ((6, 3, 2), (4, 4, 4), (1, 5, 3))
    return normal(
        59,
        [
            {"theta": (n + 1, m), "x": (r, n), "z": (r, m), "a": (r, m), "u": (r, m), "w": (r, m)}
            for r, n, m in shapes
        ],
    )


THETA = Task(
    "theta_step",
    theta_step,
    updates,
    (
        Identity(
            "Aᵀ(Aθ⁺ − (z − u)) = (θ − θ⁺)/τ_θ, with A = [a, 1]",
            "E5",
            lambda new, theta, a, z, u, tau_theta: relative(
                with_ones(a).T @ (with_ones(a) @ new - z + u), (theta - new) / tau_theta
            ),
            "the tie is ‖Aθ − z + u‖², so that Aθ is drawn to z − u",
        ),
    ),
    (
        Mistake("the multiplier is missing: Aθ is drawn to z − u", varied(theta_step, u=np.zeros_like)),
        Mistake("the sign of the multiplier: Aθ is drawn to z − u", varied(theta_step, u=np.negative)),
        Mistake(f"{SHIFT}, found τ_θ I", varied(theta_step, tau_theta=inverse)),
        Mistake("this is the step; expected θ minus it", lambda **p: p["theta"] - theta_step(**p)),
        Mistake(
            "the proximal term pulls to zero; expected to the old θ",
            lambda theta, a, z, u, tau_theta: implicit_step(with_ones(a), z - u, tau_theta),
        ),
        Mistake(
            "the block is solved to the end; the proximal term is missing",
            lambda theta, a, z, u, tau_theta: theta - np.linalg.lstsq(with_ones(a), phi(theta, a) - z + u)[0],
        ),
        Mistake(
            "this is the explicit step",
            lambda theta, a, z, u, tau_theta: theta - tau_theta * with_ones(a).T @ (phi(theta, a) - z + u),
        ),
    ),
)

MULTIPLIERS = Task(
    "multiplier_step",
    multiplier_step,
    ties,
    (
        Identity(
            "u⁺ − u = [x, 1]θ − z",
            "E3",
            lambda u_next, w_next, broken, theta, x, z, a, u, w: relative(
                u_next - u, with_ones(x) @ theta - z
            ),
            "u grows by what the tie is broken",
        ),
        Identity(
            "w⁺ − w = σ(z) − a",
            "E3",
            lambda u_next, w_next, broken, theta, x, z, a, u, w: relative(w_next - w, z * (z > 0) - a),
            "w grows by what the tie is broken",
        ),
        Identity(
            "broken · ‖a‖² = ‖[x, 1]θ − z‖² + ‖σ(z) − a‖²",
            "E3",
            lambda u_next, w_next, broken, theta, x, z, a, u, w: relative(
                broken * (a * a).sum(),
                np.linalg.norm(with_ones(x) @ theta - z) ** 2 + np.linalg.norm(z * (z > 0) - a) ** 2,
            ),
            "both ties, squared, over the square of the activations",
        ),
    ),
    (
        Mistake(
            "the sign: the multiplier drives the tie apart", lambda **p: 2 * p["u"] - multiplier_step(**p)[0]
        ),
        Mistake(
            "the old multiplier is forgotten: it grows round by round",
            lambda **p: multiplier_step(**p)[0] - p["u"],
        ),
        Mistake(
            "the bias is missing: the tie is [x, 1]θ − z", lambda theta, x, z, u, **_: u + x @ theta[:-1] - z
        ),
        Mistake(
            "the sign: the multiplier drives the tie apart",
            lambda **p: 2 * p["w"] - multiplier_step(**p)[1],
            1,
        ),
        Mistake(
            "the old multiplier is forgotten: it grows round by round",
            lambda **p: multiplier_step(**p)[1] - p["w"],
            1,
        ),
        Mistake("the tie is σ(z) − a, found z − a", lambda z, a, w, **_: w + z - a, 1),
        Mistake("the root: squares are compared", lambda **p: multiplier_step(**p)[2] ** 0.5, 2),
        Mistake(
            "one of both ties is missing: σ(z) − a",
            lambda theta, x, z, a, **_: square(phi(theta, x) - z) / square(a),
            2,
        ),
        Mistake(
            "one of both ties is missing: [x, 1]θ − z",
            lambda z, a, **_: square(np.maximum(z, 0) - a) / square(a),
            2,
        ),
        Mistake("not divided by ‖a‖²", times(multiplier_step, lambda a, **_: square(a), 2), 2),
        Mistake(
            "the multipliers are in it: measure the ties themselves",
            lambda theta, x, z, a, u, w: (
                (square(phi(theta, x) - z + u) + square(np.maximum(z, 0) - a + w)) / square(a)
            ),
            2,
        ),
    ),
    parts=("u_next", "w_next", "broken"),
)

EXERCISE = Exercise("26", "splitting, and multipliers", (THETA, A_BLOCK, Z_BLOCK, MULTIPLIERS))
