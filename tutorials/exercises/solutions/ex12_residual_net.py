"""Exercise 12: errors in a residual block, and a layer that stands at two places.

Read ``tutorials/12_residual_net.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex12_residual_net.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "12"  # tells minprox check which exercise this is; leave it


def block_forward(theta, h):
    """Return h⁺ = h + φ(θ, σ(h)) with σ = tanh and φ(θ, a) = [a, 1] θ  (E1).

    Parameters
    ----------
    theta : array, shape (n + 1, n)
    h : array, shape (N, n)

    Returns
    -------
    array, shape (N, n)
    """
    return h + np.tanh(h) @ theta[:-1] + theta[-1]


def block_backward(theta, h, delta):
    """Return Aᵀδ with A = [σ(h), 1] (P1), and the error at h, where two ways meet.

    Parameters
    ----------
    theta : array, shape (n + 1, n)
    h, delta : array, shape (N, n)
        Input of the block, and the error at its output.

    Returns
    -------
    gradient : array, shape (n + 1, n)
    input_error : array, shape (N, n)
    """
    a = np.tanh(h)
    gradient = np.vstack([a.T @ delta, delta.sum(axis=0)])
    return gradient, delta + (1 - a**2) * (delta @ theta[:-1].T)


def shared_step(A_1, delta_1, A_2, delta_2, tau_theta):
    """Return the implicit step (E6) of a layer that stands at two places, with its inputs A₁ and A₂.

    Its matrix is A₁ above A₂, its error δ₁ above δ₂.

    Parameters
    ----------
    A_1, A_2 : array, shape (rows, cols)
    delta_1, delta_2 : array, shape (rows, n_out)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    array, shape (cols, n_out)
    """
    A, delta = np.vstack([A_1, A_2]), np.vstack([delta_1, delta_2])
    return np.linalg.solve(A.T @ A + np.eye(A.shape[1]) / tau_theta, A.T @ delta)


if __name__ == "__main__":
    theta, h, one = np.array([[2.0], [1.0]]), np.array([[0.0]]), np.array([[1.0]])
    print(block_forward(theta, h))  # expected: 1
    print(*block_backward(theta, h, one))  # expected: 0 1 3
    print(shared_step(one, one, 2 * one, one, tau_theta=1.0))  # expected: 0.5
