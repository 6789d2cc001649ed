"""The patch matrix of a convolution: ``A`` whose rows are the patches that the kernel sees.

A patch consists of ``k_h`` windows of ``k_w`` pixels, one from each of ``k_h`` image rows, and the patches of
the next output row share all of them but the last. So the windows of each image row, its "line", are laid out
once, and the patches of an output row are lines that stand one after the other in memory:

    lines[u] = windows of row u              shape (C·k_w, columns)
    Aᵀ of output row y = lines[y : y + k_h]  shape (k_h·C·k_w, columns), a view

That is done for a few columns at a time, so few that the patches of an output row stay in the second cache
while ``y`` advances: with 16 or 20 output channels, a product of matrices is as fast as its larger factor
can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from minprox.engine.layers.base import Array
from minprox.engine.layers.patch_gram import cut, inside, patch_gram
from minprox.engine.linear_map import LinearMap, bordered, transpose
from minprox.ground.backend import array_module, at_once

BLOCK = 2**18  # entries of the patches of one output row that are at hand at a time (a GPU takes more)

Pair = tuple[int, int]


class PatchMap(LinearMap):
    """``A`` of a convolution, applied by blocks so that it never stands in memory whole.

    Its rows run over (y, x, sample). Images are kept with the sample as the last, fastest axis: then
    lines are filled by copies as long as a row of pixels of the whole batch.

    Parameters
    ----------
    images : array, shape (C, H, W, N)
    margins : pair of pair of int
        Zeros to put around the images: (top, bottom), (left, right); a negative number cuts off.
    kernel, stride, dilation : pair of int
    groups : int
    bias : bool
        Whether ``A`` has a column of ones.
    """

    def __init__(
        self,
        images: Array,
        margins: Sequence[Pair],
        kernel: Pair,
        stride: Pair,
        dilation: Pair,
        groups: int,
        bias: bool,
    ) -> None:
        self.images, self.margins = array_module(images).ascontiguousarray(images), margins
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.groups, self.bias, self.dtype = groups, bias, images.dtype
        C, H, W, N = images.shape
        self.extent = tuple(
            (n + sum(margin) - d * (k - 1) - 1) // s + 1
            for n, margin, k, s, d in zip((H, W), margins, kernel, stride, dilation, strict=True)
        )
        self.weights = C // groups * kernel[0] * kernel[1]
        self.shape = (self.extent[0] * self.extent[1] * N, self.weights + bias)

    def blocks(self) -> Iterator[tuple[slice, slice, Array]]:
        """Yield ``(ys, columns, Aᵀ)``: output rows, columns ``x N + n`` in them, and the patches there.

        The patches are of shape ``(groups, len(ys), weights, len(columns))``, with weights that run over
        (k_h, channel, k_w); they are a view that is only valid until the next block.
        """
        xp, N = array_module(self.images), self.images.shape[-1]
        (k, _), (s, _), (d, _), (H, W) = self.kernel, self.stride, self.dilation, self.extent
        size = at_once(self.images, BLOCK)
        step = min(W, max(1, size // max(1, self.groups * self.weights * N)))
        for left in range(0, W, step):
            width = min(step, W - left)
            if left == 0 or width < step:
                count = (H - 1) * s + d * (k - 1) + 1
                lines = xp.zeros((self.groups, count, self.weights // k, width * N), self.dtype)
            starts = self.fill(lines, left, width)
            A_t = xp.lib.stride_tricks.as_strided(  # k lines each, one behind the other
                lines, (self.groups, lines.shape[1] - k + 1, self.weights, width * N), lines.strides
            )
            period, stride = d // gcd(s, d), s // gcd(s, d)  # y + period sees lines "stride" further on
            for y in range(min(H, period)):
                first, n = starts[y * s % d] + y * s // d, len(range(y, H, period))
                part = A_t[:, first : first + (n - 1) * stride + 1 : stride]
                yield slice(y, None, period), slice(left * N, (left + width) * N), part

    def fill(self, lines: Array, left: int, width: int) -> list[int]:
        """Lay out the windows of all image rows for the output columns ``x`` from ``left`` on.

        Rows ``d`` (the dilation) apart stand next to each other; where the first of each kind stands is
        returned. Rows in the margins are never written to: they were zero when the buffer was made.
        """
        C, *size, N = self.images.shape
        (_, k_w), (_, s), (d_h, d_w) = self.kernel, self.stride, self.dilation
        (top, _), (first, _) = self.margins
        images = self.images.reshape(self.groups, C // self.groups, *size, N).swapaxes(1, 2)
        windows = lines.reshape(*lines.shape[:2], C // self.groups, k_w, width, N)
        starts, at = [], 0
        for kind in range(min(d_h, lines.shape[1])):
            count = len(range(kind, lines.shape[1], d_h))
            us, rows = overlap(size[0], count, d_h, kind - top)
            there = windows[:, at : at + count][:, us]
            for j in range(k_w):
                xs, columns = overlap(size[1], width, s, left * s + j * d_w - first)
                if xs.stop - xs.start < width:
                    there[:, :, :, j] = 0
                there[:, :, :, j, xs] = images[:, rows, :, columns]
            starts.append(at)
            at += count
        return starts

    def __matmul__(self, theta: Array) -> Array:
        xp, theta = array_module(self.images, theta), self.grouped(theta)
        dtype, (groups, _, n_out) = xp.result_type(self.images, theta), theta.shape
        z = xp.empty((groups, n_out, self.extent[0], self.shape[0] // self.extent[0]), dtype)
        theta_t = transpose(self.by_rows(theta[:, : self.weights]))[:, None]
        for ys, columns, A_t in self.blocks():
            part = z[:, :, ys, columns].swapaxes(1, 2)
            xp.matmul(theta_t, A_t, out=part)  # zᵀ = θᵀ Aᵀ
            if self.bias:
                part += theta[:, None, -1, :, None]
        return self.ungrouped(transpose(z.reshape(groups, n_out, -1)))

    def adjoint(self, delta: Array) -> Array:
        xp, delta = array_module(self.images, delta), self.grouped(delta)
        by_row = delta.reshape(self.groups, self.extent[0], -1, delta.shape[-1])
        products = ((A_t @ by_row[:, ys, columns]).sum(axis=1) for ys, columns, A_t in self.blocks())
        d = self.by_channels(sum(products))
        if self.bias:
            d = xp.concatenate([d, delta.sum(axis=1, keepdims=True)], axis=1)
        return self.ungrouped(d)

    def matrix(self) -> Array:
        A = array_module(self.images).ones((self.groups, *self.shape), self.dtype)
        by_row = A.reshape(self.groups, self.extent[0], -1, self.shape[1])
        for ys, columns, A_t in self.blocks():
            by_row[:, ys, columns, : self.weights] = transpose(self.by_channels(A_t))
        return self.ungrouped(A)

    @property
    def gram_cost(self) -> float:
        return self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return self.shape[0] * self.shape[1] ** 2 / self.kernel[1]

    def normal(self, dtype: object = "float64") -> Array:
        C, H, W, N = self.images.shape
        parts = self.images.astype(dtype, copy=False).reshape(self.groups, C // self.groups, H, W, N)
        offsets = [margin[0] for margin in self.margins]
        grams = [
            bordered(*patch_gram(part, self.extent, self.kernel, self.stride, self.dilation, offsets), self)
            for part in parts
        ]
        return self.ungrouped(array_module(self.images).stack(grams))

    def by_rows(self, theta: Array) -> Array:
        """Order the weights, which run over (channel, k_h, k_w) in θ, by (k_h, channel, k_w)."""
        split = theta.reshape(self.groups, -1, *self.kernel, theta.shape[-1])
        return split.swapaxes(1, 2).reshape(theta.shape)

    def by_channels(self, d: Array) -> Array:
        """Undo the order of :meth:`by_rows`."""
        split = d.reshape(*d.shape[:-2], self.kernel[0], -1, self.kernel[1], d.shape[-1])
        return split.swapaxes(-4, -3).reshape(d.shape)

    def grouped(self, matrix: Array) -> Array:
        """Add the axis of groups where it is left out."""
        return matrix[None] if self.groups == 1 else matrix

    def ungrouped(self, matrix: Array) -> Array:
        """Leave out the axis of a single group."""
        return matrix[0] if self.groups == 1 else matrix


def overlap(size: int, count: int, stride: int, first: int) -> tuple[slice, slice]:
    """Return which of the pixels ``first + stride · x``, ``0 ≤ x < count``, lie in the image, and where."""
    pixels = inside(size, count, stride, first)
    skip = (pixels.start - first) // stride
    return slice(skip, skip + len(pixels)), cut(pixels)
