"""Exercise 16, attacks in a cube, and a penalty on the gradient with respect to the input."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, excess, relative
from minprox.exercises.variants import normal, varied


def worst_change(g, epsilon):
    return epsilon * np.sign(g)


def pgd_step(x, x_0, g, alpha, epsilon):
    return x_0 + np.clip(x + alpha * np.sign(g) - x_0, -epsilon, epsilon)


def penalty(w, x, y):
    return float(np.abs(x @ w - y).sum() * np.abs(w).sum()) / len(x)


def penalty_gradient(w, x, y):
    s = signs(w, x, y)
    return (x.T @ (s @ w) + s.T @ (x @ w - y)) / len(x)


def signs(w, x, y):
    return np.sign((x @ w - y) * w.T)


def gradients():
    return normal(33, [{"g": shape} for shape in ((5, 4), (3, 3), (1, 6))], epsilon=(0.3, 2.0, 0.05))


def attacks():
    rng, problems = np.random.default_rng(34), []
    for shape, alpha, epsilon in (((6, 5), 0.2, 0.3), ((3, 3), 1.0, 0.4), ((1, 8), 0.1, 0.5)):
        x_0 = rng.standard_normal(shape)
        x = x_0 + rng.uniform(-epsilon, epsilon, shape)
        problems.append(
            {"x": x, "x_0": x_0, "g": rng.standard_normal(shape), "alpha": alpha, "epsilon": epsilon}
        )
    return problems


def models():
    return normal(35, [{"w": (n, 1), "x": (rows, n), "y": (rows, 1)} for rows, n in ((6, 4), (4, 4), (1, 5))])


def smooth(w, x, y, at):
    """``R`` with the signs that it has at ``at``, analytic in w."""
    return (signs(at, x, y) * ((x @ w - y) * w.T)).sum() / len(x)


CORNER = Task(
    "worst_change",
    worst_change,
    gradients,
    (
        Identity(
            "⟨g, u⟩ = ε ‖g‖₁",
            "D3",
            lambda u, g, epsilon: relative(np.vdot(g, u), epsilon * np.abs(g).sum()),
            "the 1-norm is what the best corner of the cube attains",
        ),
        Identity(
            "|u| = ε in every entry",
            "D4",
            lambda u, g, epsilon: float(np.abs(np.abs(u) - epsilon).max()) / epsilon,
            "a corner of the cube: every entry at its bound",
        ),
    ),
    (
        Mistake("the sign: this lowers the loss", lambda g, epsilon: -epsilon * np.sign(g)),
        Mistake("ε is missing", lambda g, epsilon: np.sign(g)),
        Mistake("this is ε g, a gradient step", lambda g, epsilon: epsilon * g),
        Mistake(
            "this is ε g/‖g‖, the best change in a ball; expected in a cube",
            lambda g, epsilon: epsilon * g / np.linalg.norm(g),
        ),
        Mistake(
            "this is ε g/‖g‖ row by row, the best change in a ball; expected in a cube",
            lambda g, epsilon: epsilon * g / np.linalg.norm(g, axis=1, keepdims=True),
        ),
    ),
)

PROJECTED = Task(
    "pgd_step",
    pgd_step,
    attacks,
    (
        Identity(
            "‖answer − x₀‖∞ ≤ ε",
            "D5",
            lambda u, x, x_0, g, alpha, epsilon: excess(
                np.abs(u - x_0).max(), epsilon * (1 + 1e-12), epsilon
            ),
            "back to the cube around x₀, not around x",
        ),
        Identity(
            "answer − x = α sign(g) where that stays in the cube, and its nearest face where not",
            "D5",
            lambda u, x, x_0, g, alpha, epsilon: relative(
                u - x, np.minimum(alpha, np.where(g > 0, x_0 + epsilon - x, x - x_0 + epsilon)) * np.sign(g)
            ),
            "the step first, then entry by entry into [x₀ − ε, x₀ + ε]",
        ),
    ),
    (
        Mistake("the projection is missing", lambda x, x_0, g, alpha, epsilon: x + alpha * np.sign(g)),
        Mistake(
            "the sign: the attack goes uphill",
            varied(pgd_step, g=np.negative),
        ),
        Mistake(
            "the cube stands around x; expected around x₀",
            lambda x, x_0, g, alpha, epsilon: np.clip(x + alpha * np.sign(g), x - epsilon, x + epsilon),
        ),
        Mistake(
            "the step begins at x₀; expected at x",
            lambda x, x_0, g, alpha, epsilon: pgd_step(x_0, x_0, g, alpha, epsilon),
        ),
        Mistake(
            "the sign of g is missing: the step is α in every entry",
            lambda x, x_0, g, alpha, epsilon: pgd_step(x, x_0, g, alpha * abs(g), epsilon),
        ),
        Mistake(
            "this is the change; expected the changed input",
            lambda x, x_0, g, alpha, epsilon: pgd_step(x, x_0, g, alpha, epsilon) - x_0,
        ),
    ),
)

PENALTY = Task(
    "penalty",
    penalty,
    models,
    (
        Identity(
            "N R = Σ |⟨w, x⟩ − y| · ‖w‖₁",
            "D1",
            lambda R, w, x, y: relative(R * len(x), (np.abs(x @ w - y) * np.abs(w).sum()).sum()),
            "∇ₓℓ = (⟨w, x⟩ − y) w for every sample",
        ),
    ),
    (
        Mistake("the mean over the batch is missing", lambda w, x, y: penalty(w, x, y) * len(x)),
        Mistake(
            "this is the 2-norm; expected the 1-norm",
            lambda w, x, y: np.linalg.norm((x @ w - y) * w.T, axis=1).mean(),
        ),
        Mistake(
            "this is the gradient with respect to w; expected to x",
            lambda w, x, y: np.abs((x @ w - y) * x).sum() / len(x),
        ),
        Mistake("y is missing: the residual is ⟨w, x⟩ − y", lambda w, x, y: penalty(w, x, 0 * y)),
        Mistake("absolute values are missing", lambda w, x, y: ((x @ w - y) * w.T).sum() / len(x)),
        Mistake(
            "the mean over all entries; expected over the samples", lambda w, x, y: penalty(w, x, y) / len(w)
        ),
    ),
)

SLOPE = Task(
    "penalty_gradient",
    penalty_gradient,
    models,
    (
        Identity(
            "⟨answer, dw⟩ = dR for every change of w, with the signs held",
            "D2",
            lambda g, w, x, y: descends(g, lambda u: smooth(u, x, y, w), w, 1.0),
            "the product rule in (⟨w, x⟩ − y) x, as x moves along s",
        ),
    ),
    (
        Mistake("the mean over the batch is missing", lambda w, x, y: penalty_gradient(w, x, y) * len(x)),
        Mistake(
            "the term in which the residual moves is missing: ⟨w, s⟩ x",
            lambda w, x, y: signs(w, x, y).T @ (x @ w - y) / len(x),
        ),
        Mistake(
            "the term in which the input moves is missing: (⟨w, x⟩ − y) s",
            lambda w, x, y: x.T @ (signs(w, x, y) @ w) / len(x),
        ),
        Mistake(
            "the signs are those of w; expected of ∇ₓℓ = (⟨w, x⟩ − y) w",
            lambda w, x, y: (x * np.abs(w).sum() + np.sign(w.T) * (x @ w - y)).sum(axis=0)[:, None] / len(x),
        ),
        Mistake(
            "this is the gradient of the loss, not of the penalty", lambda w, x, y: x.T @ (x @ w - y) / len(x)
        ),
    ),
)

EXERCISE = Exercise("16", "attacks, and a penalty against them", (CORNER, PROJECTED, PENALTY, SLOPE))
