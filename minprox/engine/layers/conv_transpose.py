"""The transposed convolution, which makes images larger: a convolution of the pixels spread apart."""

from __future__ import annotations

from math import prod
from typing import Any

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.conv import Convolution
from minprox.engine.layers.patches import PatchMap
from minprox.engine.layers.window import KINDS, Pair, Sizes, short, sizes
from minprox.ground.doors import door


class ConvTranspose2d(Convolution):
    """Transposed convolution: each pixel of the input paints a kernel, ``stride`` pixels from the next.

    Parameters
    ----------
    kernel_size, stride
        As for :class:`Conv2d`.
    padding : int, pair of int, pair of pair of int
        How many rows and columns are cut off at the edges: a convolution with this padding is the adjoint.
    output_padding : int or pair of int
        Rows and columns more at the bottom and right, fewer than ``stride`` or ``dilation``.
    dilation, groups, bias, init
        As for :class:`Conv2d`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The height becomes ``stride · (height − 1) + dilation · (k_h − 1) + 1 − top − bottom + output_padding``.
    θ has shape ``(in_channels/groups · k_h · k_w + 1, out_channels)``. ``A`` consists of the patches of the
    input spread apart, with ``stride − 1`` zeros between pixels; so weight ``(c, i, j)`` of θ is that of the
    painted kernel at ``(k_h − 1 − i, k_w − 1 − j)``, which is where other libraries keep it.

    References
    ----------
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, arXiv:1603.07285.

    Examples
    --------
    >>> import minprox as mp
    >>> up = mp.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
    >>> up.output_shape((16, 4, 4)), up.theta_shape
    ((8, 8, 8), (257, 8))
    """

    axes = 2

    @door
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sizes | tuple[Pair, ...] = 0,
        output_padding: int | Sizes = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "uniform",
    ) -> None:
        if isinstance(padding, str):
            raise ValueError(f"padding of ConvTranspose2d: expected numbers of pixels, found {padding!r}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, init
        )
        self.output_padding = sizes("output_padding of ConvTranspose2d", output_padding, 2, least=0)
        most = [max(s, d) for s, d in zip(self.stride, self.dilation, strict=True)]
        if any(extra >= m for extra, m in zip(self.output_padding, most, strict=True)):
            raise ValueError(
                "output_padding of ConvTranspose2d: expected fewer pixels than stride or dilation, "
                f"found {short(self.output_padding)}"
            )
        seen = prod(-(-k // s) for k, s in zip(self.kernel, self.stride, strict=True))
        self.fan_in = in_channels // groups * seen  # a pixel of the output sees no zeros

    def linear_map(self, a: Array) -> PatchMap:
        x, plane = self.spread(self.images(a)), self.plane
        margins = [(reach - before, reach - after + extra) for reach, (before, after), extra in self.edges()]
        return PatchMap(x, margins, plane.kernel, (1, 1), plane.dilation, self.groups, self.has_bias)

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        """``(∂φ/∂a)ᵀ δ``: a convolution of δ with the flipped kernel."""
        plane = self.plane
        margins = [(before, after - extra) for _, (before, after), extra in self.edges()]
        steps = plane.kernel, plane.stride, plane.dilation
        A = PatchMap(self.images(delta), margins, *steps, self.groups, False)
        return self.unrows(A @ A.ungrouped(self.flipped(theta)), a.shape)

    def edges(self) -> list[tuple[int, Pair, int]]:
        """Return, for each axis, the reach of the kernel, the padding, and the pixels added at the end."""
        padding: Any = self.plane.padding
        return list(zip(self.plane.reach, padding, self.output_padding, strict=True))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (self.out_channels, None, None)
        if len(shape) != 3 or shape[0] not in (self.in_channels, None):
            kind, names = KINDS[2]
            raise ValueError(f"expected {kind} of shape ({self.in_channels}, {names}), found {shape}")
        sides = zip(shape[1:], self.stride, self.edges(), strict=True)
        found = [
            None if n is None else s * (n - 1) + reach + 1 - before - after + extra
            for n, s, (reach, (before, after), extra) in sides
        ]
        if any(n is not None and n < 1 for n in found):
            raise ValueError(f"the padding {short(self.padding)} cuts off all of the image {shape}")
        return (self.out_channels, *found)

    def __repr__(self) -> str:
        text = super().__repr__()
        extra = f", output_padding={short(self.output_padding)}" if any(self.output_padding) else ""
        return f"{text[:-1]}{extra})"
