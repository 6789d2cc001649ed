"""What computes here: versions, BLAS and its threads, processor; nothing that names a person or a host."""

from __future__ import annotations

import math
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from minprox._version import __version__
from minprox.ground.blas import blas_threads


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


def peak_memory() -> float:
    """Return the largest amount of memory that this process has held, in megabytes; NaN if unknown."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return math.nan
    return int(kilobytes) * 1024 / 1e6


def version(package: str) -> str | None:
    """Return the version of a package without importing it, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
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
