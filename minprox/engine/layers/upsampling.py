"""Larger images without parameters: each pixel becomes a block."""

from __future__ import annotations

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.engine.layers.window import KINDS, Sizes, short, sizes
from minprox.ground.backend import array_module
from minprox.ground.doors import door


class Upsample2d(Layer):
    """Each pixel becomes a block of equal ones: upsampling by the nearest neighbour.

    Parameters
    ----------
    scale : int or pair of int
        Height and width of a block.

    Raises
    ------
    ValueError
        If ``scale`` is not positive.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Upsample2d(2).forward(np.array([[[[1.0, 2.0]]]]))
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    arity, bends = 1, False

    @door
    def __init__(self, scale: int | Sizes = 2) -> None:
        self.scale = sizes("scale of Upsample2d", scale, 2)

    def forward(self, a: Array) -> Array:
        (N, C, H, W), (s, t) = a.shape, self.scale
        blocks = array_module(a).broadcast_to(a[:, :, :, None, :, None], (N, C, H, s, W, t))
        return blocks.reshape(N, C, H * s, W * t)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        (N, C, H, W), (s, t) = a.shape, self.scale
        return delta.reshape(N, C, H, s, W, t).sum(axis=(3, 5))

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(motion)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (None, None, None)
        if len(shape) != 3:
            kind, names = KINDS[2]
            raise ValueError(f"expected {kind} of shape (channels, {names}), found {shape}")
        sides = zip(shape[1:], self.scale, strict=True)
        return (shape[0], *(None if n is None else n * s for n, s in sides))

    def __repr__(self) -> str:
        return f"Upsample2d({short(self.scale)})"
