"""Data of one's own, as arrays: checked, and split so that every part has its share of every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from minprox.datasets.base import Dataset, generator, make_dataset
from minprox.ground.arguments import float_dtype, number, one_of, whole
from minprox.ground.backend import to_numpy

KINDS = ("auto", "labels", "targets")


def from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    *,
    kind: str = "auto",
    classes: Sequence[Any] | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    name: str = "own data",
    source: str = "",
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Make a data set of one's own arrays: check them, and split them at random.

    Parameters
    ----------
    x : array_like, shape (N, \\*features)
        Real and finite; nothing is scaled.
    y : array_like, shape (N,) or (N, outputs)
        A class for each example, as integers, texts or booleans; or real targets.
    kind : {"auto", "labels", "targets"}
        What ``y`` holds; ``"auto"`` reads floating-point numbers as targets and all else as labels.
    classes : sequence, optional
        The classes in their order, as they stand in ``y``, or names for the labels 0, 1, …; if not
        given, those found in ``y``, sorted.
    validation, test : float or int
        The share of the examples that go there, in [0, 1), or their number.
    seed : int
        Of the split.
    name, source : str
        See :class:`Dataset`.
    dtype : {"float32", "float64"}
        Of ``x``, and of real targets.

    Returns
    -------
    Dataset
        Its parts hold the same examples whatever the dtype. In each of them a class has its share up to
        rounding; one example of each class is kept for training, before all others are split.

    Raises
    ------
    TypeError
        If ``x`` or ``y`` is no plain array, or does not hold numbers (``y``: or texts).
    ValueError
        If they do not fit each other, an entry is missing or not finite, a label is none of the
        classes, or too few examples are left to train on.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.from_arrays([[0.5], [1.0], [3.0], [4.0], [5.0]], list("aabbb"), validation=1)
    >>> data
    Dataset('own data', train=3, validation=1, test=1, input_shape=(1,), classes=2)
    >>> data.classes, data.train.y
    (('a', 'b'), array([1, 1, 0]))
    """
    x_dtype = float_dtype("dtype", dtype)
    one_of("kind", kind, KINDS)
    x, y = plain("x", x), plain("y", y)
    return assemble(x, y, kind, classes, (validation, test), seed, name, source, x_dtype)


def assemble(
    x: NDArray[Any],
    y: NDArray[Any],
    kind: str,
    classes: Sequence[Any] | None,
    shares: tuple[float, float],
    seed: int,
    name: str,
    source: str,
    dtype: np.dtype[Any],
    places: Sequence[str] | None = None,
) -> Dataset:
    """Check the arrays and split them; ``places`` tell where each example stands, for errors."""
    if x.ndim < 2:
        raise ValueError(
            f"x: expected the shape (N, features) or (N, channels, height, width), found {x.shape}"
        )
    if y.shape[:1] != x.shape[:1]:
        raise ValueError(
            f"y: expected a label or target for each of the {len(x)} examples, found the shape {y.shape}"
        )
    places = places or [f"example {n}" for n in range(len(x))]
    x, names = numbers("x", x, dtype, places), tuple[str, ...]()
    if kind == "targets" or (kind == "auto" and y.dtype.kind == "f"):
        if classes is not None:
            raise ValueError(f"classes: only labels have them, found targets and the classes {classes!r}")
        y = numbers("y", y, dtype, places)
    else:
        y, names = labels(y, classes, places)
    parts = split(y if names else np.zeros(len(x), "int64"), *shares, generator(seed))
    train, validation, test = ((x[rows], y[rows]) for rows in parts)
    return make_dataset(name, train, validation, test, dtype=dtype, classes=names, source=source)


def plain(name: str, value: Any) -> NDArray[Any]:
    """Return an array of NumPy's, of bool, numbers or texts, or raise TypeError."""
    try:
        array = to_numpy(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    except ValueError:
        raise TypeError(f"{name}: expected an array, found rows of different lengths") from None
    if array.dtype.kind == "O" and array.ndim and all(isinstance(entry, str) for entry in array.flat):
        array = array.astype(str)  # as pandas keeps texts
    if array.dtype.kind not in "biufU" or not array.ndim:
        found = f"the dtype {array.dtype}" if array.ndim else f"a {type(value).__name__}"
        raise TypeError(f"{name}: expected an array of real numbers, found {found}")
    return array


def numbers(name: str, array: NDArray[Any], dtype: np.dtype[Any], places: Sequence[str]) -> NDArray[Any]:
    """Return finite numbers in this dtype, or raise an error that names the example at fault."""
    if array.dtype.kind == "U":
        raise TypeError(f"{name}: expected numbers, found texts")
    with np.errstate(over="ignore"):
        found = array.astype(dtype)
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        value, place = array[tuple(bad[0])], places[bad[0][0]]
        raise ValueError(f"{name}, {place}: expected numbers that are finite in {dtype}, found {value}")
    return found


def labels(
    y: NDArray[Any], classes: Sequence[Any] | None, places: Sequence[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the labels 0, 1, … and the names of the classes, or raise an error that names what is none."""
    if y.ndim != 1:
        how = "y.ravel()" if y.shape[1:] == (1,) else "y.argmax(axis=1), if the rows are one-hot,"
        raise ValueError(f"y: expected labels of the shape (N,), such as {how} makes, found {y.shape}")
    if y.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = y.astype("int64")
        if not (good := y == whole).all():
            n = int(good.argmin())
            raise ValueError(f"y, {places[n]}: expected a whole number as label, found {y[n]}")
        y = whole
    known, found = np.unique(y, return_inverse=True)
    texts = [str(label) for label in known]
    names = tuple(texts if classes is None else map(str, classes))
    if len(set(names)) != len(names):
        raise ValueError(f"classes: expected different ones, found {', '.join(names)}")
    listed = {label: k for k, label in enumerate(names)}
    if y.dtype.kind in "iu" and listed.keys().isdisjoint(texts):
        listed = {str(k): k for k in range(len(names))}  # names for the labels 0, 1, …
    for k, text in enumerate(texts):
        if text not in listed:
            place = places[int((found == k).argmax())]
            raise ValueError(f"y, {place}: expected one of the classes {', '.join(listed)}, found {text!r}")
    return np.array([listed[text] for text in texts], "int64")[found], names


def split(
    y: NDArray[np.int64], validation: float, test: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], ...]:
    """Return which examples are for training, validation and test, in random order."""
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]  # class after class, at random within each
    _, first = np.unique(y[order], return_index=True)  # one example of each class is for training
    rest = np.delete(order, first)
    part = np.zeros(len(y), "int64")
    sizes = size("validation", validation, len(y)), size("test", test, len(y))
    if sum(sizes) > len(rest) or not len(y):
        needed = max(1, len(first))
        raise ValueError(
            f"expected {needed} examples or more to train on{', one of each class' * (needed > 1)}, found "
            f"{len(y)} of which {sizes[0]} are for validation and {sizes[1]} for the test"
        )
    for k, count in enumerate(sizes, 1):  # evenly over the order, so that every class has its share
        ends = (2 * count * np.arange(len(rest) + 1) + len(rest)) // (2 * len(rest) or 1)
        taken = np.diff(ends) > 0
        part[rest[taken]] = k
        rest = rest[~taken]
    return tuple(shuffled[part[shuffled] == k] for k in range(3))


def size(name: str, value: Any, total: int) -> int:
    """Return how many examples a share in [0, 1), or a number of them, means."""
    if isinstance(value, (int, np.integer)):
        return whole(name, value, least=0)
    return round(number(name, value, least=0, below=1) * total)
