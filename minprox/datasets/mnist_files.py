"""MNIST and Fashion-MNIST: 70,000 grey images each, in the same four files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from minprox.datasets.base import Dataset, cut, make_dataset
from minprox.datasets.fetch import ANEW, Folder, data_folder, fetch
from minprox.datasets.idx import read_idx
from minprox.ground.arguments import float_dtype

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
TRAINING, TEST = 60_000, 10_000  # images
VALIDATION = 5_000  # the last of the training images


@dataclass(frozen=True)
class Origin:
    """Where one of the data sets comes from."""

    name: str
    folder: str
    url: str
    md5: dict[str, str]
    classes: tuple[str, ...]
    source: str


MNIST = Origin(
    name="MNIST",
    folder="mnist",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5={
        IMAGES: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        LABELS: "d53e105ee54ea40749a09fcbcd1e9432",
        TEST_IMAGES: "9fb629c4189551a2d022fa330f9573f3",
        TEST_LABELS: "ec29112dd5afa0611ce80d1b7f02629c",
    },
    classes=tuple("0123456789"),
    source="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document "
    "recognition, Proceedings of the IEEE 86(11), 1998",
)
FASHION_MNIST = Origin(
    name="Fashion-MNIST",
    folder="fashion-mnist",
    url="https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    md5={
        IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        LABELS: "25c81989df183df01b3e8a0aad5dffbe",
        TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
        TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
    },
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    source="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking "
    "machine learning algorithms, arXiv:1708.07747, 2017",
)


def mnist(folder: Folder = None, flatten: bool = False, dtype: DTypeLike = "float32") -> Dataset:
    """Load MNIST: 70,000 handwritten digits of 28×28 pixels.

    At the first call four files (12 MB) are downloaded; afterwards no network is needed.

    Parameters
    ----------
    folder : str or path-like, optional
        The files lie or shall lie in its subfolder ``mnist``, and may be unpacked there; if not given, the
        folder that the environment variable MINPROX_DATA names, or else the cache folder of the operating
        system.
    flatten : bool
        Whether an image is a vector of 784 pixels (for dense layers) or has the shape (1, 28, 28)
        (for convolutions).
    dtype : {"float32", "float64"}
        The dtype of the images.

    Returns
    -------
    Dataset
        ``x`` of shape (N, 1, 28, 28) or (N, 784), ``y`` of shape (N,) with the digits as int64;
        55,000 examples to train on, 5,000 for validation, 10,000 for the test.

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
    The order is the official one; the validation part is the last 5,000 of the 60,000 training
    images. Pixels are divided by 255, so they lie in [0, 1], and nothing else is done to them.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document
    recognition*, Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.mnist()  # doctest: +SKIP
    Dataset('MNIST', train=55000, validation=5000, test=10000, input_shape=(1, 28, 28), classes=10)
    """
    return load(MNIST, folder, flatten, dtype)


def fashion_mnist(folder: Folder = None, flatten: bool = False, dtype: DTypeLike = "float32") -> Dataset:
    """Load Fashion-MNIST: 70,000 articles of clothing in ten classes, on 28×28 pixels.

    At the first call four files (31 MB) are downloaded; afterwards no network is needed.

    Parameters
    ----------
    folder : str or path-like, optional
        The files lie or shall lie in its subfolder ``fashion-mnist``; all else is as in :func:`mnist`.
    flatten : bool
        Whether an image is a vector of 784 pixels or has the shape (1, 28, 28).
    dtype : {"float32", "float64"}
        The dtype of the images.

    Returns
    -------
    Dataset
        ``x`` of shape (N, 1, 28, 28) or (N, 784), ``y`` of shape (N,) with the labels 0 to 9 as
        int64; 55,000 examples to train on, 5,000 for validation, 10,000 for the test.

    Raises
    ------
    TypeError, ValueError, ConnectionError, OSError
        As :func:`mnist`.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms*, arXiv:1708.07747, 2017.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.fashion_mnist().classes[:3]  # doctest: +SKIP
    ('T-shirt/top', 'Trouser', 'Pullover')
    """
    return load(FASHION_MNIST, folder, flatten, dtype)


def locate_mnist(folder: Folder = None, origin: Origin = MNIST) -> Path:
    """Return the folder with the four files, each fetched if it is not there."""
    place = data_folder(folder) / origin.folder
    for name, md5 in origin.md5.items():
        if unpacked(place / name) is None:
            fetch(origin.url + name, md5, place)
    return place


def unpacked(path: Path) -> Path | None:
    """Return the unpacked file that lies where the packed one is missing, under either of its usual names."""
    plain = path.with_suffix("")
    names = plain, plain.with_name(plain.name.replace("-idx", ".idx"))
    return None if path.exists() else next((name for name in names if name.is_file()), None)


def load(origin: Origin, folder: Folder, flatten: bool, dtype: DTypeLike) -> Dataset:
    """Read the four files into a data set."""
    x_dtype = float_dtype("dtype", dtype)  # before the download
    place = locate_mnist(folder, origin)
    x = np.empty((TRAINING + TEST, 1, 28, 28), x_dtype)
    y = np.empty(len(x), "int64")
    rows = slice(0, TRAINING), slice(TRAINING, None)
    try:
        for part, count, images, labels in zip(
            rows, (TRAINING, TEST), (IMAGES, TEST_IMAGES), (LABELS, TEST_LABELS), strict=True
        ):
            shown, told = (unpacked(place / name) or place / name for name in (images, labels))
            np.divide(read_idx(shown, (count, 28, 28)), 255, out=x[part, 0], dtype=x_dtype)
            y[part] = read_idx(told, (count,))
            if y[part].max() > 9:
                raise ValueError(f"{told}: expected labels from 0 to 9, found {y[part].max()}")
    except ValueError as error:
        raise ValueError(f"{error}; delete {place} {ANEW}") from None
    if flatten:
        x = x.reshape(len(x), -1)
    train, validation, test = cut(x, y, TRAINING - VALIDATION, VALIDATION, TEST)
    return make_dataset(
        origin.name, train, validation, test, dtype=dtype, classes=origin.classes, source=origin.source
    )
