"""Exercise 4: Algorithm 1 on the penalty energy.

The net has two transfers: z₁ = φ(θ₁, x), a₁ = tanh(z₁), and the loss L_y = 1/(2N) ‖φ(θ₂, a₁) − y‖². Names
with ``_half`` are those with the index k + ½.

Read ``tutorials/04_penalty_energy.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex04_penalty_energy.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "04"  # tells minprox check which exercise this is; leave it


def phi(theta, a):
    """Return φ(θ, a) = [a, 1] θ; given."""
    return a @ theta[:-1] + theta[-1]


def energy(theta1, theta2, x, z1, a1, y, gamma, rho):
    """Return E = L_y(φ(θ₂, a₁)) + γ/2 ‖σ(z₁) − a₁‖² + ρ/2 ‖φ(θ₁, x) − z₁‖²  (E3).

    Parameters
    ----------
    theta1 : array, shape (n_in + 1, n)
    theta2 : array, shape (n + 1, n_out)
    x : array, shape (N, n_in)
    z1, a1 : array, shape (N, n)
        Variables of their own, tied by the couplings only.
    y : array, shape (N, n_out)
    gamma, rho : float
        The weights γ and ρ.

    Returns
    -------
    float
    """
    loss = np.sum((phi(theta2, a1) - y) ** 2) / (2 * len(y))
    couplings = gamma * np.sum((np.tanh(z1) - a1) ** 2) + rho * np.sum((phi(theta1, x) - z1) ** 2)
    return loss + couplings / 2  # (E3)


def half_steps(theta, a_below, z, a_half, tau, gamma, rho):
    """Take the half-steps (b) of Algorithm 1 at one layer  (A1).

    z_half = z − τγ σ′(z) (σ(z) − a_half), with the product entry by entry, and then
    a_below_half = a_below − τρ (∂φ/∂a)ᵀ (φ(θ, a_below) − z_half), with σ = tanh.

    Parameters
    ----------
    theta : array, shape (n_in + 1, n)
    a_below : array, shape (N, n_in)
    z, a_half : array, shape (N, n)
    tau, gamma, rho : float

    Returns
    -------
    z_half : array, shape (N, n)
    a_below_half : array, shape (N, n_in)
    """
    z_half = z - tau * gamma * (1 - np.tanh(z) ** 2) * (np.tanh(z) - a_half)  # (b)
    return z_half, a_below - tau * rho * (phi(theta, a_below) - z_half) @ theta[:-1].T


def parameter_step(theta, a_below, z_half, tau, rho):
    """Take the step (c) of Algorithm 1, θ⁺ = θ − τρ Aᵀ(φ(θ, a_below) − z_half), A = [a_below, 1]  (A1).

    Parameters
    ----------
    theta : array, shape (n_in + 1, n)
    a_below : array, shape (N, n_in)
    z_half : array, shape (N, n)
    tau, rho : float

    Returns
    -------
    array, shape (n_in + 1, n)
    """
    residual = phi(theta, a_below) - z_half
    return theta - tau * rho * np.vstack([a_below.T @ residual, residual.sum(axis=0)])  # (c)


def sweep(theta1, theta2, x, y, tau):
    """Run Algorithm 1 with γ = ρ = 1/τ from the forward pass: one step of gradient descent  (A1, P1).

    Step (a) is explicit in both: a₁_half = a₁ − τ ∇_a L_y and θ₂⁺ = θ₂ − τ ∇_{θ₂} L_y, both at the old a₁.

    Parameters
    ----------
    theta1 : array, shape (n_in + 1, n)
    theta2 : array, shape (n + 1, n_out)
    x : array, shape (N, n_in)
    y : array, shape (N, n_out)
    tau : float

    Returns
    -------
    theta1_next, theta2_next : array
        Of the shapes of theta1 and theta2.
    """
    z1 = phi(theta1, x)
    a1 = np.tanh(z1)
    delta = (phi(theta2, a1) - y) / len(y)
    a1_half = a1 - tau * delta @ theta2[:-1].T  # (a)
    theta2_next = theta2 - tau * np.vstack([a1.T @ delta, delta.sum(axis=0)])
    z1_half, _ = half_steps(theta1, x, z1, a1_half, tau, 1 / tau, 1 / tau)
    return parameter_step(theta1, x, z1_half, tau, 1 / tau), theta2_next


if __name__ == "__main__":
    theta, zero, one = np.array([[1.0], [0.0]]), np.array([[0.0]]), np.array([[1.0]])
    print(energy(theta, theta, zero, zero, one, zero, gamma=2.0, rho=4.0))  # expected: 1.5
    print(*half_steps(theta, zero, zero, one, tau=1.0, gamma=2.0, rho=4.0))  # expected: 2 and 8
    print(parameter_step(theta, zero, 2 * one, tau=1.0, rho=4.0))  # expected: 1 8
    print(*sweep(theta, theta, zero, one, tau=0.5))  # expected: 1 0.5 and 1 0.5
