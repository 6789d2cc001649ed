"""Exercise 5: the implicit step of one layer.

Here A = [a, 1] holds the inputs of the layer for a mini-batch and δ the errors at its output.

Read ``tutorials/05_proxprop.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex05_proxprop.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "05"  # tells minprox check which exercise this is; leave it


def layer_matrix(a):
    """Return A = [a, 1], with which z = A θ  (E1).

    Parameters
    ----------
    a : array, shape (N, n_in)

    Returns
    -------
    array, shape (N, n_in + 1)
    """
    return np.hstack([a, np.ones((len(a), 1))])


def implicit_step(A, delta, tau_theta):
    """Return the implicit step d = (AᵀA + I/τ_θ)⁻¹ Aᵀδ  (E6).

    Parameters
    ----------
    A : array, shape (rows, cols)
    delta : array, shape (rows, n_out)
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    array, shape (cols, n_out)
    """
    # (AᵀA + I/τ_θ) d = Aᵀδ  (E6)
    return np.linalg.solve(A.T @ A + np.eye(A.shape[1]) / tau_theta, A.T @ delta)


def proximal_update(theta, A, z_half, tau_theta):
    """Return θ⁺ = argmin ½ ‖Aθ⁺ − z_half‖² + 1/(2τ_θ) ‖θ⁺ − θ‖²  (E5).

    Parameters
    ----------
    theta : array, shape (cols, n_out)
    A : array, shape (rows, cols)
    z_half : array, shape (rows, n_out)
        The output that is wished for.
    tau_theta : float

    Returns
    -------
    array, shape (cols, n_out)
    """
    return theta - implicit_step(A, A @ theta - z_half, tau_theta)


def algorithm_2_layer(theta, a_below, z, a_half, tau_theta):
    """Run Algorithm 2 at one layer with σ = tanh  (A2).

    z_half = z − σ′(z) (σ(z) − a_half), then a_below_half = a_below − (∂φ/∂a)ᵀ (φ(θ, a_below) − z_half) at
    the old θ, and θ⁺ by the proximal update (E5) at the old a_below.

    Parameters
    ----------
    theta : array, shape (n_in + 1, n)
    a_below : array, shape (N, n_in)
    z, a_half : array, shape (N, n)
    tau_theta : float

    Returns
    -------
    z_half : array, shape (N, n)
    a_below_half : array, shape (N, n_in)
    theta_next : array, shape (n_in + 1, n)
    """
    z_half = z - (1 - np.tanh(z) ** 2) * (np.tanh(z) - a_half)
    A = layer_matrix(a_below)
    a_below_half = a_below - (A @ theta - z_half) @ theta[:-1].T
    return z_half, a_below_half, proximal_update(theta, A, z_half, tau_theta)


if __name__ == "__main__":
    A, zero, one = np.array([[3.0]]), np.array([[0.0]]), np.array([[1.0]])
    theta = np.array([[1.0], [0.0]])
    print(layer_matrix(A))  # expected: 3 1
    print(implicit_step(A, 2 * one, tau_theta=1.0))  # expected: 0.6
    print(proximal_update(one, A, one, tau_theta=1.0))  # expected: 0.4
    print(*algorithm_2_layer(theta, zero, zero, one, tau_theta=1.0))  # expected: 1, 1, 1 0.5
