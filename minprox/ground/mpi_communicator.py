"""The communicator of MPI processes: any of mpi4py's, which this file takes as it is and does not import."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from minprox.ground.arguments import wrong
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.communicators import ALONE, Array, Communicator, Value
from minprox.ground.rooms import room

# Bytes that are summed at a time: MPI needs as much memory beside, and takes it anew if it is much.
PIECE = 2**22


class MPICommunicator(Communicator):
    """One of mpi4py's, which may be any that has its methods; arrays of a GPU go by way of the host.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        ``MPI.COMM_WORLD``, say, or a part of it.
    """

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.rank, self.size = comm.Get_rank(), comm.Get_size()

    def sum(self, array: Array) -> Array:
        if self.size == 1:
            return array
        given = to_numpy(array)
        mine = room(given, given.shape, given.dtype)
        mine[...] = given
        return array_module(array).asarray(self.sum_into(mine))

    def sum_into(self, array: Array) -> Array:
        if self.size == 1:
            return array
        total = np.require(to_numpy(array), requirements=["C", "W"])
        entries, step = total.reshape(-1), max(1, PIECE // total.itemsize)
        for start in range(0, entries.size, step):
            self.comm.Allreduce(None, entries[start : start + step])  # None: in place
        return array_module(array).asarray(total)

    def gather(self, array: Array, axis: int = 0, counts: Sequence[int] | None = None) -> Array:
        if self.size == 1:
            return array
        sent = np.ascontiguousarray(to_numpy(array))
        axis = axis % sent.ndim
        before, after = sent.shape[:axis], sent.shape[axis + 1 :]
        counts = self.counts(sent.shape[axis]) if counts is None else counts
        sizes = [int(n) * prod(before + after) for n in counts]
        found = room(sent, (sum(sizes),), sent.dtype)
        self.comm.Allgatherv(sent, [found, sizes])
        if axis == 0:
            rows = found.reshape(sum(counts), *after)
        else:  # the parts lie one behind the other, each row by row
            shapes = [(*before, int(n), *after) for n in counts]
            parts = np.split(found, np.cumsum(sizes)[:-1])
            parts = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            rows = np.concatenate(parts, axis, out=room(sent, (*before, sum(counts), *after), sent.dtype))
        return array_module(array).asarray(rows)

    def gather_into(self, array: Array, counts: Sequence[int]) -> Array:
        if self.size == 1:
            return array
        rows = np.require(to_numpy(array), requirements=["C", "W"])
        self.comm.Allgatherv(None, [rows, [n * prod(rows.shape[1:]) for n in counts]])  # None: in place
        return array_module(array).asarray(rows)

    def tell(self, value: Value) -> Value:
        return self.comm.bcast(value, root=0)

    def abort(self, code: int) -> None:
        if self.size > 1:
            self.comm.Abort(code)


def taken(comm: Any, name: str = "comm") -> Communicator:
    """Return a communicator of ours for one of ours, one of mpi4py's, or None, which is a process alone.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if comm is None:
        return ALONE
    if isinstance(comm, Communicator):
        return comm
    if isinstance(comm, type) or not all(hasattr(comm, part) for part in ("Allreduce", "Get_rank", "bcast")):
        raise wrong(name, "a communicator, such as mp.world() or mpi4py's MPI.COMM_WORLD", comm)
    return MPICommunicator(comm)
