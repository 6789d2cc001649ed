"""The largest entry of each window."""

from __future__ import annotations

from functools import reduce
from math import prod

from minprox.engine.layers.base import Array
from minprox.engine.layers.pooling import Pool, room_like
from minprox.ground.backend import array_module


class MaxPool(Pool):
    """The largest entry of each window, and its adjoint."""

    def forward(self, a: Array, out: Array | None = None) -> Array:
        x, xp = self.padded(a, -float("inf")), array_module(a)
        return reduce(lambda u, v: xp.maximum(u, v, out=out), self.windows(x, a.shape[2:]))

    def adjoint(self, delta: Array, output: Array, a: Array, out: Array | None = None) -> Array:
        xp, size = array_module(a), a.shape[2:]
        x = self.padded(a, -float("inf"))
        free = xp.ones_like(output, dtype=bool)
        apart = all(s > reach for s, reach in zip(self.stride, self.window.reach, strict=True))
        errors = room_like(x, out)
        if not (apart and x.size == output.size * prod(self.kernel)):  # some pixel lies in no window
            errors[...] = 0
        for entry, error in zip(self.windows(x, size), self.windows(errors, size), strict=True):
            first = free & (entry == output)
            if apart:  # no pixel lies in two windows
                xp.multiply(delta, first, out=error)
            else:
                error += delta * first
            free ^= first
        return self.inside(errors, size)

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
