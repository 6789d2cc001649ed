"""``AᵀA`` of a convolution without its patch matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.gram_of_lines import by_lines, host, multiplications
from minprox.engine.layers.gram_of_spectra import by_spectra, spectra_pay
from minprox.engine.layers.seen_axes import seen_along
from minprox.ground.backend import on_host


def patch_gram(
    x: Array,
    extent: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    offsets: Sequence[int],
    dtype: Any = "float64",
) -> tuple[Array, Array]:
    """Return ``AᵀA`` and the column sums of ``A``, without the column of ones.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
        The images of one group, without margins.
    extent : pair of int
        Height and width of the output.
    kernel, stride, dilation : pair of int
    offsets : pair of int
        Zeros above and left of the image.
    dtype : {"float64", "float32"}
        In which it is summed.

    Returns
    -------
    normal : array, shape (C·k_h·k_w, C·k_h·k_w)
    sums : array, shape (C·k_h·k_w,)
    """
    C, H, W = x.shape[:3]
    seen = [
        [
            inside(size, extent[axis], stride[axis], i * dilation[axis] - offsets[axis])
            for i in range(kernel[axis])
        ]
        for axis, size in enumerate((H, W))
    ]
    rows, columns = (
        seen_along(*axis, both=both)
        for *axis, both in zip((H, W), extent, kernel, dilation, offsets, (False, True), strict=True)
    )
    if (
        tuple(stride) == (1, 1)
        and on_host(x)
        and spectra_pay(x, rows, columns, multiplications(x, kernel, dilation))
    ):
        normal, total = by_spectra(x, rows, columns, dtype)
    else:
        normal, total = by_lines(x, seen, dilation, dtype)
    sums = host(seen_by(H, seen[0]), total).T @ total @ host(seen_by(W, seen[1]), total)
    return normal.reshape(C * kernel[0] * kernel[1], -1), sums.reshape(-1)


def seen_by(size: int, seen: Sequence[range]) -> np.ndarray:
    """Tell which pixels each row, or column, of the kernel sees: bool, of shape ``(size, len(seen))``."""
    return np.array([[pixel in pixels for pixels in seen] for pixel in range(size)]).reshape(size, len(seen))


def inside(size: int, extent: int, stride: int, first: int) -> range:
    """Return the pixels ``first + stride · y``, ``0 ≤ y < extent``, that lie in the image."""
    skip = max(0, -(first // stride))
    return range(first + skip * stride, min(size, first + extent * stride), stride)


def cut(pixels: range) -> slice:
    """Return a range of pixels as a slice."""
    return slice(pixels.start, max(pixels.start, pixels.stop), pixels.step)
