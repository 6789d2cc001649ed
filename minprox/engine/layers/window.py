"""A window that slides over images: how many places it has, and how far it reaches over their edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from minprox.engine.layers.base import Shape
from minprox.ground.arguments import pair, shown, whole

Pair = tuple[int, int]
Sizes = tuple[int, ...]  # one for each axis of an image
KINDS = {1: ("signals", "length"), 2: ("images", "height, width")}


@dataclass(frozen=True)
class Window:
    """Kernel, stride, dilation and padding, for each axis of an image.

    Parameters
    ----------
    kernel, stride, dilation : tuple of int
    padding : tuple of pair of int, or "same"
        Before and after each axis. With ``"same"`` an extent ``n`` becomes ``⌈n/stride⌉``; of an odd number
        of pixels that this adds, one more stands at the end (``SAME_UPPER`` in ONNX, ``SAME`` in TensorFlow).
    ceil : bool
        Whether a last window that begins on the image or before it, but does not fit, has a place.
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: tuple[Pair, ...] | str
    ceil: bool = False

    @property
    def reach(self) -> Sizes:
        """The distance between the first and the last pixel that it sees, ``dilation · (kernel − 1)``."""
        return tuple(d * (k - 1) for k, d in zip(self.kernel, self.dilation, strict=True))

    def plane(self) -> Window:
        """Return the window on an image of two axes; signals of one axis are images of height 1."""
        more = 2 - len(self.kernel)
        kernel, stride, dilation = ((1,) * more + s for s in (self.kernel, self.stride, self.dilation))
        padding = self.padding if isinstance(self.padding, str) else ((0, 0),) * more + self.padding
        return Window(kernel, stride, dilation, padding, self.ceil)

    def margins(self, size: Sequence[int]) -> list[Pair]:
        """Return how many pixels the padding puts before and after each axis of an image."""
        if not isinstance(self.padding, str):
            return list(self.padding)
        ends = [s * (-(-n // s) - 1) + r + 1 for n, s, r in zip(size, self.stride, self.reach, strict=True)]
        totals = [max(0, end - n) for end, n in zip(ends, size, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]

    def places(self, axis: int, n: int) -> int:
        """Return the number of places along an axis where the image has ``n`` pixels."""
        s = self.stride[axis]
        if isinstance(self.padding, str):
            return -(-n // s)
        before, after = self.padding[axis]
        room = n + before + after - self.reach[axis] - 1
        count = (-(-room // s) if self.ceil else room // s) + 1
        return count - (self.ceil and (count - 1) * s >= n + before)  # it would begin behind the image

    def extents(self, shape: Shape, channels: int | None = None) -> Sizes | tuple[None, ...]:
        """Return the number of places along each axis of samples ``(channels, *size)``, None if unknown."""
        if shape is None:
            return (None,) * len(self.kernel)
        if len(shape) != len(self.kernel) + 1 or (channels and shape[0] not in (channels, None)):
            kind, names = KINDS[len(self.kernel)]
            expected = f"{kind} of shape ({channels or 'channels'}, {names})"
            raise ValueError(f"expected {expected}, found {shape}")
        found = [None if n is None else self.places(axis, n) for axis, n in enumerate(shape[1:])]
        if any(count is not None and count < 1 for count in found):
            extent = short(tuple(r + 1 for r in self.reach))
            raise ValueError(
                f"the window {self.kernel}, of extent {extent}, is larger than the image {shape}"
            )
        return tuple(found)  # type: ignore[return-value]

    def cover(self, size: Sequence[int]) -> list[Pair]:
        """Return the margins, and behind them what the last windows need besides."""
        cover = []
        for axis, (n, (before, after)) in enumerate(zip(size, self.margins(size), strict=True)):
            end = (self.places(axis, n) - 1) * self.stride[axis] + self.reach[axis] + 1
            cover.append((before, max(after, end - before - n)))
        return cover


@lru_cache(maxsize=256)
def pixel_counts(window: Window, size: Sizes, padded: bool) -> np.ndarray:
    """Return how many pixels the window sees at each place, those of the padding counted or not."""
    total = np.ones((), int)
    for axis, (n, margin) in enumerate(zip(size, window.margins(size), strict=True)):
        before, after = margin if padded else (0, 0)
        start = np.arange(window.places(axis, n)) * window.stride[axis] - margin[0]
        pixels = start[:, None] + np.arange(window.kernel[axis]) * window.dilation[axis]
        total = np.multiply.outer(total, ((pixels >= -before) & (pixels < n + after)).sum(axis=1))
    total.setflags(write=False)
    return total


def sizes(name: str, value: Any, axes: int, least: int = 1) -> Sizes:
    """Return one integer for each axis, given as such or as one for all."""
    if axes == 2:
        return pair(name, value, least)
    alone = isinstance(value, (tuple, list)) and len(value) == 1
    return (whole(name, value[0] if alone else value, least),)


def read_padding(name: str, value: Any, axes: int) -> tuple[Pair, ...] | str:
    """Return "same", or for each axis a pair (before, after), which one integer may stand for."""
    if isinstance(value, str) and value == "same":
        return value
    listed = isinstance(value, (tuple, list))
    if axes == 1 and listed and len(value) == 2:
        value = [value]
    entries = list(value) if listed else [value] * axes
    try:
        pairs = tuple(pair(name, entry, least=0) for entry in entries)
    except ValueError:
        pairs = ()
    if len(pairs) != axes:
        kinds = "a pair (before, after)" if axes == 1 else "a pair of them, of pairs (before, after)"
        raise ValueError(
            f'{name}: expected an integer of at least 0, {kinds} or "same", found {shown(value)}'
        )
    return pairs


def simplified(padding: tuple[Pair, ...] | str) -> Any:
    """Write a padding as one int for each axis, where both sides of each are alike."""
    if isinstance(padding, str):
        return padding
    if all(before == after for before, after in padding):
        return tuple(before for before, _ in padding)
    return padding if len(padding) > 1 else padding[0]


def short(values: Any) -> Any:
    """Write a tuple of equal numbers as one."""
    alike = isinstance(values, tuple) and len(set(values)) == 1 and not isinstance(values[0], tuple)
    return values[0] if alike else values
