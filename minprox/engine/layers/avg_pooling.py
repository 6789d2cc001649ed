"""The mean of each window."""

from __future__ import annotations

from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.layers.pooling import Pool, over_images, room_like
from minprox.engine.layers.window import Pair, Sizes, pixel_counts
from minprox.ground.backend import array_module
from minprox.ground.doors import door


class AvgPool(Pool):
    """The mean of each window, and its adjoint."""

    @door
    def __init__(
        self,
        kernel_size: int | Sizes,
        stride: int | Sizes | None = None,
        padding: int | Sizes | tuple[Pair, ...] | str = 0,
        *,
        dilation: int | Sizes = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation=dilation, ceil_mode=ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    @over_images
    def forward(self, a: Array) -> Array:
        return sum(self.windows(self.padded(a, 0), a.shape[2:])) / self.counts(a)

    @over_images
    def adjoint(self, delta: Array, output: Array, a: Array, out: Array | None = None) -> Array:
        errors = room_like(self.padded(a, 0), out)
        errors[...] = 0
        share = delta / self.counts(a)
        for error in self.windows(errors, a.shape[2:]):
            error += share
        return self.inside(errors, a.shape[2:])

    def tangent(self, motion: Array, output: Array, a: Array) -> Array:
        return self.forward(motion)

    def counts(self, a: Array) -> Any:
        """Return by what the sums are divided: one number where all windows see as many pixels."""
        counts = pixel_counts(self.window, a.shape[2:], self.count_include_pad)
        alike = (counts == counts.flat[0]).all()
        return int(counts.flat[0]) if alike else array_module(a).asarray(counts, a.dtype)

    def sees(self, size: Any) -> bool:
        return bool(pixel_counts(self.window, tuple(size), self.count_include_pad).all())

    def __repr__(self) -> str:
        told = "" if self.count_include_pad else ", count_include_pad=False"
        return super().__repr__()[:-1] + told + ")"


class AvgPool2d(AvgPool):
    """The mean of each window, zeros of the padding counted in or not.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As for :class:`MaxPool2d`; what hangs over with ``ceil_mode`` never counts.
    count_include_pad : bool
        Whether the zeros of the padding count, as by default in PyTorch, not in ONNX and TensorFlow.

    Raises
    ------
    ValueError
        As for :class:`MaxPool2d`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.AvgPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    axes = 2


class AvgPool1d(AvgPool):
    """The mean of each window of signals ``(N, channels, length)``.

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode, count_include_pad
        As for :class:`AvgPool2d`, of one axis: a pair as padding is ``(before, after)``.

    Raises
    ------
    ValueError
        As for :class:`MaxPool2d`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.AvgPool1d(2, padding=(0, 1), count_include_pad=False).forward(np.arange(3.0).reshape(1, 1, 3))
    array([[[0.5, 2. ]]])
    """

    axes = 1
