"""Exercise 1: explicit and implicit Euler steps.

Throughout, f(θ) = ½ ‖Aθ − b‖² with the gradient ∇f(θ) = Aᵀ(Aθ − b).

Read ``tutorials/01_implicit_euler.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex01_implicit_euler.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "01"  # tells minprox check which exercise this is; leave it


def explicit_step(A, b, theta, tau):
    """Take an explicit Euler step, θ⁺ = θ − τ ∇f(θ)  (E2).

    Parameters
    ----------
    A : array, shape (rows, cols)
    b : array, shape (rows, 1)
    theta : array, shape (cols, 1)
    tau : float
        Step size τ > 0.

    Returns
    -------
    array, shape (cols, 1)
    """
    return theta - tau * A.T @ (A @ theta - b)  # (E2)


def implicit_step(A, b, theta, tau):
    """Take an implicit Euler step, θ⁺ = θ − τ ∇f(θ⁺)  (E4).

    Parameters
    ----------
    A : array, shape (rows, cols)
    b : array, shape (rows, 1)
    theta : array, shape (cols, 1)
    tau : float
        Step size τ > 0.

    Returns
    -------
    array, shape (cols, 1)
    """
    # (I + τ AᵀA) θ⁺ = θ + τ Aᵀb
    return np.linalg.solve(np.eye(A.shape[1]) + tau * A.T @ A, theta + tau * A.T @ b)


def contraction_factors(A, tau):
    """Return what one step makes of the error along each eigenvector of AᵀA  (P5).

    An explicit step multiplies it by 1 − τλ, an implicit one by 1/(1 + τλ).

    Parameters
    ----------
    A : array, shape (rows, cols)
    tau : float

    Returns
    -------
    explicit, implicit : array, shape (cols,)
        With their signs, for the eigenvalues λ in ascending order.
    """
    lam = np.linalg.eigvalsh(A.T @ A)
    return 1 - tau * lam, 1 / (1 + tau * lam)  # (P5)


def largest_stable_step(A):
    """Return the step size 2/λ_max(AᵀA) at which explicit steps begin to diverge  (P5).

    Parameters
    ----------
    A : array, shape (rows, cols)

    Returns
    -------
    float
    """
    return 2 / np.linalg.eigvalsh(A.T @ A)[-1]


if __name__ == "__main__":
    A, b, theta = np.array([[3.0]]), np.array([[2.0]]), np.array([[1.0]])
    print(explicit_step(A, b, theta, tau=0.1))  # expected: 0.7
    print(implicit_step(A, b, theta, tau=1.0))  # expected: 0.7
    print(contraction_factors(A, tau=1.0))  # expected: -8 and 0.1
    print(largest_stable_step(A))  # expected: 0.22222222
