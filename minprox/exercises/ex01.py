"""Exercise 1, explicit and implicit Euler steps on ``f(θ) = ½ ‖Aθ − b‖²``."""

from __future__ import annotations

import numpy as np

from minprox.exercises.quadratic import (
    contraction_factors,
    explicit_step,
    gradient,
    implicit_step,
    largest_stable_step,
    matrices,
    matrices_alone,
    normal,
    steps,
    value,
)
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, excess, relative


def in_eigenvectors(A, factors, map_of_error):
    """How far ``map_of_error V`` is from ``V diag(factors)``, with the eigenvectors V of AᵀA."""
    V = np.linalg.eigh(A.T @ A)[1]
    return relative(V * factors, map_of_error @ V)


def growth_at(step, A):
    """How far the steepest component of the error is from being mirrored by an explicit step."""
    v = np.linalg.svd(A)[2][:1].T
    return relative(v - step * A.T @ (A @ v), -v)


ROOT = "the weight stands without its root: stacked for least squares, the rows are"
SIGN = "the sign: the step goes uphill, θ + τ ∇f(θ)"
EXPLICIT = Task(
    "explicit_step",
    explicit_step,
    steps,
    (
        Identity(
            "θ − θ⁺ = τ ∇f(θ)",
            "E2",
            lambda u, A, b, theta, tau: relative(theta - u, tau * gradient(A, b, theta)),
            "the gradient of ½ ‖Aθ − b‖² is Aᵀ(Aθ − b), taken at the old θ",
        ),
    ),
    (
        Mistake(SIGN, lambda A, b, theta, tau: theta + tau * gradient(A, b, theta)),
        Mistake("the step size τ is missing", lambda A, b, theta, tau: theta - gradient(A, b, theta)),
        Mistake(
            "b is missing: the residual is Aθ − b", lambda A, b, theta, tau: theta - tau * A.T @ A @ theta
        ),
        Mistake(
            "the sign of b: the residual is Aθ − b",
            lambda A, b, theta, tau: theta - tau * A.T @ (A @ theta + b),
        ),
        Mistake(
            "a factor 2: the gradient of ½ ‖·‖² has none, as the ½ takes it",
            lambda A, b, theta, tau: theta - 2 * tau * gradient(A, b, theta),
        ),
        Mistake("this is the implicit step: the explicit one takes the gradient at the old θ", implicit_step),
        Mistake(
            "this is the step alone: θ⁺ is the old θ minus it",
            lambda A, b, theta, tau: tau * gradient(A, b, theta),
        ),
    ),
)

IMPLICIT = Task(
    "implicit_step",
    implicit_step,
    steps,
    (
        Identity(
            "θ⁺ + τ ∇f(θ⁺) = θ",
            "E4",
            lambda u, A, b, theta, tau: relative(u + tau * gradient(A, b, u), theta),
            "insert ∇f(θ⁺) = AᵀAθ⁺ − Aᵀb and collect what stands with θ⁺: (I + τAᵀA) θ⁺ = θ + τAᵀb",
        ),
        Identity(
            "f(θ⁺) ≤ f(θ) − 1/(2τ) ‖θ⁺ − θ‖²",
            "P5",
            lambda u, A, b, theta, tau: excess(
                value(A, b, u) + np.sum((u - theta) ** 2) / (2 * tau),
                value(A, b, theta),
                value(A, b, theta),
            ),
            "an implicit step goes downhill for every τ",
        ),
    ),
    (
        Mistake(
            "the sign: the system is (I + τAᵀA) θ⁺ = …, with plus",
            lambda A, b, theta, tau: np.linalg.solve(
                normal(A)[1] - tau * normal(A)[0], theta + tau * A.T @ b
            ),
        ),
        Mistake(
            "the sign of τAᵀb on the right: it is θ + τAᵀb",
            lambda A, b, theta, tau: np.linalg.solve(
                normal(A)[1] + tau * normal(A)[0], theta - tau * A.T @ b
            ),
        ),
        Mistake(
            "τAᵀb is missing on the right: b belongs to the gradient",
            lambda A, b, theta, tau: np.linalg.solve(normal(A)[1] + tau * normal(A)[0], theta),
        ),
        Mistake(
            "the step size τ is missing before AᵀA",
            lambda A, b, theta, tau: np.linalg.solve(sum(normal(A)), theta + tau * A.T @ b),
        ),
        Mistake(
            "the step size τ is missing before Aᵀb",
            lambda A, b, theta, tau: np.linalg.solve(normal(A)[1] + tau * normal(A)[0], theta + A.T @ b),
        ),
        Mistake(
            "1/τ stands with θ too: divided by τ, the system is (AᵀA + I/τ) θ⁺ = θ/τ + Aᵀb",
            lambda A, b, theta, tau: np.linalg.solve(normal(A)[0] + normal(A)[1] / tau, theta + A.T @ b),
        ),
        Mistake(
            "τ stands where 1/τ belongs: the system is (AᵀA + I/τ) θ⁺ = θ/τ + Aᵀb",
            lambda A, b, theta, tau: np.linalg.solve(
                normal(A)[0] + tau * normal(A)[1], tau * theta + A.T @ b
            ),
        ),
        Mistake("this is the explicit step: the gradient is to be taken at the new θ⁺", explicit_step),
        Mistake(
            "this is Crank–Nicolson, with the mean of both gradients; implicit is the new one alone",
            lambda A, b, theta, tau: implicit_step(A, b, explicit_step(A, b, theta, tau / 2), tau / 2),
        ),
        Mistake(
            f"{ROOT} [A; I/√τ] and [b; θ/√τ]",
            lambda A, b, theta, tau: np.linalg.solve(
                normal(A)[0] + normal(A)[1] / tau**2, theta / tau**2 + A.T @ b
            ),
        ),
        Mistake(
            f"{ROOT} [A; I/√τ] and [b; θ/√τ], the root in both",
            lambda A, b, theta, tau: np.linalg.solve(
                normal(A)[0] + normal(A)[1] / tau**2, theta / tau + A.T @ b
            ),
        ),
    ),
)

