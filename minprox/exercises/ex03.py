"""Exercise 3, back-propagation by hand: a dense layer, tanh, and the softmax cross-entropy."""

from __future__ import annotations

import numpy as np

from minprox.exercises.by_hand import (
    activations,
    cross_entropy,
    dense_backward,
    dense_forward,
    forwards,
    input_test,
    layers,
    log_likelihood,
    logits,
    one_hot,
    softmax,
    tanh_backward,
    theta_test,
)
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative, with_ones
from minprox.exercises.variants import times

FORWARD = Task(
    "dense_forward",
    dense_forward,
    forwards,
    (
        Identity(
            "z = [a, 1] θ",
            "E1",
            lambda z, theta, a: relative(z, np.einsum("ni,io->no", a, theta[:-1]) + theta[-1]),
            "the last row of θ is the bias, which every sample gets once",
        ),
    ),
    (
        Mistake(
            "the bias is missing: A = [a, 1] ends with a column of ones", lambda theta, a: a @ theta[:-1]
        ),
        Mistake(
            "the first row of θ is taken for the bias; it is the last one",
            lambda theta, a: a @ theta[1:] + theta[0],
        ),
        Mistake("the bias is subtracted: its sign", lambda theta, a: a @ theta[:-1] - theta[-1]),
    ),
)

BACKWARD = Task(
    "dense_backward",
    dense_backward,
    layers,
    (
        Identity("⟨[a, 1] θ, δ⟩ = ⟨θ, gradient⟩", "P1", theta_test, "the gradient is Aᵀδ with A = [a, 1]"),
        Identity(
            "⟨b W, δ⟩ = ⟨b, input_error⟩ with the weights W, θ without its last row",
            "A1",
            input_test,
            "the inputs meet the weights only, and their adjoint is δ Wᵀ",
        ),
    ),
    (
        Mistake(
            "the bias row is missing: Aᵀδ with A = [a, 1] ends with the sum of δ",
            lambda theta, a, delta: a.T @ delta,
        ),
        Mistake(
            "the bias row is zero, expected the sum of δ over the batch",
            lambda theta, a, delta: np.vstack([a.T @ delta, 0 * delta[:1]]),
        ),
        Mistake(
            "the bias row is a mean over the batch, expected the sum of δ",
            lambda theta, a, delta: np.vstack([a.T @ delta, delta.mean(axis=0)]),
        ),
        Mistake(
            "the bias row stands first; it is the last one",
            lambda theta, a, delta: np.vstack([delta.sum(axis=0), a.T @ delta]),
        ),
        Mistake(
            "divided by the batch size once more: the mean over the batch is in δ already",
            lambda theta, a, delta: with_ones(a).T @ delta / len(a),
        ),
        Mistake(
            "the bias: an input error for the column of ones too; leave out the last row of θ",
            lambda theta, a, delta: delta @ theta.T,
            part=1,
        ),
        Mistake("the weights are not transposed: δ Wᵀ", lambda theta, a, delta: delta @ theta[:-1], part=1),
        Mistake(
            "the first row of θ is left out as the bias; it is the last one",
            lambda theta, a, delta: delta @ theta[1:].T,
            part=1,
        ),
    ),
    parts=("gradient", "input_error"),
)

TANH = Task(
    "tanh_backward",
    tanh_backward,
    activations,
    (
        Identity(
            "⟨δ, d tanh(z)⟩ = ⟨answer, dz⟩ for every change dz",
            "A1",
            lambda e, z, delta: descends(e, lambda v: (delta * np.tanh(v)).sum(), z, 1.0),
            "the derivative of tanh is 1 − tanh(z)²",
        ),
    ),
    (
        Mistake(
            "σ′ is taken at a = tanh(z), expected at z",
            lambda z, delta: (1 - np.tanh(np.tanh(z)) ** 2) * delta,
        ),
        Mistake("δ is missing: the answer is σ′(z) δ", lambda z, delta: 1 - np.tanh(z) ** 2),
        Mistake("the square is missing: σ′ = 1 − tanh(z)²", lambda z, delta: (1 - np.tanh(z)) * delta),
        Mistake("this is tanh(z) δ: the derivative is missing", lambda z, delta: np.tanh(z) * delta),
        Mistake("z is taken for tanh(z): 1 − z²", lambda z, delta: (1 - z**2) * delta),
        Mistake("the sign: σ′ = 1 − tanh(z)²", lambda z, delta: (1 + np.tanh(z) ** 2) * delta),
        Mistake("σ′ is missing: δ goes through unchanged", lambda z, delta: delta),
    ),
)


def naive(z):
    """The softmax without the shift by the maximum."""
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


OVERFLOW = "overflow: exp of a large z is infinite; subtract the maximum of each row first"
ENTROPY = Task(
    "cross_entropy",
    cross_entropy,
    logits,
    (
        Identity(
            "J = −1/N Σ log p_y",
            "E1",
            lambda J, g, z, y: relative(J, -log_likelihood(z, y).sum() / len(y)),
            "p is the softmax of each row of z, p_y its entry at the label",
        ),
        Identity(
            "the entries of δ sum to zero in each row",
            "",
            lambda J, g, z, y: float(np.abs(g.sum(axis=1)).max()) * len(y),
            "both the probabilities and the target sum to one",
        ),
        Identity(
            "dJ = ⟨δ, dz⟩ for every change dz",
            "E1",
            lambda J, g, z, y: descends(g, lambda v: -log_likelihood(v, y).mean(), z, 1.0),
            "δ = (p − t)/N with the one-hot target t",
        ),
    ),
    (
        Mistake(OVERFLOW, lambda z, y: -np.log(naive(z)[np.arange(len(y)), y]).mean()),
        Mistake(OVERFLOW, lambda z, y: (naive(z) - one_hot(z, y)) / len(y), part=1),
        Mistake(
            "the mean over the batch is missing: this is the sum", lambda z, y: -log_likelihood(z, y).sum()
        ),
        *(
            Mistake(
                "log(p + ε) is another function and stops at log ε: take log p = z − log Σ exp(z), shifted",
                lambda z, y, eps=eps: -np.log(softmax(z)[np.arange(len(y)), y] + eps).mean(),
            )
            for eps in (*10.0 ** -np.arange(5, 21), *(float(np.finfo(dtype).eps) for dtype in ("f4", "f8")))
        ),
        Mistake("the logarithm is missing", lambda z, y: -softmax(z)[np.arange(len(y)), y].mean()),
        Mistake(
            "the mean over the batch is missing in δ: divide by N",
            lambda z, y: softmax(z) - one_hot(z, y),
            part=1,
        ),
        Mistake("the sign of δ: it is p − t, not t − p", times(cross_entropy, -1.0, 1), part=1),
        Mistake("the target is missing in δ: p − t", lambda z, y: softmax(z) / len(y), part=1),
        Mistake(
            "transposed: the softmax runs over the classes of each row, not over the batch",
            lambda z, y: (softmax(z, axis=0) - one_hot(z, y)) / len(y),
            part=1,
        ),
        Mistake(
            "transposed: the softmax runs over the classes of each row, not over the batch",
            lambda z, y: -np.log(softmax(z, axis=0)[np.arange(len(y)), y]).mean(),
        ),
        Mistake(
            "divided by all entries of z, expected by the number of samples",
            lambda z, y: (softmax(z) - one_hot(z, y)) / z.size,
            part=1,
        ),
    ),
    parts=("loss", "delta"),
)

EXERCISE = Exercise("03", "back-propagation by hand", (FORWARD, BACKWARD, TANH, ENTROPY))
