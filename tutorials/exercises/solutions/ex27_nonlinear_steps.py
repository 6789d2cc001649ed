"""Exercise 27: an implicit step that is no linear solve, its certificate, and the adjoint of a fixed point.

Read ``tutorials/27_nonlinear_steps.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex27_nonlinear_steps.py

L is the mean softmax cross-entropy of the logits Aθ. The arguments are float64 arrays, the labels integers,
and belong to the caller: never write to them. At the end of this file are small numbers for a first try: run
it as a script.
"""

import numpy as np

EXERCISE = "27"  # tells minprox check which exercise this is; leave it


def condition(theta, theta_old, A, y, tau_theta):
    """Return Aᵀ∇L(Aθ) + (θ − θ_old)/τ_θ, whose norm is the certificate of the implicit step (E4).

    Parameters
    ----------
    theta, theta_old : array, shape (n, classes)
    A : array, shape (N, n)
    y : array of int, shape (N,)
    tau_theta : float

    Returns
    -------
    array, shape (n, classes)
    """
    z = A @ theta
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    errors = (p - np.eye(z.shape[1])[y]) / len(y)
    return A.T @ errors + (theta - theta_old) / tau_theta


def newton_product(theta, A, v, tau_theta):
    """Return (Aᵀ∇²L(Aθ)A + I/τ_θ) v, the derivative of the condition (E4) along v.

    Parameters
    ----------
    theta, v : array, shape (n, classes)
    A : array, shape (N, n)
    tau_theta : float

    Returns
    -------
    array, shape (n, classes)
    """
    z, z_dot = A @ theta, A @ v
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p_dot = p * (z_dot - np.sum(p * z_dot, axis=1, keepdims=True))
    return A.T @ p_dot / len(A) + v / tau_theta


def proximal_step(theta_old, A, y, tau_theta):
    """Return argmin_θ L(Aθ) + ‖θ − θ_old‖²/(2τ_θ) by Newton's method (E4), to rounding.

    These problems are so tame that no line search is needed.

    Parameters
    ----------
    theta_old : array, shape (n, classes)
    A : array, shape (N, n)
    y : array of int, shape (N,)
    tau_theta : float

    Returns
    -------
    array, shape (n, classes)
    """
    theta, size = theta_old, np.linalg.norm(condition(theta_old, theta_old, A, y, tau_theta))
    for _ in range(100):
        R = -condition(theta, theta_old, A, y, tau_theta)
        if np.linalg.norm(R) <= 1e-13 * size:
            break
        D, P, rho = np.zeros_like(R), R, np.sum(R * R)
        stop = 1e-20 * rho
        while rho > stop:  # conjugate gradients
            Q = newton_product(theta, A, P, tau_theta)
            alpha = rho / np.sum(P * Q)
            D, R = D + alpha * P, R - alpha * Q
            rho, former = np.sum(R * R), rho
            P = R + rho / former * P
        theta = theta + D
    return theta


def filtered_error(W, slope, delta):
    """Return the error at s of the fixed point z = tanh(s), s = zW + xU + b, by back-propagation (A1).

    u = δ + (u ∘ σ′) Wᵀ is a linear system for each row; the answer is u ∘ σ′.

    Parameters
    ----------
    W : array, shape (n, n)
    slope : array, shape (N, n)
        σ′(s).
    delta : array, shape (N, n)
        The error at z.

    Returns
    -------
    array, shape (N, n)
    """
    rows = []
    for s, d in zip(slope, delta, strict=True):
        u = np.linalg.solve(np.eye(len(W)) - W * s, d)  # u − W (σ′ ∘ u) = δ, u as a column
        rows.append(u * s)
    return np.array(rows)


if __name__ == "__main__":
    zero, A, y = np.zeros((1, 2)), np.array([[2.0]]), np.array([0])
    print(*condition(zero, zero, A, y, 1.0).ravel())  # expected: -1 1
    print(*newton_product(zero, A, np.array([[1.0, 0.0]]), 1.0).ravel())  # expected: 2 -1
    print(*proximal_step(zero, A, y, 1.0).round(6).ravel())  # expected: 0.370387 -0.370387
    print(*filtered_error(np.array([[0.5]]), np.array([[1.0]]), np.array([[3.0]])).ravel())  # expected: 6
