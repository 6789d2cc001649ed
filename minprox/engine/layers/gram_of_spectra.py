"""``AᵀA`` of a convolution without strides by correlations of whole images.

A patch that hangs over the edge of the image sees zeros there. Were there a patch at every ``y``, then

    AᵀA[(c, i, j), (c', i', j')] = R[d (i' − i), d (j' − j), c, c'],

the correlation of the images at the lag between the two places in the kernel. What patches outside
``0 ≤ y < H_out`` see is taken off again, and likewise on the other axis: few pixels, at the ends of the
image, which are told apart there.

That takes the fewer multiplications the more places the kernel and the more channels the image has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.correlations import correlations, multiplications
from minprox.ground.backend import array_module
from minprox.ground.parallel import share

FIXED = 4e7  # multiplications in products of lines that take as long as the calls of NumPy here
PER_ENTRY = 100  # and as sorting what was found into an entry of AᵀA
RATE = 2.5  # and as one here: spectra are gone through several times, and products with them are skinnier


class Sight(NamedTuple):
    """What patches see along an axis that begin at the same place, or anywhere."""

    places: slice  # of the kernel, which see pixels
    lag: np.ndarray  # between each two of these, by its number in R
    first: np.ndarray  # pixel, and the second one, by their numbers among those that are told apart
    second: np.ndarray


class View(NamedTuple):
    """Pixels along an axis, and how patches see them."""

    pixels: slice
    apart: bool  # whether pixels are told from each other, as channels are, instead of summed over
    sign: int  # with which it counts
    sights: list[Sight]


def views(size: int, extent: int, kernel: int, dilation: int, offset: int) -> list[View]:
    """Write the patches that begin at ``0 ≤ y < extent`` as those anywhere less those before and behind.

    Parameters
    ----------
    size, extent : int
        Pixels along this axis, of the image and of the output.
    kernel, dilation : int
    offset : int
        Zeros before the image.
    """
    places = np.arange(kernel)
    lag = places - places[:, None] + kernel - 1
    found = [View(slice(0, size), False, 1, [Sight(slice(0, kernel), lag, 0 * lag, 0 * lag)])]
    for ys in (range(offset - dilation * (kernel - 1), 0), range(extent, size + offset)):
        starts = [y + dilation * places - offset for y in ys]
        seen = [(places[there], u[there]) for u in starts if (there := (u >= 0) & (u < size)).any()]
        if seen:
            pixels = slice(min(u[0] for _, u in seen), max(u[-1] for _, u in seen) + 1)
            found.append(View(pixels, True, -1, [told_apart(i, u - pixels.start) for i, u in seen]))
    return found


def told_apart(places: np.ndarray, pixels: np.ndarray) -> Sight:
    """Return what these places of the kernel see: a pixel each."""
    second = np.tile(pixels, (len(pixels), 1))
    return Sight(slice(places[0], places[-1] + 1), 0 * second, second.T, second)


def by_spectra(
    x: Array, axes: Sequence[Sequence[View]], kernel: Sequence[int], dilation: Sequence[int], dtype: Any
) -> Array:
    """Return ``AᵀA`` as the sum over pairs of views, of rows and of columns.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    axes : pair of list of View
        Of rows, and of columns.
    kernel, dilation : pair of int
    dtype : {"float64", "float32"}

    Returns
    -------
    array, shape (C, k_h, k_w, C, k_h, k_w)
    """
    xp, (C, _, _, N), (k_h, k_w), terms = array_module(x), x.shape, kernel, list(product(*axes))
    found: list[Array] = [None] * len(terms)

    def correlate(some: Iterator[int]) -> None:
        for number in some:
            rows, columns = terms[number]
            (m_h, m_w), (h, w), places = sizes(terms[number], kernel)
            pixels = x[:, rows.pixels, columns.pixels].reshape(C, m_h, h, m_w, w, N).swapaxes(2, 3)
            R = correlations(pixels.reshape(C * m_h * m_w, h, w, N), places, dilation, dtype)
            R = R.reshape(*R.shape[:2], C, m_h, m_w, C, m_h, m_w)
            found[number] = xp.ascontiguousarray(R.transpose(0, 1, 3, 4, 6, 7, 2, 5))  # channels last

    correlate(iter([0]))  # whose parts go to all threads; the others are small
    share(x, range(1, len(terms)), correlate)
    normal = xp.zeros((k_h, k_h, k_w, k_w, C, C), dtype)
    for (rows, columns), R in zip(terms, found, strict=True):
        for (i, *where_h), (j, *where_w) in product(rows.sights, columns.sights):
            k, u, u2 = (some[:, :, None, None] for some in where_h)
            t, w, w2 = where_w
            normal[i, i, j, j] += rows.sign * columns.sign * R[k, t, u, w, u2, w2]
    return normal.transpose(4, 0, 2, 5, 1, 3)


def sizes(views: Sequence[View], kernel: Sequence[int]) -> list[list[int]]:
    """Return for each axis: pixels that are told apart, and that are not; places in the kernel with a lag."""
    counts = [view.pixels.stop - view.pixels.start for view in views]
    axes = [
        (count, 1, 1) if view.apart else (1, count, places)
        for view, count, places in zip(views, counts, kernel, strict=True)
    ]
    return [list(some) for some in zip(*axes, strict=True)]


def spectra_pay(
    x: Array, axes: Sequence[Sequence[View]], kernel: Sequence[int], dilation: Sequence[int], lines: float
) -> bool:
    """Tell whether this takes less time than products of lines with so many multiplications a sample."""
    C, work = len(x), 0
    for views in product(*axes):
        (m_h, m_w), pixels, places = sizes(views, kernel)
        work += multiplications((C * m_h * m_w, *pixels), places, dilation)
    return x.shape[-1] * (lines - RATE * work) > FIXED + PER_ENTRY * (C * kernel[0] * kernel[1]) ** 2
