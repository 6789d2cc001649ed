"""Exercise 5, the implicit step of one layer (E5, E6) and the layer of Algorithm 2."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import (
    algorithm_2_layer,
    implicit_step,
    inputs,
    layer_matrix,
    optimality,
    proximal_update,
    shifted,
    sweeps,
    systems,
    updates,
)
from minprox.exercises.penalty import sigma_prime
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative, with_ones

ONES = "the bias: A = [a, 1] has a column of ones, the last one"
MATRIX = Task(
    "layer_matrix",
    layer_matrix,
    inputs,
    (
        Identity(
            "A θ = a W + bias, with the bias in the last row of θ",
            "E1",
            lambda A, a: relative(A @ weights(a), a @ weights(a)[:-1] + weights(a)[-1]),
            "A = [a, 1]: the inputs, and a column of ones for the bias",
        ),
    ),
    (
        Mistake(f"{ONES}; here it is missing", lambda a: a),
        Mistake(f"{ONES}; here it stands first", lambda a: with_ones(a[:, ::-1])[:, ::-1]),
        Mistake(f"{ONES}; here it holds zeros", lambda a: np.hstack([a, np.zeros((len(a), 1))])),
        Mistake(
            "a row of ones, expected a column: the bias", lambda a: np.vstack([a, np.ones((1, a.shape[1]))])
        ),
    ),
)


def weights(a):
    return np.random.default_rng(97).standard_normal((a.shape[1] + 1, 2))


SHIFT = "1/τ_θ: the shift of the matrix is I/τ_θ"
STEP = Task(
    "implicit_step",
    implicit_step,
    systems,
    (
        Identity(
            "(AᵀA + I/τ_θ) d = Aᵀδ",
            "E6",
            lambda d, A, delta, tau_theta: relative(shifted(A, 1 / tau_theta) @ d, A.T @ delta),
            "solve with the cols × cols matrix AᵀA + I/τ_θ, for all columns of δ at once",
        ),
        Identity(
            "⟨Aᵀδ, d⟩ > 0",
            "P3",
            lambda d, A, delta, tau_theta: float(not np.vdot(A.T @ delta, d) > 0),
            "the implicit step is a descent direction for every τ_θ",
        ),
    ),
    (
        Mistake(
            f"{SHIFT}, found τ_θ I",
            lambda A, delta, tau_theta: np.linalg.solve(shifted(A, tau_theta), A.T @ delta),
        ),
        Mistake(
            f"{SHIFT}, found the identity without 1/τ_θ",
            lambda A, delta, tau_theta: np.linalg.solve(shifted(A, 1), A.T @ delta),
        ),
        Mistake(
            f"{SHIFT}, found 1/τ_θ added to every entry: multiply it with np.eye",
            lambda A, delta, tau_theta: np.linalg.solve(A.T @ A + 1 / tau_theta, A.T @ delta),
        ),
        Mistake(
            f"{SHIFT}, which is missing: this is the least-squares solution, and for wide A one of many",
            lambda A, delta, tau_theta: np.linalg.pinv(A) @ delta,
        ),
        Mistake(
            "the sign of the shift: it is AᵀA + I/τ_θ",
            lambda A, delta, tau_theta: np.linalg.solve(shifted(A, -1 / tau_theta), A.T @ delta),
        ),
        Mistake(
            "this is the gradient Aᵀδ: the system is not solved", lambda A, delta, tau_theta: A.T @ delta
        ),
        Mistake(
            "this is τ_θ Aᵀδ, an explicit step: it agrees for small τ_θ only",
            lambda A, delta, tau_theta: tau_theta * A.T @ delta,
        ),
        Mistake(
            "the matrix is not inverted: this is (AᵀA + I/τ_θ) Aᵀδ",
            lambda A, delta, tau_theta: shifted(A, 1 / tau_theta) @ A.T @ delta,
        ),
    ),
)

UPDATE = Task(
    "proximal_update",
    proximal_update,
    updates,
    (
        Identity(
            "Aᵀ(Aθ⁺ − z_half) = (θ − θ⁺)/τ_θ",
            "E5",
            optimality,
            "the gradient of ½ ‖Aθ⁺ − z_half‖² + 1/(2τ_θ) ‖θ⁺ − θ‖² vanishes at the minimiser",
        ),
    ),
    (
        Mistake(
            f"{SHIFT}, found τ_θ I",
            lambda theta, A, z_half, tau_theta: proximal_update(theta, A, z_half, 1 / tau_theta),
        ),
        Mistake(
            "the sign: θ⁺ = θ − (AᵀA + I/τ_θ)⁻¹ Aᵀ(Aθ − z_half)",
            lambda theta, A, z_half, tau_theta: 2 * theta - proximal_update(theta, A, z_half, tau_theta),
        ),
        Mistake(
            "the old θ is missing: this is pulled towards 0, not towards θ",
            lambda theta, A, z_half, tau_theta: implicit_step(A, z_half, tau_theta),
        ),
        Mistake(
            "1/τ_θ stands with the old θ too: the system is (AᵀA + I/τ_θ) θ⁺ = Aᵀz_half + θ/τ_θ",
            lambda theta, A, z_half, tau_theta: np.linalg.solve(
                shifted(A, 1 / tau_theta), A.T @ z_half + theta
            ),
        ),
        Mistake(
            "this is the step alone: θ⁺ is θ minus it",
            lambda theta, A, z_half, tau_theta: theta - proximal_update(theta, A, z_half, tau_theta),
        ),
        Mistake(
            "an explicit step: the gradient is to be taken at the new θ⁺",
            lambda theta, A, z_half, tau_theta: theta - tau_theta * A.T @ (A @ theta - z_half),
        ),
        Mistake(
            "the residual is Aθ − z_half, here it is −z_half: the old θ is missing in it",
            lambda theta, A, z_half, tau_theta: theta + implicit_step(A, z_half, tau_theta),
        ),
    ),
)


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

EXERCISE = Exercise("05", "the implicit step of one layer", (MATRIX, STEP, UPDATE, LAYER))
