"""Exercise 22: the term that holds samples, the distance of samples on lines, and a game.

Read ``tutorials/22_wasserstein_gan.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex22_wasserstein_gan.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file are
small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "22"  # tells minprox check which exercise this is; leave it


def relaxed_term(g, g_old, h):
    """Return 1/(2h) mean_i ‖g_i − g_old,i‖², and its derivative with respect to g (W2).

    Parameters
    ----------
    g, g_old : array, shape (B, n)
        Samples of the same latent points, now and at the last iterate.
    h : float

    Returns
    -------
    value : float
    error : array, shape (B, n)
        What is added to the error at the generator's output.
    """
    moved = g - g_old
    return np.sum(moved**2) / (2 * h * len(g)), moved / (h * len(g))  # (W2)


def w2_on_a_line(x, y):
    """Return the Wasserstein distance W₂ of two samples on a line (W9).

    Parameters
    ----------
    x, y : array, shape (n,)

    Returns
    -------
    float
    """
    return np.sqrt(np.mean((np.sort(x) - np.sort(y)) ** 2))  # (W9)


def sliced_w2(x, y, directions):
    """Return the root of the mean of W₂²(⟨u, x⟩, ⟨u, y⟩) over directions u (W9).

    Parameters
    ----------
    x, y : array, shape (n, d)
    directions : array, shape (count, d)
        Of length 1.

    Returns
    -------
    float
    """
    return np.sqrt(np.mean([w2_on_a_line(x @ u, y @ u) ** 2 for u in directions]))  # (W9)


def game_step(x, y, B, tau):
    """Take an implicit step (E4) of the game xᵀBy, which x lowers and y raises.

    x⁺ = x − τ B y⁺ and y⁺ = y + τ Bᵀx⁺; with B = 1 that is the rotation of the tutorial.

    Parameters
    ----------
    x : array, shape (n,)
    y : array, shape (m,)
    B : array, shape (n, m)
    tau : float

    Returns
    -------
    x_next : array, shape (n,)
    y_next : array, shape (m,)
    """
    x_next = np.linalg.solve(np.eye(len(x)) + tau**2 * B @ B.T, x - tau * B @ y)
    return x_next, y + tau * B.T @ x_next


if __name__ == "__main__":
    value, error = relaxed_term(np.array([[3.0, 0.0]]), np.array([[1.0, 1.0]]), 0.5)
    print(value, *error.ravel())  # expected: 5 4 -2
    print(w2_on_a_line(np.array([0.0, 3.0]), np.array([4.0, 1.0])))  # expected: 1
    x, y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 3.0]])
    print(sliced_w2(x, y, np.eye(2)))  # expected: 1.118033988749895
    one = np.array([1.0])
    print(*game_step(one, 0 * one, np.eye(1), 1.0))  # expected: 0.5 0.5
