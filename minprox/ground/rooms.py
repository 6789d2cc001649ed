"""Memory for large arrays that is used again: fresh pages, which the system clears, cost as much as a ReLU.

NumPy gives the memory of a large array back to the system when the array dies and asks for it anew at the
next step. Here it is kept while arrays of the same size come and go. An array's memory counts as free as
soon as nobody holds the array or a view of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np

from minprox.ground.backend import array_module, on_host

Array = Any

LINE = 64  # bytes that a processor reads or writes at once: an array that begins on them takes a fifth less
SMALL = 2**20  # bytes below which NumPy's own memory does as well
MOST = 2**29  # bytes that are kept

_lock = threading.Lock()
_rooms: list[np.ndarray] = []  # the one that was used longest ago first


def room(beside: Array, shape: Sequence[int], dtype: Any) -> Array:
    """Return an array whose entries are not set, where another one lives, as :func:`numpy.empty` does.

    Examples
    --------
    >>> import numpy as np
    >>> room(np.zeros(1), (2, 3), "float32").shape
    (2, 3)
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size < SMALL or not on_host(beside):  # CuPy keeps its memory itself
        return array_module(beside).empty(shape, dtype)
    with _lock:
        found = next(
            (i for i in reversed(range(len(_rooms))) if _rooms[i].nbytes == size + LINE and free(i)), None
        )
        memory = np.empty(size + LINE, np.uint8) if found is None else _rooms.pop(found)
        _rooms.append(memory)
        kept = sum(each.nbytes for each in _rooms)
        while kept > MOST:
            kept -= _rooms.pop(0).nbytes
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def forget() -> None:
    """Give back what is kept, as far as nobody holds it."""
    with _lock:
        _rooms.clear()


def free(number: int) -> bool:
    """Tell whether only the list knows of this memory."""
    return getrefcount(_rooms[number]) == 2  # the list, and this call


def room_like(array: Array, dtype: Any, shape: Sequence[int]) -> Array:
    """Return the same with another array's order of axes in memory, as :func:`numpy.empty_like` does."""
    alike = min(array.ndim, len(shape))
    order = sorted(range(alike), key=lambda axis: -abs(array.strides[axis]))
    order += range(alike, len(shape))
    back = sorted(range(len(order)), key=order.__getitem__)  # the inverse permutation
    return room(array, [shape[axis] for axis in order], dtype).transpose(back)
