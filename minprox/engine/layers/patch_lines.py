"""The patches of a few columns at a time, laid out so that output rows share them.

A patch consists of ``k_h`` windows of ``k_w`` pixels, one from each of ``k_h`` image rows, and the patches of
the next output row share all of them but the last. So the windows of each image row, its "line", are laid out
once, and the patches of an output row are lines that stand one after the other in memory:

    lines[u] = windows of row u              shape (C·k_w, columns)
    Aᵀ of output row y = lines[y : y + k_h]  shape (k_h·C·k_w, columns), a view

The next columns see the same windows but for one. That one takes the place of the one that they no longer
see, so the order of the windows turns from cut to cut, and the rows of θ turn with it. If ``A`` has a column
of ones, so has each line a row of them, and θ has zeros for all but the first.

CuPy would copy views that share memory, so on a GPU each of the ``k_h`` kernel rows is a piece of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.patch_gram import cut, inside
from minprox.ground.backend import array_module, at_once


class Cut(NamedTuple):
    """Columns of every output row: ``width`` of them from ``left`` on, for some samples."""

    left: int
    width: int
    samples: slice


class Lines:
    """The lines of one cut at a time, in memory that the next cut uses again.

    Parameters
    ----------
    A : PatchMap
    """

    def __init__(self, A: Any) -> None:
        self.A = A
        self.buffers: dict[tuple[int, int], Array] = {}
        self.held: dict[tuple[int, int], list[Any]] = {}  # which windows stand in them

    def patches(self, place: Cut) -> Iterator[tuple[slice, slice, list[Array]]]:
        """Yield ``(ys, columns, pieces of Aᵀ)``: output rows, columns ``x N + n`` in them, the patches there.

        Pieces are of shape ``(groups, len(ys), rows, len(columns))``, with rows in the order of
        :func:`rows_of`: one with all of them, or one for each kernel row. They are views that are only
        valid until the next cut.
        """
        A, xp = self.A, array_module(self.A.images)
        (k, _), (s, _), (d, _), (H, _) = A.kernel, A.stride, A.dilation, A.extent
        first, N = place.left * A.images.shape[-1] + place.samples.start, len_of(place.samples)
        columns = slice(first, first + place.width * N)
        starts = self.fill(place)
        lines = self.buffers[place.width, N]
        rows = k // pieces(A)
        shape = (A.groups, lines.shape[1] - k + 1, rows * lines.shape[2], lines.shape[3])
        A_t = [  # k lines each, one behind the other
            xp.lib.stride_tricks.as_strided(lines[:, i:], shape, lines.strides) for i in range(0, k, rows)
        ]
        period, stride = d // gcd(s, d), s // gcd(s, d)  # y + period sees lines "stride" further on
        for y in range(min(H, period)):
            start, n = starts[y * s % d] + y * s // d, len(range(y, H, period))
            here = slice(start, start + (n - 1) * stride + 1, stride)
            yield slice(y, None, period), columns, [piece[:, here] for piece in A_t]

    def fill(self, place: Cut) -> list[int]:
        """Lay out the windows of all image rows, except for those that stand there already.

        Rows ``d`` (the dilation) apart stand next to each other; where the first of each kind stands is
        returned. Rows in the margins are zero, and are written to only once, like the ones of the bias.
        """
        A, xp, N = self.A, array_module(self.A.images), len_of(place.samples)
        C, *size, _ = A.images.shape
        (k_h, k_w), (s_h, s), (d_h, d_w) = A.kernel, A.stride, A.dilation
        (top, _), (first, _) = A.margins
        key, fresh = (place.width, N), (place.width, N) not in self.buffers
        if fresh:
            height = (A.extent[0] - 1) * s_h + d_h * (k_h - 1) + 1
            self.buffers[key] = xp.empty((A.groups, height, line_of(A), place.width * N), A.dtype)
            self.buffers[key][:, :, A.weights // k_h :] = 1
            self.held[key] = [None] * k_w
        lines, held = self.buffers[key], self.held[key]
        images = A.images[..., place.samples].reshape(A.groups, C // A.groups, *size, N).swapaxes(1, 2)
        windows = lines[:, :, : A.weights // k_h].reshape(
            *lines.shape[:2], C // A.groups, k_w, place.width, N
        )
        slots = [(j + turn_of(A, place)) % k_w for j in range(k_w)]
        needed = {slot: (place.left * s + j * d_w - first, place.samples) for j, slot in enumerate(slots)}
        starts, at = [], 0
        for kind in range(min(d_h, lines.shape[1])):
            count = len(range(kind, lines.shape[1], d_h))
            us, rows = overlap(size[0], count, d_h, kind - top)
            there = windows[:, at : at + count]
            if fresh:
                there[:, : us.start] = there[:, us.stop :] = 0
            there = there[:, us]
            for slot, window in needed.items():
                if held[slot] != window:
                    xs, columns = overlap(size[1], place.width, s, window[0])
                    if xs.stop - xs.start < place.width:
                        there[:, :, :, slot] = 0
                    there[:, :, :, slot, xs] = images[:, rows, :, columns]
            starts.append(at)
            at += count
        held[:] = map(needed.get, range(k_w))
        return starts


def turn_of(A: Any, place: Cut) -> int:
    """Return in which slot of its row the first window of a cut stands: the others follow in a circle.

    A window of pixels stands in the same slot in every cut that sees it, so that it need not be moved.
    """
    return int((place.left * A.stride[1] - A.margins[1][0]) // A.dilation[1] % A.kernel[1])


def line_of(A: Any) -> int:
    """Return the number of rows of a line: windows, and the ones of the bias."""
    return int(A.weights // A.kernel[0] + A.bias)


def rows_of(A: Any, turn: int) -> Array:
    """Return where in the rows of Aᵀ those of θ stand, which run over (channel, k_h, k_w) and the bias."""
    (k_h, k_w), line = A.kernel, line_of(A)
    channels = np.arange(A.weights // (k_h * k_w))[:, None, None] * k_w
    rows = np.arange(k_h)[:, None] * line + channels + (np.arange(k_w) + turn) % k_w
    bias = np.arange(line - A.bias, line)  # the ones of the first line
    return array_module(A.images).asarray(np.concatenate([rows.reshape(-1), bias]))


def pieces(A: Any) -> int:
    """Return how many pieces the patches of a map come in."""
    return A.kernel[0] // at_once(A.images, A.kernel[0], 1)


def len_of(part: slice) -> int:
    """Return the length of a slice without steps."""
    return part.stop - part.start


def overlap(size: int, count: int, stride: int, first: int) -> tuple[slice, slice]:
    """Return which of the pixels ``first + stride · x``, ``0 ≤ x < count``, lie in the image, and where."""
    pixels = inside(size, count, stride, first)
    skip = (pixels.start - first) // stride
    return slice(skip, skip + len(pixels)), cut(pixels)
