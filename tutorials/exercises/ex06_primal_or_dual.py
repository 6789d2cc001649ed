"""Exercise 6: primal or dual.

By the push-through identity the implicit step has two forms:
d = (AᵀA + I/τ_θ)⁻¹ Aᵀδ  (E6)  =  Aᵀ (AAᵀ + I/τ_θ)⁻¹ δ  (E7).

Read ``tutorials/06_primal_or_dual.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex06_primal_or_dual.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "06"  # tells minprox check which exercise this is; leave it


def dual_variable(A, delta, tau_theta):
    """Return c = (AAᵀ + I/τ_θ)⁻¹ δ, the errors filtered by the Gram matrix of the batch  (E7).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    array, shape (rows, n_out)
    """
    raise NotImplementedError("one equation for each sample: the matrix is rows x rows")


def dual_step(A, delta, tau_theta):
    """Return the implicit step in the dual form, d = Aᵀ (AAᵀ + I/τ_θ)⁻¹ δ  (E7).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float

    Returns
    -------
    array, shape (cols, n_out)
    """
    raise NotImplementedError("with dual_variable it is one product")


def cheaper_form(rows, cols):
    """Return ``"primal"`` or ``"dual"``, the form with the smaller system; the dual where they are equal.

    Parameters
    ----------
    rows, cols : int
        The shape of A.

    Returns
    -------
    str
    """
    raise NotImplementedError("which of the two systems is cols x cols?")


def extra_cost(rows, cols, n_out, form):
    """Return how many multiplications an exact step takes beyond the gradient.

    For a system n × n (cols × cols in the primal form, rows × rows in the dual one) and the other side m
    of A: ½ n² m for the Gram matrix, n³ for its inverse, n² k to apply it. In the primal form k is
    n_out; in the dual form the inverse is applied to δ or to A, whichever has fewer columns. (An inverse by
    an LU factorisation and a solve with the identity costs 4/3 n³, the best one by Cholesky's ½ n³; these
    count as right, too.)

    Parameters
    ----------
    rows, cols : int
        The shape of A.
    n_out : int
        Columns of δ.
    form : {"primal", "dual"}

    Returns
    -------
    float
    """
    raise NotImplementedError("three terms for each form; which form has min(cols, n_out)?")


if __name__ == "__main__":
    A, delta = np.array([[3.0]]), np.array([[2.0]])
    print(dual_variable(A, delta, tau_theta=1.0))  # expected: 0.2
    print(dual_step(A, delta, tau_theta=1.0))  # expected: 0.6
    print(cheaper_form(500, 3073))  # expected: dual
    print(extra_cost(2, 3, 1, "dual"))  # expected: 18.0
