"""Exercise 7, conjugate gradients for the implicit step: flattened, and column by column."""

from __future__ import annotations

from functools import partial

import numpy as np

from minprox.exercises.krylov import (
    block_cg,
    cg,
    conjugate_gradients,
    line_search,
    off_krylov,
    outside_krylov,
    problems,
    products,
    silent_columns,
    steps,
    system_product,
    without_beta,
)
from minprox.exercises.layer_steps import shifted
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative

PRODUCT = Task(
    "system_product",
    system_product,
    products,
    (
        Identity(
            "M v = AᵀA v + v/τ_θ",
            "E6",
            lambda Mv, A, v, tau_theta: relative(Mv, shifted(A, 1 / tau_theta) @ v),
            "one product by A, one by Aᵀ, and the shift",
        ),
    ),
    (
        Mistake(
            "1/τ_θ: the shift is v/τ_θ, found τ_θ v", lambda A, v, tau_theta: A.T @ (A @ v) + tau_theta * v
        ),
        Mistake("1/τ_θ: the shift v/τ_θ is missing", lambda A, v, tau_theta: A.T @ (A @ v)),
        Mistake("1/τ_θ: the shift is v/τ_θ, found v", lambda A, v, tau_theta: A.T @ (A @ v) + v),
        Mistake(
            "1/τ_θ: the shift is v/τ_θ, found 1/τ_θ added to every entry",
            lambda A, v, tau_theta: A.T @ (A @ v) + 1 / tau_theta,
        ),
        Mistake("the sign of the shift", lambda A, v, tau_theta: A.T @ (A @ v) - v / tau_theta),
    ),
)

SEARCH = Task(
    "line_search",
    line_search,
    steps,
    (
        Identity(
            "the residual g − α M g is orthogonal to g",
            "E5",
            lambda alpha, A, delta, tau_theta: (
                abs(
                    float(
                        np.vdot(A.T @ delta, A.T @ delta - alpha * system_product(A, A.T @ delta, tau_theta))
                    )
                )
                / float(np.sum((A.T @ delta) ** 2))
            ),
            "α = ⟨g, g⟩/⟨g, M g⟩, one number for the whole layer",
        ),
    ),
    (
        Mistake(
            "upside down: α = ⟨g, g⟩/⟨g, M g⟩",
            lambda A, delta, tau_theta: 1 / line_search(A, delta, tau_theta),
        ),
        Mistake(
            "1/τ_θ: M is AᵀA + I/τ_θ, found τ_θ I",
            lambda A, delta, tau_theta: line_search(A, delta, 1 / tau_theta),
        ),
        Mistake(
            "1/τ_θ: the shift v/τ_θ of M is missing",
            lambda A, delta, tau_theta: line_search(A, delta, np.inf),
        ),
        Mistake(
            "the sign: α is positive, along g", lambda A, delta, tau_theta: -line_search(A, delta, tau_theta)
        ),
        Mistake(
            "one α for each column of δ; expected one for the whole layer",
            lambda A, delta, tau_theta: (
                ((A.T @ delta) ** 2).sum(axis=0)
                / (A.T @ delta * system_product(A, A.T @ delta, tau_theta)).sum(axis=0)
            ),
        ),
        Mistake(
            "the errors δ are taken for the gradient g = Aᵀδ",
            lambda A, delta, tau_theta: (
                (delta * delta).sum() / (delta * (A @ (A.T @ delta) + delta / tau_theta)).sum()
            ),
        ),
    ),
)

ALIAS = (
    "aliasing: P = R makes two names for one array, so that R -= … changes the search direction P as well; "
    "P = R.copy(), or R = R - …"
)


def known(axis):
    """The mistakes of CG, for one recursion or one in each column."""
    wrong = partial(partial, conjugate_gradients, axis=axis)
    return (
        Mistake(ALIAS, wrong(shared="once")),
        Mistake(ALIAS, wrong(shared="always")),
        Mistake(
            "β is missing: P = R is steepest descent, whose directions are not conjugate",
            wrong(conjugate=0.0),
        ),
        Mistake("the sign of β: P = R + β P", wrong(conjugate=-1.0)),
        Mistake("β is upside down: the new ⟨R, R⟩ over the former one", wrong(inverted=True)),
        Mistake("β is missing: P = R + P, expected P = R + β P", partial(without_beta, axis=axis)),
        Mistake("one iteration too many", wrong(more=1)),
        Mistake("one iteration too few", wrong(more=-1)),
        Mistake("1/τ_θ: the shift of the system is I/τ_θ, found τ_θ I", wrong(shift=lambda t: t)),
        Mistake("1/τ_θ: the shift of the system is missing", wrong(shift=lambda t: 0.0)),
        Mistake("1/τ_θ: the shift of the system is I/τ_θ, found I", wrong(shift=lambda t: 1.0)),
    )


def optimal(columns):
    """The identities that make a CG iterate what it is."""
    what = "for each column" if columns else "for the flattened layer"
    return (
        Identity(
            f"vᵀ(M d − g) = 0 for all v in the Krylov space of dimension n, {what}",
            "E6",
            partial(off_krylov, columns=columns),
            "the n-th iterate is the best of the whole space: each direction is conjugate to all former",
        ),
        Identity(
            f"d lies in the Krylov space of dimension n, {what}",
            "E6",
            partial(outside_krylov, columns=columns),
            "n iterations from zero take n products by M",
        ),
    )


FLAT = Task(
    "cg",
    cg,
    problems,
    optimal(columns=False),
    (
        *known(None),
        Mistake("this is the column-wise variant; expected one α and one β for the whole layer", block_cg),
    ),
)

BLOCK = Task(
    "block_cg",
    block_cg,
    partial(problems, silent=True),
    (
        *optimal(columns=True),
        Identity(
            "d = 0 in a column where δ = 0",
            "E6",
            silent_columns,
            "such a column has nothing to do; α and β are 0/0 there",
        ),
    ),
    (
        Mistake(
            "0/0: in a column without errors α and β divide zero by zero; take 0 there",
            lambda **p: np.where(p["delta"].any(axis=0), block_cg(**p), np.nan),
        ),
        *known(0),
        Mistake("this is the flattened variant; expected α and β for each column", cg),
    ),
)

EXERCISE = Exercise("07", "conjugate gradients", (PRODUCT, SEARCH, FLAT, BLOCK))
