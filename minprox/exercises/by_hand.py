"""Back-propagation by hand: the right answers of exercise 3, its problems, and the dot tests."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import with_ones
from minprox.exercises.variants import chosen, normal


def dense_forward(theta, a):
    return with_ones(a) @ theta


def dense_backward(theta, a, delta):
    return with_ones(a).T @ delta, delta @ theta[:-1].T


def tanh_backward(z, delta):
    return (1 - np.tanh(z) ** 2) * delta


def softmax(z, axis=1):
    """z may be complex, for a complex step."""
    e = np.exp(z - z.real.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(z, y):
    return np.eye(z.shape[1])[y]


def log_likelihood(z, y):
    """``log p_y`` of every sample; z may be complex, for a complex step."""
    shifted = z - z.real.max(axis=1, keepdims=True)
    return shifted[np.arange(len(y)), y] - np.log(np.exp(shifted).sum(axis=1))


def cross_entropy(z, y):
    return -log_likelihood(z, y).mean(), (softmax(z) - one_hot(z, y)) / len(y)


def layers():
    shapes = ((6, 4, 4), (7, 4, 3), (2, 5, 6), (1, 5, 2))
    return normal(3, [{"theta": (n + 1, m), "a": (rows, n), "delta": (rows, m)} for rows, n, m in shapes])


forwards = chosen(layers, "theta", "a")


def activations():
    return normal(4, [{"z": shape, "delta": shape} for shape in ((7, 3), (2, 9), (1, 5))])


def logits():
    rng = np.random.default_rng(5)
    return [
        {"z": scale * rng.standard_normal((rows, classes)), "y": rng.integers(0, classes, rows)}
        for rows, classes, scale in ((7, 4, 1.0), (3, 8, 2.0), (5, 5, 1000.0), (1, 3, 1.0))
    ]


def probe(shape):
    """A fixed random direction."""
    return np.random.default_rng(98).standard_normal(shape)


def dot_test(forward, change, back, delta):
    """The relative gap of ``⟨forward, δ⟩ = ⟨change, back⟩``."""
    size = float(
        np.linalg.norm(forward) * np.linalg.norm(delta) + np.linalg.norm(change) * np.linalg.norm(back)
    )
    return abs(float(np.vdot(forward, delta) - np.vdot(change, back))) / size


def theta_test(g, e, theta, a, delta):
    """The dot test of ``θ ↦ φ(θ, a)``."""
    b = probe(theta.shape)
    return dot_test(dense_forward(b, a), b, g, delta)


def input_test(g, e, theta, a, delta):
    """The dot test of ``a ↦ φ(θ, a)``, which is linear but for the bias."""
    b = probe(a.shape)
    return dot_test(b @ theta[:-1], b, e, delta)