FACTORS = Task(
    "contraction_factors",
    contraction_factors,
    matrices,
    (
        Identity(
            "(I − τAᵀA) v = (1 − τλ) v for every eigenvector v",
            "P5",
            lambda explicit, implicit, A, tau: in_eigenvectors(
                A, explicit, np.eye(A.shape[1]) - tau * A.T @ A
            ),
            "an explicit step multiplies the error by I − τAᵀA; λ are the eigenvalues of AᵀA, ascending",
        ),
        Identity(
            "(I + τAᵀA)⁻¹ v = v/(1 + τλ) for every eigenvector v",
            "P5",
            lambda explicit, implicit, A, tau: in_eigenvectors(
                A, implicit, np.linalg.inv(np.eye(A.shape[1]) + tau * A.T @ A)
            ),
            "an implicit step multiplies the error by (I + τAᵀA)⁻¹; λ are the eigenvalues of AᵀA, ascending",
        ),
    ),
    (
        Mistake(
            "absolute values: the sign belongs to it", lambda A, tau: abs(contraction_factors(A, tau)[0])
        ),
        Mistake("the sign: it is 1 − τλ", lambda A, tau: 2 - contraction_factors(A, tau)[0]),
        Mistake("the sign: it is 1/(1 + τλ)", lambda A, tau: 1 / contraction_factors(A, tau)[0], part=1),
        Mistake(
            "exp(−τλ) is the factor of the gradient flow, not of the implicit step",
            lambda A, tau: np.exp(-tau * np.linalg.eigvalsh(A.T @ A)),
            part=1,
        ),
        Mistake(
            "this is the factor of Crank–Nicolson, (1 − τλ/2)/(1 + τλ/2)",
            lambda A, tau: np.multiply(*contraction_factors(A, tau / 2)),
            part=1,
        ),
        Mistake(
            "the inverse is missing: (I + τAᵀA) θ⁺ = …, so it divides",
            lambda A, tau: 1 / contraction_factors(A, tau)[1],
            part=1,
        ),
        *(
            Mistake(
                "the order: ascending in λ", lambda A, tau, i=i: contraction_factors(A, tau)[i][::-1], part=i
            )
            for i in (0, 1)
        ),
        *(
            Mistake(
                "the two factors are exchanged: the explicit one comes first",
                lambda A, tau, i=i: contraction_factors(A, tau)[1 - i],
                part=i,
            )
            for i in (0, 1)
        ),
    ),
    parts=("explicit", "implicit"),
)

STABLE = Task(
    "largest_stable_step",
    largest_stable_step,
    matrices_alone,
    (
        Identity(
            "at τ = 2/λ_max the steepest component of the error is mirrored, 1 − τλ_max = −1",
            "P5",
            lambda tau, A: growth_at(tau, A),
            "λ_max is the largest eigenvalue of AᵀA",
        ),
    ),
    (
        Mistake(
            "a factor 2: 1/λ_max is the fastest step for that component",
            lambda A: 1 / np.linalg.norm(A, 2) ** 2,
        ),
        Mistake(
            "the square is missing: λ_max is the square of the largest singular value",
            lambda A: 2 / np.linalg.norm(A, 2),
        ),
        Mistake(
            "the smallest eigenvalue stands where the largest belongs",
            lambda A: 2 / np.linalg.eigvalsh(A.T @ A)[0],
        ),
        Mistake(
            "the norm is that of all entries (Frobenius), not the largest singular value",
            lambda A: 2 / np.linalg.norm(A) ** 2,
        ),
    ),
)

EXERCISE = Exercise("01", "explicit and implicit Euler steps", (EXPLICIT, IMPLICIT, FACTORS, STABLE))
