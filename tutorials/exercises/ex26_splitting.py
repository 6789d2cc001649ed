"""Exercise 26: the blocks of the penalty energy, solved one by one, and the multipliers of ADMM.

Read ``tutorials/26_splitting.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex26_splitting.py

σ is the ReLU. A tie is written with its scaled multiplier, as in ρ/2 ‖[x, 1]θ − z + u‖² and
γ/2 ‖σ(z) − a + w‖². The arguments are float64 arrays and belong to the caller: never write to them. At the
end of this file are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "26"  # tells minprox check which exercise this is; leave it


def theta_step(theta, a, z, u, tau_theta):
    """Return argmin_θ⁺ ½ ‖[a, 1]θ⁺ − z + u‖² + ‖θ⁺ − θ‖²/(2τ_θ) (E5).

    Parameters
    ----------
    theta : array, shape (n + 1, m)
    a : array, shape (N, n)
    z, u : array, shape (N, m)
    tau_theta : float

    Returns
    -------
    array, shape (n + 1, m)
    """
    raise NotImplementedError("the implicit step of [a, 1]θ towards z − u")


def best_a(theta, s, w, y, gamma):
    """Return argmin_a ‖[a, 1]θ − y‖²/(2N) + γ/2 ‖s − a + w‖², a block of (E3) with s = σ(z).

    Parameters
    ----------
    theta : array, shape (n + 1, m)
    s, w : array, shape (N, n)
    y : array, shape (N, m)
    gamma : float

    Returns
    -------
    array, shape (N, n)
    """
    raise NotImplementedError("with θ = [W; b], a system with WWᵀ, the same for every sample")


def best_z(p, q, gamma, rho):
    """Return argmin_z γ/2 (σ(z) − p)² + ρ/2 (z − q)², entry by entry, a block of (E3).

    Parameters
    ----------
    p, q : array
    gamma, rho : float

    Returns
    -------
    array, as p
    """
    raise NotImplementedError("the best z ≥ 0, the best z ≤ 0, and the better of the two")


def multiplier_step(theta, x, z, a, u, w):
    """Update the scaled multipliers of both ties of (E3), and measure how far the ties are broken.

    u⁺ = u + [x, 1]θ − z, w⁺ = w + σ(z) − a, and (‖[x, 1]θ − z‖² + ‖σ(z) − a‖²)/‖a‖².

    Parameters
    ----------
    theta : array, shape (n + 1, m)
    x : array, shape (N, n)
    z, a, u, w : array, shape (N, m)

    Returns
    -------
    u_next, w_next : array, shape (N, m)
    broken : float
    """
    raise NotImplementedError("ρ and γ are in u and w already")


if __name__ == "__main__":
    one = np.array([[1.0]])
    print(*theta_step(np.zeros((2, 1)), one, 4 * one, one, 1.0).ravel())  # expected: 1 1
    print(*best_a(np.array([[1.0], [1.0]]), one, 0 * one, 5 * one, 1.0).ravel())  # expected: 2.5
    print(*best_z(np.array([1.0, -1.0, 1.0]), np.array([3.0, -2.0, -0.1]), 1.0, 1.0))  # expected: 2 -2 0.45
    u, w, broken = multiplier_step(np.array([[2.0], [1.0]]), one, one, 2 * one, one, 0 * one)
    print(*u.ravel(), *w.ravel(), broken)  # expected: 3 -1 1.25
