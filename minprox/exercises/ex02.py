"""Exercise 2, proximal maps of a quadratic, of the ℓ1 norm and of a box, and the Moreau envelope."""

from __future__ import annotations

import numpy as np

from minprox.exercises.quadratic import explicit_step, gradient, implicit_step, normal, steps
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, excess, relative
from minprox.exercises.variants import inverse, varied


def prox_quadratic(A, b, v, tau):
    return implicit_step(A, b, v, tau)


def prox_l1(v, tau):
    return np.sign(v) * np.maximum(np.abs(v) - tau, 0)


def prox_box(v, tau):
    return np.clip(v, -1, 1)


def moreau_envelope(f, prox, v, tau):
    u = prox(v, tau)
    return f(u) + np.sum((u - v) ** 2) / (2 * tau)


def l1(u):
    return np.abs(u).sum()


def box(u):
    return 0.0 if (np.abs(u) <= 1).all() else np.inf


def parabola(u):
    return 1.5 * np.sum(u**2)


def prox_parabola(v, tau):
    return v / (1 + 3 * tau)


def quadratics():
    return [{"A": p["A"], "b": p["b"], "v": p["theta"], "tau": p["tau"]} for p in steps()]


def points():
    rng, taus = np.random.default_rng(2), (0.7, 1.6, 0.2, 2.5)
    shapes = ((40, 1), (6, 5), (3, 30), (1, 25))
    return [
        {"v": 3 * rng.standard_normal(shape), "tau": tau} for shape, tau in zip(shapes, taus, strict=True)
    ]


def envelopes():
    pairs = ((l1, prox_l1), (box, prox_box), (parabola, prox_parabola), (l1, prox_l1))
    return [{"f": f, "prox": prox, **point} for (f, prox), point in zip(pairs, points(), strict=True)]


def subgradient(u, v, tau):
    """How far ``w = (v − u)/τ`` is from the subdifferential of the ℓ1 norm at u."""
    w = (v - u) / tau
    outside = np.where(u == 0, np.maximum(np.abs(w) - 1, 0), np.abs(w - np.sign(u)))
    return float(outside.max())


def normal_cone(u, v):
    """How far ``v − u`` is from the normal cone of the box at u, by its largest violation at a corner."""
    w = v - u
    return excess(np.sum(np.abs(w) - w * u), 0, 1 + float(np.abs(v).sum()))


QUADRATIC = Task(
    "prox_quadratic",
    prox_quadratic,
    quadratics,
    (
        Identity(
            "v − u = τ Aᵀ(Au − b)",
            "E4",
            lambda u, A, b, v, tau: relative(u + tau * gradient(A, b, u), v),
            "set the gradient of ½ ‖Au − b‖² + 1/(2τ) ‖u − v‖² to zero and solve for u",
        ),
    ),
    (
        Mistake(
            "τ stands where 1/τ belongs: the system is (AᵀA + I/τ) u = Aᵀb + v/τ",
            lambda A, b, v, tau: np.linalg.solve(normal(A)[0] + tau * normal(A)[1], A.T @ b + tau * v),
        ),
        Mistake(
            "1/τ stands with v too: the system is (AᵀA + I/τ) u = Aᵀb + v/τ",
            lambda A, b, v, tau: np.linalg.solve(normal(A)[0] + normal(A)[1] / tau, A.T @ b + v),
        ),
        Mistake(
            "v is missing: without v/τ on the right the step forgets where it started",
            lambda A, b, v, tau: np.linalg.solve(normal(A)[0] + normal(A)[1] / tau, A.T @ b),
        ),
        Mistake(
            "the sign of Aᵀb: the system is (AᵀA + I/τ) u = v/τ + Aᵀb",
            lambda A, b, v, tau: np.linalg.solve(normal(A)[0] + normal(A)[1] / tau, v / tau - A.T @ b),
        ),
        Mistake(
            "b is missing", lambda A, b, v, tau: np.linalg.solve(normal(A)[0] + normal(A)[1] / tau, v / tau)
        ),
        Mistake(
            "this is the step v − u: the proximal map is the point u",
            lambda A, b, v, tau: v - prox_quadratic(A, b, v, tau),
        ),
        Mistake(
            "this is an explicit gradient step: the gradient is to be taken at u",
            lambda A, b, v, tau: explicit_step(A, b, v, tau),
        ),
    ),
)

