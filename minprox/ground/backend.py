"""NumPy or CuPy: arrays decide, and this is the only file that knows that CuPy exists."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from minprox.ground.arguments import flag, shown
from minprox.ground.array_kinds import as_array, as_given, check_plain

_modules: dict[str, ModuleType] = {"numpy": np}
_companions = {"numpy": "scipy", "cupy": "cupyx.scipy"}
_current: ModuleType = np


def array_module(*arrays: Any) -> ModuleType:
    """Return the module, ``numpy`` or ``cupy``, that all the arrays belong to.

    Parameters
    ----------
    *arrays : array, of any shape

    Returns
    -------
    module

    Raises
    ------
    TypeError
        If an argument is no array, or one whose kind (masked, structured, a matrix) means something else than
        its entries; or if two arrays live on different backends.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.array_module(np.zeros(2), np.ones((3, 1))).__name__
    'numpy'
    """
    if not arrays:
        raise TypeError("array_module: expected one or more arrays, found none")
    name = home(arrays[0])
    for array in arrays[1:]:
        if (other := home(array)) != name:
            one, two = f"a {name} array of shape {arrays[0].shape}", f"a {other} array of shape {array.shape}"
            raise TypeError(f"arrays of two backends do not mix: argument 1 is {one}, another {two}")
    if name not in _modules:
        _modules[name] = importlib.import_module(name)
    return _modules[name]


def home(array: Any) -> str:
    """Return the name of an array's module, or raise TypeError where it is no plain array of numbers."""
    kind = type(array)
    if kind is np.ndarray and array.dtype.kind != "V":
        return "numpy"
    name = kind.__module__.partition(".")[0]
    if (name not in _modules and name != "cupy") or not hasattr(array, "dtype"):
        raise TypeError(f"expected a NumPy or CuPy array, found {kind.__name__}")
    check_plain(array)
    return name


class NoGPUError(RuntimeError):
    """CuPy is there, but no GPU that it could compute on."""


class use:
    """Choose where new arrays (parameters, data sets) are made: ``"numpy"`` or ``"cupy"``.

    Works as a statement, and as a context manager that restores the former choice. Raises
    ValueError for another name, ImportError without CuPy, NoGPUError (a RuntimeError) without a GPU.

    Parameters
    ----------
    name : {"numpy", "cupy"}
    tf32 : bool
        Whether float32 products of matrices on the GPU may round their factors to TF32 (10 bits);
        only with ``"cupy"``. It holds for the whole process, as far as CuPy makes use of it.

    Examples
    --------
    >>> import minprox as mp
    >>> with mp.use("numpy") as xp:
    ...     xp.__name__
    'numpy'
    """

    def __init__(self, name: str, *, tf32: bool = False) -> None:
        global _current
        module, tf32 = _load(name), flag("tf32", tf32)
        self._former, self._module, self._tf32 = _current, module, _tf32(module, tf32)
        _current = module

    def __enter__(self) -> ModuleType:
        return self._module

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._former
        _tf32(self._module, self._tf32)


def _load(name: str) -> ModuleType:
    if not isinstance(name, str) or name not in ("numpy", "cupy"):
        raise ValueError(f'unknown backend {shown(name)}: expected "numpy" or "cupy"')
    try:
        module = importlib.import_module(name)
        found = name == "numpy" or module.cuda.is_available()
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        told = "install the extra minprox[cuda12x] or minprox[cuda13x]"
        raise ImportError(f"the cupy backend needs CuPy, which is not installed: {told}") from None
    if not found:
        raise NoGPUError("the cupy backend needs a CUDA GPU and its driver: CuPy is installed but finds none")
    return module


def _tf32(module: ModuleType, wanted: bool | None = None) -> bool:
    """Tell if float32 is multiplied in TF32, and set it: a switch of CuPy's that has no public name."""
    if module is np:
        if wanted:
            raise ValueError('tf32=True needs the backend "cupy": NumPy knows no TF32')
        return False
    switch = importlib.import_module(f"{module.__name__}._core._routines_linalg")
    former = switch.get_compute_type("float32") == switch.COMPUTE_TYPE_TF32
    if wanted and int(found := module.cuda.Device().compute_capability) < 80:
        raise ValueError(f"tf32=True needs a GPU of compute capability 8.0 or above, found {found}")
    if wanted is not None:
        kind = switch.COMPUTE_TYPE_TF32 if wanted else switch.COMPUTE_TYPE_DEFAULT
        switch.set_compute_type("float32", kind)
    return former


