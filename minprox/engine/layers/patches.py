"""The patch matrix of a convolution: ``A`` whose rows are the patches that the kernel sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.layers.patch_gram import patch_gram
from minprox.engine.layers.patch_lines import Cut, Lines, line_of, pieces, rows_of, turn_of
from minprox.engine.layers.spectral_products import spectra_pay, spectral_adjoint, spectral_product
from minprox.engine.linear_map import LinearMap, bordered, transpose
from minprox.ground.backend import array_module, at_once, on_host
from minprox.ground.parallel import contiguous, share
from minprox.ground.rooms import room

BLOCK = 2**19  # entries of the lines that are at hand at a time, which the second cache holds
ROOM = 2**25  # the same on a GPU
LEAST = 512  # columns at a time, if there are so many: narrower products take too long to begin
UNPACKED = 10**6  # multiplications in a product whose matrices OpenBLAS does not pack first
EVEN, FEW = 32, 64  # columns of such a product: a multiple of this, and at least that
SUMS = 32  # parts of Aᵀδ at most, which are summed in their order

Pair = tuple[int, int]


class PatchMap(LinearMap):
    """``A`` of a convolution, applied to a few columns at a time so that it never stands in memory whole.

    Its rows run over (y, x, sample). Images are kept with the sample as the last, fastest axis: then
    lines are filled by copies as long as a row of pixels of the whole batch. With 16 or 20 output
    channels, a product of matrices is as fast as its larger factor can be read, so the columns are so few
    that their lines stay in the second cache, and threads share them. Where a kernel has many places, and
    few channels come out, products go through spectra instead.

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
        self.images, self.margins = contiguous(images), margins
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.groups, self.bias, self.dtype = groups, bias, images.dtype
        C, H, W, N = images.shape
        self.extent: Any = tuple(
            (n + sum(margin) - d * (k - 1) - 1) // s + 1
            for n, margin, k, s, d in zip((H, W), margins, kernel, stride, dilation, strict=True)
        )
        self.weights = C // groups * kernel[0] * kernel[1]
        self.shape = (self.extent[0] * self.extent[1] * N, self.weights + bias)

    def cuts(self) -> list[Cut]:
        """Cut the output rows into columns that are treated at a time."""
        (H, W), N = self.extent, self.images.shape[-1]
        entries = self.groups * self.weights // self.kernel[0] * (H * self.stride[0] + self.kernel[0])
        room = max(1, LEAST, at_once(self.images, BLOCK, ROOM) // max(1, entries))
        step, size = even(W, max(1, room // max(1, N))), max(1, even(N, room))
        return [
            Cut(left, min(step, W - left), slice(first, min(first + size, N)))
            for first in range(0, max(1, N), size)
            for left in range(0, W, step)
        ]

    def __matmul__(self, theta: Array) -> Array:
        xp, theta = array_module(self.images, theta), self.grouped(theta)
        dtype, (groups, _, n_out) = xp.result_type(self.images, theta), theta.shape
        if self.by_spectra(n_out):
            outputs = [self.spectral_product(*both) for both in zip(self.by_group(), theta, strict=True)]
            return self.ungrouped(transpose(stacked(outputs).reshape(groups, n_out, -1)))
        z = room(self.images, (groups, n_out, self.extent[0], self.shape[0] // self.extent[0]), dtype)
        cuts = self.cuts()
        thetas_t = {turn: self.by_rows(theta, turn) for turn in {turn_of(self, place) for place in cuts}}

        def multiply(some: Iterator[Cut]) -> None:
            lines = Lines(self)
            for place in some:
                theta_t = thetas_t[turn_of(self, place)]
                for ys, columns, (A_t, *others) in lines.patches(place):
                    part = z[:, :, ys, columns].swapaxes(1, 2)
                    by_y = theta_t[:, :, : part.shape[1]]
                    for few in unpacked(A_t, n_out):
                        xp.matmul(by_y[0], A_t[..., few], out=part[..., few])  # zᵀ = θᵀ Aᵀ
                    for some_theta_t, some_A_t in zip(by_y[1:], others, strict=True):
                        part += some_theta_t @ some_A_t

        share(self.images, cuts, multiply)
        return self.ungrouped(transpose(z.reshape(groups, n_out, -1)))

    def adjoint(self, delta: Array) -> Array:
        xp, delta = array_module(self.images, delta), self.grouped(delta)
        if self.by_spectra(delta.shape[-1]):
            found = [self.spectral_adjoint(*both) for both in zip(self.by_group(), delta, strict=True)]
            return self.ungrouped(stacked(found))
        by_row = delta.reshape(self.groups, self.extent[0], -1, delta.shape[-1])
        cuts, shape = self.cuts(), (self.groups, self.shape[1], delta.shape[-1])
        step = -(-len(cuts) // max(1, min(SUMS, self.images.size // max(1, prod(shape)))))
        sums = xp.zeros((len(range(0, len(cuts), step)), *shape), xp.result_type(self.images, delta))

        def multiply(some: Iterator[int]) -> None:
            lines = Lines(self)
            for number in some:
                for place in cuts[number * step : (number + 1) * step]:
                    rows = rows_of(self, turn_of(self, place))
                    for ys, columns, some_A_t in lines.patches(place):
                        part = by_row[:, ys, columns]
                        products = [(A_t @ part).sum(axis=1) for A_t in some_A_t]  # Aᵀ δ
                        sums[number] += joined(products, 1)[:, rows]

        share(self.images, range(len(sums)), multiply)
        return self.ungrouped(sums.sum(axis=0))

    def by_spectra(self, n_out: int) -> bool:
        """Tell whether products with so many columns go through spectra."""
        if self.stride != (1, 1) or not on_host(self.images):
            return False
        return spectra_pay(self.by_group().shape[1:], n_out, self.kernel, *self.geometry())

    def spectral_product(self, images: Array, theta: Array) -> Array:
        """Return ``A θ`` of one group through spectra, as images."""
        weights = theta[: self.weights].reshape(len(images), *self.kernel, -1)
        return spectral_product(images, weights, *self.geometry(), theta[-1] if self.bias else None)

    def spectral_adjoint(self, images: Array, delta: Array) -> Array:
        """Return ``Aᵀ δ`` of one group through spectra."""
        _, *steps = self.geometry()
        errors = contiguous(transpose(delta).reshape(-1, *self.extent, images.shape[-1]))
        found, sums = spectral_adjoint(images, errors, self.kernel, *steps)
        found = found.reshape(self.weights, -1)
        return array_module(found).concatenate([found, sums[None]]) if self.bias else found

    def geometry(self) -> tuple[Pair, Pair, Pair]:
        """Return the extents of the output, the dilation, and the zeros above and left of the image."""
        (top, _), (left, _) = self.margins
        return self.extent, self.dilation, (top, left)

    def by_group(self) -> Array:
        """Return the images of each group."""
        C, *rest = self.images.shape
        return self.images.reshape(self.groups, C // self.groups, *rest)

    def matrix(self) -> Array:
        xp = array_module(self.images)
        A = xp.empty((self.groups, *self.shape), self.dtype)
        by_row = A.reshape(self.groups, self.extent[0], -1, self.shape[1])

        def write(some: Iterator[Cut]) -> None:
            lines = Lines(self)
            for place in some:
                rows = rows_of(self, turn_of(self, place))
                for ys, columns, some_A_t in lines.patches(place):
                    by_row[:, ys, columns] = transpose(joined(some_A_t, 2)[:, :, rows])

        share(A, self.cuts(), write)
        return self.ungrouped(A)

    @property
    def gram_cost(self) -> float:
        return self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        (C, *pixels), (k_h, k_w) = self.images.shape, self.kernel
        pairs = k_w + (k_h - 1) * (2 * k_w - 1)  # places of a pixel beside another one in the same patch
        return float(prod(pixels) * (C // self.groups) ** 2 * pairs)

    def normal(self, dtype: Any = "float64") -> Array:
        parts, N = self.by_group(), self.images.shape[-1]
        steps = self.kernel, self.stride, self.dilation, [margin[0] for margin in self.margins]
        pixels = max(1, parts[0, ..., :1].size)  # of a sample, of which there may be none
        size = max(1, at_once(self.images, N, ROOM // (pixels * (self.kernel[0] + 2))))
        grams = []
        for part in parts:
            blocks = (part[..., first : first + size] for first in range(0, max(1, N), size))
            products, sums = zip(
                *(patch_gram(some, self.extent, *steps, dtype) for some in blocks), strict=True
            )
            grams.append(bordered(sum(products[1:], products[0]), sum(sums[1:], sums[0]), self))
        return self.ungrouped(stacked(grams))

    def by_rows(self, theta: Array, turn: int) -> Array:
        """Return θᵀ with its columns in the order of the rows of Aᵀ, ``(pieces, groups, y, n_out, rows)``."""
        xp, (k, _), n_out = array_module(theta), self.kernel, theta.shape[-1]
        turned = xp.zeros((self.groups, k * line_of(self), n_out), theta.dtype)
        turned[:, rows_of(self, turn)] = theta
        by_piece = turned.reshape(self.groups, pieces(self), -1, n_out).transpose(1, 0, 3, 2)
        return by_piece[:, :, None].repeat(at_once(self.images, 1, self.extent[0]), 2)

    def grouped(self, matrix: Array) -> Array:
        """Add the axis of groups where it is left out."""
        return matrix[None] if self.groups == 1 else matrix

    def ungrouped(self, matrix: Array) -> Array:
        """Leave out the axis of a single group."""
        return matrix[0] if self.groups == 1 else matrix


def stacked(arrays: Sequence[Array]) -> Array:
    """Put arrays side by side on a new axis; a single one is not copied."""
    return array_module(arrays[0]).stack(arrays) if len(arrays) > 1 else arrays[0][None]


def joined(arrays: Sequence[Array], axis: int) -> Array:
    """Join arrays along an axis; a single one is returned as it is."""
    return array_module(arrays[0]).concatenate(arrays, axis=axis) if len(arrays) > 1 else arrays[0]


def unpacked(A_t: Array, n_out: int) -> list[slice]:
    """Cut the columns into parts that need no packing in a product with ``n_out`` rows."""
    columns = A_t.shape[-1]
    most = UNPACKED // max(1, A_t.shape[-2] * n_out) // EVEN * EVEN
    size = most if on_host(A_t) and most >= FEW else max(1, columns)
    return [slice(start, start + size) for start in range(0, columns, size)]


def even(length: int, most: int) -> int:
    """Return the length of parts of at most ``most``, all as long as each other but for the last."""
    return -(-length // max(1, -(-length // most)))
