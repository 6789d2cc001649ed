"""What goes through a communicator, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.ground.communicators import Array, Communicator, Value
from minprox.ground.mpi_communicator import taken


class Counted(Communicator):
    """A communicator that counts what goes through it.

    Parameters
    ----------
    comm : communicator

    Attributes
    ----------
    summed, gathered : int
        Bytes of the arrays that were summed; of those that were gathered, together.
    calls : int
        How many there were of both.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> def step(comm):
    ...     counted = mp.Counted(comm)
    ...     counted.sum(np.zeros(10))
    ...     return counted.summed, counted.sent
    >>> mp.simulated(4, step)[0]
    (80, 120.0)
    """

    def __init__(self, comm: Any) -> None:
        self.comm = taken(comm)
        self.rank, self.size = self.comm.rank, self.comm.size
        self.summed = self.gathered = self.calls = 0

    def sum(self, array: Array) -> Array:
        total = self.comm.sum(array)
        self.summed, self.calls = self.summed + total.nbytes, self.calls + 1
        return total

    def sum_into(self, array: Array) -> Array:
        total = self.comm.sum_into(array)
        self.summed, self.calls = self.summed + total.nbytes, self.calls + 1
        return total

    def gather(self, array: Array, axis: int = 0, counts: Sequence[int] | None = None) -> Array:
        rows = self.comm.gather(array, axis, counts)
        self.gathered, self.calls = self.gathered + rows.nbytes, self.calls + 1
        return rows

    def gather_into(self, array: Array, counts: Sequence[int]) -> Array:
        rows = self.comm.gather_into(array, counts)
        self.gathered, self.calls = self.gathered + rows.nbytes, self.calls + 1
        return rows

    def tell(self, value: Value) -> Value:
        return self.comm.tell(value)

    def abort(self, code: int) -> None:
        self.comm.abort(code)

    @property
    def sent(self) -> float:
        """Bytes that a process must send: ``(P − 1)/P`` of what is gathered, twice that of what is summed."""
        return (2 * self.summed + self.gathered) * (self.size - 1) / self.size
