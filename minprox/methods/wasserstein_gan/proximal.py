"""The proximal terms of a generator, at its output: what a step costs in the space of samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from minprox.ground.backend import array_module
from minprox.methods.wasserstein_gan.doors import check_alike, door

Array = Any


@door
def relaxed(g: Array, g_old: Array, h: float) -> Array:
    """Return the relaxed Wasserstein proximal term, ``1/(2h) mean_i ‖g_θ(z_i) − g_k(z_i)‖²`` (W2).

    Parameters
    ----------
    g, g_old : array, shape (B, ...)
        What the generator makes of one batch of latent points, and what it made of the same ones before.
    h : float
        Proximal step size, h > 0.

    Returns
    -------
    array, shape ()

    Raises
    ------
    ValueError
        If the shapes differ, or h is not positive.

    References
    ----------
    Lin, Li, Osher and Montúfar, Wasserstein Proximal of GANs, GSI 2021, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> float(relaxed(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), h=0.5))
    2.0
    """
    check_alike(g, g_old)
    moved = g - g_old
    return (moved * moved).sum() / (2 * h * len(g))  # 1/(2h) mean ‖g_θ(z_i) − g_k(z_i)‖²  (W2)


@door
def relaxed_error(g: Array, g_old: Array, h: float) -> Array:
    """Return what the relaxed term adds to the error at the generator's output, ``(g − g_k)/(hB)`` (W2).

    Parameters
    ----------
    g, g_old, h
        As for :func:`relaxed`, with the same errors.

    Returns
    -------
    array, shape (B, ...)

    Examples
    --------
    >>> import numpy as np
    >>> relaxed_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), h=0.5)
    array([[0.],
           [2.]])
    """
    check_alike(g, g_old)
    return (g - g_old) / (h * len(g))  # ∂/∂g_i of (W2)


@door
def affine(g: Array, g_old: Array, h: float) -> Array:
    """Return the semi-backward term of affine functions, ``‖mean_i (g_θ(z_i) − g_k(z_i))‖²/(2h)`` (W4).

    Parameters
    ----------
    g, g_old, h
        As for :func:`relaxed`, with the same errors.

    Returns
    -------
    array, shape ()

    Notes
    -----
    The mean of the samples alone is held back. By Jensen's inequality that is at most :func:`relaxed`.

    Examples
    --------
    >>> import numpy as np
    >>> float(affine(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), h=0.5))
    1.0
    """
    check_alike(g, g_old)
    mean = (g - g_old).sum(axis=0) / len(g)
    return (mean * mean).sum() / (2 * h)  # sup over Φ(x) = ⟨b, x⟩ is at b = mean (g_θ − g_k)  (W4)


@door
def affine_error(g: Array, g_old: Array, h: float) -> Array:
    """Return what the semi-backward term adds to the error at the generator's output (W4).

    Parameters
    ----------
    g, g_old, h
        As for :func:`relaxed`, with the same errors.

    Returns
    -------
    array, shape (B, ...)

    Examples
    --------
    >>> import numpy as np
    >>> affine_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), h=0.5)
    array([[1.],
           [1.]])
    """
    check_alike(g, g_old)
    mean = (g - g_old).sum(axis=0) / len(g)
    return array_module(g).zeros_like(g) + mean / (h * len(g))  # ∂/∂g_i of (W4)


class Term(NamedTuple):
    """A proximal term: its value, and what it adds to the error."""

    value: Callable[[Array, Array, float], Array]
    error: Callable[[Array, Array, float], Array]


TERMS = {"relaxed": Term(relaxed, relaxed_error), "affine": Term(affine, affine_error)}
