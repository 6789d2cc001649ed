"""CIFAR-10, the data set of the paper: fetched once, checked, and read from its archive."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from minprox.datasets.base import Dataset, cut, make_dataset
from minprox.datasets.batches import PIXELS, read_batch, read_names
from minprox.datasets.fetch import ANEW, Bounded, Folder, data_folder, fetch
from minprox.ground.arguments import float_dtype

SOURCE = (
    "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, "
    "University of Toronto, 2009, https://www.cs.toronto.edu/~kriz/cifar.html"
)
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
MD5 = "c58f30108f718f92721af3b95e74349a"
EXTRACTED = "cifar-10-batches-py"  # the folder inside the archive

BATCHES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")
META = "batches.meta"
ROWS = 10_000  # images in a batch
VALIDATION = 5_000  # the last of the training images
LARGEST = 2**26  # bytes of one file; a batch has 31 million
UNPACKED = 2**28  # bytes of all files; the archive has 186 million
MEMBERS = 100  # the archive has 9


def cifar10(folder: Folder = None, flatten: bool = False, dtype: DTypeLike = "float32") -> Dataset:
    """Load CIFAR-10: 60,000 colour photographs of 32×32 pixels in ten classes.

    At the first call the official archive (170 MB) is downloaded; afterwards no network is needed.

    Parameters
    ----------
    folder : str or path-like, optional
        Where the archive ``cifar-10-python.tar.gz`` lies or shall lie; if not given, the folder that
        the environment variable MINPROX_DATA names, or else the cache folder of the operating
        system. If it holds the folder ``cifar-10-batches-py`` with the extracted archive, that is
        used as it is.
    flatten : bool
        Whether an image is a vector of 3072 pixels (for dense layers) or has the shape (3, 32, 32)
        (for convolutions).
    dtype : {"float32", "float64"}
        The dtype of the images.

    Returns
    -------
    Dataset
        ``x`` of shape (N, 3, 32, 32) or (N, 3072), ``y`` of shape (N,) with the labels 0 to 9 as
        int64; 45,000 examples to train on, 5,000 for validation, 10,000 for the test.

    Raises
    ------
    TypeError
        If ``dtype`` is neither float32 nor float64.
    ValueError
        If a file is damaged, or something else than what its name says.
    ConnectionError
        If the data are not there and cannot be downloaded.
    OSError
        If a file cannot be read or written.

    Notes
    -----
    The order is the official one. The validation part is the last 5,000 of the 50,000 training
    images, nothing of them is trained on, and the test part is the official one. Pixels are divided
    by 255, so they lie in [0, 1], and nothing else is done to them.

    No file is trusted: the archive must have the official checksum, its members are read in memory,
    and the pickles in it cannot call anything.

    References
    ----------
    A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, technical report,
    University of Toronto, 2009, https://www.cs.toronto.edu/~kriz/cifar.html

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.cifar10()  # doctest: +SKIP
    Dataset('CIFAR-10', train=45000, validation=5000, test=10000, input_shape=(3, 32, 32), classes=10)
    """
    x_dtype = float_dtype("dtype", dtype)  # before the download
    source = locate_cifar10(folder)
    x = np.empty((ROWS * len(BATCHES), PIXELS), x_dtype)
    y = np.empty(len(x), "int64")
    classes: tuple[str, ...] = ()
    try:
        with closing(files(source)) as found:
            for name, content in found:
                try:
                    if name == META:
                        classes = read_names(content)
                    else:
                        k = BATCHES.index(name) * ROWS
                        pixels, y[k : k + ROWS] = read_batch(content, ROWS)
                        np.divide(pixels, 255, out=x[k : k + ROWS], dtype=x_dtype)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
    except ValueError as error:
        joint = os.sep if source.is_dir() else ": "
        raise ValueError(f"{source}{joint}{error}; delete {source} {ANEW}") from None
    if not flatten:
        x = x.reshape(-1, 3, 32, 32)
    train, validation, test = cut(x, y, 5 * ROWS - VALIDATION, VALIDATION, ROWS)
    return make_dataset("CIFAR-10", train, validation, test, dtype=dtype, classes=classes, source=SOURCE)


def locate_cifar10(folder: Folder = None) -> Path:
    """Return where CIFAR-10 is: the folder of the extracted files, or the archive, fetched if need be."""
    place = data_folder(folder)
    return place / EXTRACTED if (place / EXTRACTED).is_dir() else fetch(URL, MD5, place)


def files(source: Path) -> Generator[tuple[str, bytes], None, None]:
    """Yield name and content of each file of CIFAR-10, or raise ValueError if they are not all there."""
    return extracted(source) if source.is_dir() else archived(source)


def extracted(folder: Path) -> Generator[tuple[str, bytes], None, None]:
    """Yield name and content of each file, from the extracted folder."""
    for name in (*BATCHES, META):
        if not (folder / name).is_file():
            raise ValueError(f"{name}: expected a file of CIFAR-10, found none")
        with open(folder / name, "rb") as file:
            content = file.read(LARGEST + 1)
        check_size(name, len(content))
        yield name, content


def archived(archive: Path) -> Generator[tuple[str, bytes], None, None]:
    """Yield name and content of each file, from the archive and without writing anything to the disk.

    A member counts only under its exact name and if it is a regular file; all others are passed over.
    """
    wanted = {f"{EXTRACTED}/{name}": name for name in (*BATCHES, META)}
    try:
        with (
            gzip.open(archive) as stream,
            tarfile.open(fileobj=Bounded(stream, UNPACKED), mode="r|", bufsize=2**20) as tar,  # type: ignore
        ):
            for count, member in enumerate(tar):
                if count == MEMBERS:
                    raise ValueError(f"expected at most {MEMBERS} members, found more")
                if member.name not in wanted:
                    continue
                name = wanted.pop(member.name)
                check_size(name, member.size)
                file = tar.extractfile(member) if member.isreg() else None
                if file is None:
                    raise ValueError(f"{name}: expected a regular file, found a link or a device")
                yield name, file.read()
                if not wanted:
                    return
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"expected a whole tar.gz archive, found a damaged one ({error})") from None
    raise ValueError(f"expected {', '.join(wanted.values())} in the archive, found nothing of that name")


def check_size(name: str, size: int) -> None:
    """Raise ValueError if a file of this size cannot be one of CIFAR-10."""
    if not 0 <= size <= LARGEST:
        raise ValueError(f"{name}: expected a file of at most {LARGEST} bytes, found more")
