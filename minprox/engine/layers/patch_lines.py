"""The patches of a few columns at a time, laid out so that output rows share them.

A patch consists of ``k_h`` windows of ``k_w`` pixels, one from each of ``k_h`` image rows, and the patches of
the next output row share all of them but the last. So the windows of each image row, its "line", are laid out
once, and the patches of an output row are lines that stand one after the other in memory:

    lines[u] = windows of row u              shape (C·k_w, columns)
    Aᵀ of output row y = lines[y : y + k_h]  shape (k_h·C·k_w, columns), a view

CuPy would copy views that share memory, so on a GPU each of the ``k_h`` kernel rows is a piece of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any, NamedTuple

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

    def patches(self, place: Cut) -> Iterator[tuple[slice, slice, list[Array]]]:
        """Yield ``(ys, columns, pieces of Aᵀ)``: output rows, columns ``x N + n`` in them, the patches there.

        Pieces are of shape ``(groups, len(ys), weights, len(columns))``, with weights that run over
        (k_h, channel, k_w): one with all weights, or one for each kernel row. They are views that are only
        valid until the next cut.
        """
        A, xp = self.A, array_module(self.A.images)
        (k, _), (s, _), (d, _), (H, _) = A.kernel, A.stride, A.dilation, A.extent
        first, N = place.left * A.images.shape[-1] + place.samples.start, len_of(place.samples)
        columns = slice(first, first + place.width * N)
        fresh = (place.width, N) not in self.buffers
        if fresh:
            shape = (A.groups, (H - 1) * s + d * (k - 1) + 1, A.weights // k, place.width * N)
            self.buffers[place.width, N] = xp.zeros(shape, A.dtype)
        lines = self.buffers[place.width, N]
        starts = self.fill(lines, place, fresh)
        rows, shape = (
            k // pieces(A),
            (A.groups, lines.shape[1] - k + 1, A.weights // pieces(A), lines.shape[3]),
        )
        A_t = [  # k lines each, one behind the other
            xp.lib.stride_tricks.as_strided(lines[:, i:], shape, lines.strides) for i in range(0, k, rows)
        ]
        period, stride = d // gcd(s, d), s // gcd(s, d)  # y + period sees lines "stride" further on
        for y in range(min(H, period)):
            start, n = starts[y * s % d] + y * s // d, len(range(y, H, period))
            here = slice(start, start + (n - 1) * stride + 1, stride)
            yield slice(y, None, period), columns, [piece[:, here] for piece in A_t]

    def fill(self, lines: Array, place: Cut, fresh: bool) -> list[int]:
        """Lay out the windows of all image rows.

        Rows ``d`` (the dilation) apart stand next to each other; where the first of each kind stands is
        returned. Rows in the margins are never written to: they were zero when the buffer was made, as all
        is in a fresh one.
        """
        A, N = self.A, len_of(place.samples)
        C, *size, _ = A.images.shape
        (_, k_w), (_, s), (d_h, d_w) = A.kernel, A.stride, A.dilation
        (top, _), (first, _) = A.margins
        images = A.images[..., place.samples].reshape(A.groups, C // A.groups, *size, N).swapaxes(1, 2)
        windows = lines.reshape(*lines.shape[:2], C // A.groups, k_w, place.width, N)
        starts, at = [], 0
        for kind in range(min(d_h, lines.shape[1])):
            count = len(range(kind, lines.shape[1], d_h))
            us, rows = overlap(size[0], count, d_h, kind - top)
            there = windows[:, at : at + count][:, us]
            for j in range(k_w):
                xs, columns = overlap(size[1], place.width, s, place.left * s + j * d_w - first)
                if not fresh and xs.stop - xs.start < place.width:
                    there[:, :, :, j] = 0
                there[:, :, :, j, xs] = images[:, rows, :, columns]
            starts.append(at)
            at += count
        return starts


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
