"""Several processes in one: threads that tell each other what processes would, to try and to teach."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from minprox.ground.arguments import whole
from minprox.ground.backend import array_module
from minprox.ground.communicators import Array, Communicator, Value
from minprox.ground.doors import function as callable_


class Desk:
    """Where threads lay what they tell each other: one place for each, and a barrier around it."""

    def __init__(self, size: int) -> None:
        self.places: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)

    def exchange(self, rank: int, value: Any) -> list[Any]:
        """Lay down a value, and return those of all."""
        self.places[rank] = value
        self.barrier.wait()
        found = list(self.places)
        self.barrier.wait()
        return found


class Simulated(Communicator):
    """A thread that stands for a process."""

    def __init__(self, rank: int, desk: Desk) -> None:
        self.rank, self.size, self.desk = rank, len(desk.places), desk

    def sum(self, array: Array) -> Array:
        return reduce(add, self.desk.exchange(self.rank, array.copy()))

    def gather(self, array: Array, axis: int = 0, counts: Sequence[int] | None = None) -> Array:
        return array_module(array).concatenate(self.desk.exchange(self.rank, array.copy()), axis=axis)

    def tell(self, value: Value) -> Value:
        return pickle.loads(self.desk.exchange(self.rank, pickle.dumps(value))[0])

    def abort(self, code: int) -> None:
        self.desk.barrier.abort()


def simulated(size: int, function: Callable[[Communicator], Any]) -> list[Any]:
    """Call a function as so many processes would, each a thread of this one, and return what each returns.

    It shows what several processes compute, and what they tell each other; it is no faster than one.

    Parameters
    ----------
    size : int
        How many.
    function : callable
        ``function(comm)``, with a communicator whose ``rank`` tells which process it stands for. What it
        changes, a net say, each call makes for itself.

    Returns
    -------
    list
        One result for each process, by rank.

    Raises
    ------
    Exception
        What the function raises in one of them, by the lowest rank; the others end with it.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.simulated(2, lambda comm: comm.gather(np.full(comm.rank + 1, comm.rank)))
    [array([0, 1, 1]), array([0, 1, 1])]
    """
    size = whole("size", size)
    callable_("function", function)
    desk, found = Desk(size), [None] * size
    failed: dict[int, BaseException] = {}

    def work(rank: int) -> None:
        try:
            found[rank] = function(Simulated(rank, desk))
        except threading.BrokenBarrierError as error:  # another one failed
            failed[size + rank] = error
        except BaseException as error:
            failed[rank] = error
            desk.barrier.abort()

    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[min(failed)]
    return found
