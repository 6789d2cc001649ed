"""Euclidean norms of vectors of any size."""

from __future__ import annotations

from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module


def norm(v: Array, axis: int | None = None) -> Array:
    """Return ``‖v‖``, or those along an axis; no square overflows or vanishes."""
    xp = array_module(v)
    size = abs(v).max(axis=axis, keepdims=True)
    size = xp.where((size == 0) | (size == float("inf")), 1, size)
    return (size * xp.sqrt(((v / size) ** 2).sum(axis=axis, keepdims=True))).sum(axis=axis)
