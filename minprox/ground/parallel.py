"""Parts of a computation, shared out to as many threads as BLAS may use and this process has cores.

NumPy lets go of Python's lock inside a product or an elementwise function, so threads do compute side by
side. That pays where BLAS itself uses one thread only, in skinny products, and where there is no BLAS, in
activations and pooling. While parts are shared out, BLAS is held at one thread. Which parts there are never
depends on the number of threads, each writes its own slice, and whatever is summed over parts is summed in
their order: so the bits of a result do not depend on it either.

Small arrays and arrays on a GPU are left alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import wraps
from inspect import signature
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np

from minprox.ground.backend import array_module, on_host
from minprox.ground.blas import blas_threads, one_blas_thread
from minprox.ground.environment import cores
from minprox.ground.rooms import room, room_like

Array = Any
T = TypeVar("T")

PART = 2**16  # entries of an array that a thread treats at a time, in its second cache
PASS = 2**18  # the same where it goes over them only once, and need not keep them
PASSES = 16  # parts of such an array at most: after each call of NumPy a thread waits for Python's lock
ENOUGH = 2**15  # entries of an array whose products are worth several threads
STRIP = 32  # neighbours that are written at a time where a copy turns the order of axes around
LEAST = 2**18  # entries of an array that is worth several threads

_lock = threading.RLock()
_pool: ThreadPoolExecutor | None = None
_inside: ContextVar[bool] = ContextVar("inside a part", default=False)


def threads() -> int:
    """Return how many threads may compute side by side: one within a part that was shared out.

    Examples
    --------
    >>> from minprox.ground.blas import limit_blas_threads
    >>> with limit_blas_threads(1):
    ...     threads()
    1
    """
    return 1 if _inside.get() else min(cores(), blas_threads() or 1)


class Parts(Iterator[T], Generic[T]):
    """Parts of a computation, each of which is taken once, by whichever thread comes first."""

    def __init__(self, parts: Sequence[T]) -> None:
        self.left, self.lock = iter(parts), threading.Lock()

    def __next__(self) -> T:
        with self.lock:
            return next(self.left)

    def stop(self) -> None:
        """Give out nothing more."""
        with self.lock:
            self.left = iter(())


def share(array: Array, parts: Sequence[T], work: Callable[[Iterator[T]], None]) -> None:
    """Do ``work`` for all parts, in several threads at once where that can be.

    Parameters
    ----------
    array : array
        What is computed on; if it is small or on a GPU, one thread does it all.
    parts : sequence
    work : callable
        Gets an iterator over parts. Every thread runs it once; each part comes up in one of them.

    Raises
    ------
    BaseException
        What the work raised; parts that nobody has begun by then are left.

    Examples
    --------
    >>> import numpy as np
    >>> squares = np.zeros(4)
    >>> def work(some):
    ...     for i in some:
    ...         squares[i] = i * i
    >>> share(squares, range(4), work)
    >>> squares
    array([0., 1., 4., 9.])
    """
    helpers = min(threads(), len(parts)) - 1 if array.size >= ENOUGH and on_host(array) else 0
    if helpers < 1:
        work(iter(parts))
        return
    left = Parts(parts)
    with one_blas_thread():
        futures = ask(helpers, run, work, left)
        try:
            run(work, left)
        finally:  # when this returns, no thread may still write
            left.stop()
            begun = [future for future in futures if not future.cancel()]
            wait(begun)
    for future in begun:
        future.result()


def run(work: Callable[[Iterator[T]], None], left: Parts[T]) -> None:
    """Do the work of one thread; what it shares out itself it does alone."""
    token = _inside.set(True)
    try:
        work(left)
    except BaseException:
        left.stop()
        raise
    finally:
        _inside.reset(token)


def ask(count: int, work: Callable[..., None], *arguments: Any) -> list[Future]:
    """Let as many threads of the pool do the same, each in the context (``np.errstate``, say) of here."""
    global _pool
    futures: list[Future] = []
    with _lock, suppress(RuntimeError):  # at the end of the program no thread is to be had
        if _pool is None:
            _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="minprox")
        for _ in range(count):
            futures.append(_pool.submit(copy_context().run, work, *arguments))
    return futures


def in_parts(function: Callable[..., Array], axes: int | None = None) -> Callable[..., Array]:
    """Let a method compute arrays in parts along axes on which each entry of its result stands for itself.

    Parameters
    ----------
    function : callable
        ``function(self, *arrays)``, whose arrays and result have the same extents on these axes. If it has
        an argument ``out``, it may write its result there, and goes over its arrays only once; then it is
        done in parts also by one thread, whose cache holds what it computes between.
    axes : int, optional
        The first so many axes; all of them if not given, for what is elementwise.

    Returns
    -------
    callable
        ``function(self, *arrays)``, with the same bits.
    """
    writes = "out" in signature(function).parameters

    @wraps(function)
    def method(self: Any, *arrays: Array) -> Array:
        like = arrays[-1]  # what is computed from, whose layout the result gets
        if getattr(like, "size", 0) < LEAST or not on_host(like):
            return function(self, *arrays)
        count = like.ndim if axes is None else axes
        parts = pieces(like, count, max(PASS, like.size // PASSES) if writes else PART)
        alike = axes is not None or all(getattr(array, "strides", None) == like.strides for array in arrays)
        if (
            len(parts) < 2
            or any(np.shape(array)[:count] != like.shape[:count] for array in arrays)  # broadcast
            or (threads() < 2 and alike and not writes)  # nothing to gain, and the layout is the same anyway
        ):
            return function(self, *arrays)
        one = function(self, *(array[(slice(1),) * count] for array in arrays))
        out = room_like(like, one.dtype, like.shape[:count] + one.shape[count:])

        def work(some: Iterator[tuple[slice, ...]]) -> None:
            for piece in some:
                here, part = out[piece], [array[piece] for array in arrays]
                result = function(self, *part, out=here) if writes else function(self, *part)
                if not np.may_share_memory(result, here):
                    here[...] = result

        share(like, parts, work)
        return out

    return method


def pieces(array: Array, count: int, most: int) -> list[tuple[slice, ...]]:
    """Cut an array along its first axes, that of the longest steps first.

    Pieces have about ``most`` entries. The axis whose entries are neighbours stays whole if there is another.
    """
    axes = [axis for axis in range(count) if array.shape[axis] > 1]
    axes.sort(key=lambda axis: array.strides[axis], reverse=True)
    if len(axes) > 1 and abs(array.strides[axes[-1]]) == array.itemsize:
        axes.pop()
    steps, size = list(array.shape[:count]), array.size
    for axis in axes:
        size //= steps[axis]
        steps[axis] = min(steps[axis], max(1, most // size))
        size *= steps[axis]
    cuts = (range(0, n, step) for n, step in zip(array.shape, steps, strict=False))
    return [
        tuple(slice(start, start + step) for start, step in zip(corner, steps, strict=True))
        for corner in product(*cuts)
    ]


def contiguous(array: Array) -> Array:
    """Return an array whose entries stand in memory in the order of its axes, copied if need be."""
    if not on_host(array) or array.flags.c_contiguous or array.size < LEAST:
        return array_module(array).ascontiguousarray(array)
    copy = room(array, array.shape, array.dtype)
    ends = range(0, array.shape[-1], STRIP)
    turned = array.strides[-1] > array.itemsize and len(ends) > 1
    strips: list[Any] = [(..., slice(end, end + STRIP)) for end in ends]  # each uses up lines of the cache
    strips = strips[::2] + strips[1::2]  # two threads next to each other would write to the same ones

    def work(some: Iterator[Any]) -> None:
        for piece in some:
            copy[piece] = array[piece]

    share(copy, strips if turned else pieces(copy, copy.ndim, PART), work)
    return copy


def _before_fork() -> None:
    """Let the threads end, so that neither process is left with halves of them."""
    global _pool
    _lock.acquire()
    if _pool is not None:
        _pool.shutdown(wait=not _inside.get())
        _pool = None


def _after_fork() -> None:
    _lock.release()  # the thread that forked goes on in both processes


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
