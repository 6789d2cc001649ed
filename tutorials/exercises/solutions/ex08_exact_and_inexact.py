"""Exercise 8: what exact steps do to a gradient, what momentum makes of them, and how inexact a step is.

Read ``tutorials/08_exact_and_inexact.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex08_exact_and_inexact.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "08"  # tells minprox check which exercise this is; leave it


def filter_factors(A, tau_theta):
    """Return the factors by which the implicit step (E6) multiplies the gradient's components.

    The components are those along the eigenvectors of AᵀA: a factor for each eigenvalue λ, in ascending
    order of λ.

    Parameters
    ----------
    A : array, shape (rows, cols)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    array, shape (cols,)
    """
    return tau_theta / (1 + tau_theta * np.linalg.eigvalsh(A.T @ A))


def nesterov_step(theta, v, g, tau, mu):
    """Take one step of Nesterov's method along a direction, which may be an implicit step (E6).

    v⁺ = μ v + g and θ⁺ = θ − τ (g + μ v⁺).

    Parameters
    ----------
    theta, v, g : array, shape (cols, n_out)
        Parameters, velocity and direction.
    tau, mu : float
        Step size τ > 0 and momentum 0 ≤ μ < 1.

    Returns
    -------
    theta_next : array, shape (cols, n_out)
    v_next : array, shape (cols, n_out)
    """
    v_next = mu * v + g
    return theta - tau * (g + mu * v_next), v_next


def inexactness(A, delta, tau_theta, d):
    """Return how far d is from solving (E6): ‖(AᵀA + I/τ_θ) d − Aᵀδ‖ / ‖Aᵀδ‖.

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
    d : array, shape (cols, n_out)
        A step, for example after a few iterations of conjugate gradients.

    Returns
    -------
    float
    """
    g = A.T @ delta
    return np.linalg.norm(A.T @ (A @ d) + d / tau_theta - g) / np.linalg.norm(g)


if __name__ == "__main__":
    A, one = np.array([[3.0]]), np.array([[1.0]])
    print(filter_factors(A, tau_theta=1.0))  # expected: 0.1
    print(*nesterov_step(one, one, one, tau=1.0, mu=0.5))  # expected: -0.75 1.5
    print(inexactness(A, one, 1.0, 0 * one))  # expected: 1
