"""Exercise 5, the last task: a layer of Algorithm 2, and where it may go wrong."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import (
    SHIFT,
    algorithm_2_layer,
    implicit_step,
    optimality,
    proximal_update,
    sweeps,
)
from minprox.exercises.penalty import sigma_prime
from minprox.exercises.tasks import Identity, Mistake, Task, descends, relative, with_ones


def layer(words, part, slope=sigma_prime, sign=-1, finish=None):
    """A layer of Algorithm 2 which goes wrong in one place."""

    def wrong(theta, a_below, z, a_half, tau_theta):
        z_half = z + sign * slope(z) * (np.tanh(z) - a_half)
        return finish(theta, with_ones(a_below), z_half, tau_theta) if finish else z_half

    return Mistake(words, wrong, part)


LAYER = Task(
    "algorithm_2_layer",
    algorithm_2_layer,
    sweeps,
    (
        Identity(
            "z − z_half = σ′(z)(σ(z) − a_half)",
            "A2",
            lambda z_half, below, new, theta, a_below, z, a_half, tau_theta: descends(
                z - z_half, lambda v: ((np.tanh(v) - a_half) ** 2).sum() / 2, z, 1.0
            ),
            "the same half-step as in Algorithm 1, with γ = 1/τ",
        ),
        Identity(
            "a_below − a_below_half = (φ(θ, a_below) − z_half) Wᵀ",
            "A2",
            lambda z_half, below, new, theta, a_below, z, a_half, tau_theta: relative(
                a_below - below, (with_ones(a_below) @ theta - z_half) @ theta[:-1].T
            ),
            "the same half-step as in Algorithm 1, with ρ = 1/τ, at the old θ",
        ),
        Identity(
            "Aᵀ(Aθ⁺ − z_half) = (θ − θ⁺)/τ_θ",
            "E5",
            lambda z_half, below, new, theta, a_below, z, a_half, tau_theta: optimality(
                new, theta, with_ones(a_below), z_half, tau_theta
            ),
            "θ⁺ is the proximal update with A = [a_below, 1] at the old a_below",
        ),
    ),
    (
        layer("the sign: z moves against the gradient", 0, sign=1),
        layer("σ′ is missing", 0, slope=np.ones_like),
        layer("σ′ is taken at a = σ(z), expected at z", 0, slope=lambda z: sigma_prime(np.tanh(z))),
        layer(
            "the sign: a_below moves against the gradient",
            1,
            finish=lambda theta, A, half, t: A[:, :-1] + (A @ theta - half) @ theta[:-1].T,
        ),
        layer(
            "the half-step is taken at the new θ⁺, expected at the old θ",
            1,
            finish=lambda theta, A, half, t: (
                A[:, :-1]
                - (A @ proximal_update(theta, A, half, t) - half) @ proximal_update(theta, A, half, t)[:-1].T
            ),
        ),
        layer(
            "this is the explicit step of Algorithm 1: the proximal one is missing",
            2,
            finish=lambda theta, A, half, t: theta - A.T @ (A @ theta - half),
        ),
        layer(
            f"{SHIFT}, found τ_θ I",
            2,
            finish=lambda theta, A, half, t: proximal_update(theta, A, half, 1 / t),
        ),
        layer(
            "the bias row does not move: A = [a_below, 1] has a column of ones",
            2,
            finish=lambda theta, A, half, t: np.vstack(
                [theta[:-1] - implicit_step(A[:, :-1], A @ theta - half, t), theta[-1:]]
            ),
        ),
    ),
    parts=("z_half", "a_below_half", "theta_next"),
)
