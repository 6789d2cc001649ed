"""Exercise 19, proximal gradient steps: soft thresholds, extrapolation, and whole units."""

from __future__ import annotations

import numpy as np

from minprox.exercises.quadratic import gradient, steps
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import normal


def soft(v, threshold):
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0)


def ista_step(A, b, w, tau, lam):
    return soft(w - tau * gradient(A, b, w), tau * lam)


def extrapolate(w, w_old, t):
    t_next = (1 + np.sqrt(1 + 4 * t * t)) / 2
    return t_next, w + (t - 1) / t_next * (w - w_old)


def group_shrink(V, tau):
    return V * np.maximum(0, 1 - tau / row_norms(V))


def row_norms(V):
    return np.linalg.norm(V, axis=1, keepdims=True)


def lassos():
    return [
        {"A": p["A"], "b": p["b"], "w": p["theta"], "tau": tau, "lam": lam}
        for p, tau, lam in zip(steps(), (0.1, 0.5, 0.05, 0.3), (3.0, 0.7, 2.0, 1.0), strict=True)
    ]


def iterates():
    return normal(36, [{"w": (n, 1), "w_old": (n, 1)} for n in (5, 3, 1)], t=(1.8, 7.4, 2.2))


def units():
    return normal(37, [{"V": shape} for shape in ((7, 3), (4, 4), (6, 1))], tau=(1.5, 0.4, 0.7))


def subgradient_gap(new, v, threshold):
    """How far ``(v − new)/threshold`` is from the subgradients of a norm at ``new``, row by row."""
    p = (v - new) / threshold
    alive = row_norms(new) > 0
    at_zero = np.maximum(row_norms(p) - 1, 0)
    elsewhere = row_norms(p - new / np.where(alive, row_norms(new), 1))
    return float(np.where(alive, elsewhere, at_zero).max())


ISTA = Task(
    "ista_step",
    ista_step,
    lassos,
    (
        Identity(
            "(w − τ∇J(w) − w⁺)/(τλ) is a sign of w⁺, or between −1 and 1 where w⁺ = 0",
            "E4",
            lambda u, A, b, w, tau, lam: subgradient_gap(u, w - tau * gradient(A, b, w), tau * lam),
            "explicit in the smooth part, and then the proximal map of τλ‖·‖₁",
        ),
    ),
    (
        Mistake(
            "the threshold is λ; expected τλ",
            lambda A, b, w, tau, lam: soft(w - tau * gradient(A, b, w), lam),
        ),
        Mistake(
            "the threshold is τ; expected τλ",
            lambda A, b, w, tau, lam: soft(w - tau * gradient(A, b, w), tau),
        ),
        Mistake(
            "the proximal map is missing: this is a gradient step on the smooth part",
            lambda A, b, w, tau, lam: w - tau * gradient(A, b, w),
        ),
        Mistake(
            "a subgradient step: λ sign(w) stands beside the gradient, and nothing becomes zero",
            lambda A, b, w, tau, lam: w - tau * (gradient(A, b, w) + lam * np.sign(w)),
        ),
        Mistake(
            "the sign of the gradient", lambda A, b, w, tau, lam: soft(w + tau * gradient(A, b, w), tau * lam)
        ),
        Mistake(
            "the threshold comes first; expected the gradient step first",
            lambda A, b, w, tau, lam: soft(w, tau * lam) - tau * gradient(A, b, soft(w, tau * lam)),
        ),
        Mistake(
            "small components become zero, the others stay: they shrink as well",
            lambda A, b, w, tau, lam: np.where(
                abs(w - tau * gradient(A, b, w)) > tau * lam, w - tau * gradient(A, b, w), 0
            ),
        ),
    ),
)

FISTA = Task(
    "extrapolate",
    extrapolate,
    iterates,
    (
        Identity(
            "t⁺² − t⁺ = t²",
            "",
            lambda t_next, y, w, w_old, t: relative(t_next**2 - t_next, t**2),
            "the positive root of a quadratic equation",
        ),
        Identity(
            "t⁺ (y − w) = (t − 1)(w − w_old)",
            "",
            lambda t_next, y, w, w_old, t: relative(
                (1 + np.sqrt(1 + 4 * t * t)) / 2 * (y - w), (t - 1) * (w - w_old)
            ),
            "further in the direction from the last iterate but one",
        ),
    ),
    (
        Mistake("the square of t is missing: √(1 + 4t²)", lambda w, w_old, t: (1 + np.sqrt(1 + 4 * t)) / 2),
        Mistake("1 is missing before the root", lambda w, w_old, t: np.sqrt(1 + 4 * t * t) / 2),
        Mistake("the ½ is missing", lambda w, w_old, t: 1 + np.sqrt(1 + 4 * t * t)),
        Mistake(
            "the sign: y lies beyond w, away from w_old",
            lambda w, w_old, t: 2 * w - extrapolate(w, w_old, t)[1],
            1,
        ),
        Mistake(
            "this is (t⁺ − 1)/t⁺; the old t stands above",
            lambda w, w_old, t: (
                w + (extrapolate(w, w_old, t)[0] - 1) / extrapolate(w, w_old, t)[0] * (w - w_old)
            ),
            1,
        ),
        Mistake(
            "this is (t − 1)/t; the new t⁺ stands below", lambda w, w_old, t: w + (t - 1) / t * (w - w_old), 1
        ),
        Mistake(
            "this is the step alone; y is w plus it", lambda w, w_old, t: extrapolate(w, w_old, t)[1] - w, 1
        ),
        Mistake(
            "it begins at w_old; expected at w",
            lambda w, w_old, t: extrapolate(w, w_old, t)[1] - w + w_old,
            1,
        ),
    ),
    parts=("t_next", "y"),
)

GROUP = Task(
    "group_shrink",
    group_shrink,
    units,
    (
        Identity(
            "(v − u)/τ = u/‖u‖ in every row, or ‖v‖ ≤ τ where u = 0",
            "E4",
            lambda u, V, tau: subgradient_gap(u, V, tau),
            "a row keeps its direction; its norm shrinks by τ, down to zero",
        ),
    ),
    (
        Mistake("entry by entry; expected row by row: a unit goes as a whole", lambda V, tau: soft(V, tau)),
        Mistake(
            "the maximum with zero is missing: short rows are turned round",
            lambda V, tau: V * (1 - tau / row_norms(V)),
        ),
        Mistake("the norm is missing: the factor is 1 − τ/‖v‖", lambda V, tau: V * max(0.0, 1 - tau)),
        Mistake(
            "the norm is that of all rows together", lambda V, tau: V * max(0.0, 1 - tau / np.linalg.norm(V))
        ),
        Mistake(
            "the norm is that of a column; expected of a row",
            lambda V, tau: V * np.maximum(0, 1 - tau / np.linalg.norm(V, axis=0)),
        ),
        Mistake(
            "short rows become zero, the others stay: they shrink as well",
            lambda V, tau: np.where(row_norms(V) > tau, V, 0),
        ),
    ),
)

EXERCISE = Exercise("19", "proximal gradient steps", (ISTA, FISTA, GROUP))
