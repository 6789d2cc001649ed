"""Named arrays in one ``.npz`` file: without pickle, stored as they are, and with a check sum of them all."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from minprox.ground.files import whole_file
from minprox.ground.reading import content_of, one_line, parsed

Path_ = str | os.PathLike[str]
FORMAT = "minprox arrays 1"
OURS = ("meta", "sha256", "file")  # the last one is an argument of numpy.savez
MEMBERS = 10_000
ROOM = 2**28  # bytes for the history of a run and whatever else stands beside its arrays


def most_for(arrays: Mapping[str, Any] | list[Any]) -> int:
    """Return how large a file may be that holds arrays like these and the state of an optimiser for them.

    That is several arrays like each of them at most, and factors as large as the squares of their axes.
    """
    values = list(arrays.values() if isinstance(arrays, Mapping) else arrays)
    sizes = [array.dtype.itemsize * (array.size + sum(n * n for n in array.shape)) for array in values]
    return ROOM + 16 * sum(sizes)


def write_arrays(path: Path_, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Write named arrays and a dictionary of JSON values as one ``.npz`` file.

    Raises
    ------
    ValueError
        If an array has a name of ours, or a dtype that :func:`read_arrays` refuses.
    OSError
        If the file cannot be written.
    """
    text = json.dumps({"format": FORMAT, **meta})  # Python's JSON keeps NaN, and every float exactly
    named = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in named.items():
        if name in OURS:
            raise ValueError(f"{path}: an array cannot have the name {name}; choose another one")
        check_dtype(name, array.dtype)
    named["meta"] = np.array(text)
    content: dict[str, Any] = {"meta": named.pop("meta"), **named}
    with whole_file(path) as file:
        np.savez(file, **content, sha256=np.array(sum_of(content)))


def read_arrays(path: Path_, most: int = 2**36) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote.

    Parameters
    ----------
    path : path-like
    most : int
        Bytes that the file may have; see :func:`most_for`.

    Returns
    -------
    arrays : dict of str to ndarray
    meta : dict

    Raises
    ------
    ValueError
        If it is something else, damaged or larger; it names the file.
    OSError
        If it cannot be read.
    """
    content = content_of(path, most)
    try:
        arrays = unpacked(content)
        del content
        told = arrays.pop("sha256", None)
        if told is not None and text_of(told) != sum_of(arrays):
            raise ValueError("its check sum sha256 is that of other arrays")
        text = text_of(arrays.pop("meta"))
        meta = parsed(text, 28 * len(text))
        found = meta.pop("format")
    except MemoryError:
        raise
    except Exception as error:  # a damaged zip file fails in a dozen ways
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ValueError(f"{path}: not a minprox file, or a damaged one ({reason})") from None
    if found != FORMAT:
        raise ValueError(f"{path}: expected the format {FORMAT!r}, found {found!r:.100}")
    return arrays, meta


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name, in no more memory than the file has."""
    if content.count(b"PK\x01\x02") > MEMBERS:
        raise ValueError(f"expected at most {MEMBERS} arrays")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = file.infolist()
        if len({member.filename for member in members}) < len(members):
            raise ValueError("an array is there twice")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("expected arrays stored as they are, found compressed ones")
        if sum(member.file_size for member in members) > len(content):
            raise ValueError("its arrays claim more bytes than it has")
        return {member.filename.removesuffix(".npy"): array_in(file.read(member)) for member in members}


def array_in(data: bytes) -> np.ndarray:
    """Return the array of an ``.npy`` file, which must have the bytes that its head claims."""
    stream, form = io.BytesIO(data), np.lib.format
    heads = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, fortran, dtype = heads[form.read_magic(stream)](stream)
    check_dtype("an array", dtype)
    start, size = stream.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or not dtype.itemsize or size != len(data) - start:
        raise ValueError(f"an array of {len(data) - start} bytes claims to be {shape} of {dtype}")
    found = np.frombuffer(data, dtype, math.prod(shape), start) if size else np.empty(0, dtype)
    return found.reshape(shape, order="F" if fortran else "C").copy(order="K")


def check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    """Raise ValueError unless these are numbers or text as this machine has them."""
    if dtype.hasobject:
        raise ValueError(f"{name}: expected numbers, found Python objects, and allow_pickle is False")
    if dtype.kind not in "biufcU" or not dtype.isnative:
        raise ValueError(f"{name}: expected numbers as this machine has them, found dtype {dtype}")


def text_of(array: np.ndarray) -> str:
    """Return the text that an array without axes holds."""
    if array.ndim or array.dtype.kind != "U":
        raise ValueError(f"expected a text, found an array of {array.dtype}")
    return str(array.item())


def sum_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of names, dtypes, shapes and entries of arrays."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
