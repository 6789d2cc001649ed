"""The rows of a layer that stands at several places of a net, one map below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.linear_map import Array, LinearMap
from minprox.ground.backend import array_module


class StackedMap(LinearMap):
    """The map of a layer used at several places: the rows of its maps, one below the other.

    Parameters
    ----------
    maps : sequence of LinearMap
        One for each place, all with the same number of columns.
    """

    def __init__(self, maps: Sequence[LinearMap]) -> None:
        self.maps = maps
        self.shape = (sum(A.shape[0] for A in maps), maps[0].shape[1])
        self.dtype = maps[0].dtype
        self.processes = max(A.processes for A in maps)

    def __matmul__(self, theta: Array) -> Array:
        return stack([A @ theta for A in self.maps])

    def adjoint(self, delta: Array) -> Array:
        parts = cut(delta, [A.rows_here for A in self.maps])
        return sum(A.T @ part for A, part in zip(self.maps, parts, strict=True))

    def matrix(self) -> Array:
        return stack([A.matrix() for A in self.maps])

    @property
    def rows_here(self) -> int:
        return sum(A.rows_here for A in self.maps)

    def gathered(self, delta: Array) -> Array:
        parts = cut(delta, [A.rows_here for A in self.maps])
        return stack([A.gathered(part) for A, part in zip(self.maps, parts, strict=True)])

    def here(self, rows: Array) -> Array:
        parts = cut(rows, [A.shape[0] for A in self.maps])
        return stack([A.here(part) for A, part in zip(self.maps, parts, strict=True)])

    @property
    def matrix_free(self) -> bool:
        return any(A.matrix_free for A in self.maps)

    @property
    def gram_cost(self) -> float:
        return float("inf") if np.isinf(self.normal_cost) else self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return sum(A.normal_cost for A in self.maps)

    def normal_diagonal(self) -> Array | None:
        parts: list[Any] = [A.normal_diagonal() for A in self.maps]
        return None if any(part is None for part in parts) else sum(parts[1:], parts[0])

    def normal(self, dtype: Any = "float64") -> Array:
        return sum(A.T.gram(dtype) for A in self.maps)  # Aᵀ A = Σ A_iᵀ A_i


def cut(rows: Array, counts: Sequence[int]) -> list[Array]:
    """Undo :func:`stack`: cut the rows of a matrix (or of a batch of them) into parts of these lengths."""
    ends = np.cumsum(counts)
    return [rows[..., end - count : end, :] for count, end in zip(counts, ends, strict=True)]


def stack(rows: Sequence[Array]) -> Array:
    """Put matrices (or batches of them) below each other; a single one is passed through."""
    return rows[0] if len(rows) == 1 else array_module(*rows).concatenate(rows, axis=-2)
