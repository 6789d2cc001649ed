"""Exercise 23: the implicit step as ridge regression, with another damping, in a trust region.

Read ``tutorials/23_other_names.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex23_other_names.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "23"  # tells minprox check which exercise this is; leave it


def ridge_rows(A, delta, tau_theta):
    """Return the least-squares problem of which (E6) holds the normal equations.

    The step d minimises ‖A d − δ‖² + ‖d‖²/τ_θ = ‖B d − c‖².

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    B : array, shape (rows + cols, cols)
    c : array, shape (rows + cols, n_out)
    """
    cols = A.shape[1]
    B = np.vstack([A, np.eye(cols) / np.sqrt(tau_theta)])
    return B, np.vstack([delta, np.zeros((cols, delta.shape[1]))])


def damped_step(A, delta, lam):
    """Return (AᵀA/N + λ I)⁻¹ Aᵀδ, where N is the number of rows of A: FOOF's step, N times that of (E6).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    lam : float
        Damping λ > 0.

    Returns
    -------
    array, shape (cols, n_out)
    """
    return np.linalg.solve(A.T @ A / len(A) + lam * np.eye(A.shape[1]), A.T @ delta)


def trust_region(A, delta, radius):
    """Return the τ_θ for which the step d of (E6) has the length ‖d‖ = radius.

    The length grows with τ_θ. The radius is smaller than the length of the least-squares solution, and the
    answer lies between 1e-6 and 1e6.

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    radius : float

    Returns
    -------
    float
    """
    low, high = np.log(1e-6), np.log(1e6)
    for _ in range(100):
        middle = (low + high) / 2
        M = A.T @ A + np.eye(A.shape[1]) / np.exp(middle)
        if np.linalg.norm(np.linalg.solve(M, A.T @ delta)) < radius:
            low = middle
        else:
            high = middle
    return float(np.exp(low))


if __name__ == "__main__":
    one, three = np.array([[1.0]]), np.array([[3.0]])
    print(*ridge_rows(three, one, tau_theta=0.25))  # expected: 3 2 1 0
    print(damped_step(three, one, lam=1.0))  # expected: 0.3
    print(round(trust_region(one, 3 * one, radius=1.0), 9))  # expected: 0.5
