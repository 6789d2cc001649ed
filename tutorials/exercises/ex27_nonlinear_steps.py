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
    raise NotImplementedError("the error of the cross-entropy is (p − t)/N")


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
    raise NotImplementedError("how does p change as the logits change by A v?")


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
    raise NotImplementedError("conjugate gradients on newton_product; repeat until the condition vanishes")


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
    raise NotImplementedError("a matrix of n × n for each sample")


if __name__ == "__main__":
    zero, A, y = np.zeros((1, 2)), np.array([[2.0]]), np.array([0])
    print(*condition(zero, zero, A, y, 1.0).ravel())  # expected: -1 1
    print(*newton_product(zero, A, np.array([[1.0, 0.0]]), 1.0).ravel())  # expected: 2 -1
    print(*proximal_step(zero, A, y, 1.0).round(6).ravel())  # expected: 0.370387 -0.370387
    print(*filtered_error(np.array([[0.5]]), np.array([[1.0]]), np.array([[3.0]])).ravel())  # expected: 6
