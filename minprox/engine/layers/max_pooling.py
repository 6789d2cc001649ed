"""The largest entry of each window."""

from __future__ import annotations

from functools import partial, reduce
from itertools import product
from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.layers.pooling import Pool, over_images, room_like
from minprox.engine.layers.window import Sizes
from minprox.ground.backend import array_module
from minprox.ground.parallel import in_parts

over_tiles = partial(in_parts, axes=3)  # threads share samples, channels and rows of windows


class MaxPool(Pool):
    """The largest entry of each window, and its adjoint."""

    def forward(self, a: Array) -> Array:
        if not self.tiling(a.shape[2:]):
            return self.largest(a)
        return self.largest_in_tiles(self.tiles(a))

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        if not self.tiling(a.shape[2:]):
            return self.errors(delta, output, a)
        return self.errors_in_tiles(delta, output, self.tiles(a)).reshape(a.shape)

    @over_tiles
    def largest_in_tiles(self, tiles: Array, out: Array | None = None) -> Array:
        """Return the largest entry of each window that has axes of its own."""
        entries = map(tiles.__getitem__, self.places)
        return reduce(lambda u, v: array_module(tiles).maximum(u, v, out=out), entries)

    @over_tiles
    def errors_in_tiles(self, delta: Array, output: Array, tiles: Array, out: Array | None = None) -> Array:
        """Give the error of each such window to the first of its largest entries."""
        xp, each = array_module(tiles), (..., *(slice(None), None) * self.axes)
        won = tiles == output[each]
        first, *others = (won[place] for place in self.places)
        for entry in others:  # which has not won where one before it is as large
            xp.greater(entry, first, out=entry)
            first = first | entry
        return xp.multiply(delta[each], won, out=out)

    @over_images
    def largest(self, a: Array, out: Array | None = None) -> Array:
        """Return the largest entry of each window, wherever the windows lie."""
        x, xp = self.padded(a, -float("inf")), array_module(a)
        return reduce(lambda u, v: xp.maximum(u, v, out=out), self.windows(x, a.shape[2:]))

    @over_images
    def errors(self, delta: Array, output: Array, a: Array, out: Array | None = None) -> Array:
        """Give the error of each window to the first of its largest entries."""
        size = a.shape[2:]
        x = self.padded(a, -float("inf"))
        free = array_module(a).ones_like(output, dtype=bool)
        errors = room_like(x, out)
        errors[...] = 0
        for entry, error in zip(self.windows(x, size), self.windows(errors, size), strict=True):
            first = free & (entry == output)
            error += delta * first
            free ^= first
        return self.inside(errors, size)

    def tiling(self, size: Sizes) -> bool:
        """Tell whether the windows lie side by side and cover the images."""
        side_by_side = self.stride == self.kernel and max(self.dilation) == 1
        fit = all(n % k == 0 for n, k in zip(size, self.kernel, strict=True))
        return side_by_side and fit and not any(map(any, self.window.cover(size)))

    def tiles(self, a: Array) -> Array:
        """Give each axis of a window an axis of its own: ``(N, C, H/k_h, k_h, W/k_w, k_w)``, a view."""
        sides = zip(a.shape[2:], self.kernel, strict=True)
        return a.reshape(*a.shape[:2], *(n for size, k in sides for n in (size // k, k)))

    @property
    def places(self) -> list[Any]:
        """Where the entries of all windows stand in :meth:`tiles`."""
        return [
            (..., *(index for i in place for index in (slice(None), i)))
            for place in product(*map(range, self.kernel))
        ]

    def tangent(self, motion: Array, output: Array, a: Array) -> Array:
        """Return the motions of the winners: small motions do not change who wins."""
        xp, size = array_module(a), a.shape[2:]
        x, x_dot = self.padded(a, -float("inf")), self.padded(motion, 0)
        free, moved = xp.ones_like(output, dtype=bool), xp.zeros_like(output)
        for entry, entry_dot in zip(self.windows(x, size), self.windows(x_dot, size), strict=True):
            first = free & (entry == output)
            moved = xp.where(first, entry_dot, moved)
            free = free ^ first
        return moved


class MaxPool2d(MaxPool):
    """The largest entry of each window; where several are, the error goes to the first of them.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    padding : int, pair of int, pair of pair of int, or "same"
        As for :class:`Conv2d`, but at most half of the kernel size; what it adds is never the largest.
    dilation : int or pair of int
    ceil_mode : bool
        Whether a window that begins on the image, or on the padding before it, counts where its end hangs
        over, as in PyTorch and ONNX.

    Raises
    ------
    ValueError
        If an argument is out of its range, or at a call a window is larger than the image.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.MaxPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    axes = 2


class MaxPool1d(MaxPool):
    """The largest entry of each window of signals ``(N, channels, length)``.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As for :class:`MaxPool2d`, of one axis: a pair as padding is ``(before, after)``.

    Raises
    ------
    ValueError
        As for :class:`MaxPool2d`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.MaxPool1d(3, stride=2, ceil_mode=True).forward(np.arange(6.0).reshape(1, 1, 6))
    array([[[2., 4., 5.]]])
    """

    axes = 1
