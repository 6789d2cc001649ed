"""NumPy or CuPy: arrays decide, and this is the only file that knows that CuPy exists."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

_modules: dict[str, ModuleType] = {"numpy": np}
_companions = {"numpy": "scipy", "cupy": "cupyx.scipy"}
_current: ModuleType = np


def array_module(*arrays: Any) -> ModuleType:
    """Return the module, ``numpy`` or ``cupy``, that all the arrays belong to.

    Raises
    ------
    TypeError
        If an argument is no array, or if two arrays live on different backends.
    """
    if not arrays:
        raise TypeError("array_module: expected one or more arrays, found none")
    names = [type(array).__module__.partition(".")[0] for array in arrays]
    for array, name in zip(arrays, names, strict=True):
        if (name not in _modules and name != "cupy") or not hasattr(array, "dtype"):
            raise TypeError(f"expected a NumPy or CuPy array, found {type(array).__name__}")
        if name != names[0]:
            raise TypeError(
                f"arrays of two backends do not mix: argument 1 is a {names[0]} array of shape "
                f"{arrays[0].shape}, another a {name} array of shape {array.shape}"
            )
    name = names[0]
    if name not in _modules:
        _modules[name] = importlib.import_module(name)
    return _modules[name]


class use:
    """Choose where new arrays (parameters, data sets) are made: ``"numpy"`` or ``"cupy"``.

    Works as a statement, and as a context manager that restores the former choice. Raises
    ValueError for another name, ImportError without CuPy, RuntimeError without a GPU.

    Examples
    --------
    >>> import minprox as mp
    >>> with mp.use("numpy") as xp:
    ...     xp.__name__
    'numpy'
    """

    def __init__(self, name: str) -> None:
        global _current
        self._former, _current = _current, _load(name)

    def __enter__(self) -> ModuleType:
        return _current

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._former


def _load(name: str) -> ModuleType:
    if name not in ("numpy", "cupy"):
        raise ValueError(f'unknown backend {name!r}: expected "numpy" or "cupy"')
    try:
        module = importlib.import_module(name)
    except ImportError:
        raise ImportError(
            "the cupy backend needs CuPy, which is not installed: "
            "install the extra minprox[cuda12x] or minprox[cuda13x]"
        ) from None
    if name == "cupy" and not module.cuda.is_available():
        raise RuntimeError("the cupy backend needs a CUDA GPU: CuPy is installed but finds none")
    return module


def asarray(array: Any, dtype: Any = None) -> Any:
    """Move a NumPy array to where new arrays are made."""
    return _current.asarray(array, dtype=dtype)


def to_numpy(array: Any) -> np.ndarray:
    """Fetch an array of either backend as a NumPy array."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def companion(array: Any, part: str) -> ModuleType:
    """Return the part of SciPy, ``"special"`` say, that works on arrays of this kind."""
    return importlib.import_module(f"{_companions[array_module(array).__name__]}.{part}")


def cg(matvec: Callable[[Any], Any], b: Any, iterations: int) -> tuple[Any, int]:
    """Run that many iterations of SciPy's or CuPy's ``cg`` from zero on the vector ``b``.

    It stops earlier only where the residual vanishes to the last representable digit.
    Returns the solution and the number of iterations done.
    """
    xp, linalg = array_module(b), companion(b, "sparse.linalg")
    size = abs(b).max()
    if not size > 0:
        return xp.zeros_like(b), 0
    done: list[None] = []
    operator = linalg.LinearOperator((b.size, b.size), matvec=matvec, dtype=b.dtype)
    x, _ = linalg.cg(
        operator,
        b / size,  # so that no scale of b can underflow in a square
        rtol=0,
        atol=float(np.finfo(b.dtype).tiny / np.finfo(b.dtype).eps) ** 0.5,
        maxiter=iterations,
        callback=lambda _: done.append(None),
    )
    return x * size, len(done)
