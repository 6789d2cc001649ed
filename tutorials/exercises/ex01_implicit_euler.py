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
    raise NotImplementedError("one line: the gradient is taken at the old theta")


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
    raise NotImplementedError("insert the gradient at the new theta, collect what stands with it, and solve")


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
    raise NotImplementedError("np.linalg.eigvalsh returns the eigenvalues in ascending order")


def largest_stable_step(A):
    """Return the step size 2/λ_max(AᵀA) at which explicit steps begin to diverge  (P5).

    Parameters
    ----------
    A : array, shape (rows, cols)

    Returns
    -------
    float
    """
    raise NotImplementedError("for which tau does the largest eigenvalue give the factor -1?")


if __name__ == "__main__":
    A, b, theta = np.array([[3.0]]), np.array([[2.0]]), np.array([[1.0]])
    print(explicit_step(A, b, theta, tau=0.1))  # expected: 0.7
    print(implicit_step(A, b, theta, tau=1.0))  # expected: 0.7
    print(contraction_factors(A, tau=1.0))  # expected: -8 and 0.1
    print(largest_stable_step(A))  # expected: 0.22222222
