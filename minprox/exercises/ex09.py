"""Exercise 9, curvature by products with the Hessian, and the limit of a step with momentum."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, along, relative
from minprox.exercises.variants import times


def hessian_product(gradient, theta, v, h):
    return (gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h)


def power_method(H, v, steps):
    u = np.linalg.matrix_power(H, steps) @ v
    return u @ (H @ u) / (u @ u)


def largest_stable_step(largest, mu):
    return 2 * (1 + mu) / largest


def symmetric(rng, n):
    B = rng.standard_normal((n, n))
    return B @ B.T / n


def cubic(H):
    """The gradient of ``½ θᵀHθ + ¼ Σ θ⁴``; its products with the Hessian at θ are ``H v + 3 θ² v``."""
    return lambda theta: H @ theta + theta**3


def landscapes():
    rng, problems = np.random.default_rng(22), []
    for n, h in ((4, 0.5), (6, 0.1), (1, 0.25)):
        H = symmetric(rng, n)
        theta, v = rng.standard_normal((2, n))
        problems.append({"gradient": cubic(H), "theta": theta, "v": v, "h": h})
    return problems


def powers():
    rng = np.random.default_rng(23)
    return [
        {"H": symmetric(rng, n), "v": rng.standard_normal(n), "steps": steps}
        for n, steps in ((5, 3), (4, 1), (8, 6), (3, 2))
    ]


def curvatures():
    return [{"largest": largest, "mu": mu} for largest, mu in ((4.0, 0.9), (0.3, 0.5), (250.0, 0.0))]


def third_order(product, gradient, theta, v, h):
    """How far the product is from the derivative plus ``h² v³``, all that the difference errs by here."""
    return relative(product, along(gradient, (theta, v)) + h**2 * v**3)


def mirrored(tau, largest, mu):
    """How far −1 is from being an eigenvalue of ``(e, v) → (e − τ v⁺, v⁺)``, ``v⁺ = μ v + λ e``."""
    step = np.array([[1 - tau * largest, -tau * mu], [largest, mu]])
    return float(abs(np.linalg.det(step + np.eye(2)))) / (1 + mu)


PRODUCT = Task(
    "hessian_product",
    hessian_product,
    landscapes,
    (
        Identity(
            "for a cubic gradient Hv + 3θ²v the difference errs by h² v³, and by nothing else",
            "E2",
            third_order,
            "the same distance h ahead and behind, over 2h",
        ),
    ),
    (
        Mistake(
            "a factor 2: the two points are 2h apart",
            times(hessian_product, 2),
        ),
        Mistake(
            "a one-sided difference: its error falls with h only, that of the central one with h²",
            lambda gradient, theta, v, h: (gradient(theta + h * v) - gradient(theta)) / h,
        ),
        Mistake(
            "the sign: ahead minus behind",
            times(hessian_product, -1.0),
        ),
        Mistake(
            "not divided by 2h",
            times(hessian_product, lambda h, **_: 2 * h),
        ),
        Mistake(
            "this is the gradient at v, not a derivative along v", lambda gradient, theta, v, h: gradient(v)
        ),
    ),
)

POWER = Task(
    "power_method",
    power_method,
    powers,
    (
        Identity(
            "⟨u, H u⟩ = answer ⟨u, u⟩ with u = Hⁿ v",
            "E2",
            lambda value, H, v, steps: relative(value, power_method(H, v, steps)),
            "n products, then the quotient; norms cancel in it",
        ),
    ),
    (
        Mistake("one product too many", lambda H, v, steps: power_method(H, v, steps + 1)),
        Mistake("one product too few", lambda H, v, steps: power_method(H, v, steps - 1)),
        Mistake(
            "⟨u, u⟩ is missing below",
            lambda H, v, steps: float(
                np.sum(np.linalg.matrix_power(H, steps) @ v * (np.linalg.matrix_power(H, steps + 1) @ v))
            ),
        ),
        Mistake(
            "this is ‖H u‖/‖u‖; expected ⟨u, H u⟩/⟨u, u⟩, which is nearer to the eigenvalue",
            lambda H, v, steps: float(
                np.linalg.norm(np.linalg.matrix_power(H, steps + 1) @ v)
                / np.linalg.norm(np.linalg.matrix_power(H, steps) @ v)
            ),
        ),
        Mistake("this is the largest eigenvalue itself", lambda H, v, steps: np.linalg.eigvalsh(H)[-1]),
    ),
)

LIMIT = Task(
    "largest_stable_step",
    largest_stable_step,
    curvatures,
    (
        Identity(
            "at the limit the step e, v → e⁺, v⁺ has the eigenvalue −1",
            "E2",
            mirrored,
            "with e⁺ = −e: τ v⁺ = 2e, and with v⁺ = −v: (1 + μ) v⁺ = λ e",
        ),
    ),
    (
        Mistake(
            "momentum is not looked at: 2/λ is the limit for μ = 0", lambda largest, mu: 2 / largest + 0 * mu
        ),
        Mistake("the sign of μ: momentum allows a larger τ", lambda largest, mu: 2 * (1 - mu) / largest),
        Mistake("divided by 1 + μ: momentum allows a larger τ", lambda largest, mu: 2 / (largest * (1 + mu))),
        Mistake(
            "1/(1 − μ) is how much longer steps get where all gradients agree, not the limit",
            lambda largest, mu: 2 / (largest * (1 - mu)),
        ),
        Mistake("a factor 2: 1/λ is the fastest step, not the limit", lambda largest, mu: (1 + mu) / largest),
    ),
)

EXERCISE = Exercise("09", "stability", (PRODUCT, POWER, LIMIT))
