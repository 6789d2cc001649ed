"""Whether this machine can hold an array, before it is asked to."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence


def check_room(what: str, shape: Sequence[int], itemsize: int = 8) -> None:
    """Raise MemoryError, which says how much was asked for, where an array exceeds the memory of the machine.

    Examples
    --------
    >>> check_room("theta", (2**31, 2**31))
    Traceback (most recent call last):
    MemoryError: theta: an array of the shape (2147483648, 2147483648) takes 34,359,738,368 GiB, ...
    """
    asked, there = math.prod(shape) * itemsize, memory()
    if asked > there:
        raise MemoryError(
            f"{what}: an array of the shape {tuple(shape)} takes {asked / 2**30:,.0f} GiB, and this machine "
            f"has {there / 2**30:,.0f} GiB"
        )


def memory() -> float:
    """Return the bytes of memory of this machine, infinity where it does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return math.inf
