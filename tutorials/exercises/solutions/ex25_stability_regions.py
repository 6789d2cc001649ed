"""Exercise 25: which steps grow on ẋ = κ x, and a rotation in which every explicit step does.

Read ``tutorials/25_stability_regions.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex25_stability_regions.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "25"  # tells minprox check which exercise this is; leave it


def growth(re, im):
    """Return |R(z)| of explicit Euler (E2), of implicit Euler (E4), and of Crank–Nicolson.

    One step of size τ on ẋ = κ x multiplies x by R(z), z = τκ = re + i im: by 1 + z, by 1/(1 − z), and by
    (1 + z/2)/(1 − z/2).

    Parameters
    ----------
    re, im : array, shape (n,)

    Returns
    -------
    explicit, implicit, crank_nicolson : array, shape (n,)
    """
    z = re + 1j * im
    return abs(1 + z), abs(1 / (1 - z)), abs((1 + z / 2) / (1 - z / 2))


def explicit_rotation(x, y, tau):
    """Take an explicit step (E2) on ẋ = y, ẏ = −x.

    Parameters
    ----------
    x, y : array, shape (n,)
    tau : float

    Returns
    -------
    x_next, y_next : array, shape (n,)
    """
    return x + tau * y, y - tau * x


def implicit_rotation(x, y, tau):
    """Take an implicit step (E4) on ẋ = y, ẏ = −x: x⁺ = x + τ y⁺ and y⁺ = y − τ x⁺.

    Parameters
    ----------
    x, y : array, shape (n,)
    tau : float

    Returns
    -------
    x_next, y_next : array, shape (n,)
    """
    return (x + tau * y) / (1 + tau**2), (y - tau * x) / (1 + tau**2)


if __name__ == "__main__":
    minus_one, zero, one = np.array([-1.0]), np.array([0.0]), np.array([1.0])
    print(*growth(2 * minus_one, zero))  # expected: 1 0.3333333333333333 0
    print(*explicit_rotation(one, zero, 1.0))  # expected: 1 -1
    print(*implicit_rotation(one, zero, 1.0))  # expected: 0.5 -0.5
