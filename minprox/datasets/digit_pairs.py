"""Two handwritten digits side by side, and their sum: harder than one digit, and as small."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minprox.datasets.base import Dataset, generator, make_dataset
from minprox.datasets.digit_images import digits
from minprox.ground.arguments import whole
from minprox.ground.backend import to_numpy


def digit_sums(
    train: int = 2000,
    validation: int = 300,
    test: int = 1000,
    largest: int = 4,
    seed: int = 0,
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Draw pairs of real 8 × 8 digits, to tell their sum.

    Each split pairs digits of the same split of :func:`minprox.datasets.digits`, so that no picture that is
    tested was trained on.

    Parameters
    ----------
    train, validation, test : int
        Numbers of pairs.
    largest : int
        The digits are 0 … largest, at most 9.
    dtype : {"float32", "float64"}

    Returns
    -------
    Dataset
        ``x`` of shape (N, 128), the left digit and then the right one; ``y`` of shape (N,), their sum.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> digit_sums(train=50, validation=10, test=10)
    Dataset('digit sums', train=50, validation=10, test=10, input_shape=(128,), classes=9)
    """
    if whole("largest", largest) > 9:
        raise ValueError(f"largest: expected a digit from 1 to 9, found {largest}")
    sizes = {"train": train, "validation": validation, "test": test}
    source, rng = digits(dtype="float64"), generator(seed)

    def pairs(part: str) -> tuple[np.ndarray, np.ndarray]:
        split = getattr(source, part)
        x, y = to_numpy(split.x), to_numpy(split.y)
        x, y = x[y <= largest], y[y <= largest]
        left, right = rng.integers(0, len(y), (2, whole(part, sizes[part])))
        return np.concatenate([x[left], x[right]], axis=1), y[left] + y[right]

    classes = tuple(str(total) for total in range(2 * largest + 1))
    return make_dataset(
        "digit sums", *(pairs(part) for part in sizes), dtype=dtype, classes=classes, source=source.source
    )
