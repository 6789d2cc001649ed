"""What a data set is: three splits, their classes, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minprox.ground import seeds
from minprox.ground.arguments import float_dtype, refuse
from minprox.ground.backend import asarray, moved
from minprox.ground.doors import numbers, text

Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One part of a data set: the inputs ``x`` and the targets ``y``, example by example.

    Parameters
    ----------
    x : ndarray, shape (N, \\*features)
        Inputs, float32 or float64.
    y : ndarray, shape (N,) or (N, outputs)
        Labels as int64, or real targets of the dtype of ``x``.

    Raises
    ------
    TypeError
        If ``x`` or ``y`` is not an array with the examples along its first axis.
    ValueError
        If ``x`` and ``y`` hold different numbers of examples.

    Examples
    --------
    >>> import minprox as mp
    >>> split = mp.datasets.digits().validation
    >>> split
    Split(x=(200, 64) float32, y=(200,) int64)
    >>> len(split)
    200
    """

    x: NDArray[Any]
    y: NDArray[Any]

    def __post_init__(self) -> None:
        for name, value in (("x", self.x), ("y", self.y)):
            if getattr(value, "ndim", 0) < 1:
                raise TypeError(
                    f"{name} must be an array with the examples along its first axis, "
                    f"found {type(value).__name__}"
                )
            numbers(name, value)
        if len(self.x) != len(self.y):
            raise ValueError(
                "x and y must hold the same number of examples, "
                f"found {len(self.x)} inputs and {len(self.y)} targets"
            )

    def __len__(self) -> int:
        return len(self.x)

    def to(self, backend: str) -> Split:
        """Return these examples on a backend, bit by bit.

        Parameters
        ----------
        backend : {"numpy", "cupy"}
        """
        return Split(moved(self.x, backend), moved(self.y, backend))

    def __repr__(self) -> str:
        return f"Split(x={self.x.shape} {self.x.dtype}, y={self.y.shape} {self.y.dtype})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set in three splits: to train on, to choose by, and to report.

    Parameters
    ----------
    name : str
        What the data set is called in a table or a figure.
    train, validation, test : Split
        The three parts; their examples have one shape.
    classes : tuple of str
        The name of each label, so label ``k`` means ``classes[k]``; empty for regression.
    source : str
        Who made the data, and where they are described.

    Raises
    ------
    ValueError
        If the examples of the splits differ in shape, or a label names no class.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.digits(flatten=False)
    >>> data
    Dataset('digits', train=1297, validation=200, test=300, input_shape=(1, 8, 8), classes=10)
    >>> data.test.y[:5]
    array([6, 3, 2, 1, 7])
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        text("name of the data set", self.name)
        text("source of the data set", self.source)
        if not isinstance(self.classes, (tuple, list)) or not all(isinstance(c, str) for c in self.classes):
            refuse("classes", "a tuple of names", self.classes)
        for part, split in self._parts.items():
            if not isinstance(split, Split):
                refuse(part, "examples, mp.datasets.Split(x, y)", split)
        for part, split in self._parts.items():
            if split.x.shape[1:] != self.input_shape:
                raise ValueError(
                    f"every example must have the shape of the training examples, "
                    f"{self.input_shape}, found {split.x.shape[1:]} in the {part} split"
                )
            if self.classes:
                check_labels(split, len(self.classes), part)

    @property
    def _parts(self) -> dict[str, Split]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch axis."""
        return tuple(self.train.x.shape[1:])

    def to(self, backend: str) -> Dataset:
        """Return this data set on a backend, bit by bit.

        Parameters
        ----------
        backend : {"numpy", "cupy"}

        Returns
        -------
        Dataset
            A new one; the arrays are the same where they live on that backend already.

        Raises
        ------
        ValueError, ImportError, RuntimeError
            See :class:`minprox.use`.

        Examples
        --------
        >>> import minprox as mp
        >>> data = mp.datasets.blobs()
        >>> data.to("numpy").train.x is data.train.x
        True
        """
        train, validation, test = (split.to(backend) for split in self._parts.values())
        return replace(self, train=train, validation=validation, test=test)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={len(split)}" for part, split in self._parts.items())
        return f"Dataset({self.name!r}, {sizes}, input_shape={self.input_shape}, classes={len(self.classes)})"


def make_dataset(
    name: str,
    train: Pair,
    validation: Pair,
    test: Pair,
    *,
    dtype: DTypeLike,
    classes: Sequence[str] = (),
    source: str = "",
) -> Dataset:
    """Build a `Dataset` from NumPy arrays; every data set is made here and nowhere else.

    Inputs get the given dtype, labels become int64, and real targets get the dtype of the inputs.
    """
    x_dtype = float_dtype("dtype", dtype)
    y_dtype = np.dtype("int64") if classes else x_dtype

    def place(pair: Pair) -> Split:  # the one place to choose where the arrays live
        x, y = pair
        return Split(asarray(np.ascontiguousarray(x, x_dtype)), asarray(np.ascontiguousarray(y, y_dtype)))

    return Dataset(name, place(train), place(validation), place(test), tuple(classes), source)


def cut(x: NDArray[Any], y: NDArray[Any], *sizes: int) -> list[Pair]:
    """Cut ``x`` and ``y`` into consecutive parts of the given sizes, in their order."""
    if sum(sizes) != len(x):
        raise ValueError(f"the sizes must add up to {len(x)} examples, found {sizes}")
    ends = np.cumsum(sizes)[:-1]
    return list(zip(np.split(x, ends), np.split(y, ends), strict=True))


def check_labels(split: Split, classes: int, part: str) -> None:
    """Raise a ValueError unless the labels are integers in 0, …, classes - 1, one for each example.

    Where the examples are sequences of numbers, there may be one for each place too.
    """
    y, wanted = split.y, f"labels must be a vector of integers from 0 to {classes - 1}"
    if (y.ndim != 1 and y.shape != split.x.shape) or y.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, found shape {y.shape} of {y.dtype} in the {part} split")
    if len(y) and not (y.min() >= 0 and y.max() < classes):
        bad = int(y.min()) if y.min() < 0 else int(y.max())
        raise ValueError(f"{wanted}, found {bad} in the {part} split")


def generator(seed: Any) -> np.random.Generator:
    """Return NumPy's default random generator for an integer seed that is not negative."""
    return seeds.generator(seed)
