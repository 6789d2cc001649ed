"""A linear map whose rows lie on several processes: what sums over rows, sums over the processes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.linear_map import Array, LinearMap, transpose
from minprox.ground.communicators import Communicator, taken


class RowsApart(LinearMap):
    """The rows of all processes, ``A = [A_1; …; A_P]``, of which this one holds ``A_r``.

    ``Aᵀδ = Σ A_rᵀδ_r`` and ``AᵀA = Σ A_rᵀA_r`` are sums over the processes, and ``A θ`` needs none, so a
    solver that uses nothing else finds in each process the step of the whole batch. The dual form gathers the
    rows of ``A``, and the blocks ``A_r Aᵀ`` of the Gram matrix.

    Parameters
    ----------
    A : LinearMap
        The rows of this process, any number of them.
    comm : communicator
        All processes make their map, and use it, at the same time.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> a, delta = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [0.0], [1.0]])
    >>> def step(comm):
    ...     mine = comm.share(3)
    ...     A = mp.RowsApart(mp.DenseMap(a[mine], bias=False), comm)
    ...     return A.shape, mp.Exact("primal")(A, delta[mine], 1.0).round(4)
    >>> mp.simulated(2, step)[1]
    ((3, 1), array([[0.2667]]))
    >>> mp.Exact()(mp.DenseMap(a, bias=False), delta, 1.0).round(4)
    array([[0.2667]])
    """

    def __init__(self, A: LinearMap, comm: Any) -> None:
        self.A, self.comm = A, taken(comm)
        found = self.comm.gather(np.array([[A.shape[0], A.normal_cost]]), counts=[1] * self.comm.size)
        self.counts, self.cost = [int(n) for n in found[:, 0]], float(found[:, 1].sum())
        self.shape = (sum(self.counts), A.shape[1])
        self.dtype = A.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.A @ theta

    def adjoint(self, delta: Array) -> Array:
        return self.comm.sum(self.A.T @ delta)  # Aᵀ δ = Σ_r A_rᵀ δ_r

    def normal(self, dtype: Any = "float64") -> Array:
        return self.comm.sum(self.A.T.gram(dtype))  # Aᵀ A = Σ_r A_rᵀ A_r

    def normal_diagonal(self) -> Array | None:
        diagonal = self.A.normal_diagonal()
        return None if diagonal is None else self.comm.sum(diagonal)

    def matrix(self) -> Array:
        return self.rows(self.A.matrix())

    def gram(self, dtype: Any = "float64") -> Array:
        B = self.matrix().astype(dtype, copy=False)
        return self.rows(self.here(B) @ transpose(B))  # A Aᵀ = [A_1 Aᵀ; …; A_P Aᵀ]

    @property
    def matrix_free(self) -> bool:
        return self.A.matrix_free

    @property
    def rows_here(self) -> int:
        return self.A.shape[0]

    def gathered(self, delta: Array) -> Array:
        return self.rows(delta)

    def rows(self, mine: Array) -> Array:
        """Return the rows of all processes, each having one for each row of ``A`` that it holds."""
        return self.comm.gather(mine, -2, self.counts)

    def here(self, rows: Array) -> Array:
        start = sum(self.counts[: self.comm.rank])
        return rows[..., start : start + self.rows_here, :]

    @property
    def gram_cost(self) -> float:
        return float("inf") if np.isinf(self.A.gram_cost) else self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return self.cost


def of_all(A: LinearMap, comm: Communicator) -> LinearMap:
    """Return the map with the rows of all processes: ``A`` itself where there is one alone."""
    return A if comm.size == 1 else RowsApart(A, comm)
