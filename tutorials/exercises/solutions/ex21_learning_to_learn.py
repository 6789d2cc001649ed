"""Exercise 21: both ticks of the cell that is back-propagation, messages, and a gradient without one.

Read ``tutorials/21_learning_to_learn.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex21_learning_to_learn.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file are
small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "21"  # tells minprox check which exercise this is; leave it


def forward_tick(w, b, x):
    """Return what the outputs hear: z_b = Σ_a (tanh(x_a) w_ab + b_ab) (V4).

    Parameters
    ----------
    w, b : array, shape (I, O)
        States of the edges from I inputs to O outputs.
    x : array, shape (I,)
        What came in.

    Returns
    -------
    array, shape (O,)
    """
    return (np.tanh(x)[:, None] * w + b).sum(axis=0)  # (V4)


def backward_tick(w, b, x, error, eta):
    """Learn from the errors e of the outputs, and say something downwards (V4).

    w_ab ← w_ab − η e_b tanh x_a, b_ab ← b_ab − η e_b, and m_a = Σ_b e_b w_ab (1 − tanh² x_a) with the old w.

    Parameters
    ----------
    w, b, x
        As above.
    error : array, shape (O,)
    eta : float

    Returns
    -------
    w_next, b_next : array, shape (I, O)
    down : array, shape (I,)
    """
    a = np.tanh(x)[:, None]
    down = (error * w * (1 - a**2)).sum(axis=1)
    return w - eta * error * a, b - eta * error, down  # (V4)


def messages(h, W, bias):
    """Return the messages upwards of a layer of cells, mean_a(h_ab W + bias) (V2).

    Parameters
    ----------
    h : array, shape (I, O, H)
        State of each edge.
    W : array, shape (H, M)
    bias : array, shape (M,)

    Returns
    -------
    array, shape (O, M)
    """
    return np.mean(h @ W + bias, axis=0)  # (V2)


def es_gradient(eps, plus, minus, sigma):
    """Return the estimate of a gradient from losses alone, mean_k ε_k (L⁺_k − L⁻_k)/(2σ²) (V7).

    Parameters
    ----------
    eps : array, shape (K, n)
        Disturbances ε_k, drawn from N(0, σ² I).
    plus, minus : array, shape (K,)
        L(θ + ε_k) and L(θ − ε_k).
    sigma : float

    Returns
    -------
    array, shape (n,)
    """
    return np.mean(eps * (plus - minus)[:, None], axis=0) / (2 * sigma**2)  # (V7)


if __name__ == "__main__":
    w, b, x = np.array([[1.0, -2.0]]), np.array([[0.5, 0.25]]), np.array([0.0])
    print(*forward_tick(w, b, x))  # expected: 0.5 0.25
    print(
        *(part.ravel() for part in backward_tick(w, b, x, np.array([1.0, 1.0]), 0.5))
    )  # expected: 1 -2 0 -0.25 -1
    print(
        *messages(np.array([[[2.0]], [[4.0]]]), np.array([[0.5]]), np.array([1.0])).ravel()
    )  # expected: 2.5
    eps = 0.1 * np.sqrt(2) * np.eye(2)
    print(*np.round(es_gradient(eps, eps @ [3.0, -1.0], -eps @ [3.0, -1.0], 0.1), 12))  # expected: 3 -1
