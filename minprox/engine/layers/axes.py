"""Layers that cut, repeat or average along the axes of a sample: linear, and without parameters.

Axes are those of the arrays: 0 is the batch, which no layer touches, and −1 is the last one.
"""

from __future__ import annotations

from typing import Any

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import MOST, whole
from minprox.ground.backend import array_module


class Slice(Layer):
    """The entries ``start … stop − 1`` along an axis; all others get no error.

    Parameters
    ----------
    start, stop : int or None
        As in Python, negative ones from the end.

    Raises
    ------
    ValueError
        If the axis is that of the batch.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Slice(0, 8)(mp.Input((5, 16))).shape
    (5, 8)
    """

    arity, bends = 1, False

    def __init__(self, start: int | None, stop: int | None, axis: int = -1) -> None:
        self.start, self.stop = end_of_slice("start", start), end_of_slice("stop", stop)
        self.axis = sample_axis("Slice", axis)

    def place(self, ndim: int) -> tuple[slice, ...]:
        """Return the index of the entries in an array."""
        index = [slice(None)] * ndim
        index[self.axis] = slice(self.start, self.stop)
        return tuple(index)

    def forward(self, a: Array) -> Array:
        return a[self.place(a.ndim)]

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        error = array_module(a).zeros(a.shape, delta.dtype)
        error[self.place(a.ndim)] = delta
        return error

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return changed(shape, self.axis, lambda n: len(range(n)[self.start : self.stop]))

    def __repr__(self) -> str:
        return f"Slice({self.start}, {self.stop}, axis={self.axis})"


class Mean(Layer):
    """The mean along an axis, which goes.

    Raises
    ------
    ValueError
        If the axis is that of the batch.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Mean(axis=1)(mp.Input((5, 16))).shape
    (16,)
    """

    arity, bends = 1, False

    def __init__(self, axis: int = -1) -> None:
        self.axis = sample_axis("Mean", axis)

    def forward(self, a: Array) -> Array:
        return a.mean(axis=self.axis)

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        xp = array_module(a)
        return xp.broadcast_to(xp.expand_dims(delta / a.shape[self.axis], self.axis), a.shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        whole = changed(shape, self.axis, lambda n: n)
        place = self.axis if self.axis < 0 else self.axis - 1
        return None if whole is None else tuple(n for i, n in enumerate(whole) if i != place % len(whole))

    def __repr__(self) -> str:
        return f"Mean(axis={self.axis})"


class Expand(Layer):
    """A new axis of the given size, along which the entries are repeated; errors are summed over it.

    Parameters
    ----------
    axis : int
        Where the axis stands in the output.

    Raises
    ------
    ValueError
        If the size is not positive, or the axis that of the batch.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Expand(3, axis=1)(mp.Input((5,))).shape
    (3, 5)
    """

    arity, bends = 1, False

    def __init__(self, size: int, axis: int = 1) -> None:
        self.size, self.axis = whole("size", size), sample_axis("Expand", axis)

    def forward(self, a: Array) -> Array:
        xp = array_module(a)
        return xp.repeat(xp.expand_dims(a, self.axis), self.size, axis=self.axis)

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta.sum(axis=self.axis)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return None
        place = self.axis - 1 if self.axis > 0 else self.axis + len(shape) + 1
        if not 0 <= place <= len(shape):
            raise ValueError(f"expected samples that can take the axis {self.axis}, found the shape {shape}")
        return (*shape[:place], self.size, *shape[place:])

    def __repr__(self) -> str:
        return f"Expand({self.size}, axis={self.axis})"


def sample_axis(layer: str, axis: Any) -> int:
    """Return an axis that is not that of the batch, or raise ValueError."""
    found = whole(f"axis of {layer}", axis, least=-32, most=32)
    if found == 0:
        raise ValueError(f"axis of {layer}: expected an integer other than 0, which is the batch, found 0")
    return found


def changed(shape: Shape, axis: int, change: Any) -> Shape:
    """Return a shape with the extent at an axis of the arrays changed, where it is known."""
    if shape is None:
        return None
    place = axis - 1 if axis > 0 else axis + len(shape)
    if not 0 <= place < len(shape):
        raise ValueError(f"expected samples with the axis {axis}, found the shape {shape}")
    extent = shape[place]
    return (*shape[:place], None if extent is None else change(extent), *shape[place + 1 :])


def end_of_slice(name: str, value: Any) -> int | None:
    """Return an end of a slice as Python has it."""
    return None if value is None else whole(f"{name} of Slice", value, least=-MOST)
