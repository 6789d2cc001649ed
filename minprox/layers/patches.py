"""The patch matrix of a convolution: ``A`` whose rows are the patches that the kernel sees."""

from __future__ import annotations

from collections.abc import Iterator

from minprox.backend import array_module
from minprox.layers.base import Array
from minprox.linear_map import LinearMap, bordered, transpose

BLOCK = 2**21  # entries of the patch buffer: small enough to stay in the last cache

Pair = tuple[int, int]


class PatchMap(LinearMap):
    """``A`` of a convolution, applied by blocks of images so that it never stands in memory whole.

    Parameters
    ----------
    x : array, shape (C, N, H, W)
        The padded input, channels first: then the patch matrix is filled by long contiguous
        copies, and ``A θ`` comes out channels first as well.
    kernel, stride, dilation : pair of int
    groups : int
    bias : bool
        Whether ``A`` has a column of ones.
    """

    def __init__(self, x: Array, kernel: Pair, stride: Pair, dilation: Pair, groups: int, bias: bool) -> None:
        self.x, self.kernel, self.stride, self.dilation = x, kernel, stride, dilation
        self.groups, self.bias = groups, bias
        self.extent = tuple(
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
        )
        self.weights = x.shape[0] // groups * kernel[0] * kernel[1]
        self.positions = self.extent[0] * self.extent[1]
        self.shape = (x.shape[1] * self.positions, self.weights + bias)
        self.dtype = x.dtype

    def fill(self, patches: Array, images: slice) -> None:
        """Copy the patches of some images into ``(C, k_h, k_w, images, H_out, W_out)``."""
        (rows, columns), (s_h, s_w), (d_h, d_w) = self.extent, self.stride, self.dilation
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                top, left = i * d_h, j * d_w
                patches[:, i, j] = self.x[
                    :, images, top : top + s_h * rows : s_h, left : left + s_w * columns : s_w
                ]

    def blocks(self, images: int = 0) -> Iterator[tuple[slice, Array]]:
        """Yield ``(rows, Aᵀ[..., rows])`` without the ones, of shape ``(groups, weights, rows)``.

        The buffer is used again for the next block.
        """
        C, N = self.x.shape[:2]
        step = images or max(1, min(N, BLOCK // max(1, C * self.kernel[0] * self.kernel[1] * self.positions)))
        buffer = array_module(self.x).empty((C, *self.kernel, step, *self.extent), self.dtype)
        for start in range(0, N, step):
            stop = min(start + step, N)
            patches = buffer if stop - start == step else buffer[:, :, :, : stop - start].copy()
            self.fill(patches, slice(start, stop))
            rows = slice(start * self.positions, stop * self.positions)
            yield rows, patches.reshape(self.groups, self.weights, rows.stop - rows.start)

    def __matmul__(self, theta: Array) -> Array:
        xp = array_module(self.x, theta)
        theta = self.grouped(theta)
        weight_t = transpose(theta[:, : self.weights])
        z = xp.empty((*weight_t.shape[:2], self.shape[0]), xp.result_type(self.x, theta))
        for rows, patches in self.blocks():
            xp.matmul(weight_t, patches, out=z[..., rows])
        if self.bias:
            z += theta[:, -1, :, None]
        return self.ungrouped(transpose(z))

    def adjoint(self, delta: Array) -> Array:
        xp = array_module(self.x, delta)
        delta = self.grouped(delta)
        d = sum(patches @ delta[:, rows] for rows, patches in self.blocks())
        if self.bias:
            d = xp.concatenate([d, delta.sum(axis=1, keepdims=True)], axis=1)
        return self.ungrouped(d)

    def matrix(self) -> Array:
        xp = array_module(self.x)
        ((_, patches),) = self.blocks(images=max(1, self.x.shape[1]))
        ones = xp.ones((self.groups, self.shape[0], int(self.bias)), self.dtype)
        return self.ungrouped(xp.concatenate([transpose(patches), ones], axis=-1))

    def normal(self, dtype: object = "float64") -> Array:
        xp = array_module(self.x)
        normal = xp.zeros((self.groups, self.weights, self.weights), dtype)
        sums = xp.zeros((self.groups, self.weights), dtype)
        for _, patches in self.blocks():
            normal += patches @ transpose(patches)
            sums += patches.sum(axis=-1)
        return self.ungrouped(bordered(normal, sums, self))

    def grouped(self, matrix: Array) -> Array:
        """Add the axis of groups where it is left out."""
        return matrix[None] if self.groups == 1 else matrix

    def ungrouped(self, matrix: Array) -> Array:
        """Leave out the axis of a single group."""
        return matrix[0] if self.groups == 1 else matrix
