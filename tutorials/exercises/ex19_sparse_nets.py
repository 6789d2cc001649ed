"""Exercise 19: proximal gradient steps for ½ ‖Aw − b‖² + λ ‖w‖₁, and whole units.

Read ``tutorials/19_sparse_nets.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex19_sparse_nets.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "19"  # tells minprox check which exercise this is; leave it


def ista_step(A, b, w, tau, lam):
    """Take an explicit step (E2) on ½ ‖Aw − b‖² and an implicit one (E4) on λ ‖·‖₁.

    w⁺ = prox_{τλ‖·‖₁}(w − τ Aᵀ(Aw − b)), with soft thresholding for the proximal map.

    Parameters
    ----------
    A : array, shape (rows, cols)
    b : array, shape (rows, 1)
    w : array, shape (cols, 1)
    tau, lam : float
        Step size τ and weight λ of the penalty.

    Returns
    -------
    array, shape (cols, 1)
    """
    raise NotImplementedError("every component moves towards zero by τλ, and stops there")


def extrapolate(w, w_old, t):
    """Return the next t⁺ = (1 + √(1 + 4t²))/2 of FISTA, and w + (t − 1)/t⁺ (w − w_old)  (E2, E4).

    Parameters
    ----------
    w, w_old : array, shape (cols, 1)
        The last two iterates.
    t : float

    Returns
    -------
    t_next : float
    y : array, shape (cols, 1)
        Where the next step begins.
    """
    raise NotImplementedError("the old t stands in the numerator, the new one below")


def group_shrink(V, tau):
    """Return the proximal map (E4) of the sum of the norms of the rows: each row shrinks as a whole.

    Row v becomes max(0, 1 − τ/‖v‖) v.

    Parameters
    ----------
    V : array, shape (units, n)
        No row is zero.
    tau : float

    Returns
    -------
    array, shape (units, n)
    """
    raise NotImplementedError("np.linalg.norm with axis=1 and keepdims=True")


if __name__ == "__main__":
    one = np.array([[1.0]])
    print(ista_step(2 * one, one, one, tau=0.25, lam=1.0))  # expected: 0.25
    print(*extrapolate(2 * one, one, 0.0))  # expected: 1 1
    print(group_shrink(np.array([[3.0, 4.0]]), 2.5))  # expected: 1.5 2
