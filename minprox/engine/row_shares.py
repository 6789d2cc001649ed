"""What a linear map says of rows that lie on several processes; where they do not, it has them all."""

from __future__ import annotations

from typing import Any

from minprox.ground.products import multiply

Array = Any


class RowShares:
    """Base of the linear maps, for solvers in dual form: which rows are here, and how to have all."""

    shape: tuple[int, int]
    processes = 1  # among which the rows are shared

    @property
    def rows_here(self) -> int:
        """How many rows δ and ``A θ`` have in this process: all of them, unless the rows lie apart."""
        return self.shape[0]

    def gathered(self, delta: Array) -> Array:
        """Return the rows of δ of all processes that share the rows of ``A``; δ itself where none does."""
        return delta

    def here(self, rows: Array) -> Array:
        """Return those rows that stand in this process, of a matrix with one for each row of ``A``."""
        return rows

    def shared_product(self, X: Array, Y: Array) -> Array:
        """Return ``X Y``, of which each process that shares the rows of ``A`` computes some rows."""
        return multiply(X, Y)
