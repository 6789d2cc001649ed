"""The BLAS of NumPy and SciPy, and how many threads it may use: the number that all threads here go by."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np  # noqa: F401  (it loads the BLAS that is looked for)
from threadpoolctl import ThreadpoolController

F = TypeVar("F", bound=Callable[..., Any])

_lock = threading.RLock()
_holds, _free = 0, 1  # how many blocks hold BLAS at one thread, and how many threads it gets back then


def blas_threads() -> int | None:
    """Return the number of threads of NumPy's BLAS, None if it is none that tells (Apple's Accelerate)."""
    with _lock:
        return _free if _holds else _get()


@contextmanager
def limit_blas_threads(threads: int) -> Iterator[None]:
    """Let NumPy's BLAS use that many threads within a ``with`` block.

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


def held() -> bool:
    """Tell whether somebody holds BLAS at one thread."""
    return _holds > 0


def alone(function: F) -> F:
    """Hold BLAS at one thread in a pass over a net whose layers share their work out to threads themselves.

    After each product BLAS's own threads go on spinning for some 30 ms, on the cores that those need.

    Parameters
    ----------
    function : callable
        Of a net, or of something with a ``net``, first.
    """

    @wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        first: Any = arguments[0] if arguments else named["net"]
        with one_blas_thread() if getattr(first, "net", first).shares_work else nullcontext():
            return function(*arguments, **named)

    return cast(F, run)


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
    found = _controllers()
    return int(found[0].num_threads) if found else None


def _set(threads: int) -> None:
    for controller in _controllers():
        controller.set_num_threads(threads)


@cache
def lapack() -> ModuleType:
    """Return SciPy's LAPACK. It brings a BLAS of its own, which goes by NumPy's number from now on."""
    from scipy.linalg import lapack as module

    with _lock:
        threads = _get()
        _controllers.cache_clear()
        if threads is not None:
            _set(threads)
    return module


@cache
def _controllers() -> list[Any]:
    """Return what controls the BLAS that NumPy and SciPy bring; if they bring none, all that are loaded."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    numpy = [controller for controller in found if "numpy" in controller.filepath]
    scipy = [controller for controller in found if "scipy" in controller.filepath and controller not in numpy]
    return numpy + scipy or found


def _after_fork() -> None:
    """In a new process nobody else holds BLAS: only the thread that forked is there."""
    global _lock, _holds
    _lock = threading.RLock()
    if _holds:
        _holds = 0
        _set(_free)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
