"""Processes that work on one batch together: what they tell each other, whoever carries it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np

Array = Any
Value = TypeVar("Value")


class Communicator:
    """What processes tell each other; this class itself is a process alone, which tells nobody anything.

    All processes of a communicator call the same methods in the same order, with arrays of the same dtype;
    each method returns when all have called it, and returns the same everywhere, to the bit.

    Attributes
    ----------
    rank : int
        The number of this process: 0, 1, … ``size`` − 1.
    size : int
        How many processes there are.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.simulated(3, lambda comm: comm.sum(np.array([1.0, comm.rank])))[0]
    array([3., 3.])
    """

    rank, size = 0, 1

    def sum(self, array: Array) -> Array:
        """Return the sum of the arrays of all processes, entry by entry.

        Parameters
        ----------
        array : array
            Of the same shape in every process.

        Returns
        -------
        array, of the same shape and dtype, on the same backend
        """
        return array

    def sum_into(self, array: Array) -> Array:
        """Return the same of an array that nobody needs any more: the sum may take its place.

        Parameters
        ----------
        array
            As for :meth:`sum`; what stands in it afterwards is not said.

        Returns
        -------
        array, of the same shape and dtype, on the same backend
        """
        return self.sum(array)

    def gather(self, array: Array, axis: int = 0, counts: Sequence[int] | None = None) -> Array:
        """Return the arrays of all processes, one behind the other by rank.

        Parameters
        ----------
        array : array
            Of the same shape in every process, but for the extent at the axis, which may be 0.
        axis : int
            Along which they lie one behind the other.
        counts : sequence of int, optional
            The extents of all, by rank, where they are known: to ask for them is one message more.

        Returns
        -------
        array
            Of the same shape but for the extent at the axis, which is the sum of those of all.
        """
        return array

    def gather_into(self, array: Array, counts: Sequence[int]) -> Array:
        """Return the rows of all processes, for which an array has room; those of this one stand in place.

        Parameters
        ----------
        array : array, shape (sum(counts), ...)
            What stands in it afterwards is not said.
        counts : sequence of int
            How many rows each has, by rank.

        Returns
        -------
        array, of the same shape
        """
        start = sum(counts[: self.rank])
        return self.gather(array[start : start + counts[self.rank]], counts=counts)

    def tell(self, value: Value) -> Value:
        """Return what process 0 has for a value: any object that pickle takes.

        Parameters
        ----------
        value : object
            That of the others is not looked at.

        Returns
        -------
        object
        """
        return value

    def abort(self, code: int) -> None:
        """End all processes at once, where there are others, with this exit code."""

    def counts(self, n: int) -> list[int]:
        """Return the numbers of all processes, by rank."""
        found = self.gather(np.array([n], dtype="int64"), counts=[1] * self.size)
        return [int(count) for count in found]

    def place(self, n: int) -> tuple[int, int]:
        """Return where the ``n`` rows of this process begin, and how many all processes have."""
        counts = self.counts(n)
        return sum(counts[: self.rank]), sum(counts)

    def any(self, flag: Any) -> bool:
        """Tell whether a flag is true in one process or more.

        Parameters
        ----------
        flag : object
            Of this process, by its truth.

        Returns
        -------
        bool
            The same in every process.
        """
        return bool(self.sum(np.array(int(bool(flag)), dtype="int64")) > 0)

    def share(self, n: int, rank: int | None = None) -> slice:
        """Return the places of this process among ``n``: as even as they can be, the first ones larger.

        Parameters
        ----------
        n : int
            The same in every process.
        rank : int, optional
            Of another process, to return those of that one.

        Returns
        -------
        slice
            Empty where there are more processes than places.

        Examples
        --------
        >>> import minprox as mp
        >>> mp.simulated(3, lambda comm: comm.share(7))
        [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
        """
        least, more = divmod(n, self.size)
        rank = self.rank if rank is None else rank
        start = rank * least + min(rank, more)
        return slice(start, start + least + (rank < more))

    def first(self, function: Callable[[], Value]) -> Value:
        """Call a function in process 0 alone, and return what it returns, or raise what it raises, in all.

        Parameters
        ----------
        function : callable
            What it returns or raises must be something that pickle takes.

        Returns
        -------
        object
        """
        found: Any = None
        if self.rank == 0:
            try:
                found = function(), None
            except Exception as error:
                error.__traceback__ = None
                found = None, error
        value, failure = self.tell(found)
        return value if failure is None else again(failure)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rank={self.rank}, size={self.size})"


def again(error: Exception) -> NoReturn:
    """Raise an error that another process has met."""
    raise error


ALONE = Communicator()
