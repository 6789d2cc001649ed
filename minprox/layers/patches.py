"""The patch matrix of a convolution: ``A`` whose rows are the patches that the kernel sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minprox.backend import array_module
from minprox.layers.base import Array
from minprox.layers.patch_gram import patch_gram
from minprox.linear_map import LinearMap, bordered, transpose

BLOCK = 2**21  # entries of the patch buffer: small enough to stay in the last cache

Pair = tuple[int, int]


class PatchMap(LinearMap):
    """``A`` of a convolution, applied by blocks of rows so that it never stands in memory whole.

    Its rows run over (y, x, sample). Images are kept with the sample as the last, fastest axis: then
    a patch matrix is filled by copies as long as a row of pixels of the whole batch.

    Parameters
    ----------
    images : array, shape (C, H, W, N)
    margins : pair of pair of int
        Zeros to put around the images: (top, bottom), (left, right).
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
        self.images, self.margins = images, margins
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.groups, self.bias, self.dtype = groups, bias, images.dtype
        C, H, W, N = images.shape
        (top, bottom), (left, right) = margins
        self.padded = (C, H + top + bottom, W + left + right, N)
        self.extent = tuple(
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(self.padded[1:3], kernel, stride, dilation, strict=True)
        )
        self.weights = C // groups * kernel[0] * kernel[1]
        self.shape = (self.extent[0] * self.extent[1] * N, self.weights + bias)

    def with_margins(self) -> Array:
        """Return the padded images, of shape ``(C, H', W', N)``."""
        _, H, W, _ = self.images.shape
        (top, _), (left, _) = self.margins
        x = array_module(self.images).zeros(self.padded, self.dtype)
        x[:, top : top + H, left : left + W] = self.images
        return x

    def blocks(self, most: int = 0) -> Iterator[tuple[slice, Array]]:
        """Yield ``(rows, Aᵀ[..., rows])``, the latter of shape ``(groups, cols, rows)``.

        The buffer is used again for the next block; its row of ones is written once.
        """
        xp, (C, _, _, N) = array_module(self.images), self.padded
        (k_h, k_w), (s_h, s_w), (d_h, d_w), (H, W) = self.kernel, self.stride, self.dilation, self.extent
        x = self.with_margins().reshape(self.groups, C // self.groups, *self.padded[1:])
        step = min(H, max(1, (most or BLOCK) // max(1, C * k_h * k_w * W * N)))
        buffer = None
        for start in range(0, H, step):
            count = min(step, H - start)
            if buffer is None or count < step:
                buffer = xp.ones((self.groups, self.shape[1], count * W * N), self.dtype)
            patches = buffer[:, : self.weights].reshape(*x.shape[:2], k_h, k_w, count, W, N)
            for i in range(k_h):
                for j in range(k_w):
                    top, left = start * s_h + i * d_h, j * d_w
                    patches[:, :, i, j] = x[:, :, top : top + count * s_h : s_h, left : left + W * s_w : s_w]
            yield slice(start * W * N, (start + count) * W * N), buffer

    def __matmul__(self, theta: Array) -> Array:
        xp = array_module(self.images, theta)
        theta_t = transpose(self.grouped(theta))
        z = xp.empty((*theta_t.shape[:2], self.shape[0]), xp.result_type(self.images, theta))
        for rows, A_t in self.blocks():
            xp.matmul(theta_t, A_t, out=z[..., rows])  # zᵀ = θᵀ Aᵀ
        return self.ungrouped(transpose(z))

    def adjoint(self, delta: Array) -> Array:
        delta = self.grouped(delta)
        return self.ungrouped(sum(A_t @ delta[:, rows] for rows, A_t in self.blocks()))

    def matrix(self) -> Array:
        ((_, A_t),) = self.blocks(most=max(1, self.padded[0] * self.weights * self.shape[0]))
        return self.ungrouped(transpose(A_t))

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

    def grouped(self, matrix: Array) -> Array:
        """Add the axis of groups where it is left out."""
        return matrix[None] if self.groups == 1 else matrix

    def ungrouped(self, matrix: Array) -> Array:
        """Leave out the axis of a single group."""
        return matrix[0] if self.groups == 1 else matrix
