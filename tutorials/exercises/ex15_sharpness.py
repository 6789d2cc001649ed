"""Exercise 15: how errors and gradients change, when the parameters move (the tangent pass).

A dot is a derivative along the motion θ + t v: ż, ȧ, δ̇. Nothing is differenced.

Read ``tutorials/15_sharpness.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex15_sharpness.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "15"  # tells minprox check which exercise this is; leave it


def layer_tangent(theta, v, A, A_dot):
    """Return ż = A v + Ȧ θ, how the output A θ of a layer moves  (T1).

    Parameters
    ----------
    theta, v : array, shape (cols, n_out)
        Parameters, and how they move.
    A, A_dot : array, shape (rows, cols)
        Inputs, and how they move.

    Returns
    -------
    array, shape (rows, n_out)
    """
    raise NotImplementedError("the product rule")


def softmax_tangent(z, z_dot):
    """Return δ̇, how the error δ = (softmax(z) − t)/N of the cross-entropy moves  (T2).

    Row by row it is (p ∘ ż − p ⟨p, ż⟩)/N with p = softmax(z).

    Parameters
    ----------
    z, z_dot : array, shape (N, classes)

    Returns
    -------
    array, shape (N, classes)
    """
    raise NotImplementedError("subtract the maximum of each row before np.exp, and keep dims")


def tanh_tangent(z, z_dot, e, e_dot):
    """Return how the error σ′(z) e below an activation moves: σ′(z) ė + σ″(z) ż e, σ = tanh  (T3).

    Parameters
    ----------
    z, z_dot : array, shape (N, n)
        Input of the activation, and how it moves.
    e, e_dot : array, shape (N, n)
        The error above it, and how that moves.

    Returns
    -------
    array, shape (N, n)
    """
    raise NotImplementedError("the derivative of 1 − tanh² is −2 tanh (1 − tanh²)")


def gradient_tangent(A, A_dot, delta, delta_dot):
    """Return Ġ = Aᵀδ̇ + Ȧᵀδ, how the gradient Aᵀδ of a layer moves: a product with the Hessian  (T3).

    Parameters
    ----------
    A, A_dot : array, shape (rows, cols)
    delta, delta_dot : array, shape (rows, n_out)

    Returns
    -------
    array, shape (cols, n_out)
    """
    raise NotImplementedError("without its second term it is a product with the Gauss–Newton matrix")


if __name__ == "__main__":
    one, two = np.array([[1.0]]), np.array([[2.0]])
    print(layer_tangent(two, one, one, two))  # expected: 5
    print(softmax_tangent(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])))  # expected: 0.25 -0.25
    print(tanh_tangent(0 * one, one, one, two))  # expected: 2
    print(gradient_tangent(one, two, one, two))  # expected: 4
