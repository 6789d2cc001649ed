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
    raise NotImplementedError("one product by A and one by its transpose")


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
    raise NotImplementedError("g is the transposed A times delta")


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
    raise NotImplementedError("five lines in a loop: alpha, D, R, beta, P")


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
    raise NotImplementedError("as cg, with sums over the rows only; what is 0/0?")


if __name__ == "__main__":
    A, delta = np.array([[3.0]]), np.array([[2.0]])
    print(system_product(A, delta, tau_theta=1.0))  # expected: 20
    print(line_search(A, delta, tau_theta=1.0))  # expected: 0.1
    print(cg(A, delta, tau_theta=1.0, iterations=1))  # expected: 0.6
    print(block_cg(A, np.array([[2.0, 0.0]]), tau_theta=1.0, iterations=1))  # expected: 0.6 0
