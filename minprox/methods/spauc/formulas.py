"""The formulas of SPAUC, for one example: what is minimised, its gradient, and its proximal map.

p is the share of the positive class, u and v are the means of the positive and of the negative class.
"""

from __future__ import annotations

from typing import Any

from minprox.methods.spauc.classes import Moments

Array = Any


def objective(w: Array, m: Moments) -> Array:
    """Return ``f(w) = p(1−p) E[(1 − wᵀ(x − x'))²]``, the squared surrogate of 1 − AUC (S1).

    Parameters
    ----------
    w : array, shape (features,)

    Returns
    -------
    array, shape ()

    References
    ----------
    Lei and Ying, Stochastic Proximal AUC Maximization, JMLR 22, 2021, section 2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> m = mp.methods.spauc.moments(np.array([[1.0], [0.0]]), np.array([1, -1]))
    >>> [float(mp.methods.spauc.objective(np.array([w]), m)) for w in (0.0, 1.0)]
    [0.25, 0.0]
    """
    p, u, v, S = m
    return p * (1 - p) * (1 - 2 * w @ (u - v) + w @ (S @ w))  # p(1−p) E[(1 − wᵀ(x − x'))²]  (S1)


def curvature(x: Array, positive: bool, p: float, u: Array, v: Array) -> tuple[Array, float, Array, float]:
    """Return a, c_a, b and c_b of the Hessian ``c_a aaᵀ + c_b bbᵀ`` of F̃, which has rank two."""
    a, c_a = (x - u, 2 * (1 - p)) if positive else (x - v, 2 * p)
    return a, c_a, v - u, 2 * p * (1 - p)


def surrogate(w: Array, x: Array, positive: bool, p: float, u: Array, v: Array) -> Array:
    """Return ``F̃(w; z)``, whose mean over the examples z is the objective (S2).

    Parameters
    ----------
    w, x : array, shape (features,)
    positive : bool
        The class of ``x``.
    u, v : array, shape (features,)

    Returns
    -------
    array, shape ()

    Notes
    -----
    ``F̃ = p(1−p) + (1−p)(wᵀ(x−u))² I₊ + p(wᵀ(x−v))² I₋ + 2p(1−p) wᵀ(v−u) + p(1−p)(wᵀ(v−u))²``,
    convex in w for every example.

    References
    ----------
    Lei and Ying, as for :func:`objective`, Proposition 1.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> w, x, u, v = np.array([[2.0], [3.0], [1.0], [0.0]])
    >>> float(mp.methods.spauc.surrogate(w, x, True, 0.5, u, v))
    8.25
    """
    a, c_a, b, c_b = curvature(x, positive, p, u, v)
    return p * (1 - p) + (c_a * (w @ a) ** 2 + c_b * (w @ b) ** 2) / 2 + c_b * (w @ b)  # F̃(w; z)  (S2)


def gradient(w: Array, x: Array, positive: bool, p: float, u: Array, v: Array) -> Array:
    """Return ``∇F̃(w; z)``, which is 0 for p = 0 and p = 1, as long as one class alone was seen (S3).

    Parameters
    ----------
    w, x, positive, p, u, v
        As for :func:`surrogate`.

    Returns
    -------
    array, shape (features,)

    References
    ----------
    Lei and Ying, as for :func:`objective`, Algorithm 1.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> w, x, u, v = np.array([[2.0], [3.0], [1.0], [0.0]])
    >>> mp.methods.spauc.gradient(w, x, True, 0.5, u, v)
    array([8.5])
    """
    a, c_a, b, c_b = curvature(x, positive, p, u, v)
    # 2(1−p)(x−u)(x−u)ᵀw I₊ + 2p(x−v)(x−v)ᵀw I₋ + 2p(1−p)(v−u)(1 + (v−u)ᵀw)  (S3)
    return (c_a * (a @ w)) * a + (c_b * (1 + b @ w)) * b


def proximal_point(w: Array, x: Array, positive: bool, p: float, u: Array, v: Array, eta: float) -> Array:
    """Return ``prox_{ηF̃}(w)``, the implicit step, exactly: F̃ is a quadratic of rank two (S5).

    Parameters
    ----------
    w, x, positive, p, u, v
        As for :func:`surrogate`.
    eta : float
        η > 0.

    Returns
    -------
    array, shape (features,)

    Notes
    -----
    ``w' = w − η ∇F̃(w')``. As the gradient is a sum ``α a + β b``, its two factors at w' solve a
    system of two equations: ``α = c_a aᵀw'`` and ``β = c_b (1 + bᵀw')`` with ``w' = w − η(α a + β b)``.

    References
    ----------
    Ryu and Boyd, Stochastic proximal iteration: a non-asymptotic improvement upon SGD, 2014.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> w, x, u, v = np.array([[2.0], [3.0], [1.0], [0.0]])
    >>> moved = mp.methods.spauc.proximal_point(w, x, True, 0.5, u, v, 1e6)
    >>> bool(abs(mp.methods.spauc.gradient(moved, x, True, 0.5, u, v)) < 1e-5)  # a long step minimises
    True
    """
    a, c_a, b, c_b = curvature(x, positive, p, u, v)
    A, B, C = eta * c_a * (a @ a), eta * c_b * (b @ b), eta * (a @ b)
    r, s = c_a * (a @ w), c_b * (1 + b @ w)
    gap = A * B - c_a * c_b * C**2  # never negative (Cauchy and Schwarz), but for rounding
    det = 1 + A + B + (gap + abs(gap)) / 2
    alpha, beta = ((1 + B) * r - c_a * C * s) / det, ((1 + A) * s - c_b * C * r) / det
    return w - eta * (alpha * a + beta * b)  # w' = w − η ∇F̃(w; z) at w'  (S5)
