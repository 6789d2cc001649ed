"""Pooling: the strided windows of an image, reduced to one number each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.engine.layers.conv import short
from minprox.engine.layers.patches import Pair
from minprox.ground.arguments import pair
from minprox.ground.backend import array_module


class Pool2d(Layer):
    """Base of the pooling layers.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    padding : int or pair of int
        At most half of the kernel size.
    """

    arity = 1

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ) -> None:
        self.kernel = pair("kernel_size", kernel_size)
        self.stride = self.kernel if stride is None else pair("stride", stride)
        self.padding = pair("padding", padding, least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(
                f"padding must be at most half of the kernel size {self.kernel}, found {self.padding}"
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (None, None, None)
        if len(shape) != 3:
            raise ValueError(f"expected images of shape (channels, height, width), found {shape}")
        extents = [
            None if n is None else (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(shape[1:], self.padding, self.kernel, self.stride, strict=True)
        ]
        if any(extent is not None and extent < 1 for extent in extents):
            raise ValueError(f"the window {self.kernel} is larger than the image {shape}")
        return (shape[0], *extents)

    def padded(self, a: Array, value: float) -> Array:
        """Put a margin of one value around the images."""
        (p, q), xp = self.padding, array_module(a)
        if (p, q) == (0, 0):
            return a
        return xp.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=value)

    def inside(self, x: Array) -> Array:
        """Undo the margin."""
        (p, q), (H, W) = self.padding, x.shape[2:]
        return x[:, :, p : H - p, q : W - q]

    def windows(self, x: Array) -> Iterator[Array]:
        """Yield, for each place in the window, the view of what stands there in all windows."""
        (H, W), (k, m), (s, t) = x.shape[2:], self.kernel, self.stride
        rows, columns = (H - k) // s + 1, (W - m) // t + 1
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield x[:, :, i : i + s * (rows - 1) + 1 : s, j : j + t * (columns - 1) + 1 : t]

    def __repr__(self) -> str:
        told = f", stride={short(self.stride)}" if self.stride != self.kernel else ""
        told += f", padding={short(self.padding)}" if self.padding != (0, 0) else ""
        return f"{type(self).__name__}({short(self.kernel)}{told})"


class MaxPool2d(Pool2d):
    """The largest entry of each window; where several are, the error goes to the first of them.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    padding : int or pair of int
        At most half of the kernel size; what it adds is never the largest.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.MaxPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def forward(self, a: Array) -> Array:
        return reduce(array_module(a).maximum, self.windows(self.padded(a, -float("inf"))))

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        xp = array_module(a)
        x = self.padded(a, -float("inf"))
        errors = xp.zeros_like(x)
        free = xp.ones_like(output, dtype=bool)
        apart = all(s >= k for s, k in zip(self.stride, self.kernel, strict=True))
        for entry, error in zip(self.windows(x), self.windows(errors), strict=True):
            first = free & (entry == output)
            if apart:  # no pixel lies in two windows
                xp.multiply(delta, first, out=error)
            else:
                error += delta * first
            free ^= first
        return self.inside(errors)


class AvgPool2d(Pool2d):
    """The mean of each window, zeros of the margin counted in.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    padding : int or pair of int
        At most half of the kernel size.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.AvgPool2d(2).forward(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def forward(self, a: Array) -> Array:
        return sum(self.windows(self.padded(a, 0))) / (self.kernel[0] * self.kernel[1])

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        errors = array_module(a).zeros_like(self.padded(a, 0))
        share = delta / (self.kernel[0] * self.kernel[1])
        for error in self.windows(errors):
            error += share
        return self.inside(errors)


class GlobalAvgPool2d(Layer):
    """The mean of each channel over the whole image: ``(N, c, h, w) → (N, c)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.GlobalAvgPool2d().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """

    arity = 1

    def forward(self, a: Array) -> Array:
        return a.mean(axis=(2, 3))

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        share = (delta / (a.shape[2] * a.shape[3]))[:, :, None, None]
        return array_module(a).broadcast_to(share, a.shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (None,)
        if len(shape) != 3:
            raise ValueError(f"expected images of shape (channels, height, width), found {shape}")
        return shape[:1]
