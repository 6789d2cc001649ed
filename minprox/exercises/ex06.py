"""Exercise 6, the dual form of the implicit step (E7), and what the two forms cost."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import shifted, systems
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import inverse, times, varied


def gram(A, shift):
    """``AAᵀ + shift I``."""
    return A @ A.T + shift * np.eye(len(A))


def dual_variable(A, delta, tau_theta):
    return np.linalg.solve(gram(A, 1 / tau_theta), delta)


def dual_step(A, delta, tau_theta):
    return A.T @ dual_variable(A, delta, tau_theta)


def cheaper_form(rows, cols):
    return "dual" if rows <= cols else "primal"


def extra_cost(rows, cols, n_out, form):
    n, other = (rows, cols) if form == "dual" else (cols, rows)
    return costs(n, other, min(cols, n_out) if form == "dual" else n_out)


def costs(n, other, columns, half=0.5, inverse=1.0, apply=1.0):
    """Multiplications for a Gram matrix, its inverse, and to apply it."""
    return half * n**2 * other + inverse * n**3 + apply * n**2 * columns


# Multiplications over n³: as minprox does it (and by LU that skips the zeros), by LU and a solve with the
# identity, by Cholesky.
INVERSES = (1.0, 4 / 3, 1 / 2)


def sizes():
    return [
        {"rows": rows, "cols": cols}
        for rows, cols in ((500, 3073), (512000, 76), (1, 5), (128, 17), (300, 300))
    ]


def layers():
    shapes = ((500, 3073, 4000), (500, 4001, 1000), (2000, 76, 16), (128, 65, 10), (3, 40, 7), (64, 64, 5))
    return [
        {"rows": rows, "cols": cols, "n_out": n_out, "form": form}
        for rows, cols, n_out in shapes
        for form in ("primal", "dual")
    ]


def nearest_cost(cost, **p):
    """The relative error of a count, by the nearest of the right ways to invert a matrix."""
    n, other = (p["rows"], p["cols"]) if p["form"] == "dual" else (p["cols"], p["rows"])
    columns = min(p["cols"], p["n_out"]) if p["form"] == "dual" else p["n_out"]
    return min(relative(cost, costs(n, other, columns, inverse=inverse)) for inverse in INVERSES)


def cost_with(half=0.5, inverse=1.0, apply=1.0, swap=False, narrow=True):
    """``extra_cost`` with another factor, with the forms exchanged, or δ always on the right."""

    def wrong(rows, cols, n_out, form):
        dual = (form == "dual") != swap
        n, other = (rows, cols) if dual else (cols, rows)
        return costs(n, other, min(cols, n_out) if dual and narrow else n_out, half, inverse, apply)

    return wrong


MEAN = "AAᵀ is divided by N: the mean over the batch stands in the loss, thus in δ, and A has no 1/N"
SHIFT = "1/τ_θ: the shift of the Gram matrix is I/τ_θ"
VARIABLE = Task(
    "dual_variable",
    dual_variable,
    systems,
    (
        Identity(
            "(AAᵀ + I/τ_θ) c = δ",
            "E7",
            lambda c, A, delta, tau_theta: relative(gram(A, 1 / tau_theta) @ c, delta),
            "one unknown for each row of A, that is for each sample",
        ),
        Identity(
            "‖c‖ ≤ τ_θ ‖δ‖",
            "E7",
            lambda c, A, delta, tau_theta: max(
                0.0, float(np.linalg.norm(c) / (tau_theta * np.linalg.norm(delta))) - 1
            ),
            "every eigenvalue of AAᵀ + I/τ_θ is at least 1/τ_θ",
        ),
    ),
    (
        Mistake(f"{SHIFT}, found τ_θ I", varied(dual_variable, tau_theta=inverse)),
        Mistake(
            f"{SHIFT}, found the identity without 1/τ_θ",
            varied(dual_variable, tau_theta=1.0),
        ),
        Mistake(
            f"{SHIFT}, found 1/τ_θ added to every entry: multiply it with np.eye",
            lambda A, delta, tau_theta: np.linalg.solve(A @ A.T + 1 / tau_theta, delta),
        ),
        Mistake(f"{SHIFT}, which is missing", lambda A, delta, tau_theta: np.linalg.pinv(A @ A.T) @ delta),
        Mistake(
            MEAN, lambda A, delta, tau_theta: np.linalg.solve(gram(A / len(A) ** 0.5, 1 / tau_theta), delta)
        ),
        Mistake("this is the step d already: c has one row for each sample", dual_step),
        Mistake(
            "the sign of the shift",
            lambda A, delta, tau_theta: np.linalg.solve(gram(A, -1 / tau_theta), delta),
        ),
    ),
)

STEP = Task(
    "dual_step",
    dual_step,
    systems,
    (
        Identity(
            "d = Aᵀc with (AAᵀ + I/τ_θ) c = δ",
            "E7",
            lambda d, A, delta, tau_theta: relative(d, dual_step(A, delta, tau_theta)),
            "Aᵀ is pushed through the inverse, and the Gram matrix changes its side",
        ),
        Identity(
            "(AᵀA + I/τ_θ) d = Aᵀδ, the same step as in the primal form",
            "E6",
            lambda d, A, delta, tau_theta: relative(shifted(A, 1 / tau_theta) @ d, A.T @ delta),
            "by the push-through identity both forms are one step",
        ),
    ),
    (
        Mistake(f"{SHIFT}, found τ_θ I", varied(dual_step, tau_theta=inverse)),
        Mistake("Aᵀ is missing at the end: this is the dual variable c", dual_variable),
        Mistake(
            f"{SHIFT}, found 1/τ_θ added to every entry: multiply it with np.eye",
            lambda A, delta, tau_theta: A.T @ np.linalg.solve(A @ A.T + 1 / tau_theta, delta),
        ),
        Mistake(f"{SHIFT}, which is missing", lambda A, delta, tau_theta: np.linalg.pinv(A) @ delta),
        Mistake(
            "the Gram matrix is applied twice: its inverse acts on δ once",
            lambda A, delta, tau_theta: A.T @ dual_variable(A, dual_variable(A, delta, tau_theta), tau_theta),
        ),
    ),
)

FORM = Task(
    "cheaper_form",
    cheaper_form,
    sizes,
    (
        Identity(
            "the form with the smaller system: dual where rows ≤ cols",
            "E7",
            lambda form, rows, cols: float(form != cheaper_form(rows, cols)),
            'the primal system is cols × cols, the dual one rows × rows; the answers are "primal" and "dual"',
        ),
    ),
    (
        Mistake(
            "the two forms are exchanged: the dual system is rows × rows",
            lambda rows, cols: "primal" if rows <= cols else "dual",
        ),
        Mistake("always the primal form", lambda rows, cols: "primal"),
        Mistake("always the dual form", lambda rows, cols: "dual"),
    ),
)

COST = Task(
    "extra_cost",
    extra_cost,
    layers,
    (
        Identity(
            "½ n² m + n³ + n² k multiplications: Gram matrix, inverse, to apply it",
            "E7",
            nearest_cost,
            "n × n is the system, m the other side of A; k is n_out, in the dual min(cols, n_out)",
        ),
    ),
    (
        Mistake("the ½ is missing: a Gram matrix is symmetric, so one half is enough", cost_with(half=1.0)),
        Mistake("the inverse: one third of it is the factorisation alone", cost_with(inverse=1 / 3)),
        Mistake("the inverse is missing, n³", cost_with(inverse=0.0)),
        Mistake("the Gram matrix is missing, ½ n² m", cost_with(half=0.0)),
        Mistake("to apply the inverse is missing, n² k", cost_with(apply=0.0)),
        Mistake("the two forms are exchanged: rows and cols are transposed", cost_with(swap=True)),
        Mistake(
            "the dual inverse may be applied to A where that has fewer columns: min(cols, n_out)",
            cost_with(narrow=False),
        ),
        Mistake(
            "in units of one product of the layer; expected the number of multiplications",
            times(extra_cost, lambda rows, cols, n_out, **_: 1 / (rows * cols * n_out)),
        ),
    ),
)

EXERCISE = Exercise("06", "primal or dual", (VARIABLE, STEP, FORM, COST))
