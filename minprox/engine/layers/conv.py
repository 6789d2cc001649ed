"""The convolution: the same formula as the dense layer, with patches for rows."""

from __future__ import annotations

from typing import Any

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.patches import Pair, PatchMap
from minprox.engine.layers.transfer import Transfer
from minprox.engine.linear_map import LinearMap
from minprox.ground.arguments import pair, whole
from minprox.ground.backend import array_module


class Conv2d(Transfer):
    """Two-dimensional convolution (cross-correlation, as in every network library).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair of int
    stride : int or pair of int
    padding : int, pair of int, or "same"
        Zeros on both sides; ``"same"`` keeps height and width (stride 1 only).
    dilation : int or pair of int
    groups : int
        Divides both numbers of channels; group ``g`` of the outputs sees group ``g`` of the inputs.
    bias : bool
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "uniform",
    ) -> None:
        in_channels = whole("in_channels of Conv2d", in_channels)
        out_channels = whole("out_channels of Conv2d", out_channels)
        groups = whole("groups of Conv2d", groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups must divide the channels, found {groups} groups "
                f"of {in_channels} and {out_channels} channels"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.input_shape = (in_channels, None, None)
        self.kernel = pair("kernel_size of Conv2d", kernel_size)
        self.stride, self.dilation = pair("stride of Conv2d", stride), pair("dilation of Conv2d", dilation)
        self.reach = tuple(d * (k - 1) for k, d in zip(self.kernel, self.dilation, strict=True))
        if isinstance(padding, str):
            if padding != "same" or self.stride != (1, 1):
                raise ValueError(
                    'Conv2d: padding must be an int, a pair of ints, or "same" with stride 1, '
                    f"found {padding!r} with stride {self.stride}"
                )
            self.margins = [(r // 2, r - r // 2) for r in self.reach]
        else:
            self.margins = [(p, p) for p in pair("padding of Conv2d", padding, least=0)]
        self.padding = padding if isinstance(padding, str) else pair("padding of Conv2d", padding, least=0)
        size = self.kernel[0] * self.kernel[1]
        fan_in, fan_out = in_channels // groups * size, out_channels // groups * size
        super().__init__((fan_in + bool(bias), out_channels), fan_in, bool(bias), groups, init, fan_out)

    def forward(self, theta: Array, a: Array) -> Array:
        z_shape = (len(a), *self.output_shape(a.shape[1:]))  # type: ignore[misc]
        return self.unrows(self.linear_map(a) @ self.split(theta), z_shape)  # z = A θ

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        """``(∂φ/∂a)ᵀ δ``: δ, spread out by the stride, convolved with the flipped kernel."""
        kernel = theta[: self.fan_in].reshape(-1, *self.kernel, self.groups, delta.shape[1] // self.groups)
        flipped = kernel[:, ::-1, ::-1].transpose(3, 4, 1, 2, 0)  # (groups, out, k_h, k_w, in)
        flipped = flipped.reshape(self.groups, -1, kernel.shape[0])
        images = self.spread(delta.transpose(1, 2, 3, 0))
        sizes = zip(a.shape[2:], images.shape[1:3], self.reach, self.margins, strict=True)
        margins = [(reach - before, size + before - grid) for size, grid, reach, (before, _) in sizes]
        A = PatchMap(images, margins, self.kernel, (1, 1), self.dilation, self.groups, False)
        return self.unrows(A @ A.ungrouped(flipped), a.shape)

    def adjoint_theta(self, a: Array, delta: Array) -> Array:
        return self.join(self.linear_map(a).T @ self.rows(delta))  # Aᵀ δ

    def matrix(self, a: Array) -> Array:
        return self.linear_map(a).matrix()

    def linear_map(self, a: Array) -> LinearMap:
        images = a.transpose(1, 2, 3, 0)
        return PatchMap(
            images, self.margins, self.kernel, self.stride, self.dilation, self.groups, self.has_bias
        )

    def rows(self, z: Array) -> Array:
        """Lay out ``z`` as the rows of ``A θ``, which run over (y, x, sample) here."""
        return self.split(z.transpose(2, 3, 0, 1).reshape(-1, z.shape[1]))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        N, C, H, W = z_shape
        columns = rows if self.groups == 1 else rows.swapaxes(0, 1).reshape(-1, C)
        return columns.reshape(H, W, N, C).transpose(2, 3, 0, 1)

    def spread(self, delta: Array) -> Array:
        """Put zeros between the pixels of δ, of shape ``(C, H, W, N)``, where the stride left some out."""
        if self.stride == (1, 1):
            return delta
        (C, H, W, N), (s, t) = delta.shape, self.stride
        x = array_module(delta).zeros((C, (H - 1) * s + 1, (W - 1) * t + 1, N), delta.dtype)
        x[:, ::s, ::t] = delta
        return x

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (self.out_channels, None, None)
        if len(shape) != 3 or shape[0] not in (self.in_channels, None):
            raise ValueError(f"expected images of shape ({self.in_channels}, height, width), found {shape}")
        extents = []
        for n, margin, reach, s in zip(shape[1:], self.margins, self.reach, self.stride, strict=True):
            extent = None if n is None else (n + sum(margin) - reach - 1) // s + 1
            if extent is not None and extent < 1:
                raise ValueError(f"the kernel, of extent {reach + 1}, is larger than the image {shape}")
            extents.append(extent)
        return (self.out_channels, *extents)

    def __repr__(self) -> str:
        options: dict[str, Any] = {
            "stride": (self.stride, (1, 1)),
            "padding": (self.padding, (0, 0)),
            "dilation": (self.dilation, (1, 1)),
            "groups": (self.groups, 1),
            "bias": (self.has_bias, True),
        }
        told = "".join(f", {name}={short(v)!r}" for name, (v, usual) in options.items() if v != usual)
        return f"Conv2d({self.in_channels}, {self.out_channels}, {short(self.kernel)}{told})"


def short(value: Any) -> Any:
    """Write a pair of two equal numbers as one."""
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value
