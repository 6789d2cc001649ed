"""What computes here: versions, BLAS and its threads, processor; nothing that names a person or a host."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from minprox._version import __version__


def environment() -> dict[str, Any]:
    """Return what a result may depend on besides its configuration.

    Returns
    -------
    dict of str to JSON value
        Versions of minprox, Python, NumPy, SciPy and matplotlib, the BLAS of NumPy and the number of
        its threads (None if unknown), the name of the processor, its cores at our disposal, the
        operating system.

    Examples
    --------
    >>> environment()["minprox"] == __version__
    True
    """
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "minprox": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": version("scipy"),
        "matplotlib": version("matplotlib"),
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_threads": blas_threads(),
        "cpu": processor(),
        "cores": cores(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def version(package: str) -> str | None:
    """Return the version of a package without importing it, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def blas_threads() -> int | None:
    """Return the number of threads of NumPy's OpenBLAS, None if NumPy brings no OpenBLAS of its own."""
    get = openblas("get_num_threads")
    return int(get()) if get else None


@contextmanager
def limit_blas_threads(threads: int) -> Iterator[None]:
    """Let NumPy's OpenBLAS use that many threads within a ``with`` block; no other BLAS is changed.

    Small products gain nothing from several threads, and lose a lot where other programs want the
    same cores, since the threads wait for each other spinning.

    Parameters
    ----------
    threads : int

    Examples
    --------
    >>> with limit_blas_threads(1):
    ...     blas_threads() in (1, None)
    True
    """
    before, change = blas_threads(), openblas("set_num_threads")
    if change:
        change(threads)
    try:
        yield
    finally:
        if change:
            change(before)


def openblas(name: str) -> Callable[..., Any] | None:
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


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
