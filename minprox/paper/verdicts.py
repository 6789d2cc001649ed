"""Verdicts of the checkers: an identity holds to a tolerance, or a CheckError says by how much it fails."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers.base import Array


class CheckError(AssertionError):
    """An identity that does not hold: its message says which, and by how much.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.eye(3), bias=True), np.ones((3, 2))
    >>> try:
    ...     mp.check_step(A, delta, 0.5, 2 * mp.Exact()(A, delta, 0.5))
    ... except mp.CheckError as error:
    ...     print(error)
    (AᵀA + I/τ_θ) d = Aᵀδ fails in column 0: relative residual 1, tolerance 1e-08
    """


def frozen(array: np.ndarray) -> np.ndarray:
    """Make an array read-only, so that a layer which writes to an argument is found out."""
    array.setflags(write=False)
    return array


def agree(
    owner: Any, identity: str, found: Array, expected: Array, tolerance: float = 1e-10, size: float = 0.0
) -> None:
    """Raise CheckError unless two arrays agree to a part of their size, or of a larger one that is given."""
    if found.shape != expected.shape:
        raise CheckError(f"{owner!r}: {identity} fails: shapes {found.shape} and {expected.shape}")
    size = max(float(np.linalg.norm(expected)), size) or 1.0
    error = float(np.linalg.norm(found - expected)) / size
    if not error <= tolerance:
        raise CheckError(f"{owner!r}: {identity} fails: relative error {error:.3g}")


def dot(owner: Any, identity: str, left: tuple[Array, Array], right: tuple[Array, Array]) -> None:
    """Raise CheckError unless two inner products agree: the adjoint (dot) test."""
    (u, v), (s, t) = left, right
    if s.shape != t.shape:
        raise CheckError(f"{owner!r}: {identity} fails: shapes {s.shape} and {t.shape}")
    scale = float(np.linalg.norm(u) * np.linalg.norm(v))
    off(f"{owner!r}: {identity}", float((u * v).sum()), float((s * t).sum()), scale, 1e-12)


def off(what: str, expected: float, found: float, scale: float, tolerance: float) -> float:
    """Return the relative error, or raise CheckError where it is above the tolerance."""
    error = abs(expected - found) / (scale or 1.0)
    if not error <= tolerance:
        raise CheckError(f"{what}: expected {expected:.6g}, found {found:.6g}, relative error {error:.2g}")
    return error
