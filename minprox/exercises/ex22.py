"""Exercise 22, the Wasserstein proximal of a generator: its term, distances of samples, a game."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative
from minprox.exercises.variants import inverse, normal, times, varied


def relaxed_term(g, g_old, h):
    return float(((g - g_old) ** 2).sum()) / (2 * h * len(g)), (g - g_old) / (h * len(g))


def w2_on_a_line(x, y):
    return w2(np.sort(x), np.sort(y))


def w2(x, y, root=True):
    """The distance where each x goes to the y of the same place."""
    mean = float(((x - y) ** 2).mean())
    return mean**0.5 if root else mean


def sliced_w2(x, y, directions):
    return float(np.mean([w2_on_a_line(x @ u, y @ u) ** 2 for u in directions])) ** 0.5


def game_step(x, y, B, tau):
    return played(x, y, B, tau)


def played(x, y, B, tau, raising=1):
    """Both at the new point; the last argument is where it may go wrong."""
    x_next = np.linalg.solve(np.eye(len(x)) + raising * tau**2 * B @ B.T, x - tau * B @ y)
    return x_next, y + raising * tau * B.T @ x_next


def explicit_game(x, y, B, tau):
    return x - tau * B @ y, y + tau * B.T @ x


def generators():
    shapes = ((6, 2), (3, 3), (1, 4), (5, 1))
    return normal(52, [{"g": s, "g_old": s} for s in shapes], h=(0.1, 2.0, 0.5, 7.0))


def lines():
    return normal(53, [{"x": (n,), "y": (n,)} for n in (7, 4, 2, 9)])


def clouds():
    rng, problems = np.random.default_rng(54), []
    for n, d, count in ((6, 2, 5), (3, 3, 4), (8, 2, 1)):
        u = rng.standard_normal((count, d))
        x, y = rng.standard_normal((2, n, d))
        problems.append({"x": x, "y": y, "directions": u / np.linalg.norm(u, axis=1, keepdims=True)})
    return problems


def games():
    shapes = ((3, 2), (4, 4), (1, 1), (2, 5))
    return normal(55, [{"x": (n,), "y": (m,), "B": (n, m)} for n, m in shapes], tau=(0.3, 2.0, 5.0, 0.7))


def best_pairing(x, y):
    """The smallest mean square over all ways to pair x with y, by linear programming."""
    cost = (x[:, None] - y) ** 2
    return float(cost[linear_sum_assignment(cost)].mean())


TERM = Task(
    "relaxed_term",
    relaxed_term,
    generators,
    (
        Identity(
            "2hB · value = Σ_i ‖g_i − g_old,i‖²",
            "W2",
            lambda value, error, g, g_old, h: relative(
                2 * h * len(g) * value, np.linalg.norm(g - g_old) ** 2
            ),
            "B is the number of samples, the rows of g",
        ),
        Identity(
            "⟨error, dg⟩ = d(value) for every change of g",
            "W2",
            lambda value, error, g, g_old, h: descends(
                error, lambda u: ((u - g_old) ** 2).sum(), g, 1 / (2 * h * len(g))
            ),
            "the derivative of a square has no ½ left",
        ),
    ),
    (
        Mistake("½ is missing", times(relaxed_term, 2.0, 0)),
        Mistake("the mean over the samples is missing", times(relaxed_term, lambda g, **_: len(g), 0)),
        Mistake(
            "the mean over all numbers; expected over the samples, each with its whole square",
            times(relaxed_term, lambda g, **_: 1 / g.shape[1], 0),
        ),
        Mistake("h stands above: a small h holds hard", varied(relaxed_term, 0, h=inverse)),
        Mistake(
            "the square is missing: this is the mean of the distances",
            lambda g, g_old, h: np.linalg.norm(g - g_old, axis=1).mean() / (2 * h),
        ),
        Mistake(
            "the mean of the samples alone is held; that is the affine term (W4)",
            lambda g, g_old, h: ((g - g_old).mean(axis=0) ** 2).sum() / (2 * h),
        ),
        Mistake("½ is left: the derivative of a square has none", times(relaxed_term, 0.5, 1), 1),
        Mistake("the mean over the samples is missing", times(relaxed_term, lambda g, **_: len(g), 1), 1),
        Mistake("h stands above: a small h holds hard", varied(relaxed_term, 1, h=inverse), 1),
        Mistake("the sign: this drives the samples away", times(relaxed_term, -1.0, 1), 1),
    ),
    parts=("value", "error"),
)

LINE = Task(
    "w2_on_a_line",
    w2_on_a_line,
    lines,
    (
        Identity(
            "answer = the root of the smallest mean square over all pairings",
            "W9",
            lambda d, x, y: relative(d, best_pairing(x, y) ** 0.5),
            "on a line the smallest goes to the smallest",
        ),
    ),
    (
        Mistake("this is W₂²: the root is missing", lambda x, y: w2(np.sort(x), np.sort(y), root=False)),
        Mistake("not sorted: this is one pairing, and not the best one", lambda x, y: w2(x, y)),
        Mistake("x is sorted and y is not", lambda x, y: w2(np.sort(x), y)),
        Mistake("y is sorted and x is not", lambda x, y: w2(x, np.sort(y))),
        Mistake(
            "the worst pairing: one of them is sorted downwards",
            lambda x, y: w2(np.sort(x), np.sort(y)[::-1]),
        ),
        Mistake(
            "the sum; expected the mean over the samples", times(w2_on_a_line, lambda x, **_: len(x) ** 0.5)
        ),
        Mistake(
            "this is W₁, the mean of |x − y|; expected the root of the mean square",
            lambda x, y: np.abs(np.sort(x) - np.sort(y)).mean(),
        ),
    ),
)

SLICED = Task(
    "sliced_w2",
    sliced_w2,
    clouds,
    (
        Identity(
            "answer² = the mean over u of the smallest mean square between ⟨u, x⟩ and ⟨u, y⟩, and answer ≥ 0",
            "W9",
            lambda d, x, y, directions: relative(
                d * abs(d), np.mean([best_pairing(x @ u, y @ u) for u in directions])
            ),
            "squares are averaged, and the root comes last",
        ),
    ),
    (
        Mistake("this is the square: the root is missing", lambda **p: sliced_w2(**p) ** 2),
        Mistake(
            "the distances are averaged; expected their squares, and the root of that",
            lambda x, y, directions: np.mean([w2_on_a_line(x @ u, y @ u) for u in directions]),
        ),
        Mistake(
            "the squares are averaged; the root is that of each line: expected one of the mean",
            lambda x, y, directions: np.mean([w2_on_a_line(x @ u, y @ u) for u in directions]) ** 0.5,
        ),
        Mistake(
            "not sorted along the directions",
            lambda x, y, directions: np.mean([w2(x @ u, y @ u) ** 2 for u in directions]) ** 0.5,
        ),
        Mistake(
            "sorted before the projection; on a line the order is that of ⟨u, x⟩",
            lambda x, y, directions: (
                np.mean([w2(np.sort(x, axis=0) @ u, np.sort(y, axis=0) @ u) ** 2 for u in directions]) ** 0.5
            ),
        ),
        Mistake(
            "the sum over the directions; expected the mean",
            times(sliced_w2, lambda directions, **_: len(directions) ** 0.5),
        ),
        Mistake(
            "the directions are the axes; expected those that are given",
            lambda x, y, directions: sliced_w2(x, y, np.eye(x.shape[1])),
        ),
    ),
)

GAME = Task(
    "game_step",
    game_step,
    games,
    (
        Identity(
            "x⁺ = x − τ B y⁺",
            "E4",
            lambda u, v, x, y, B, tau: relative(u + tau * B @ v, x),
            "x lowers xᵀBy, with the slope at the new point",
        ),
        Identity(
            "y⁺ = y + τ Bᵀx⁺",
            "E4",
            lambda u, v, x, y, B, tau: relative(v - tau * B.T @ u, y),
            "y raises xᵀBy, with the slope at the new point",
        ),
    ),
    (
        *(
            Mistake(words, answer, part)
            for part in (0, 1)
            for words, answer in (
                ("this is the explicit step", lambda part=part, **p: explicit_game(**p)[part]),
                (
                    "the players are exchanged: x lowers xᵀBy, y raises it",
                    varied(game_step, part, B=np.negative),
                ),
                ("the step size τ is missing", varied(game_step, part, tau=1.0)),
                ("both lower xᵀBy; y is to raise it", varied(played, part, raising=-1)),
            )
        ),
        Mistake(
            "y⁺ sees the explicit step of x (these are alternating steps); expected x⁺",
            lambda x, y, B, tau: y + tau * B.T @ explicit_game(x, y, B, tau)[0],
            1,
        ),
    ),
    parts=("x_next", "y_next"),
)

EXERCISE = Exercise("22", "the Wasserstein proximal, and a game", (TERM, LINE, SLICED, GAME))
