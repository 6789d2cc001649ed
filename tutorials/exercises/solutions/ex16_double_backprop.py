"""Exercise 16: attacks in a cube, and the gradient of a penalty on a gradient.

Read ``tutorials/16_double_backprop.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex16_double_backprop.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "16"  # tells minprox check which exercise this is; leave it


def worst_change(g, epsilon):
    """Return the change u with ‖u‖∞ ≤ ε that raises ⟨g, u⟩ the most, u = ε sign(g)  (D3, D4).

    Parameters
    ----------
    g : array, shape (N, n)
        Gradients with respect to the inputs.
    epsilon : float

    Returns
    -------
    array, shape (N, n)
    """
    return epsilon * np.sign(g)


def pgd_step(x, x_0, g, alpha, epsilon):
    """Take a step of length α along the sign of g, and go back to the cube around x₀  (D5).

    Parameters
    ----------
    x, x_0, g : array, shape (N, n)
        Where the attack is, where it began, and the gradients at x.
    alpha, epsilon : float
        Length of the step, and half the width of the cube.

    Returns
    -------
    array, shape (N, n)
    """
    return np.clip(x + alpha * np.sign(g), x_0 - epsilon, x_0 + epsilon)


def penalty(w, x, y):
    """Return R = 1/N Σ ‖∇ₓℓ‖₁ for the loss ℓ = ½ (⟨w, x⟩ − y)² of a sample  (D1).

    Parameters
    ----------
    w : array, shape (n, 1)
    x : array, shape (N, n)
    y : array, shape (N, 1)

    Returns
    -------
    float
    """
    return np.abs((x @ w - y) * w.T).sum() / len(x)


def penalty_gradient(w, x, y):
    """Return ∇R: the mean of d/dt ∇_w ℓ(x + t s) at t = 0, with s = sign(∇ₓℓ) held fixed  (D2).

    Parameters
    ----------
    w : array, shape (n, 1)
    x : array, shape (N, n)
    y : array, shape (N, 1)

    Returns
    -------
    array, shape (n, 1)
    """
    r = x @ w - y
    s = np.sign(r * w.T)
    return (x.T @ (s @ w) + s.T @ r) / len(x)


if __name__ == "__main__":
    g = np.array([[3.0, -2.0]])
    w, x, y = np.array([[1.0], [-2.0]]), np.array([[1.0, 1.0]]), np.array([[1.0]])
    print(worst_change(g, 0.5))  # expected: 0.5 -0.5
    print(pgd_step(g, g, g, 1.0, 0.5))  # expected: 3.5 -2.5
    print(penalty(w, x, y))  # expected: 6
    print(penalty_gradient(w, x, y))  # expected: -1 -5
