"""Streams of real digits that a cell never saw in its meta-training, also in disguise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minprox.datasets import digits
from minprox.ground.backend import to_numpy

Stream = tuple[np.ndarray, np.ndarray]


def all_digits(rng: np.random.Generator) -> Stream:
    """Return the bundled digits in random order; pixels with mean 0 and variance 1 over all of them."""
    data = digits()
    x, y = (
        np.concatenate([to_numpy(getattr(split, part)) for split in (data.train, data.validation, data.test)])
        for part in ("x", "y")
    )
    order = rng.permutation(len(y))
    return scaled(x[order]), y[order]


def scaled(x: np.ndarray) -> np.ndarray:
    """Return inputs with mean 0 and variance 1 over all of their entries."""
    return ((x - x.mean()) / x.std()).astype("float32")


def projected(rng: np.random.Generator) -> Stream:
    """Return the digits through a random matrix, so that no input is a pixel any more."""
    x, y = all_digits(rng)
    return scaled(x @ rng.standard_normal((x.shape[1],) * 2).astype(x.dtype)), y


def permuted(rng: np.random.Generator) -> Stream:
    """Return the digits with their labels permuted."""
    x, y = all_digits(rng)
    return x, rng.permutation(10)[y]


def coarse(rng: np.random.Generator) -> Stream:
    """Return the digits with 4×4 pixels, the means of four."""
    x, y = all_digits(rng)
    return scaled(x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)), y


#: Every stream by its name, as a function of a generator; x of shape (n, inputs), and labels.
STREAMS: dict[str, Callable[[np.random.Generator], Stream]] = {
    "digits": all_digits,
    "projected": projected,
    "permuted": permuted,
    "coarse": coarse,
}
