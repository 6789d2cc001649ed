"""Pooling over the whole image: one number for each channel."""

from __future__ import annotations

from math import prod

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.engine.layers.window import KINDS
from minprox.ground.backend import array_module


class GlobalPool(Layer):
    """Base of the layers that make one number of each channel."""

    arity = 1
    bends = False
    axes: int  # of an image

    @property
    def all(self) -> tuple[int, ...]:
        """The axes of an image in a batch."""
        return tuple(range(2, 2 + self.axes))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (None,)
        if len(shape) != self.axes + 1:
            kind, names = KINDS[self.axes]
            raise ValueError(f"expected {kind} of shape (channels, {names}), found {shape}")
        return shape[:1]


class GlobalAvgPool(GlobalPool):
    """The mean of each channel, and its adjoint."""

    def forward(self, a: Array) -> Array:
        return a.mean(axis=self.all)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        xp = array_module(a)
        share = delta / prod(a.shape[2:])
        return xp.broadcast_to(xp.expand_dims(share, self.all), a.shape)

    def tangent(self, motion: Array, output: Array, a: Array) -> Array:
        return self.forward(motion)


class GlobalMaxPool(GlobalPool):
    """The largest entry of each channel, and its adjoint."""

    def forward(self, a: Array) -> Array:
        return a.max(axis=self.all)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return (delta[:, :, None] * winners(a)).reshape(a.shape)

    def tangent(self, motion: Array, output: Array, a: Array) -> Array:
        """Return the motions of the winners."""
        return (motion.reshape(*a.shape[:2], prod(a.shape[2:])) * winners(a)).sum(axis=2)


class GlobalAvgPool2d(GlobalAvgPool):
    """The mean of each channel over the whole image: ``(N, c, h, w) → (N, c)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.GlobalAvgPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """

    axes = 2


class GlobalAvgPool1d(GlobalAvgPool):
    """The mean of each channel over the whole signal: ``(N, c, length) → (N, c)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.GlobalAvgPool1d().forward(np.arange(6.0).reshape(1, 2, 3))
    array([[1., 4.]])
    """

    axes = 1


class GlobalMaxPool2d(GlobalMaxPool):
    """The largest entry of each channel; where several are, the error goes to the first of them.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.GlobalMaxPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 7.]])
    """

    axes = 2


class GlobalMaxPool1d(GlobalMaxPool):
    """The largest entry of each channel over the whole signal: ``(N, c, length) → (N, c)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.GlobalMaxPool1d().forward(np.arange(6.0).reshape(1, 2, 3))
    array([[2., 5.]])
    """

    axes = 1


def winners(a: Array) -> Array:
    """Tell for each pixel, in one row for each channel, whether it is the first of the largest."""
    pixels = a.reshape(*a.shape[:2], prod(a.shape[2:]))
    return pixels.argmax(axis=2)[:, :, None] == array_module(a).arange(pixels.shape[2])
