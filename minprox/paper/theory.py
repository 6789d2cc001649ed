"""What the propositions say, as functions that measure it (paper, sections 3 and 4).

In the examples ``A = mp.DenseMap(np.diag([1.0, 3.0]), bias=False)`` and ``delta = np.array([[2.0], [5.0]])``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.doors import check_system, door
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap, transpose
from minprox.ground.arguments import step_size
from minprox.ground.backend import array_module
from minprox.ground.doors import reals
from minprox.paper.conditioning import angle, angle_bound, condition, condition_bound, spectrum
from minprox.paper.layer_descent import Descent, descent
from minprox.paper.preconditioner import root
from minprox.paper.sharpness import Sharpness, sharpness
from minprox.paper.watch import SharpnessWatch

__all__ = [
    "angle",
    "angle_bound",
    "spectrum",
    "condition",
    "condition_bound",
    "largest_stable_step",
    "explicit_factor",
    "implicit_factor",
    "small_step_limit",
    "large_step_limit",
    "subproblem",
    "Descent",
    "descent",
    "Sharpness",
    "SharpnessWatch",
    "sharpness",
    "root",
]


@door(eigenvalues=reals)
def largest_stable_step(eigenvalues: Any) -> float:
    """Return ``2/λ_max``: beyond it explicit steps on ``½‖Aθ − b‖²`` diverge (E2, P5).

    Parameters
    ----------
    eigenvalues : array_like
        Of ``AᵀA``, in any shape.

    Raises
    ------
    ValueError
        If none of them is positive.

    Examples
    --------
    >>> mp.theory.largest_stable_step([0.1, 4.0])
    0.5
    """
    values = numbers(eigenvalues)
    largest = float(values.max()) if values.size else float("nan")
    if not largest > 0:
        raise ValueError(f"largest_stable_step: expected a positive eigenvalue, found {largest}")
    return 2 / largest


@door(eigenvalue=reals, tau=step_size)
def explicit_factor(eigenvalue: Any, tau: float) -> Any:
    """Return ``1 − τλ``, by which an explicit step multiplies the error along an eigenvector (P5).

    Parameters
    ----------
    eigenvalue : float or array_like
        λ ≥ 0, in any shape.

    Returns
    -------
    float or array
        Of the same shape; beyond ±1 the error grows.

    Examples
    --------
    >>> float(mp.theory.explicit_factor(4.0, tau=1.0))
    -3.0
    """
    return 1 - tau * numbers(eigenvalue)


@door(eigenvalue=reals, tau_theta=step_size)
def implicit_factor(eigenvalue: Any, tau_theta: float) -> Any:
    """Return ``1/(1 + τ_θ λ)``, in (0, 1], by which an implicit step multiplies that error (P5).

    Parameters
    ----------
    eigenvalue : float or array_like
        As for :func:`explicit_factor`.

    Returns
    -------
    float or array
        Of the same shape.

    Examples
    --------
    >>> float(mp.theory.implicit_factor(4.0, tau_theta=1.0))
    0.2
    """
    return 1 / (1 + tau_theta * numbers(eigenvalue))


def numbers(values: Any) -> Any:
    """Return an array of either backend as it is, and anything else as one of NumPy's."""
    return values if hasattr(values, "dtype") else np.asarray(values)


@door
def small_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``d/τ_θ`` for ``τ_θ → 0``: the gradient ``Aᵀ δ`` (P3).

    Parameters
    ----------
    delta : array, shape (..., rows, n_out)

    Returns
    -------
    array, shape (..., cols, n_out)

    Examples
    --------
    >>> bool(np.allclose(mp.theory.small_step_limit(A, delta), mp.Exact()(A, delta, 1e-9) / 1e-9))
    True
    """
    check_system(A, delta)
    return A.T @ delta


@door
def large_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``A d`` for ``τ_θ → ∞``: the projection of δ onto the range of ``A`` (P3).

    Parameters
    ----------
    A : LinearMap
        With a matrix, whose rank is that of its singular values in float64, group by group.
    delta : array, shape (..., rows, n_out)

    Returns
    -------
    array, shape (..., rows, n_out)

    Examples
    --------
    >>> A = mp.DenseMap(np.array([[1.0], [0.0]]), bias=False)
    >>> mp.theory.large_step_limit(A, np.array([[2.0], [5.0]]))
    array([[2.],
           [0.]])
    """
    check_system(A, delta)
    U, s, _ = array_module(delta).linalg.svd(A.matrix().astype("float64"), full_matrices=False)
    rounding = max(A.shape) * float(np.finfo(s.dtype).eps) * s.max(axis=-1, keepdims=True)
    U = U * (s > rounding)[..., None, :]
    return (U @ (transpose(U) @ delta)).astype(delta.dtype)


@door
def subproblem(A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
    """Return the value of (E5) at ``θ = θ^k − d`` for τ = 1: ``½‖A d − δ‖² + ‖d‖²/(2τ_θ)``.

    The implicit step minimises it; at ``d = 0`` it is ``½‖δ‖²`` (P5).

    Parameters
    ----------
    A, delta, tau_theta, d
        As for :func:`minprox.check_step`.

    Examples
    --------
    >>> d = mp.Exact()(A, delta, 1.0)
    >>> mp.theory.subproblem(A, delta, 1.0, 0 * d), round(mp.theory.subproblem(A, delta, 1.0, d), 6)
    (14.5, 2.25)
    """
    check_system(A, delta, tau_theta, d)
    residual = A @ d - delta
    return float((residual * residual).sum() / 2 + (d * d).sum() / (2 * tau_theta))
