"""Exercise 10: one step of Adam, and the matrix of a convolution.

Read ``tutorials/10_adam_convnet.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex10_adam_convnet.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "10"  # tells minprox check which exercise this is; leave it


def adam_step(theta, m, v, g, k, tau, beta1, beta2, eps):
    """Take step k of Adam along a direction g, which may be an implicit step (E6).

    m⁺ = β₁ m + (1 − β₁) g and v⁺ = β₂ v + (1 − β₂) g², entry by entry; then
    θ⁺ = θ − τ m̂ / (√v̂ + ε) with m̂ = m⁺/(1 − β₁ᵏ) and v̂ = v⁺/(1 − β₂ᵏ).

    Parameters
    ----------
    theta, m, v, g : array, shape (n, n_out)
        Parameters, both running means, and the direction.
    k : int
        Number of this step; the first is 1.
    tau, beta1, beta2, eps : float

    Returns
    -------
    theta_next, m_next, v_next : array, shape (n, n_out)
    """
    m_next = beta1 * m + (1 - beta1) * g
    v_next = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m_next / (1 - beta1**k), v_next / (1 - beta2**k)
    return theta - tau * m_hat / (np.sqrt(v_hat) + eps), m_next, v_next


def patch_matrix(a, width):
    """Return A = [patches, 1] of signals, with which a convolution is A θ  (E6).

    Row n·P + p holds a[n, p], …, a[n, p + width − 1] and a one for the bias, where P = length − width + 1 is
    the number of positions.

    Parameters
    ----------
    a : array, shape (N, length)
    width : int
        Of the kernel.

    Returns
    -------
    array, shape (N·P, width + 1)
    """
    patches = np.lib.stride_tricks.sliding_window_view(a, width, axis=1).reshape(-1, width)
    return np.hstack([patches, np.ones((len(patches), 1))])


if __name__ == "__main__":
    one = np.array([[1.0]])
    print(*adam_step(one, 0 * one, 0 * one, 4 * one, 1, 0.5, 0.5, 0.75, 0.0))  # expected: 0.5 2 4
    print(patch_matrix(np.array([[1.0, 2.0, 3.0]]), 2))  # expected: 1 2 1 2 3 1
