"""NumPy's kinds of arrays that mean something else than their entries, and are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.arguments import shown


def check_plain(array: Any) -> None:
    """Raise TypeError where an array has a mask or a structure, or is a matrix; a memory map is plain."""
    kind = type(array)
    if kind not in (np.ndarray, np.memmap) and isinstance(array, np.ndarray):
        masked = isinstance(array, np.ma.MaskedArray)
        way = "leave out or fill what is masked" if masked else "convert it by numpy.asarray"
        raise TypeError(f"expected a plain array, found {kind.__name__}: {way}")
    if array.dtype.kind == "V":
        raise TypeError(f"expected an array of numbers, found the structured dtype {array.dtype}")


def as_given(value: Any) -> Any:
    """Return what may be an array, a list or a number, but for an array that is not plain."""
    if isinstance(value, np.ndarray):
        check_plain(value)
    return value


def as_array(value: Any) -> np.ndarray:
    """Return a plain array, or what makes one, as an array."""
    try:
        array = np.asarray(as_given(value))
    except (ValueError, OverflowError):  # rows of several lengths
        array = None
    if array is None or (array.dtype.kind == "O" and not isinstance(value, np.ndarray)):
        raise ValueError(f"array: expected an array or what makes one, found {shown(value)}")
    return array
