"""A linear map whose rows lie on several processes: what sums over rows, sums over the processes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.engine.linear_map import Array, LinearMap, converted, transpose
from minprox.ground.backend import array_module, on_host
from minprox.ground.communicators import Communicator
from minprox.ground.mpi_communicator import taken
from minprox.ground.products import multiply
from minprox.ground.rooms import room


class RowsApart(LinearMap):
    """The rows of all processes, ``A = [A_1; …; A_P]``, of which this one holds ``A_r``.

    ``Aᵀδ = Σ A_rᵀδ_r`` and ``AᵀA = Σ A_rᵀA_r`` are sums over the processes, and ``A θ`` needs none, so a
    solver that uses nothing else finds in each process the step of the whole batch. The dual form gathers the
    rows of ``A``, and sums the blocks ``A_r A_sᵀ`` of the Gram matrix.

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
        self.processes = self.comm.size
        found = self.comm.gather(np.array([[A.shape[0], A.normal_cost]]), counts=[1] * self.comm.size)
        self.counts, self.cost = [int(n) for n in found[:, 0]], float(found[:, 1].sum())
        self.shape = (sum(self.counts), A.shape[1])
        self.dtype = A.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.A @ theta

    def adjoint(self, delta: Array) -> Array:
        d = self.A.T @ delta
        if on_host(d) and np.may_share_memory(d, delta):  # a map of one's own may give back its argument
            return self.comm.sum(d)
        return self.comm.sum_into(d)  # Aᵀ δ = Σ_r A_rᵀ δ_r

    def normal(self, dtype: Any = "float64") -> Array:
        return self.comm.sum(self.A.T.gram(dtype))  # Aᵀ A = Σ_r A_rᵀ A_r

    def normal_diagonal(self) -> Array | None:
        diagonal = self.A.normal_diagonal()
        return None if diagonal is None else self.comm.sum(diagonal)

    def matrix(self) -> Array:
        return self.rows(self.A.matrix())

    def gram(self, dtype: Any = "float64") -> Array:
        B = converted(self.matrix(), dtype)
        S = array_module(B).zeros((*B.shape[:-1], B.shape[-2]), B.dtype)
        for rows, others in self.blocks():
            half = 2 if rows == others else 1
            S[..., rows, others] = B[..., rows, :] @ transpose(B[..., others, :]) / half  # A_r A_sᵀ
        S = self.comm.sum_into(S)
        return S + transpose(S)  # A Aᵀ, each block of which is computed once

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Yield the blocks of ``A Aᵀ`` that this process computes: of each pair one does, or both a half."""
        P, r = self.comm.size, self.comm.rank
        starts = [sum(self.counts[:s]) for s in range(P + 1)]
        places = [slice(*ends) for ends in pairwise(starts)]
        yield places[r], places[r]
        for k in range(1, (P + 1) // 2):
            yield places[r], places[(r + k) % P]
        if P % 2 == 0:  # of the pair half-way round, one computes half of its rows, the other the rest
            first = min(r, (r + P // 2) % P)
            middle = starts[first] + self.counts[first] // 2
            if r == first:
                yield slice(starts[r], middle), places[r + P // 2]
            else:
                yield places[r], slice(middle, starts[first + 1])

    def shared_product(self, X: Array, Y: Array) -> Array:
        parts = [self.comm.share(X.shape[-2], rank) for rank in range(self.comm.size)]
        counts = [part.stop - part.start for part in parts]
        mine = parts[self.comm.rank]
        if X.ndim > 2:
            return self.comm.gather(X[..., mine, :] @ Y, -2, counts)
        XY = room(X, (len(X), Y.shape[1]), array_module(X, Y).result_type(X, Y))
        multiply(X[mine], Y, out=XY[mine])
        return self.comm.gather_into(XY, counts)

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
