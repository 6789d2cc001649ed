"""Exercise 17: which loss a module learns from, and what a horizon costs in time.

Read ``tutorials/17_interlocking.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex17_interlocking.py

The net has K modules, h_i = g_i ∘ h_{i−1} with h_0 = x: a gain for each channel, as in the tutorial's toy.
Heads predict a_i ∘ h_i behind the modules 1 … K−1; behind the last one stands h_K itself. Every loss is
L_i = ‖prediction − y‖²/(2N), N being the number of rows. The arguments are float64 arrays and belong to the
caller: never write to them. At the end of this file are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "17"  # tells minprox check which exercise this is; leave it


def interlocked_gradients(gains, heads, x, y, horizon):
    """Return ∂L_{min(i+N−1, K)}/∂g_i for every module i, N being the horizon (I1).

    Parameters
    ----------
    gains : array, shape (K, channels)
    heads : array, shape (K − 1, channels)
    x, y : array, shape (rows, channels)
    horizon : int

    Returns
    -------
    array, shape (K, channels)
    """
    h = [x]
    for gain in gains:
        h.append(gain * h[-1])
    errors = [a * (a * h_i - y) / len(x) for a, h_i in zip(heads, h[1:-1], strict=True)]
    errors.append((h[-1] - y) / len(x))
    rows = []
    for i in range(len(gains)):
        j = min(i + horizon - 1, len(gains) - 1)  # (I1), counted from 0
        delta = errors[j] * np.prod(gains[i + 1 : j + 1], axis=0)
        rows.append((h[i] * delta).sum(axis=0))
    return np.array(rows)


def head_gradients(gains, heads, x, y):
    """Return ∂L_i/∂a_i for every head i (I1).

    Parameters
    ----------
    gains, heads, x, y
        As above.

    Returns
    -------
    array, shape (K − 1, channels)
    """
    h, rows = x, []
    for gain, head in zip(gains[:-1], heads, strict=True):
        h = gain * h
        rows.append((h * (head * h - y)).sum(axis=0) / len(x))  # (I1)
    return np.array(rows)


def step_times(K, forward, error, direction):
    """Return the time between two training steps on K devices, one a module, for N = 1 and for N = K (I3).

    The next mini-batch enters a module when that has taken its step.

    Parameters
    ----------
    K : int
    forward, error, direction : float
        Time of a module's forward pass, of an error that it hands down, and of its own direction.

    Returns
    -------
    local, end_to_end : float
    """
    return forward + direction, K * forward + (K - 1) * error + direction  # (I3)


if __name__ == "__main__":
    gains, heads = np.array([[2.0], [3.0], [4.0]]), np.array([[1.0], [1.0]])
    x, y = np.array([[1.0]]), np.array([[1.0]])
    print(*interlocked_gradients(gains, heads, x, y, 2).ravel())  # expected: 15 184 138
    print(*head_gradients(gains, heads, x, y).ravel())  # expected: 2 30
    print(*step_times(5, 1.0, 1.0, 1.0))  # expected: 2 10