L1 = Task(
    "prox_l1",
    prox_l1,
    points,
    (
        Identity(
            "(v − u)/τ is a subgradient of ‖·‖₁ at u",
            "E4",
            lambda u, v, tau: subgradient(u, v, tau),
            "three cases: u > 0 gives u = v − τ, u < 0 gives u = v + τ, and u = 0 where |v| ≤ τ",
        ),
    ),
    (
        Mistake(
            "hard thresholding: what is above the threshold must shrink by τ as well",
            lambda v, tau: np.where(np.abs(v) > tau, v, 0),
        ),
        Mistake("the sign of v is lost", lambda v, tau: np.maximum(np.abs(v) - tau, 0)),
        Mistake(
            "the sign of v is lost: negative components are cut off", lambda v, tau: np.maximum(v - tau, 0)
        ),
        Mistake(
            "the maximum with 0 is missing: components below the threshold change their sign",
            lambda v, tau: np.sign(v) * (np.abs(v) - tau),
        ),
        Mistake("the threshold is 1/τ, expected τ", varied(prox_l1, tau=inverse)),
        Mistake("the threshold is τ/2, expected τ", lambda v, tau: prox_l1(v, tau / 2)),
        Mistake("the threshold is 1, expected τ", varied(prox_l1, tau=1)),
        Mistake(
            "this is the part that is taken away, τ times the projection of v/τ onto the box",
            lambda v, tau: np.clip(v, -tau, tau),
        ),
        Mistake("the sign: the threshold is added", lambda v, tau: v + tau * np.sign(v)),
    ),
)

BOX = Task(
    "prox_box",
    prox_box,
    points,
    (
        Identity(
            "⟨v − u, w − u⟩ ≤ 0 for all w in the box",
            "E4",
            lambda u, v, tau: normal_cone(u, v),
            "the minimiser is the nearest point of the box, component by component",
        ),
        Identity(
            "u lies in the box [−1, 1]ⁿ",
            "E4",
            lambda u, v, tau: excess(np.abs(u).max(), 1, 1.0),
            "outside the box the function is infinite",
        ),
    ),
    (
        Mistake("the box has the half-width τ, expected 1, whatever τ", lambda v, tau: np.clip(v, -tau, tau)),
        Mistake("the lower side of the box: it reaches from −1 to 1", lambda v, tau: np.clip(v, 0, 1)),
        Mistake("the lower side of the box is missing", lambda v, tau: np.minimum(v, 1)),
        Mistake("this is soft thresholding, the map of the ℓ1 norm", prox_l1),
        Mistake(
            "this is the projection onto a ball: a box cuts each component by itself",
            lambda v, tau: v / max(1.0, float(np.linalg.norm(v))),
        ),
        Mistake(
            "v is scaled as a whole, so that it fits", lambda v, tau: v / max(1.0, float(np.abs(v).max()))
        ),
    ),
)

ENVELOPE = Task(
    "moreau_envelope",
    moreau_envelope,
    envelopes,
    (
        Identity(
            "e_τ(v) = f(u) + 1/(2τ) ‖u − v‖² at u = prox_{τf}(v)",
            "E4",
            lambda e, f, prox, v, tau: relative(e, moreau_envelope(f, prox, v, tau)),
            "the value of the minimum, not the place of it",
        ),
        Identity(
            "e_τ(v) ≤ f(v)",
            "",
            lambda e, f, prox, v, tau: excess(e, min(f(v), 1e300), 1 + float(np.sum(v**2))),
            "u = v is one of the candidates, so that the minimum cannot be larger than f(v)",
        ),
    ),
    (
        Mistake(
            "the ½ is missing before ‖u − v‖²/τ",
            lambda f, prox, v, tau: f(prox(v, tau)) + np.sum((prox(v, tau) - v) ** 2) / tau,
        ),
        Mistake(
            "τ stands where 1/τ belongs",
            lambda f, prox, v, tau: f(prox(v, tau)) + tau / 2 * np.sum((prox(v, tau) - v) ** 2),
        ),
        Mistake("the distance ‖u − v‖² is missing", lambda f, prox, v, tau: f(prox(v, tau))),
        Mistake(
            "f(u) is missing: this is the distance alone",
            lambda f, prox, v, tau: np.sum((prox(v, tau) - v) ** 2) / (2 * tau),
        ),
        Mistake(
            "the square is missing: ‖u − v‖², not ‖u − v‖",
            lambda f, prox, v, tau: f(prox(v, tau)) + np.linalg.norm(prox(v, tau) - v) / (2 * tau),
        ),
        Mistake(
            "f is taken at v, expected at u = prox(v)",
            lambda f, prox, v, tau: f(v) + np.sum((prox(v, tau) - v) ** 2) / (2 * tau),
        ),
        Mistake(
            "the mean of the squares, expected their sum",
            lambda f, prox, v, tau: f(prox(v, tau)) + np.mean((prox(v, tau) - v) ** 2) / (2 * tau),
        ),
        Mistake(
            "the sign: the distance is added",
            lambda f, prox, v, tau: f(prox(v, tau)) - np.sum((prox(v, tau) - v) ** 2) / (2 * tau),
        ),
    ),
)

EXERCISE = Exercise("02", "proximal maps and the Moreau envelope", (QUADRATIC, L1, BOX, ENVELOPE))
