"""Exercise 20: implicit steps on one example, and a ranking that is learned from a stream.

Read ``tutorials/20_streaming_auc.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex20_streaming_auc.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file are
small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "20"  # tells minprox check which exercise this is; leave it


def implicit_least_squares(w, x, y, eta):
    """Return the implicit step on f(w) = ½ (xᵀw − y)², w⁺ = w − η ∇f(w⁺) (E4).

    Parameters
    ----------
    w, x : array, shape (n,)
    y, eta : float

    Returns
    -------
    array, shape (n,)
    """
    raise NotImplementedError("what is xᵀw⁺ − y?")


def auc(scores, y):
    """Return the share of pairs that the scores rank right, a tie counting one half (S12).

    Parameters
    ----------
    scores : array, shape (n,)
    y : array, shape (n,)
        1 or −1; both occur.

    Returns
    -------
    float
    """
    raise NotImplementedError("every positive example against every negative one")


def example_gradient(w, x, y, p, u, v):
    """Return ∇F̃(w; z) of one example (S3).

    (S2) is F̃ = p(1−p) + (1−p)(wᵀ(x−u))² I₊ + p(wᵀ(x−v))² I₋ + 2p(1−p) wᵀ(v−u) + p(1−p)(wᵀ(v−u))².

    Parameters
    ----------
    w, x : array, shape (n,)
    y : int
        1 or −1.
    p : float
        Share of the positive class.
    u, v : array, shape (n,)
        Means of the positive and of the negative class.

    Returns
    -------
    array, shape (n,)
    """
    raise NotImplementedError("with a = x − u or x − v, and b = v − u")


def proximal_point(w, x, y, p, u, v, eta):
    """Return the exact implicit step w⁺ = w − η ∇F̃(w⁺; z) (S5).

    Parameters
    ----------
    w, x, y, p, u, v
        As above.
    eta : float

    Returns
    -------
    array, shape (n,)
    """
    raise NotImplementedError("the gradient is α a + β b: two equations for α and β at w⁺")


if __name__ == "__main__":
    w, x = np.array([1.0, 1.0]), np.array([1.0, 2.0])
    print(*implicit_least_squares(w, x, 1.0, 1.0))  # expected: 0.6666666666666667 0.3333333333333333
    print(auc(np.array([0.5, 0.25, 0.5, 0.75]), np.array([1, -1, -1, 1])))  # expected: 0.875
    u, v = np.array([1.0, 0.0]), np.array([0.0, 0.0])
    print(*example_gradient(w, x, 1, 0.5, u, v))  # expected: 0 4
    print(*proximal_point(w, x, 1, 0.5, u, v, 1.0))  # expected: 1 0.2
