"""Discrete Fourier transforms of images, as products with matrices of cosines and sines.

Images are small, and there are hundreds of them side by side. A complex number stands as its real and its
imaginary part, one behind the other on an axis of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module
from minprox.ground.parallel import share
from minprox.ground.rooms import room

BLOCK = 2**18  # entries that a transform makes at a time


def over_columns(x: Array, length: int, dtype: Any) -> Array:
    """Transform images along their columns, at the frequencies ``0 … L/2``; others are conjugate to these.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    length : int
        ``L``
    dtype : {"float64", "float32"}

    Returns
    -------
    array, shape (F, 2, H, C, N)
    """
    xp, (C, H, W, N), F = array_module(x), x.shape, length // 2 + 1
    matrix = forwards(F, W, length)[:, :, 0].reshape(2 * F, W)  # of real numbers
    matrix, X = xp.asarray(matrix, dtype), room(x, (F, 2, H, C, N), dtype)
    step = min(C, max(1, BLOCK // max(1, H * W * N)))

    def transform(some: Iterator[int]) -> None:
        memory = room(x, (step, H, W, N), dtype)
        for c in some:
            cs = slice(c, c + step)
            pixels = x[cs]
            if x.dtype != dtype:
                pixels = memory[: len(pixels)]
                pixels[...] = x[cs]
            xp.matmul(matrix, pixels, out=X.reshape(2 * F, H, C, N)[:, :, cs].transpose(2, 1, 0, 3))

    share(x, range(0, C, step), transform)
    return X


def to_columns(V: Array, columns: int, length: int) -> Array:
    """Undo :func:`over_columns`: real images of so many columns, from ``(F, 2, H, C, N)``."""
    xp, (F, _, H, C, N) = array_module(V), V.shape
    matrix = xp.asarray(real_waves(range(columns), length), V.dtype)
    x = room(V, (C, H, columns, N), V.dtype)

    def transform(some: Iterator[int]) -> None:
        for c in some:
            xp.matmul(matrix, V.reshape(2 * F, H, C, N)[:, :, c].swapaxes(0, 1), out=x[c])

    share(V, range(C), transform)
    return x


@lru_cache(maxsize=256)
def forwards(frequencies: int, places: int, length: int) -> np.ndarray:
    """Return ``exp(−2πi f u / L)`` for frequencies by places, as :func:`in_parts` has it."""
    return in_parts(waves(range(frequencies), range(places), length).conj())


@lru_cache(maxsize=256)
def waves_back(places: range, length: int) -> np.ndarray:
    """Return ``exp(2πi f u / L) / L``, which turns spectra back, for places by all frequencies."""
    return waves(places, range(length), length) / length


@lru_cache(maxsize=256)
def waves_from_half(places: range, length: int) -> np.ndarray:
    """Return the same for the frequencies ``0 … L/2`` alone: the real part of what they give is all of it."""
    F = length // 2 + 1
    twice = np.where(2 * np.arange(F) % length == 0, 1, 2)  # a frequency, and its conjugate
    return twice * waves_back(places, length)[:, :F]


@lru_cache(maxsize=256)
def real_waves(places: range, length: int) -> np.ndarray:
    """Return the same for real and imaginary parts, ``(places, 2 F)``."""
    wave = waves_from_half(places, length)
    return np.stack([wave.real, -wave.imag], axis=2).reshape(len(places), -1)


def waves(rows: Sequence[int], cols: Sequence[int], length: int) -> np.ndarray:
    """Return ``exp(2πi f u / L)``: complex128."""
    return np.exp(2j * np.pi / length * (np.outer(rows, cols) % length))


def in_parts(matrix: np.ndarray) -> np.ndarray:
    """Return a product with complex numbers as one with their real and imaginary parts.

    Returns
    -------
    ndarray, shape (..., rows, 2, 2, cols)
        By the part that comes out, and the one that goes in.
    """
    a, b = matrix.real, matrix.imag
    rows = [np.stack([a, -b], axis=-2), np.stack([b, a], axis=-2)]
    return np.stack(rows, axis=-3)
