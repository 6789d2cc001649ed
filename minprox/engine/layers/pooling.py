"""Pooling: the windows of an image, reduced to one number each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.engine.layers.window import (
    Pair,
    Sizes,
    Window,
    pixel_counts,
    read_padding,
    short,
    simplified,
    sizes,
)
from minprox.ground.backend import array_module
from minprox.ground.doors import door
from minprox.ground.parallel import in_parts

over_images = partial(in_parts, axes=2)  # threads share samples and channels


class Pool(Layer):
    """Base of the pooling layers, for images of any number of axes."""

    arity = 1
    bends = False
    axes: int  # of an image

    @door
    def __init__(
        self,
        kernel_size: int | Sizes,
        stride: int | Sizes | None = None,
        padding: int | Sizes | tuple[Pair, ...] | str = 0,
        *,
        dilation: int | Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        name = type(self).__name__
        self.kernel = sizes(f"kernel_size of {name}", kernel_size, self.axes)
        self.stride = self.kernel if stride is None else sizes(f"stride of {name}", stride, self.axes)
        self.dilation = sizes(f"dilation of {name}", dilation, self.axes)
        self.ceil_mode = bool(ceil_mode)
        margins = read_padding(f"padding of {name}", padding, self.axes)
        self.padding = simplified(margins)
        self.window = Window(self.kernel, self.stride, self.dilation, margins, self.ceil_mode)
        sides = [] if isinstance(margins, str) else zip(margins, self.window.reach, strict=True)
        if any(2 * max(margin) > reach + 1 for margin, reach in sides):
            raise ValueError(
                f"padding of {name}: expected at most half of the size {self.kernel}, found {self.padding}"
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        extents = self.window.extents(shape)
        if shape is not None and None not in shape and not self.sees(shape[1:]):
            raise ValueError(f"some windows {self.kernel} see no pixel of the image {shape}")
        return (None if shape is None else shape[0], *extents)

    def sees(self, size: Any) -> bool:
        """Tell whether each window sees something to be reduced."""
        return bool(pixel_counts(self.window, tuple(size), padded=False).all())

    def padded(self, a: Array, value: float) -> Array:
        """Put a margin of one value around the images, as far as the windows reach."""
        self.output_shape(a.shape[1:])
        cover = self.window.cover(a.shape[2:])
        if not any(map(any, cover)):
            return a
        return array_module(a).pad(a, ((0, 0), (0, 0), *cover), constant_values=value)

    def inside(self, x: Array, size: Sizes) -> Array:
        """Undo the margin."""
        starts = [before for before, _ in self.window.margins(size)]
        return x[:, :, *(slice(start, start + n) for start, n in zip(starts, size, strict=True))]

    def windows(self, x: Array, size: Sizes) -> Iterator[Array]:
        """Yield, for each place in the window, the view of what stands there in all windows."""
        spans = [
            [slice(i * d, i * d + s * (self.window.places(axis, n) - 1) + 1, s) for i in range(k)]
            for axis, (n, k, s, d) in enumerate(
                zip(size, self.kernel, self.stride, self.dilation, strict=True)
            )
        ]
        for span in product(*spans):
            yield x[:, :, *span]

    def __repr__(self) -> str:
        told = f", stride={short(self.stride)}" if self.stride != self.kernel else ""
        told += f", padding={short(self.padding)!r}" if self.padding != (0,) * self.axes else ""
        told += f", dilation={short(self.dilation)}" if max(self.dilation) > 1 else ""
        told += ", ceil_mode=True" if self.ceil_mode else ""
        return f"{type(self).__name__}({short(self.kernel)}{told})"


def room_like(x: Array, out: Array | None) -> Array:
    """Return memory for an array like ``x``: that of ``out``, if it has its shape."""
    return array_module(x).empty_like(x) if out is None or out.shape != x.shape else out
