"""Exercise 5, the implicit step of one layer (E5, E6) and the layer of Algorithm 2."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import (
    SHIFT,
    bare_bias,
    implicit_step,
    inputs,
    layer_matrix,
    mean_gram,
    optimality,
    proximal_update,
    shifted,
    systems,
    updates,
)
from minprox.exercises.layer_sweep import LAYER
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative, with_ones
from minprox.exercises.variants import inverse, varied

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


BARE = "the bias is left without 1/τ_θ: the shift I/τ_θ has every parameter on it, the last row too"
MEAN = "AᵀA is divided by N: the mean over the batch stands in the loss, thus in δ, and AᵀA is a sum"
ROOT = "the weight stands without its root: stacked for least squares, the rows are"
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
        Mistake(BARE, lambda A, delta, tau_theta: np.linalg.solve(bare_bias(A, tau_theta), A.T @ delta)),
        Mistake(MEAN, lambda A, delta, tau_theta: np.linalg.solve(mean_gram(A, tau_theta), A.T @ delta)),
        Mistake(
            f"{MEAN}; Aᵀδ neither", lambda A, delta, tau_theta: implicit_step(A, delta, tau_theta / len(A))
        ),
        Mistake(
            f"{ROOT} [A; I/√τ_θ] and [δ; 0]",
            lambda A, delta, tau_theta: np.linalg.solve(shifted(A, 1 / tau_theta**2), A.T @ delta),
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
            varied(proximal_update, tau_theta=inverse),
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
            BARE,
            lambda theta, A, z_half, tau_theta: (
                theta - np.linalg.solve(bare_bias(A, tau_theta), A.T @ (A @ theta - z_half))
            ),
        ),
        Mistake(
            MEAN,
            lambda theta, A, z_half, tau_theta: (
                theta - np.linalg.solve(mean_gram(A, tau_theta), A.T @ (A @ theta - z_half))
            ),
        ),
        Mistake(
            f"{MEAN}; Aᵀ(Aθ − z_half) neither",
            lambda theta, A, z_half, tau_theta: proximal_update(theta, A, z_half, tau_theta / len(A)),
        ),
        Mistake(
            f"{ROOT} [A; I/√τ_θ] and [z_half; θ/√τ_θ]",
            varied(proximal_update, tau_theta=lambda tau_theta: tau_theta**2),
        ),
        Mistake(
            "this is Crank–Nicolson, with the mean of both gradients; (E5) takes the new one alone",
            lambda theta, A, z_half, tau_theta: proximal_update(
                theta - tau_theta / 2 * A.T @ (A @ theta - z_half), A, z_half, tau_theta / 2
            ),
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


EXERCISE = Exercise("05", "the implicit step of one layer", (MATRIX, STEP, UPDATE, LAYER))
