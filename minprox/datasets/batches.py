"""Read the pickled files of CIFAR-10 without trusting them: a pickle is a program, and none is run here.

A pickle may call any function that it can name. The batches of CIFAR-10 name just what builds a NumPy
array; here even these calls are only recorded, and the array is made from the record after it was
checked. Every other name is refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

PIXELS = 3 * 32 * 32
MEMO = 1_000_000  # places for objects that a pickle refers to again; a batch has some ten thousand
TUPLES = 1_000  # a batch has five


class Recorded:
    """Stands for a NumPy object: keeps the arguments and the state that a pickle gives it."""

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Array(Recorded):
    """Stands for an array."""


class Dtype(Recorded):
    """Stands for a dtype."""


ADMITTED: dict[tuple[str, str], type[Recorded]] = {
    ("numpy.core.multiarray", "_reconstruct"): Array,  # the name in the official files
    ("numpy._core.multiarray", "_reconstruct"): Array,  # the name since NumPy 2
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Dtype,
}


class RefusedError(pickle.UnpicklingError):
    """What a pickle asks for and does not get."""


class BatchUnpickler(pickle.Unpickler):
    """Knows the constructors of NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> type[Recorded]:
        """Return the stand-in for a constructor of arrays, or refuse."""
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise RefusedError(f"a call of {f'{module}.{name}'[:80]!r}") from None


def unpickle(content: bytes) -> dict[Any, Any]:
    """Return the dictionary in a pickle of Python 2 or 3, whose arrays are merely recorded.

    Raises
    ------
    ValueError
        If it is no whole pickle, names anything but the constructors of NumPy arrays, or holds no
        dictionary.

    Examples
    --------
    >>> unpickle(pickle.dumps({"labels": [6, 9]}))
    {'labels': [6, 9]}
    >>> unpickle(pickle.dumps(print))
    Traceback (most recent call last):
    ValueError: expected a pickle of nothing but numbers, texts and NumPy arrays, found a call of ...
    """
    wanted = "expected a pickle of nothing but numbers, texts and NumPy arrays"
    try:
        check_cost(content)
        found = BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    except RefusedError as error:
        raise ValueError(f"{wanted}, found {error}") from None
    except Exception:  # a damaged pickle can end in any of a dozen
        raise ValueError(f"{wanted}, found a damaged or truncated one") from None
    if not isinstance(found, dict):
        raise ValueError(f"expected a pickled dictionary, found {type(found).__name__}")
    return found


def check_cost(content: bytes) -> None:
    """Refuse a pickle that needs a huge memo, or nests tuples deeply enough to end the interpreter."""
    tuples = 0
    for opcode, argument, _ in pickletools.genops(content):
        tuples += opcode.name.startswith("TUPLE")
        if tuples > TUPLES or (opcode.name.endswith("PUT") and (argument or 0) > MEMO):
            raise RefusedError("one that is built to exhaust memory")


def read_batch(content: bytes, rows: int) -> tuple[Bytes, NDArray[np.int64]]:
    """Return the pixels and the labels of one batch.

    Parameters
    ----------
    content : bytes
        The file.
    rows : int
        How many images it must hold.

    Returns
    -------
    pixels : ndarray, shape (rows, 3072), uint8
        Row by row the red, the green and the blue image.
    labels : ndarray, shape (rows,), int64

    Raises
    ------
    ValueError
        If the file holds anything else.
    """
    batch = unpickle(content)
    return read_pixels(entry(batch, "data"), rows), read_labels(entry(batch, "labels"), rows)


def read_names(content: bytes) -> tuple[str, ...]:
    """Return the names of the ten classes from ``batches.meta``, or raise ValueError."""
    names = entry(unpickle(content), "label_names")
    try:
        texts = [name.decode() if isinstance(name, bytes) else name for name in names]
        good = len(set(texts)) == 10 == len(texts) and all(name.isprintable() and name for name in texts)
    except (AttributeError, TypeError, ValueError):
        good = False
    if not good:
        raise ValueError("expected the names of 10 classes as label_names, found something else")
    return tuple(texts)


def entry(batch: dict[Any, Any], key: str) -> Any:
    """Return what a dictionary holds under a key; Python 2 wrote keys as bytes."""
    for name in (key.encode(), key):
        if name in batch:
            return batch[name]
    raise ValueError(f"expected an entry {key!r}, found none")


def read_pixels(found: Any, rows: int) -> Bytes:
    """Make the array that a pickle records, if it is one of ``rows`` images of bytes."""
    wanted = f"expected data as an array of shape ({rows}, {PIXELS}) of uint8"
    state = found.state if isinstance(found, Array) else None
    if not isinstance(state, tuple) or len(state) != 5:  # as ndarray.__reduce__ writes it
        raise ValueError(f"{wanted}, found no array")
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, Dtype) or dtype.arguments[:1] not in ((b"u1",), ("u1",)):
        raise ValueError(f"{wanted}, found another dtype")
    if not isinstance(shape, tuple) or shape != (rows, PIXELS):
        is_shape = isinstance(shape, tuple) and all(is_small(n) for n in shape)
        raise ValueError(f"{wanted}, found {f'the shape {shape}'[:80] if is_shape else 'another shape'}")
    if not isinstance(content, bytes) or len(content) != rows * PIXELS:
        raise ValueError(f"{wanted}, found another number of bytes")
    return np.frombuffer(content, "uint8").reshape(shape, order="F" if fortran else "C")


def read_labels(found: Any, rows: int) -> NDArray[np.int64]:
    """Make an array of a list of ``rows`` labels from 0 to 9."""
    wanted = f"expected labels as a list of {rows} integers from 0 to 9"
    if not isinstance(found, list) or not all(type(label) is int for label in found):
        raise ValueError(f"{wanted}, found something else")
    if len(found) != rows:
        raise ValueError(f"{wanted}, found {len(found)} of them")
    bad = [label for label in found if not 0 <= label <= 9]
    if bad:
        raise ValueError(f"{wanted}, found {bad[0] if is_small(bad[0]) else 'a huge one'}")
    return np.array(found, "int64")


def is_small(value: Any) -> bool:
    """Tell whether a value is an integer that fits into a message."""
    return type(value) is int and abs(value) < 10**9
