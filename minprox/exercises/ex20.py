"""Exercise 20, implicit steps on a stream: one example of least squares, and the ranking by AUC."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative
from minprox.exercises.variants import chosen, inverse, times, varied


def implicit_least_squares(w, x, y, eta):
    return w - eta * (x @ w - y) / (1 + eta * (x @ x)) * x


def explicit_least_squares(w, x, y, eta):
    return w - eta * (x @ w - y) * x


def auc(scores, y):
    return counted(scores, y, 0.5)


def counted(scores, y, tie):
    """The share of pairs in which the positive example is above; a tie counts ``tie``."""
    above, below = scores[y > 0][:, None], scores[y < 0]
    return float(((above > below) + tie * (above == below)).mean())


def directions(x, y, p, u, v):
    """Return ``a, c_a, b, c_b`` where ``∇F̃ = c_a aᵀw a + c_b (1 + bᵀw) b``."""
    return x - (u if y > 0 else v), 2 * ((1 - p) if y > 0 else p), v - u, 2 * p * (1 - p)


def example_gradient(w, x, y, p, u, v):
    a, c_a, b, c_b = directions(x, y, p, u, v)
    return c_a * (a @ w) * a + c_b * (1 + b @ w) * b


def parts(own=1.0, means=1.0, one=1.0):
    """The gradient with factors before its parts: of the example, of the means, and of the 1 in it."""

    def wrong(w, x, y, p, u, v):
        a, c_a, b, c_b = directions(x, y, p, u, v)
        return own * c_a * (a @ w) * a + means * c_b * (one + b @ w) * b

    return wrong


def proximal_point(w, x, y, p, u, v, eta):
    return solved(w, x, y, p, u, v, eta)


def solved(w, x, y, p, u, v, eta, crossed=True, first=True, second=True):
    """The proximal map of F̃ by two equations; the last three arguments are where it may go wrong."""
    a, c_a, b, c_b = directions(x, y, p, u, v)
    B, c = np.stack([first * a, second * b], axis=1), np.array([c_a, c_b])
    gram = B.T @ B if crossed else np.diag((B * B).sum(axis=0))
    factors = np.linalg.solve(np.eye(2) + eta * c[:, None] * gram, c * (B.T @ w + [0, 1]))
    return w - eta * B @ factors


def surrogate(w, x, y, p, u, v):
    """``F̃(w; z)`` (S2); w may be complex."""
    own = (1 - p) * (w @ (x - u)) ** 2 if y > 0 else p * (w @ (x - v)) ** 2
    return p * (1 - p) * (1 + 2 * (w @ (v - u)) + (w @ (v - u)) ** 2) + own


def regressions():
    rng = np.random.default_rng(45)
    return [
        {"w": rng.standard_normal(n), "x": rng.standard_normal(n), "y": rng.standard_normal(), "eta": eta}
        for n, eta in ((5, 0.1), (3, 2.0), (1, 50.0), (8, 0.5))
    ]


def rankings():
    rng, problems = np.random.default_rng(46), []
    for n, levels in ((12, 4), (30, 100), (7, 3), (20, 6)):
        y = np.where(np.arange(n) % 3 == 0, 1, -1)
        problems.append({"scores": rng.integers(0, levels, n) / levels + 0.0, "y": rng.permutation(y)})
    return problems


def steps():
    rng = np.random.default_rng(47)
    return [
        {name: rng.standard_normal(n) for name in ("w", "x")}
        | {"y": y, "p": p}
        | {name: rng.standard_normal(n) for name in ("u", "v")}
        | {"eta": eta}
        for n, y, p, eta in ((5, 1, 0.3, 0.1), (4, -1, 0.1, 3.0), (3, -1, 0.7, 100.0), (6, 1, 0.2, 1.0))
    ]


LEAST_SQUARES = Task(
    "implicit_least_squares",
    implicit_least_squares,
    regressions,
    (
        Identity(
            "w⁺ = w − η (xᵀw⁺ − y) x",
            "E4",
            lambda new, w, x, y, eta: relative(w - new, eta * (x @ new - y) * x),
            "multiply by xᵀ to find the residual at w⁺",
        ),
    ),
    (
        Mistake("this is the explicit step", explicit_least_squares),
        Mistake(
            "η is missing below: 1 + η‖x‖²",
            lambda w, x, y, eta: w - eta * (x @ w - y) / (1 + x @ x) * x,
        ),
        Mistake(
            "the square of the norm is missing: 1 + η‖x‖²",
            lambda w, x, y, eta: w - eta * (x @ w - y) / (1 + eta * np.linalg.norm(x)) * x,
        ),
        Mistake(
            "1 is missing below: this goes the whole way to xᵀw = y",
            lambda w, x, y, eta: w - (x @ w - y) / (x @ x) * x,
        ),
        Mistake("the sign: the residual grows", lambda **p: 2 * p["w"] - implicit_least_squares(**p)),
        Mistake("1/η stands where η belongs", varied(implicit_least_squares, eta=inverse)),
        Mistake("y is missing: the residual is xᵀw − y", varied(implicit_least_squares, y=0.0)),
    ),
)

AUC = Task(
    "auc",
    auc,
    rankings,
    (
        Identity(
            "answer · n₊ n₋ = the number of pairs that are ranked right, plus half of the ties",
            "S12",
            lambda share, scores, y: relative(
                share * np.sum(y > 0) * np.sum(y < 0),
                sum(0.5 + np.sign(s - r) / 2 for s in scores[y > 0] for r in scores[y < 0]),
            ),
            "look at every pair of one positive and one negative example",
        ),
    ),
    (
        Mistake("ties count nothing; expected ½", varied(counted, tie=0.0)),
        Mistake("ties count 1; expected ½", varied(counted, tie=1.0)),
        Mistake("this is the share of pairs that are ranked wrong", lambda scores, y: 1 - auc(scores, y)),
        Mistake(
            "this is the number of pairs, not their share",
            times(auc, lambda scores, y: np.sum(y > 0) * np.sum(y < 0)),
        ),
        Mistake(
            "divided by all n² pairs; expected by those of two classes",
            times(auc, lambda scores, y: np.sum(y > 0) * np.sum(y < 0) / len(y) ** 2),
        ),
        Mistake(
            "this is the accuracy at the threshold ½; a ranking has no threshold",
            lambda scores, y: float(((scores > 0.5) == (y > 0)).mean()),
        ),
    ),
)

GRADIENT = Task(
    "example_gradient",
    example_gradient,
    chosen(steps, "w", "x", "y", "p", "u", "v"),
    (
        Identity(
            "⟨answer, dw⟩ = dF̃(w; z) for every change of w",
            "S3",
            lambda g, w, x, y, p, u, v: descends(g, lambda s: surrogate(s, x, y, p, u, v), w, 1.0),
            "two squares and a linear term in (S2)",
        ),
    ),
    (
        Mistake(
            "the factor 2 is missing in the last part: no step size makes up for that, it is right elsewhere",
            parts(means=0.5),
        ),
        Mistake("the factor 2 is missing in the part of the example", parts(own=0.5)),
        Mistake("1 is missing: 2p(1−p)(v−u)(1 + (v−u)ᵀw)", parts(one=0.0)),
        Mistake("the part of the means is missing", parts(means=0.0)),
        Mistake("the part of the example is missing", parts(own=0.0)),
        Mistake(
            "the means are exchanged: u belongs to the positive class",
            lambda w, x, y, p, u, v: example_gradient(w, x, y, p, v, u),
        ),
        Mistake(
            "p and 1 − p are exchanged: the rarer a class, the more an example of it counts",
            varied(example_gradient, p=lambda p: 1 - p),
        ),
        Mistake(
            "the example stands without its class mean: x − u, or x − v",
            lambda w, x, y, p, u, v: (
                example_gradient(w, x, y, p, u, v)
                - parts(means=0.0)(w, x, y, p, u, v)
                + parts(means=0.0)(w, x, y, p, 0 * u, 0 * v)
            ),
        ),
        Mistake("the class of the example is exchanged", varied(example_gradient, y=lambda y: -y)),
    ),
)

PROXIMAL = Task(
    "proximal_point",
    proximal_point,
    steps,
    (
        Identity(
            "w − w⁺ = η ∇F̃(w⁺; z)",
            "S5",
            lambda new, w, x, y, p, u, v, eta: relative(w - new, eta * example_gradient(new, x, y, p, u, v)),
            "w⁺ = w − η(α a + β b): insert it into α = c_a aᵀw⁺ and β = c_b (1 + bᵀw⁺)",
        ),
    ),
    (
        Mistake(
            "this is the explicit step, with the gradient at the old w",
            lambda w, x, y, p, u, v, eta: w - eta * example_gradient(w, x, y, p, u, v),
        ),
        Mistake("the two equations are solved alone: aᵀb ties them", varied(solved, crossed=False)),
        Mistake("b is forgotten: F̃ knows two directions", varied(solved, second=False)),
        Mistake("a is forgotten: F̃ knows two directions", varied(solved, first=False)),
        Mistake("1/η stands where η belongs", varied(proximal_point, eta=inverse)),
        Mistake(
            "η is missing before α a + β b",
            lambda **p: p["w"] - (p["w"] - proximal_point(**p)) / p["eta"],
        ),
        Mistake("the sign: this goes uphill", lambda **p: 2 * p["w"] - proximal_point(**p)),
        Mistake("this is the change; expected the changed w", lambda **p: proximal_point(**p) - p["w"]),
    ),
)

EXERCISE = Exercise("20", "implicit steps on a stream, and AUC", (LEAST_SQUARES, AUC, GRADIENT, PROXIMAL))
