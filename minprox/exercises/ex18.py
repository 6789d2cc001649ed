"""Exercise 18, implicit steps on sequences: a table of vectors, gain and bias, and attention."""

from __future__ import annotations

import numpy as np

from minprox.exercises.attention import ATTENTION
from minprox.exercises.layer_steps import SHIFT
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import inverse, normal, varied


def embedding_step(tokens, delta, tau_theta, size):
    return gradient(tokens, delta, size) / (counts(tokens, size) + 1 / tau_theta)


def scale_step(a, delta, tau_theta):
    return scaled(a, delta, tau_theta)


def one_hot(tokens, size):
    """A: a row for each place, with a one at its token."""
    return np.eye(size)[tokens]


def counts(tokens, size):
    return np.bincount(tokens, minlength=size)[:, None]


def gradient(tokens, delta, size):
    return one_hot(tokens, size).T @ delta


def last_only(tokens, delta, size):
    """What ``g[tokens] += δ`` leaves: of a token that comes twice, its last row."""
    g = np.zeros((size, delta.shape[1]))
    g[tokens] += delta
    return g


def scaled(a, delta, tau_theta, mixed=True, bias=True, samples=1, first=False):
    """The exact step of gain and bias; the last four arguments are where it may go wrong."""
    a, delta = (u[0] if first else u.reshape(-1, u.shape[-1]) for u in (a, delta))
    rows = len(a) if samples == "all" else samples
    aa, ab, bb = ((u / rows).sum(axis=0) for u in (a * a, mixed * a, np.ones_like(a)))
    aa, bb = aa + 1 / tau_theta, bb + (1 / tau_theta if bias else 0)
    g, h = (a * delta).sum(axis=0), delta.sum(axis=0)
    return np.stack([bb * g - ab * h, aa * h - ab * g]) / (aa * bb - ab * ab)


def texts():
    rng, problems = np.random.default_rng(42), []
    for places, size, features, tau_theta in (
        (12, 5, 3, 0.4),
        (6, 6, 6, 2.0),
        (1, 4, 2, 5.0),
        (30, 3, 1, 0.05),
    ):
        delta = rng.standard_normal((places, features))
        tokens = rng.integers(0, size, places)
        problems.append({"tokens": tokens, "delta": delta, "tau_theta": tau_theta, "size": size})
    return problems


def sequences():
    shapes = ((3, 5, 4), (2, 2, 2), (1, 6, 3), (4, 1, 1))
    return normal(43, [{"a": s, "delta": s} for s in shapes], tau_theta=(0.05, 2.0, 0.4, 5.0))


def feature_optimality(d, a, delta, tau_theta):
    """How far d is from the step of every feature, with ``A_c = [a_c, 1]``."""
    a, delta = (u.reshape(-1, u.shape[-1]).T for u in (a, delta))
    A = np.stack([a, np.ones_like(a)], axis=2)
    M = A.swapaxes(1, 2) @ A + np.eye(2) / tau_theta
    return relative((M @ d.T[..., None])[..., 0], (A.swapaxes(1, 2) @ delta[..., None])[..., 0])


EMBEDDING = Task(
    "embedding_step",
    embedding_step,
    texts,
    (
        Identity(
            "(AᵀA + I/τ_θ) d = Aᵀδ, A having a one in each row, at the token",
            "E6",
            lambda d, tokens, delta, tau_theta, size: relative(
                one_hot(tokens, size).T @ (one_hot(tokens, size) @ d) + d / tau_theta,
                gradient(tokens, delta, size),
            ),
            "AᵀA is diagonal and counts the tokens; Aᵀδ sums δ over the places of a token",
        ),
    ),
    (
        Mistake(f"{SHIFT}, found τ_θ I", varied(embedding_step, tau_theta=inverse)),
        Mistake(
            "of a token that comes twice the last place counts alone: g[tokens] += δ adds once: np.add.at",
            lambda tokens, delta, tau_theta, size: (
                last_only(tokens, delta, size) / (counts(tokens, size) + 1 / tau_theta)
            ),
        ),
        Mistake(
            "the counts are missing: this is τ_θ times the gradient",
            lambda tokens, delta, tau_theta, size: tau_theta * gradient(tokens, delta, size),
        ),
        Mistake(
            "the number of all places stands where that of a token's own belongs",
            lambda tokens, delta, tau_theta, size: (
                gradient(tokens, delta, size) / (len(tokens) + 1 / tau_theta)
            ),
        ),
        Mistake(
            "1/τ_θ is missing below, and a token that does not come stays: this is the mean of δ",
            lambda tokens, delta, tau_theta, size: (
                gradient(tokens, delta, size) / np.maximum(counts(tokens, size), 1)
            ),
        ),
        Mistake(
            "1/τ_θ is missing: a token that does not come has 0/0",
            lambda tokens, delta, tau_theta, size: gradient(tokens, delta, size) / counts(tokens, size),
        ),
        Mistake(
            "AᵀA is divided by N, but δ has the mean of the loss already",
            lambda tokens, delta, tau_theta, size: (
                gradient(tokens, delta, size) / (counts(tokens, size) / len(tokens) + 1 / tau_theta)
            ),
        ),
        Mistake(
            "a row for each place; expected one for each token of the table",
            lambda tokens, delta, tau_theta, size: delta / (counts(tokens, size)[tokens] + 1 / tau_theta),
        ),
    ),
)

SCALE = Task(
    "scale_step",
    scale_step,
    sequences,
    (
        Identity(
            "(A_cᵀA_c + I/τ_θ) d_c = A_cᵀδ_c for every feature c, with A_c = [a_c, 1]",
            "E6",
            feature_optimality,
            "two equations for gain and bias, their rows being all places of all sequences",
        ),
    ),
    (
        Mistake(f"{SHIFT}, found τ_θ I", varied(scale_step, tau_theta=inverse)),
        Mistake("the bias is not regularised: I/τ_θ has its last entry, too", varied(scaled, bias=False)),
        Mistake(
            "AᵀA is taken as diagonal: gain and bias are tied by the sum of a", varied(scaled, mixed=False)
        ),
        Mistake("AᵀA is divided by N, but δ has the mean of the loss already", varied(scaled, samples="all")),
        Mistake(
            "only the first sequence is used; every place of every one is a row", varied(scaled, first=True)
        ),
        Mistake("the bias stands first; expected the gain", lambda **p: scale_step(**p)[::-1]),
        Mistake("transposed: expected (2, features)", lambda **p: scale_step(**p).T),
        Mistake(
            "this is the gradient: the systems are not solved",
            lambda a, delta, tau_theta: np.stack([(a * delta).sum(axis=(0, 1)), delta.sum(axis=(0, 1))]),
        ),
    ),
)

EXERCISE = Exercise("18", "implicit steps on sequences", (EMBEDDING, SCALE, ATTENTION))
