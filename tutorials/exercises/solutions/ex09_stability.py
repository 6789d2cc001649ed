"""Exercise 9: curvature without the Hessian, and the step sizes that it allows.

Read ``tutorials/09_stability.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex09_stability.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "09"  # tells minprox check which exercise this is; leave it


def hessian_product(gradient, theta, v, h):
    """Return H v by a central difference of gradients, (∇J(θ + h v) − ∇J(θ − h v)) / (2h)  (E2).

    Parameters
    ----------
    gradient : callable
        ``gradient(theta)``, with the shape of theta.
    theta, v : array, shape (n,)
        Where, and along what.
    h : float
        Half the width of the difference.

    Returns
    -------
    array, shape (n,)
    """
    return (gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h)


def power_method(H, v, steps):
    """Return the Rayleigh quotient ⟨u, H u⟩/⟨u, u⟩ of u = Hⁿ v, which tends to the curvature in (E2).

    Parameters
    ----------
    H : array, shape (n, n)
        Symmetric.
    v : array, shape (n,)
    steps : int
        How often v is multiplied by H before the quotient.

    Returns
    -------
    float
    """
    for _ in range(steps):
        v = H @ v
        v = v / np.linalg.norm(v)
    return v @ (H @ v) / (v @ v)


def largest_stable_step(largest, mu):
    """Return the largest stable τ of gradient descent (E2) with momentum.

    The step is v⁺ = μ v + λ e, e⁺ = e − τ v⁺ for the error e along an eigenvector of the Hessian. At the
    limit the error is mirrored, and so is the velocity.

    Parameters
    ----------
    largest : float
        The largest eigenvalue of the Hessian.
    mu : float
        Momentum 0 ≤ μ < 1.

    Returns
    -------
    float
    """
    return 2 * (1 + mu) / largest


if __name__ == "__main__":
    print(hessian_product(lambda theta: theta**2, np.array([3.0]), np.array([1.0]), 0.5))  # expected: 6
    print(power_method(np.diag([2.0, 1.0]), np.array([1.0, 1.0]), 1))  # expected: 1.8
    print(largest_stable_step(4.0, 0.0))  # expected: 0.5
    print(largest_stable_step(4.0, 0.5))  # expected: 0.75
