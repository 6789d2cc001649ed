"""Exercise 18: the exact steps of a table of vectors and of gain and bias, and attention that looks back.

Read ``tutorials/18_sequences.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex18_sequences.py

The arguments are float64 arrays, the tokens integers, and belong to the caller: never write to them. At the
end of this file are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "18"  # tells minprox check which exercise this is; leave it


def embedding_step(tokens, delta, tau_theta, size):
    """Return the exact step d of a table of vectors, (AᵀA + I/τ_θ) d = Aᵀδ (E6).

    Row i of A has a one at ``tokens[i]`` and zeros elsewhere. You need no matrix: AᵀA counts the tokens.

    Parameters
    ----------
    tokens : array of int, shape (places,)
    delta : array, shape (places, features)
    tau_theta : float
    size : int
        Number of vectors in the table.

    Returns
    -------
    array, shape (size, features)
    """
    raise NotImplementedError("sum δ over the places of each token, and divide")


def scale_step(a, delta, tau_theta):
    """Return the exact step of gain and bias, (A_cᵀA_c + I/τ_θ) d_c = A_cᵀδ_c for each feature c (E6).

    A_c = [a_c, 1] has a row for each place of each sequence.

    Parameters
    ----------
    a, delta : array, shape (sequences, places, features)
    tau_theta : float

    Returns
    -------
    array, shape (2, features)
        The step of the gains, and that of the biases.
    """
    raise NotImplementedError("a system of two equations for each feature")


def causal_attention(q, k, v):
    """Return the weights softmax(qkᵀ/√n) and their means of v, where no place sees a later one.

    What stands between the implicit steps (E6) of a Transformer: it has no θ of its own.

    Parameters
    ----------
    q, k : array, shape (places, n)
    v : array, shape (places, m)

    Returns
    -------
    weights : array, shape (places, places)
        Row t: how much place t takes from each place.
    output : array, shape (places, m)
    """
    raise NotImplementedError("scores, minus infinity where t may not look, softmax, mean")


if __name__ == "__main__":
    tokens, delta = np.array([1, 1, 0]), np.array([[1.0], [2.0], [6.0]])
    print(*embedding_step(tokens, delta, 0.5, 3).ravel())  # expected: 2 0.75 0
    a = np.array([[[1.0], [-1.0]]])
    print(*scale_step(a, np.array([[[3.0], [1.0]]]), 0.5).ravel())  # expected: 0.5 1
    weights, output = causal_attention(np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    print(*weights.ravel(), *output.ravel())  # expected: 1 0 0.5 0.5 1 2
