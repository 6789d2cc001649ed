"""Gain and bias of each channel: the transfer whose A is diagonal, which stands behind a normalisation."""

from __future__ import annotations

import numpy as np

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.transfer import Transfer
from minprox.engine.linear_map import LinearMap
from minprox.engine.tangent_map import without_ones
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module
from minprox.ground.doors import door


class Scale(Transfer):
    """``z_c = θ_{0c} a_c + θ_{1c}`` for each channel ``c``: gain and bias, initially 1 and 0.

    Each channel is a group of its own with ``A_c = [a_c, 1]``, so that an exact step solves a 2 × 2 system
    for each.

    Parameters
    ----------
    axis : int
        Of the arrays: 1 for images, and −1, the features, for sequences.

    Raises
    ------
    ValueError
        If ``channels`` is no positive integer, or ``axis`` neither 1 nor −1.

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.Sequential(mp.LayerNorm(), mp.Scale(3))
    >>> net.parameters[0].tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """

    @door
    def __init__(self, channels: int, axis: int = -1, bias: bool = True) -> None:
        channels = whole("channels", channels)
        if whole("axis", axis, least=-1) not in (1, -1):
            raise ValueError(f"axis: expected 1, the channels of images, or -1, the last one, found {axis}")
        super().__init__((1 + bool(bias), channels), fan_in=1, bias=bias, groups=channels)
        self.channels, self.channel_axis = channels, int(axis)

    def linear_map(self, a: Array) -> LinearMap:
        return ScaleMap(self.rows(a), self.has_bias)

    def forward(self, theta: Array, a: Array) -> Array:
        z = a * self.along(theta[0], a)
        return z + self.along(theta[1], a) if self.has_bias else z

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        return delta * self.along(theta[0], a)

    def tangent_map(self, a_dot: Array) -> LinearMap:
        return without_ones(self.linear_map(a_dot))

    def along(self, values: Array, a: Array) -> Array:
        """Lay one value for each channel along the channels of ``a``."""
        return values if self.channel_axis == -1 else values.reshape(-1, *(1,) * (a.ndim - 2))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        theta = np.zeros(self.theta_shape)
        theta[0] = 1
        return theta

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is not None and (not shape or shape[self.place] not in (None, self.channels)):
            raise ValueError(f"expected samples with {self.channels} channels, found the shape {shape}")
        return shape

    @property
    def place(self) -> int:
        """Where the channels stand in the shape of a sample."""
        return 0 if self.channel_axis == 1 else -1

    def __repr__(self) -> str:
        axis = ", axis=1" if self.channel_axis == 1 else ""
        return f"Scale({self.channels}{axis}{'' if self.has_bias else ', bias=False'})"


class ScaleMap(LinearMap):
    """``A_c = [a_c, 1]`` of each channel, without ever writing down the ones.

    Parameters
    ----------
    a : array, shape (channels, rows, 1), or (rows, 1) for a single channel
    bias : bool
    """

    def __init__(self, a: Array, bias: bool) -> None:
        self.a, self.bias = a, bias
        self.shape, self.dtype = (a.shape[-2], 1 + bool(bias)), a.dtype

    def __matmul__(self, theta: Array) -> Array:
        z = self.a * theta[..., :1, :]
        return z + theta[..., 1:, :] if self.bias else z

    def adjoint(self, delta: Array) -> Array:
        gain = (self.a * delta).sum(axis=-2, keepdims=True)
        if not self.bias:
            return gain
        return array_module(gain).concatenate([gain, delta.sum(axis=-2, keepdims=True)], axis=-2)

    def matrix(self) -> Array:
        xp = array_module(self.a)
        return xp.concatenate([self.a, xp.ones_like(self.a)], axis=-1) if self.bias else self.a

    @property
    def gram_cost(self) -> float:
        return self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return self.shape[0] * self.shape[1] ** 2 / 2
