"""The convolution: the same formula as the dense layer, with patches for rows."""

from __future__ import annotations

from math import prod
from typing import Any

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.patches import PatchMap
from minprox.engine.layers.transfer import Transfer
from minprox.engine.layers.window import Pair, Sizes, Window, read_padding, short, simplified, sizes
from minprox.engine.linear_map import LinearMap
from minprox.engine.tangent_map import without_ones
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module
from minprox.ground.doors import door


class Convolution(Transfer):
    """Base of the convolutions, over images of one axis or two; one axis is a row of an image."""

    axes: int  # of an image
    shares_work = True

    @door
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sizes | tuple[Pair, ...] | str = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "uniform",
    ) -> None:
        name = type(self).__name__
        in_channels = whole(f"in_channels of {name}", in_channels)
        out_channels = whole(f"out_channels of {name}", out_channels)
        groups = whole(f"groups of {name}", groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups must divide the channels, found {groups} groups "
                f"of {in_channels} and {out_channels} channels"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.input_shape = (in_channels, *(None,) * self.axes)
        self.kernel = sizes(f"kernel_size of {name}", kernel_size, self.axes)
        self.stride = sizes(f"stride of {name}", stride, self.axes)
        self.dilation = sizes(f"dilation of {name}", dilation, self.axes)
        margins = read_padding(f"padding of {name}", padding, self.axes)
        self.padding = simplified(margins)
        self.window = Window(self.kernel, self.stride, self.dilation, margins)
        self.plane: Any = self.window.plane()  # its tuples are pairs
        size = prod(self.kernel)
        fan_in, fan_out = in_channels // groups * size, out_channels // groups * size
        super().__init__((fan_in + bool(bias), out_channels), fan_in, bool(bias), groups, init, fan_out)

    def linear_map(self, a: Array) -> PatchMap:
        images, plane = self.images(a), self.plane
        steps = plane.kernel, plane.stride, plane.dilation
        return PatchMap(images, plane.margins(images.shape[1:3]), *steps, self.groups, self.has_bias)

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        """``(∂φ/∂a)ᵀ δ``: δ, spread out by the stride, convolved with the flipped kernel."""
        plane, size = self.plane, self.images(a).shape[1:3]
        images = self.spread(self.images(delta))
        sides = zip(size, images.shape[1:3], plane.reach, plane.margins(size), strict=True)
        margins = [(reach - before, n + before - grid) for n, grid, reach, (before, _) in sides]
        A = PatchMap(images, margins, plane.kernel, (1, 1), plane.dilation, self.groups, False)
        return self.unrows(A @ A.ungrouped(self.flipped(theta)), a.shape)

    def flipped(self, theta: Array) -> Array:
        """Return the flipped kernel from output to input channels, ``(groups, out · k_h · k_w, in)``."""
        weights = theta[: len(theta) - self.has_bias]
        kernel = weights.reshape(-1, *self.plane.kernel, self.groups, theta.shape[1] // self.groups)
        flipped = kernel[:, ::-1, ::-1].transpose(3, 4, 1, 2, 0)  # (groups, out, k_h, k_w, in)
        return flipped.reshape(self.groups, -1, kernel.shape[0])

    def tangent_map(self, a_dot: Array) -> LinearMap:
        return without_ones(self.linear_map(a_dot))

    def images(self, a: Array) -> Array:
        """Return images with two axes and the sample last, ``(channels, height, width, N)``."""
        return a.reshape(*a.shape[:2], *(1,) * (2 - self.axes), *a.shape[2:]).transpose(1, 2, 3, 0)

    def rows(self, z: Array) -> Array:
        """Lay out ``z`` as the rows of ``A θ``, which run over (y, x, sample) here."""
        return self.split(array_module(z).moveaxis(z, (0, 1), (-2, -1)).reshape(-1, z.shape[1]))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        N, C, *extents = z_shape
        columns = rows if self.groups == 1 else rows.swapaxes(0, 1).reshape(-1, C)
        return array_module(rows).moveaxis(columns.reshape(*extents, N, C), (-2, -1), (0, 1))

    def spread(self, images: Array) -> Array:
        """Put zeros between pixels, of shape ``(C, H, W, N)``, as many as a stride leaves out."""
        if self.plane.stride == (1, 1):
            return images
        (C, H, W, N), (s, t) = images.shape, self.plane.stride
        x = array_module(images).zeros((C, (H - 1) * s + 1, (W - 1) * t + 1, N), images.dtype)
        x[:, ::s, ::t] = images
        return x

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return (self.out_channels, *self.window.extents(shape, self.in_channels))

    def __repr__(self) -> str:
        options: dict[str, Any] = {
            "stride": (self.stride, (1,) * self.axes),
            "padding": (self.padding, (0,) * self.axes),
            "dilation": (self.dilation, (1,) * self.axes),
            "groups": (self.groups, 1),
            "bias": (self.has_bias, True),
        }
        told = "".join(f", {name}={short(v)!r}" for name, (v, usual) in options.items() if v != usual)
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, {short(self.kernel)}{told})"


class Conv2d(Convolution):
    """Two-dimensional convolution (cross-correlation, as in every network library).

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int
    padding : int, pair of int, pair of pair of int, or "same"
        Zeros around the image: pairs of pairs are ``((top, bottom), (left, right))``; ``"same"`` gives
        ``⌈height/stride⌉`` and ``⌈width/stride⌉``, an odd row or column of zeros standing at the bottom or
        right, as ONNX's ``SAME_UPPER`` and TensorFlow have it.
    dilation : int or pair of int
    groups : int
        Divides both numbers of channels; group ``g`` of the outputs sees group ``g`` of the inputs.
    init : {"uniform", "he", "glorot"}
        How θ is drawn; see :class:`minprox.Transfer`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    θ has shape ``(in_channels/groups · k_h · k_w + 1, out_channels)``: its rows run over
    (channel, k_h, k_w), the last is the bias.

    Examples
    --------
    >>> import minprox as mp
    >>> conv = mp.Conv2d(3, 16, 5, padding=2)
    >>> conv.output_shape((3, 32, 32))
    (16, 32, 32)
    >>> conv.theta_shape
    (76, 16)
    """

    axes = 2


class Conv1d(Convolution):
    """Convolution of signals ``(N, channels, length)``.

    Sequences ``(N, T, features)`` become signals by ``mp.Permute(2, 1)``, and come back by it.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, init
        As for :class:`Conv2d`, of one axis: a pair as padding is ``(before, after)``, so that
        ``(dilation · (kernel_size − 1), 0)`` makes the convolution causal.

    Raises
    ------
    ValueError
        As for :class:`Conv2d`.

    Notes
    -----
    θ has shape ``(in_channels/groups · kernel_size + 1, out_channels)``: its rows run over (channel, kernel),
    the last is the bias.

    Examples
    --------
    >>> import minprox as mp
    >>> conv = mp.Conv1d(2, 8, 3, stride=2, padding="same")
    >>> conv.output_shape((2, 101)), conv.theta_shape
    ((8, 51), (7, 8))
    """

    axes = 1
