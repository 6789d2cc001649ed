"""The IDX format of MNIST: four bytes that say what follows, the sizes, and the bytes themselves."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_idx(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the array of bytes in an IDX file, which must have the given shape.

    Parameters
    ----------
    path : Path
        Compressed if it ends in ``.gz``.
    shape : tuple of int

    Returns
    -------
    ndarray of that shape, uint8

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything but bytes in that shape; never more is unpacked
        than one byte beyond them.
    OSError
        If the file cannot be read.

    Notes
    -----
    The file begins with 0, 0, the type (8 for unsigned bytes) and the number of axes, one byte each;
    then the sizes follow as big-endian integers of 4 bytes, and the array row by row.

    Examples
    --------
    >>> import tempfile
    >>> content = bytes([0, 0, 8, 2]) + struct.pack(">2I", 1, 3) + bytes([7, 8, 9])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "row.gz")
    ...     n = path.write_bytes(gzip.compress(content))
    ...     read_idx(path, (1, 3))
    array([[7, 8, 9]], dtype=uint8)
    """
    size = "×".join(map(str, shape))
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    length = len(header) + math.prod(shape)
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
            content = stream.read(length + 1)  # beyond the end, where the checksum is compared
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: expected a whole gzip file, found a damaged one ({error})") from None
    if content[: len(header)] != header:
        raise ValueError(f"{path}: expected the IDX header of {size} unsigned bytes, found {about(content)}")
    if len(content) != length:
        found = "more" if len(content) > length else f"{len(content)}"
        raise ValueError(f"{path}: expected {length} bytes when unpacked, found {found}")
    return np.frombuffer(content, "uint8", offset=len(header)).reshape(shape)


def about(content: bytes) -> str:
    """Return what the header of an IDX file says, in a few words."""
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != b"\0\0\x08" or not 1 <= axes <= 4 or len(content) < 4 + 4 * axes:
        return "none"
    sizes = struct.unpack_from(f">{axes}I", content, 4)
    return f"that of {'×'.join(map(str, sizes))}"
