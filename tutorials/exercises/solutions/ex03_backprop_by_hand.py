"""Exercise 3: back-propagation by hand.

A dense layer is z = A θ with A = [a, 1]: one row for each sample, and a column of ones, so that the last
row of θ is the bias. The error at z is δ = ∂J/∂z.

Read ``tutorials/03_backprop_by_hand.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex03_backprop_by_hand.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "03"  # tells minprox check which exercise this is; leave it


def dense_forward(theta, a):
    """Return the output of a dense layer, z = [a, 1] θ  (E1).

    Parameters
    ----------
    theta : array, shape (n_in + 1, n_out)
    a : array, shape (N, n_in)

    Returns
    -------
    array, shape (N, n_out)
    """
    return a @ theta[:-1] + theta[-1]


def dense_backward(theta, a, delta):
    """Return both adjoints of a dense layer: Aᵀδ  (P1), and the error of its input, δ Wᵀ.

    Here W is θ without its last row, and the mean over the batch is in δ already.

    Parameters
    ----------
    theta : array, shape (n_in + 1, n_out)
    a : array, shape (N, n_in)
    delta : array, shape (N, n_out)

    Returns
    -------
    gradient : array, shape (n_in + 1, n_out)
    input_error : array, shape (N, n_in)
    """
    gradient = np.vstack([a.T @ delta, delta.sum(axis=0)])  # Aᵀδ  (P1)
    return gradient, delta @ theta[:-1].T


def tanh_backward(z, delta):
    """Return the error behind a = tanh(z), that is σ′(z) δ, from the error δ of a.

    Parameters
    ----------
    z : array, any shape
    delta : array, of the shape of z

    Returns
    -------
    array, of the shape of z
    """
    return (1 - np.tanh(z) ** 2) * delta


def cross_entropy(z, y):
    """Return J = −1/N Σ log p_y with p = softmax(z), and δ = (p − t)/N with the one-hot target t  (E1).

    It must not overflow for large z.

    Parameters
    ----------
    z : array, shape (N, classes)
    y : array of int, shape (N,)
        The labels.

    Returns
    -------
    loss : float
    delta : array, shape (N, classes)
    """
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    t = np.eye(z.shape[1])[y]
    return -(t * log_p).sum() / len(z), (np.exp(log_p) - t) / len(z)


if __name__ == "__main__":
    theta, a, one = np.array([[2.0], [1.0]]), np.array([[3.0]]), np.array([[1.0]])
    print(dense_forward(theta, a))  # expected: 7
    print(*dense_backward(theta, a, one))  # expected: 3 1 and 2
    print(tanh_backward(np.array([0.0]), np.array([5.0])))  # expected: 5
    print(*cross_entropy(np.zeros((1, 2)), np.array([0])))  # expected: 0.69314718 and -0.5 0.5
