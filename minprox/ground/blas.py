"""The BLAS of NumPy, and how many threads it may use: the one number that all threads here go by."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_lock = threading.RLock()
_holds, _free = 0, 1  # how many blocks hold BLAS at one thread, and how many threads it gets back then


def blas_threads() -> int | None:
    """Return the number of threads of NumPy's OpenBLAS, None if NumPy brings no OpenBLAS of its own."""
    with _lock:
        return _free if _holds else _get()


@contextmanager
def limit_blas_threads(threads: int) -> Iterator[None]:
    """Let NumPy's OpenBLAS use that many threads within a ``with`` block; no other BLAS is changed.

    Small products gain nothing from several threads, and lose a lot where other programs want the
    same cores, since the threads wait for each other spinning. What :mod:`minprox.ground.parallel` shares
    out goes to no more threads either.

    Parameters
    ----------
    threads : int

    Examples
    --------
    >>> with limit_blas_threads(1):
    ...     blas_threads() in (1, None)
    True
    """
    before = blas_threads()
    _allow(threads)
    try:
        yield
    finally:
        _allow(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS at one thread within a ``with`` block; of blocks side by side, the last one lets it go."""
    global _holds, _free
    with _lock:
        if not _holds:
            _free = _get() or 1
            _set(1)
        _holds += 1
    try:
        yield
    finally:
        with _lock:
            _holds -= 1
            if not _holds:
                _set(_free)


def _allow(threads: int | None) -> None:
    """Set the number of threads, at once or as soon as nobody holds BLAS at one."""
    global _free
    with _lock:
        if threads is not None:
            if _holds:
                _free = threads
            else:
                _set(threads)


def _get() -> int | None:
    get = _openblas("get_num_threads")
    return int(get()) if get else None


def _set(threads: int) -> None:
    change = _openblas("set_num_threads")
    if change:
        change(threads)


@cache
def _openblas(name: str) -> Callable[..., Any] | None:
    """Return a function of the OpenBLAS that NumPy's wheels bring, None if there is none."""
    folder = Path(np.__file__).parents[1]
    for path in [*folder.glob("numpy.libs/*openblas*"), *folder.glob("numpy/.dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for symbol in (f"scipy_openblas_{name}64_", f"openblas_{name}64_"):
            if hasattr(library, symbol):
                return getattr(library, symbol)
    return None


def _after_fork() -> None:
    """In a new process nobody else holds BLAS: only the thread that forked is there."""
    global _lock, _holds
    _lock = threading.RLock()
    if _holds:
        _holds = 0
        _set(_free)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
