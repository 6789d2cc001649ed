"""Toy problems to look at: two classification tasks that fit in a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minprox.datasets.base import (
    Dataset,
    cut,
    generator,
    make_dataset,
)
from minprox.ground.arguments import number, whole


def two_spirals(
    n: int = 600,
    noise: float = 0.1,
    turns: float = 1.5,
    seed: int = 0,
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Draw points from two spirals that wind around each other, one for each class.

    Neighbouring arms are one unit apart, so ``noise`` is measured in that gap.

    Parameters
    ----------
    n : int
        Number of points, at least 5; a fifth each goes to validation and test, rounded down.
    noise : float
        Standard deviation of the normal noise on both coordinates.
    turns : float
        How often each spiral winds around the origin; it ends at the radius ``2 * turns``.
    seed : int
        Seed of all that is random here.
    dtype : {"float32", "float64"}
        The dtype of the points.

    Returns
    -------
    Dataset
        ``x`` of shape (N, 2), ``y`` of shape (N,) with the labels 0 and 1 as int64.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or ``dtype`` is neither float32 nor float64.
    ValueError
        If ``n``, ``seed``, ``noise`` or ``turns`` is too small or not finite.

    References
    ----------
    K. J. Lang and M. J. Witbrock, *Learning to tell two spirals apart*, Proceedings of the 1988
    Connectionist Models Summer School.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.two_spirals(n=100)
    Dataset('two spirals', train=60, validation=20, test=20, input_shape=(2,), classes=2)
    """
    n = whole("n", n, 5)
    noise = number("noise", noise, least=0)
    turns = number("turns", turns, least=0.1)
    rng = generator(seed)
    y = rng.permutation(n) % 2
    angle = 2 * np.pi * turns * np.sqrt(rng.uniform(size=n))  # √: even density along the arm
    radius = angle / np.pi  # one turn moves outward by 2, with the other spiral half way between
    arm = angle + np.pi * y
    clean = radius[:, None] * np.stack([np.cos(arm), np.sin(arm)], axis=1)
    x = clean + noise * rng.normal(size=(n, 2))
    return _classification("two spirals", x, y, 2, dtype)


def blobs(
    n: int = 600,
    classes: int = 3,
    features: int = 2,
    spread: float = 0.2,
    seed: int = 0,
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Draw points from round normal clouds, one for each class.

    The centres are spaced evenly on a unit circle in a random plane through the origin, so how
    hard the task is depends on ``classes`` and ``spread`` but not on the seed.

    Parameters
    ----------
    n : int
        Number of points, at least 5; a fifth each goes to validation and test, rounded down.
    classes : int
        Number of clouds, at least 2.
    features : int
        Dimension of a point, at least 2.
    spread : float
        Standard deviation of each cloud in every direction.
    seed : int
        Seed of all that is random here.
    dtype : {"float32", "float64"}
        The dtype of the points.

    Returns
    -------
    Dataset
        ``x`` of shape (N, features), ``y`` of shape (N,) with the labels as int64.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or ``dtype`` is neither float32 nor float64.
    ValueError
        If a number is too small or not finite.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.blobs(n=100, classes=4, features=3)
    Dataset('blobs', train=60, validation=20, test=20, input_shape=(3,), classes=4)
    """
    n = whole("n", n, 5)
    classes = whole("classes", classes, 2)
    features = whole("features", features, 2)
    spread = number("spread", spread, least=0)
    rng = generator(seed)
    angle = 2 * np.pi * np.arange(classes) / classes
    plane = np.linalg.qr(rng.normal(size=(features, 2))).Q  # two orthonormal columns
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ plane.T
    y = rng.permutation(n) % classes
    x = centres[y] + spread * rng.normal(size=(n, features))
    return _classification("blobs", x, y, classes, dtype)


def _classification(name: str, x: NDArray[Any], y: NDArray[Any], classes: int, dtype: DTypeLike) -> Dataset:
    """Cut points in random order 60/20/20, and name the classes by their labels."""
    fifth = len(x) // 5
    train, validation, test = cut(x, y, len(x) - 2 * fifth, fifth, fifth)
    names = [str(label) for label in range(classes)]
    return make_dataset(name, train, validation, test, dtype=dtype, classes=names)
