"""Exercise 13, layers of one's own: a scale with a shift for each channel, and Swish."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative
from minprox.exercises.variants import chosen, normal, varied

CHANNELS = 3


def scale(theta, a):
    """``z = θ₀ a + θ₁``, channel by channel."""
    return theta[0] * a + theta[1]


def adjoint_theta(a, delta):
    return np.stack([(a * delta).sum(axis=0), delta.sum(axis=0)])


def adjoint_input(theta, a, delta):
    return theta[0] * delta


def matrix(a):
    return np.stack([a.T, np.ones_like(a.T)], axis=2)


def sigmoid(z):
    """``1/(1 + e⁻ᶻ)``; z may be complex, for a complex step."""
    return (1 + np.tanh(z / 2)) / 2


def swish(z):
    return z * sigmoid(z)


def swish_adjoint(delta, a, z):
    return delta * swish_prime(z)


def swish_prime(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)


def batches():
    return normal(
        14, [{"theta": (2, CHANNELS), "a": (rows, CHANNELS), "delta": (rows, CHANNELS)} for rows in (7, 3, 1)]
    )


def activations():
    return [{"delta": p["delta"], "a": swish(2 * p["a"]), "z": 2 * p["a"]} for p in batches()]


GRADIENT = Task(
    "Scale.adjoint_theta",
    adjoint_theta,
    chosen(batches, "a", "delta"),
    (
        Identity(
            "⟨φ(θ, a), δ⟩ = ⟨θ, answer⟩ for every θ",
            "P1",
            lambda g, a, delta: descends(
                g, lambda theta: (scale(theta, a) * delta).sum(), np.ones((2, CHANNELS)), 1.0
            ),
            "collect what stands with θ₀ and what stands with θ₁ in Σ (θ₀ a + θ₁) δ",
        ),
    ),
    (
        Mistake(
            "the bias row is missing: θ₁ is added to every sample, so that it gets the sum of δ",
            lambda a, delta: (a * delta).sum(axis=0)[None],
        ),
        Mistake(
            "the bias row is zero: θ₁ is added to every sample, so that it gets the sum of δ",
            lambda a, delta: np.stack([(a * delta).sum(axis=0), 0 * a[0]]),
        ),
        Mistake(
            "the mean over the batch, expected the sum", lambda a, delta: adjoint_theta(a, delta) / len(a)
        ),
        Mistake(
            "the two rows are exchanged: the scale is first, the bias last",
            lambda a, delta: adjoint_theta(a, delta)[::-1],
        ),
        Mistake(
            "transposed: θ has the shape (2, channels)",
            lambda a, delta: adjoint_theta(a, delta).T,
        ),
        Mistake("δ is missing", varied(adjoint_theta, delta=np.ones_like)),
        Mistake(
            "the input a is missing in the row of the scale",
            varied(adjoint_theta, a=np.ones_like),
        ),
    ),
    init=(CHANNELS,),
)

INPUT = Task(
    "Scale.adjoint_input",
    adjoint_input,
    chosen(batches, "theta", "a", "delta"),
    (
        Identity(
            "⟨φ(θ, a + b) − φ(θ, a), δ⟩ = ⟨b, answer⟩ for every b",
            "A1",
            lambda e, theta, a, delta: descends(e, lambda b: (scale(theta, b) * delta).sum(), a, 1.0),
            "the error δ goes back through the factor that a met",
        ),
    ),
    (
        Mistake("the scale θ₀ is missing: δ goes through unchanged", lambda theta, a, delta: delta),
        Mistake(
            "the bias θ₁ is added: it has no part in the derivative",
            lambda theta, a, delta: scale(theta, delta),
        ),
        Mistake("the input a stands where the scale θ₀ belongs", lambda theta, a, delta: a * delta),
        Mistake("the bias θ₁ stands where the scale θ₀ belongs", lambda theta, a, delta: theta[1] * delta),
        Mistake(
            "divided by the scale: an adjoint is not an inverse", lambda theta, a, delta: delta / theta[0]
        ),
    ),
    init=(CHANNELS,),
)

MATRIX = Task(
    "Scale.matrix",
    matrix,
    chosen(batches, "a"),
    (
        Identity(
            "A_c θ_c = φ(θ, a)_c in each channel c",
            "E6",
            lambda A, a: relative(
                (A @ np.array([[[1.3], [-0.7]]]))[..., 0].T, scale(np.array([1.3, -0.7]), a)
            ),
            "each channel is a group of its own: shape (channels, samples, 2)",
        ),
        Identity(
            "the last column of each A_c holds ones, for the bias",
            "E6",
            lambda A, a: relative(A[..., 1], np.ones_like(a.T)),
            "θ₁ is added to every sample",
        ),
    ),
    (
        Mistake("the bias: the column of ones is missing", lambda a: a.T[..., None]),
        Mistake(
            "the bias: zeros where the column of ones belongs", lambda a: np.stack([a.T, 0 * a.T], axis=2)
        ),
        Mistake(
            "the column of ones stands first: it belongs to the bias, the last row of θ",
            lambda a: matrix(a)[..., ::-1],
        ),
        Mistake(
            "transposed: the samples run first; expected (channels, samples, 2)",
            lambda a: matrix(a).swapaxes(0, 1),
        ),
        Mistake(
            "transposed: each A_c is 2 × samples; expected samples × 2", lambda a: matrix(a).swapaxes(1, 2)
        ),
    ),
    init=(CHANNELS,),
)

SWISH = Task(
    "Swish.adjoint",
    swish_adjoint,
    activations,
    (
        Identity(
            "⟨δ, d swish(z)⟩ = ⟨answer, dz⟩ for every change dz",
            "A1",
            lambda e, delta, a, z: descends(e, lambda v: (delta * swish(v)).sum(), z, 1.0),
            "the product rule, with s′ = s(1 − s) for the sigmoid s",
        ),
    ),
    (
        Mistake("the product rule: z s′(z) is missing", lambda delta, a, z: delta * sigmoid(z)),
        Mistake(
            "the product rule: s(z) is missing", lambda delta, a, z: delta * z * sigmoid(z) * (1 - sigmoid(z))
        ),
        Mistake(
            "this is the derivative of the sigmoid alone: Swish is z s(z)",
            lambda delta, a, z: delta * sigmoid(z) * (1 - sigmoid(z)),
        ),
        Mistake("σ′ is taken at the output a, expected at z", lambda delta, a, z: delta * swish_prime(a)),
        Mistake("δ is missing: the answer is σ′(z) δ", lambda delta, a, z: swish_prime(z)),
        Mistake("σ′ is missing: δ goes through unchanged", lambda delta, a, z: delta),
        Mistake("this is σ(z) δ: the derivative is missing", lambda delta, a, z: delta * swish(z)),
    ),
)

EXERCISE = Exercise("13", "layers of your own", (GRADIENT, INPUT, MATRIX, SWISH))
