"""Angles and condition numbers: what P3 says of one layer, measured (paper, section 4).

In the examples ``A = mp.DenseMap(np.diag([1.0, 3.0]), bias=False)``.
"""

from __future__ import annotations

import numpy as np

from minprox.engine.doors import door
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.ground.arguments import number, step_size
from minprox.ground.backend import to_numpy
from minprox.ground.doors import numbers
from minprox.paper.norms import norm


@door(gradient=numbers, direction=numbers)
def angle(gradient: Array, direction: Array) -> float:
    """Return the angle α between a gradient and a step, in radians from 0 to π, below π/2 for descent (P3).

    Parameters
    ----------
    gradient, direction : array, of one shape

    Raises
    ------
    ValueError
        If the shapes differ or one of the two is zero.

    Examples
    --------
    >>> round(mp.theory.angle(np.array([1.0, 0.0]), np.array([1.0, 1.0])), 4)  # π/4
    0.7854
    """
    u, v = (to_numpy(w).astype(float) for w in (gradient, direction))
    if gradient.shape != direction.shape or not u.any() or not v.any():
        raise ValueError(
            "angle: expected two arrays of one shape that are not zero, "
            f"found shapes {gradient.shape} and {direction.shape}"
        )
    u, v = (w / abs(w).max() for w in (u, v))  # so that no square vanishes or overflows
    u, v = u / norm(u), v / norm(v)
    return float(2 * np.arctan2(norm(u - v), norm(u + v)))  # unlike arccos, it keeps its digits near 0


def angle_bound(kappa: float) -> float:
    """Return the largest angle that P3 allows for κ = ``cond(M)``, ``α ≤ π/2 − 2 arctan(1/√κ)``, in radians.

    That is Kantorovich's inequality (Horn and Johnson, Matrix Analysis, 2nd edition, section 7.4).

    Raises
    ------
    ValueError
        If κ is below 1 or NaN.

    Examples
    --------
    >>> mp.theory.angle_bound(1.0)
    0.0
    """
    if not (isinstance(kappa, float) and kappa == float("inf")):
        kappa = number("kappa, a condition number", kappa, least=1)
    return float(np.pi / 2 - 2 * np.arctan(kappa**-0.5))  # cos α ≥ 2√κ/(1 + κ)  (P3)


@door
def spectrum(A: LinearMap) -> np.ndarray:
    """Return the eigenvalues of ``AᵀA``, in float64.

    Parameters
    ----------
    A : LinearMap
        With a matrix.

    Returns
    -------
    ndarray, shape (..., cols)
        Ascending, zeros included; those of each group, where there are several.

    Examples
    --------
    >>> mp.theory.spectrum(mp.DenseMap(np.array([[1.0, 0.0]]), bias=False))
    array([0., 1.])
    """
    rows, cols = A.shape
    small = A.gram() if rows <= cols else A.T.gram()
    values = np.maximum(np.linalg.eigvalsh(to_numpy(small)), 0)
    zeros = np.zeros((*values.shape[:-1], max(0, cols - rows)))
    return np.concatenate([zeros, values], axis=-1)


@door(tau_theta=step_size)
def condition(A: LinearMap, tau_theta: float) -> float:
    """Return ``cond(M)`` of ``M = AᵀA + I/τ_θ``, of the worst group where there are several.

    Parameters
    ----------
    A : LinearMap
        With a matrix.

    Examples
    --------
    >>> round(mp.theory.condition(A, tau_theta=1.0), 6)  # (9 + 1) / (1 + 1)
    5.0
    """
    values = spectrum(A) + 1 / float(tau_theta)
    return float((values.max(axis=-1) / values.min(axis=-1)).max())


def whole_condition(A: LinearMap, tau_theta: float) -> float:
    """Return ``cond(M)`` of all groups together, which bounds the angle of the whole step (P3)."""
    values = spectrum(A) + 1 / float(tau_theta)
    return float(values.max() / values.min())


@door(tau_theta=step_size)
def condition_bound(A: LinearMap, tau_theta: float) -> float:
    """Return the bound ``1 + τ_θ ‖A‖²`` of ``cond(M)``, which :func:`condition` cannot exceed (P3).

    Parameters
    ----------
    A, tau_theta
        As for :func:`condition`.

    Examples
    --------
    >>> mp.theory.condition_bound(A, tau_theta=1.0)
    10.0
    """
    return float(1 + float(tau_theta) * spectrum(A).max())
