"""Layers that lay the entries of a sample out anew: linear, and without parameters."""

from __future__ import annotations

import math

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import whole


class Reshape(Layer):
    """Lay the entries of a sample out in another shape, in the same order.

    Parameters
    ----------
    *shape : int
        Of a sample; one extent may be −1, and is then found from the others.

    Raises
    ------
    ValueError
        If an extent is neither positive nor −1, or two are −1.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Reshape(1, 8, 8)(mp.Input((64,))).shape
    (1, 8, 8)
    """

    arity, bends = 1, False

    def __init__(self, *shape: int) -> None:
        known = [whole("shape", n, least=-1) for n in shape]
        self.shape = tuple(n if n == -1 else whole("shape", n) for n in known)
        if not shape or self.shape.count(-1) > 1:
            raise ValueError(f"Reshape: expected positive integers, one of which may be -1, found {shape}")

    def forward(self, a: Array) -> Array:
        size, known = math.prod(a.shape[1:]), abs(math.prod(self.shape))  # there may be no sample
        return a.reshape(len(a), *(size // known if n == -1 else n for n in self.shape))

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta.reshape(a.shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None or None in shape:
            return tuple(None if n == -1 else n for n in self.shape)
        size, known = math.prod(shape), abs(math.prod(self.shape))  # type: ignore[arg-type]
        if size % known or (-1 not in self.shape and size != known):
            raise ValueError(f"expected {known} entries, or a multiple for -1, found the shape {shape}")
        return tuple(size // known if n == -1 else n for n in self.shape)

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


class Permute(Layer):
    """Reorder the axes of a sample.

    Parameters
    ----------
    *axes : int
        A permutation of 1, 2, …: output axis ``i`` is input axis ``axes[i - 1]``.

    Raises
    ------
    ValueError
        If the axes are no permutation.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Permute(2, 1)(mp.Input((5, 16))).shape
    (16, 5)
    """

    arity, bends = 1, False

    def __init__(self, *axes: int) -> None:
        self.axes = tuple(whole("axes of Permute", axis, least=0) for axis in axes)
        if not axes or sorted(self.axes) != list(range(1, len(axes) + 1)):
            raise ValueError(f"Permute: expected a permutation of 1 … {len(axes) or 'n'}, found {axes}")

    def forward(self, a: Array) -> Array:
        return a.transpose(0, *self.axes)

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        back = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        return delta.transpose(0, *(axis + 1 for axis in back))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (None,) * len(self.axes)
        if len(shape) != len(self.axes):
            raise ValueError(f"expected samples with {len(self.axes)} axes, found the shape {shape}")
        return tuple(shape[axis - 1] for axis in self.axes)

    def __repr__(self) -> str:
        return f"Permute({', '.join(map(str, self.axes))})"
