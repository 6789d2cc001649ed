"""The communicator of MPI processes: any of mpi4py's, which this file takes as it is and does not import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.ground.arguments import wrong
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.communicators import ALONE, Array, Communicator, Value
from minprox.ground.rooms import room


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
        sent = np.ascontiguousarray(to_numpy(array)).reshape(array.shape)
        total = room(sent, sent.shape, sent.dtype)
        self.comm.Allreduce(sent, total)
        return array_module(array).asarray(total)

    def gather(self, array: Array, axis: int = 0, counts: Sequence[int] | None = None) -> Array:
        if self.size == 1:
            return array
        sent = np.ascontiguousarray(np.moveaxis(to_numpy(array), axis, 0))
        counts = self.counts(len(sent)) if counts is None else counts
        rows = room(sent, (int(np.sum(counts)), *sent.shape[1:]), sent.dtype)
        width = int(np.prod(sent.shape[1:], dtype="int64"))
        self.comm.Allgatherv(sent, [rows, [int(n) * width for n in counts]])
        return array_module(array).asarray(np.moveaxis(rows, 0, axis))

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
