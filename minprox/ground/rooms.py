"""Memory for large arrays that is used again: fresh pages, which the system clears, cost as much as a ReLU.

NumPy gives the memory of a large array back to the system when the array dies and asks for it anew at the
next step. Here it is kept while arrays of like size come and go. An array's memory counts as free as
soon as nobody holds the array or a view of it.

A smaller array may stand in the memory of a larger one. So where new memory is needed, that of smaller
arrays which is free is given back: from the next step on they find the larger one. The peak is then hardly
above that of a step whose arrays are all given back at once.
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
LARGER = 4  # times the memory that it needs is the most that an array stands in

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
        memory = taken(size + LINE)
        _rooms.append(memory)
        kept = sum(each.nbytes for each in _rooms)
        while kept > MOST:
            kept -= _rooms.pop(0).nbytes
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def taken(size: int) -> np.ndarray:
    """Take the smallest memory out that is free and suits this size, or get new one."""
    rooms = range(len(_rooms))
    suits = [i for i in rooms if size <= _rooms[i].nbytes <= LARGER * size and free(i)]
    if suits:
        return _rooms.pop(min(reversed(suits), key=lambda i: _rooms[i].nbytes))  # the one just used is cached
    _rooms[:] = [_rooms[i] for i in rooms if _rooms[i].nbytes >= size or not free(i)]
    return np.empty(size, np.uint8)


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
