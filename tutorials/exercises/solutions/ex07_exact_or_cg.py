"""Exercise 7: conjugate gradients.

The system is M d = g with M = AᵀA + I/τ_θ and g = Aᵀδ  (E6). CG starts at zero and needs nothing but products
by M. Mind that ``P = R`` makes no copy: it gives one array a second name.

Read ``tutorials/07_exact_or_cg.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex07_exact_or_cg.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "07"  # tells minprox check which exercise this is; leave it


def system_product(A, v, tau_theta):
    """Return M v = Aᵀ(A v) + v/τ_θ without forming M  (E6).

    Parameters
    ----------
    A : array, shape (rows, cols)
    v : array, shape (cols, n_out)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    array, shape (cols, n_out)
    """
    return A.T @ (A @ v) + v / tau_theta


def line_search(A, delta, tau_theta):
    """Return the step α = ⟨g, g⟩/⟨g, M g⟩ of the first CG iteration, one number for the layer  (E5).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float

    Returns
    -------
    float
    """
    g = A.T @ delta
    return np.sum(g * g) / np.sum(g * system_product(A, g, tau_theta))


def cg(A, delta, tau_theta, iterations):
    """Return the iterate of CG for the flattened layer: one α and one β for all columns  (E6).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
    iterations : int
        Number n of iterations, at least 1.

    Returns
    -------
    array, shape (cols, n_out)
    """
    R = A.T @ delta
    D, P, rho = np.zeros_like(R), R.copy(), np.sum(R * R)
    for _ in range(iterations):
        Q = system_product(A, P, tau_theta)
        alpha = rho / np.sum(P * Q)
        D = D + alpha * P
        R = R - alpha * Q
        rho, former = np.sum(R * R), rho
        P = R + rho / former * P
    return D


def block_cg(A, delta, tau_theta, iterations):
    """Return the iterate of CG for each column by itself: α and β are rows, one entry for each column  (E6).

    Where a column of δ is zero, so is that of the answer.

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
    iterations : int
        Number n of iterations, at least 1.

    Returns
    -------
    array, shape (cols, n_out)
    """

    def divide(u, v):
        return np.where(v == 0, 0, u) / np.where(v == 0, 1, v)

    R = A.T @ delta
    D, P, rho = np.zeros_like(R), R.copy(), np.sum(R * R, axis=0)
    for _ in range(iterations):
        Q = system_product(A, P, tau_theta)
        alpha = divide(rho, np.sum(P * Q, axis=0))
        D = D + alpha * P
        R = R - alpha * Q
        rho, former = np.sum(R * R, axis=0), rho
        P = R + divide(rho, former) * P
    return D


if __name__ == "__main__":
    A, delta = np.array([[3.0]]), np.array([[2.0]])
    print(system_product(A, delta, tau_theta=1.0))  # expected: 20
    print(line_search(A, delta, tau_theta=1.0))  # expected: 0.1
    print(cg(A, delta, tau_theta=1.0, iterations=1))  # expected: 0.6
    print(block_cg(A, np.array([[2.0, 0.0]]), tau_theta=1.0, iterations=1))  # expected: 0.6 0
