"""Exercise 2: proximal maps and the Moreau envelope.

The proximal map of f with step τ is prox_{τf}(v) = argmin_u f(u) + 1/(2τ) ‖u − v‖²  (E4).

Read ``tutorials/02_proximal_maps.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex02_proximal_maps.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "02"  # tells minprox check which exercise this is; leave it


def prox_quadratic(A, b, v, tau):
    """Return the proximal map of f(u) = ½ ‖Au − b‖²: v − u = τ Aᵀ(Au − b)  (E4).

    Parameters
    ----------
    A : array, shape (rows, cols)
    b : array, shape (rows, 1)
    v : array, shape (cols, 1)
    tau : float
        Step size τ > 0.

    Returns
    -------
    array, shape (cols, 1)
        The minimiser u.
    """
    raise NotImplementedError("set the gradient of the objective in u to zero, and solve")


def prox_l1(v, tau):
    """Return the proximal map of f(u) = ‖u‖₁: (v − u)/τ is a subgradient of |·| at u  (E4).

    Parameters
    ----------
    v : array, any shape
    tau : float
        Step size τ > 0.

    Returns
    -------
    array, of the shape of v
    """
    raise NotImplementedError("three cases for each component: u > 0, u < 0 and u = 0")


def prox_box(v, tau):
    """Return the proximal map of f = 0 on the box [−1, 1]ⁿ and +∞ outside: the nearest point  (E4).

    Parameters
    ----------
    v : array, any shape
    tau : float
        Step size τ > 0.

    Returns
    -------
    array, of the shape of v
    """
    raise NotImplementedError("component by component; does tau matter?")


def moreau_envelope(f, prox, v, tau):
    """Return the value of the minimum, e_τ(v) = f(u) + 1/(2τ) ‖u − v‖² at u = prox_{τf}(v)  (E4).

    Parameters
    ----------
    f : callable
        ``f(u)``, a float.
    prox : callable
        ``prox(v, tau)``, its proximal map.
    v : array, any shape
    tau : float

    Returns
    -------
    float
    """
    raise NotImplementedError("the value of the minimum, not the place of it")


if __name__ == "__main__":
    A, b, v = np.array([[3.0]]), np.array([[2.0]]), np.array([-3.0, 0.5, 2.0])
    print(prox_quadratic(A, b, np.array([[1.0]]), tau=1.0))  # expected: 0.7
    print(prox_l1(v, tau=1.0))  # expected: -2 0 1
    print(prox_box(v, tau=1.0))  # expected: -1 0.5 1
    print(moreau_envelope(lambda u: np.abs(u).sum(), prox_l1, np.array([3.0]), tau=1.0))  # expected: 2.5
