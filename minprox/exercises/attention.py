"""Exercise 18, the last task: causal attention, and where it may go wrong."""

from __future__ import annotations

import numpy as np

from minprox.exercises.by_hand import softmax
from minprox.exercises.tasks import Identity, Mistake, Task, relative
from minprox.exercises.variants import normal


def causal_attention(q, k, v):
    weights = softmax(scores(q, k))
    return weights, weights @ v


def scores(q, k, hidden=-np.inf, later=1, root=True):
    """``qkᵀ/√n`` with ``hidden`` in the places from ``later`` on; the last arguments are where it errs."""
    s = q @ k.T / (np.sqrt(q.shape[1]) if root else 1.0)
    return np.where(np.triu(np.ones(s.shape), later) > 0, hidden, s)


def attending(part, **options):
    """Attention with a slip in the scores."""

    def wrong(q, k, v):
        weights = softmax(scores(q, k, **options))
        return (weights, weights @ v)[part]

    return wrong


def places():
    shapes = ((6, 3, 2), (4, 4, 4), (2, 5, 3))
    return normal(44, [{"q": (T, n), "k": (T, n), "v": (T, m)} for T, n, m in shapes])


def off_ratios(weights, q, k):
    """How far the logarithms of the weights that are seen differ otherwise than the scores, row by row."""
    found, expected = np.log(weights), q @ k.T / np.sqrt(q.shape[1])
    seen = np.tril(np.ones(expected.shape)) > 0
    return relative((found - found[:, :1])[seen], (expected - expected[:, :1])[seen])


ATTENTION = Task(
    "causal_attention",
    causal_attention,
    places,
    (
        Identity(
            "the weights of a place sum to one",
            "",
            lambda weights, output, q, k, v: relative(weights.sum(axis=1), np.ones(len(q))),
            "softmax along the places that are looked at",
        ),
        Identity(
            "no weight on a place that comes later",
            "",
            lambda weights, output, q, k, v: float(np.abs(np.triu(weights, 1)).max()),
            "−∞ in the scores, before the softmax",
        ),
        Identity(
            "log w_ts − log w_t1 = q_t·(k_s − k_1)/√n for s ≤ t",
            "",
            lambda weights, output, q, k, v: off_ratios(weights, q, k),
            "inner products over √n, n being the length of a row of q",
        ),
        Identity(
            "output = weights · v",
            "",
            lambda weights, output, q, k, v: relative(output, softmax(scores(q, k)) @ v),
            "the mean of v with the weights of the place",
        ),
    ),
    (
        Mistake("it sees what comes later: the mask is missing", attending(0, later=10**6)),
        Mistake("a place does not see itself; expected it to", attending(0, later=0)),
        Mistake("√n is missing in the scores", attending(0, root=False)),
        Mistake(
            "0 stands in the masked scores; that is a weight like any other: expected −∞",
            attending(0, hidden=0.0),
        ),
        Mistake(
            "the mask comes after the softmax, so that the weights do not sum to one",
            lambda q, k, v: np.tril(attending(0, later=10**6)(q, k, v)),
        ),
        Mistake(
            "the softmax runs over the places that look; expected over those looked at",
            lambda q, k, v: softmax(scores(q, k), axis=0),
        ),
        Mistake("these are the scores: the softmax is missing", lambda q, k, v: scores(q, k)),
        Mistake("k and q are exchanged: row t belongs to q_t", lambda q, k, v: softmax(scores(k, q))),
        Mistake("it sees what comes later: the mask is missing", attending(1, later=10**6), 1),
        Mistake("√n is missing in the scores", attending(1, root=False), 1),
        Mistake(
            "the weights are transposed: row t of them belongs to place t",
            lambda q, k, v: softmax(scores(q, k)).T @ v,
            1,
        ),
        Mistake(
            "v is averaged without weights",
            lambda q, k, v: np.cumsum(v, axis=0) / np.arange(1, len(v) + 1)[:, None],
            1,
        ),
    ),
    parts=("weights", "output"),
)