def current() -> dict[str, Any]:
    """Return the choice of the moment, as the arguments of :class:`use`."""
    return {"name": _current.__name__, "tf32": _tf32(_current)}


def asarray(array: Any, dtype: Any = None) -> Any:
    """Move a NumPy array to where new arrays are made."""
    return _current.asarray(as_given(array), dtype=dtype)


def to_numpy(array: Any) -> np.ndarray:
    """Fetch an array of either backend as a NumPy array.

    Parameters
    ----------
    array : array_like
        Of any shape.

    Returns
    -------
    ndarray
        Of the same shape and dtype; the array itself if it is one of NumPy's.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.to_numpy(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """
    home = type(array).__module__.partition(".")[0]  # a data frame has a get as well
    if home != "numpy" and (home in _modules or home == "cupy"):
        return array.get()
    return as_array(array)


def moved(array: Any, name: str) -> Any:
    """Return the array on the backend of this name, bit by bit; the array itself if it lives there."""
    module = _load(name)
    return array if array_module(array) is module else module.asarray(to_numpy(array))


def companion(array: Any, part: str) -> ModuleType:
    """Return the part of SciPy, ``"special"`` say, that works on arrays of this kind."""
    return importlib.import_module(f"{_companions[array_module(array).__name__]}.{part}")


def on_host(array: Any) -> bool:
    """Tell whether the entries of an array can be looked at without waiting for a device."""
    return array_module(array) is np


def cholesky(matrix: Any) -> Any:
    """Return the lower factor of Cholesky's on a device, batched; NaN all over where there is none.

    CuPy returns whatever is left there: a product with it is compared, on the device.
    """
    xp = array_module(matrix)
    L = xp.linalg.cholesky(matrix)
    ones, size = xp.ones_like(matrix[..., :1]), abs(matrix).max(axis=(-2, -1), keepdims=True)
    off = L @ (L.swapaxes(-1, -2) @ ones) - matrix @ ones  # L Lᵀ 1 = M 1
    return xp.where((abs(off) < 1e-6 * size).all(axis=-2, keepdims=True), L, float("nan"))


def at_once(array: Any, cached: int, busy: int = 2**27) -> int:
    """Return how many entries to work on at a time: what a cache holds, or on a GPU what keeps it busy."""
    return cached if on_host(array) else busy


def synchronise(array: Any) -> None:
    """Wait until everything that was asked of the array's device is done; NumPy never lags behind."""
    if not on_host(array):
        array_module(array).cuda.Device().synchronize()


def fused(function: Callable[..., None]) -> Callable[..., None]:
    """Make an elementwise update of its first arguments, in place, one kernel on a GPU: ``cupy.fuse``.

    There it is traced once with stand-ins for its arguments: arrays, then Python numbers, which it may
    combine with arrays but neither with each other nor in an ``if``. On NumPy it runs as it stands.
    """
    kernels: dict[ModuleType, Callable[..., None]] = {np: function}

    @wraps(function)
    def update(first: Any, *rest: Any) -> None:
        xp = array_module(first)
        if xp not in kernels:
            kernels[xp] = xp.fuse(function)
        kernels[xp](first, *rest)

    return update


def record() -> dict[str, Any]:
    """Return what computes where new arrays are made: backend, and for a GPU its name and versions."""
    if _current is np:
        return {"backend": "numpy"}
    runtime = _current.cuda.runtime
    return {
        "backend": _current.__name__,
        "cupy": _current.__version__,
        "gpu": runtime.getDeviceProperties(runtime.getDevice())["name"].decode(),
        "cuda_driver": runtime.driverGetVersion(),
        "cuda_runtime": runtime.runtimeGetVersion(),
        "tf32": _tf32(_current),
    }
