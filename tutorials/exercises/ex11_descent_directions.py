"""Exercise 11: the angle of a step, how large it may become, and a line search.

Read ``tutorials/11_descent_directions.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex11_descent_directions.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "11"  # tells minprox check which exercise this is; leave it


def cosine(g, d):
    """Return the cosine of the angle between two layers, ⟨g, d⟩ / (‖g‖ ‖d‖)  (P3).

    Parameters
    ----------
    g, d : array, shape (cols, n_out)

    Returns
    -------
    float
    """
    raise NotImplementedError("the inner product sums over all entries")


def kantorovich(A, tau_theta):
    """Return the smallest cosine between Aᵀδ and its implicit step, 2√κ/(1 + κ)  (P3).

    κ is the condition number of M = AᵀA + I/τ_θ, its largest eigenvalue over its smallest.

    Parameters
    ----------
    A : array, shape (rows, cols)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    float
    """
    raise NotImplementedError("np.linalg.eigvalsh(M) sorts ascending")


def line_search(f, theta, g, d, c):
    """Return the first of 1, ½, ¼, … with f(θ − τ d) ≤ f(θ) − c τ ⟨g, d⟩  (P4).

    Parameters
    ----------
    f : callable
        ``f(theta)``, a float.
    theta, g, d : array, shape (n, 1)
        Parameters, gradient, and a descent direction.
    c : float
        Which share of the decrease that the gradient promises is enough.

    Returns
    -------
    float
    """
    raise NotImplementedError("begin with τ = 1, and halve it while the inequality fails")


if __name__ == "__main__":
    e = np.array([[1.0], [0.0]])
    print(cosine(e, np.array([[3.0], [4.0]])))  # expected: 0.6
    print(kantorovich(np.array([[np.sqrt(3.0), 0.0], [0.0, 0.0]]), 1.0))  # expected: 0.8
    print(line_search(lambda theta: np.sum(theta**2), e, 2 * e, 2 * e, 0.1))  # expected: 0.5
    print(line_search(lambda theta: np.sum(theta**2), e, 2 * e, e, 0.1))  # expected: 1
