"""Exercise 12, a residual block, and a layer that stands at two places."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import TAUS, implicit_step
from minprox.exercises.penalty import phi, sigma_prime
from minprox.exercises.tasks import SHAPES, Exercise, Identity, Mistake, Task, descends, relative, with_ones
from minprox.exercises.variants import chosen, normal, times, varied


def block_forward(theta, h):
    return h + phi(theta, np.tanh(h))


def block_backward(theta, h, delta):
    return both_ways(theta, h, delta)


def both_ways(theta, h, delta, skip=1.0, slope=sigma_prime):
    """``block_backward``; the last two arguments are where it may go wrong."""
    return with_ones(np.tanh(h)).T @ delta, skip * delta + slope(h) * (delta @ theta[:-1].T)


def shared_step(A_1, delta_1, A_2, delta_2, tau_theta):
    return implicit_step(np.vstack([A_1, A_2]), np.vstack([delta_1, delta_2]), tau_theta)


def blocks():
    shapes = ((6, 4), (4, 4), (1, 3))
    return normal(28, [{"theta": (n + 1, n), "h": (rows, n), "delta": (rows, n)} for rows, n in shapes])


def places():
    shapes = [
        {"A_1": (rows, cols), "delta_1": (rows, 3), "A_2": (rows, cols), "delta_2": (rows, 3)}
        for rows, cols in SHAPES
    ]
    return normal(29, shapes, tau_theta=TAUS)


def shared_optimality(d, A_1, delta_1, A_2, delta_2, tau_theta):
    """How far ``A₁ᵀ(A₁d − δ₁) + A₂ᵀ(A₂d − δ₂) + d/τ_θ`` is from zero."""
    return relative(A_1.T @ (delta_1 - A_1 @ d) + A_2.T @ (delta_2 - A_2 @ d), d / tau_theta)


FORWARD = Task(
    "block_forward",
    block_forward,
    chosen(blocks, "theta", "h"),
    (
        Identity(
            "h⁺ − h = [σ(h), 1] θ",
            "E1",
            lambda new, theta, h: relative(new - h, with_ones(np.tanh(h)) @ theta),
            "what a block adds is a layer of its activated input",
        ),
    ),
    (
        Mistake("the skip connection is missing: h is added", lambda theta, h: block_forward(theta, h) - h),
        Mistake("σ is missing: the layer reads tanh(h)", lambda theta, h: h + phi(theta, h)),
        Mistake("the bias is missing: the last row of θ", lambda theta, h: h + np.tanh(h) @ theta[:-1]),
        Mistake("σ stands behind the layer; expected before it", lambda theta, h: h + np.tanh(phi(theta, h))),
        Mistake(
            "σ(h) is added; the skip connection leaves h as it is",
            lambda theta, h: np.tanh(h) + phi(theta, np.tanh(h)),
        ),
    ),
)

BACKWARD = Task(
    "block_backward",
    block_backward,
    blocks,
    (
        Identity(
            "⟨d h⁺, δ⟩ = ⟨dθ, gradient⟩ for every change of θ",
            "P1",
            lambda g, e, theta, h, delta: descends(
                g, lambda t: (phi(t, np.tanh(h)) * delta).sum(), theta, 1.0
            ),
            "the gradient is Aᵀδ with A = [σ(h), 1]",
        ),
        Identity(
            "⟨d h⁺, δ⟩ = ⟨dh, input_error⟩ for every change of h",
            "A1",
            lambda g, e, theta, h, delta: descends(
                e, lambda u: (block_forward(theta, u) * delta).sum(), h, 1.0
            ),
            "h is read twice, so that two errors arrive: they add up",
        ),
    ),
    (
        Mistake("the bias row is missing", lambda theta, h, delta: np.tanh(h).T @ delta),
        Mistake("A holds h, expected σ(h)", lambda theta, h, delta: with_ones(h).T @ delta),
        Mistake(
            "the error through the sum is missing: δ itself",
            varied(both_ways, 1, skip=0.0),
            1,
        ),
        Mistake(
            "the error through the branch is missing",
            varied(both_ways, 1, slope=np.zeros_like),
            1,
        ),
        Mistake(
            "σ′ is missing on the way through the branch",
            varied(both_ways, 1, slope=np.ones_like),
            1,
        ),
        Mistake(
            "σ′ is taken at σ(h), expected at h",
            varied(both_ways, 1, slope=lambda u: sigma_prime(np.tanh(u))),
            1,
        ),
        Mistake(
            "σ′ stands before both errors; the sum has no activation",
            lambda theta, h, delta: sigma_prime(h) * (delta + delta @ theta[:-1].T),
            1,
        ),
        Mistake(
            "not transposed: δ goes back through Wᵀ",
            lambda theta, h, delta: delta + sigma_prime(h) * (delta @ theta[:-1]),
            1,
        ),
        Mistake(
            "the mean of both errors; expected their sum",
            times(block_backward, 1 / 2, 1),
            1,
        ),
    ),
    parts=("gradient", "input_error"),
)

SHARED = Task(
    "shared_step",
    shared_step,
    places,
    (
        Identity(
            "(A₁ᵀA₁ + A₂ᵀA₂ + I/τ_θ) d = A₁ᵀδ₁ + A₂ᵀδ₂",
            "E6",
            shared_optimality,
            "the parameters are the same at both places: one system, of which both matrices are rows",
        ),
    ),
    (
        Mistake(
            "the sum of two steps; expected one step for both places",
            lambda A_1, delta_1, A_2, delta_2, tau_theta: (
                implicit_step(A_1, delta_1, tau_theta) + implicit_step(A_2, delta_2, tau_theta)
            ),
        ),
        Mistake(
            "the mean of two steps; expected one step for both places",
            lambda A_1, delta_1, A_2, delta_2, tau_theta: (
                (implicit_step(A_1, delta_1, tau_theta) + implicit_step(A_2, delta_2, tau_theta)) / 2
            ),
        ),
        Mistake(
            "1/τ_θ is added twice: there is one proximal term",
            lambda tau_theta, **p: shared_step(**p, tau_theta=tau_theta / 2),
        ),
        Mistake(
            "1/τ_θ: the shift is I/τ_θ, found τ_θ I",
            lambda tau_theta, **p: shared_step(**p, tau_theta=1 / tau_theta),
        ),
        Mistake(
            "the second place is missing",
            lambda A_1, delta_1, A_2, delta_2, tau_theta: implicit_step(A_1, delta_1, tau_theta),
        ),
        Mistake(
            "the inputs are added up: rows of different samples do not mix",
            lambda A_1, delta_1, A_2, delta_2, tau_theta: implicit_step(
                A_1 + A_2, delta_1 + delta_2, tau_theta
            ),
        ),
    ),
)

EXERCISE = Exercise("12", "residual blocks and shared layers", (FORWARD, BACKWARD, SHARED))
