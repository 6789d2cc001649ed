"""``AᵀA`` of a convolution without its patch matrix.

Most products of two pixels appear in many patches. With ``x[c, u, w, n]`` the pixels (``u`` the row,
``w`` the column, ``n`` the sample) and ``u = s y + d i − p`` the row that kernel row ``i`` sees at
output row ``y``,

    AᵀA[(c, i, j), (c', i', j')] = Σ_y Σ_x Σ_n x[c, u(y, i), w(x, j), n] · x[c', u(y, i'), w(x, j'), n].

For ``i' = i + k`` the two rows are ``d k`` apart, wherever ``i`` lies. So the products of whole image rows,

    P_k(rows)[(c, w), (c', w')] = Σ_{u in rows} Σ_n x[c, u, w, n] · x[c', u + d k, w', n],

are computed once (``k_h`` times ``H`` products of rows, by BLAS) and serve every ``i``; what is left
is to sum ``P_k`` along its diagonals ``w' − w = d (j' − j)``, of all ``i`` and ``k`` at once. With few
channels the products of patches take several times the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module, at_once

BLOCK = 2**16  # entries of P whose diagonals are summed together, in the cache (a GPU takes more)


def patch_gram(
    x: Array,
    extent: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    offsets: Sequence[int],
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

    Returns
    -------
    normal : array, shape (C·k_h·k_w, C·k_h·k_w)
    sums : array, shape (C·k_h·k_w,)
    """
    xp, (C, H, W, N), (k_h, k_w) = array_module(x), x.shape, kernel
    seen = [
        [
            inside(size, extent[axis], stride[axis], i * dilation[axis] - offsets[axis])
            for i in range(kernel[axis])
        ]
        for axis, size in enumerate((H, W))
    ]
    normal, sums = xp.zeros((C, k_h, k_w) * 2, x.dtype), xp.zeros((C, k_h, k_w), x.dtype)
    lines = xp.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(C * W, H * N)
    pairs = [(i, k) for k in range(k_h) for i in range(k_h - k)]
    P = xp.zeros((len(pairs), C * W, C * W), x.dtype)  # P_k over all rows that kernel row i sees
    for k in range(k_h):
        apart = k * dilation[0]
        for start, stop, users in runs(H, seen[0], k, apart):
            here = lines[:, start * N : stop * N]
            product = here @ lines[:, (start + apart) * N : (stop + apart) * N].T
            for i in users:
                P[pairs.index((i, k))] += product
    step = max(1, at_once(x, BLOCK) // P[0].size)
    for first in range(0, len(pairs), step):
        some = P[first : first + step].reshape(-1, C, W, C, W)
        along = diagonals(some, seen[1], dilation[1])
        for (i, k), part in zip(pairs[first : first + step], along, strict=True):
            normal[:, i, :, :, i + k] = part
            normal[:, i + k, :, :, i] = part.transpose(2, 3, 0, 1)
    total = x.sum(axis=-1)
    for i, rows in enumerate(seen[0]):
        for j, columns in enumerate(seen[1]):
            sums[:, i, j] = total[:, cut(rows), cut(columns)].sum(axis=(1, 2))
    return normal.reshape(C * k_h * k_w, -1), sums.reshape(-1)


def inside(size: int, extent: int, stride: int, first: int) -> range:
    """Return the pixels ``first + stride · y``, ``0 ≤ y < extent``, that lie in the image."""
    skip = max(0, -(first // stride))
    return range(first + skip * stride, min(size, first + extent * stride), stride)


def cut(pixels: range) -> slice:
    """Return a range of pixels as a slice."""
    return slice(pixels.start, max(pixels.start, pixels.stop), pixels.step)


def runs(
    height: int, seen: Sequence[range], k: int, apart: int
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield ``(start, stop, users)``: rows ``u`` which the same kernel rows ``i`` see, with ``u + d k``."""

    def users(u: int) -> tuple[int, ...]:
        return tuple(i for i in range(len(seen) - k) if u in seen[i] and u + apart in seen[i + k])

    for kernel_rows, rows in groupby(range(height), users):
        start, *others = rows
        if kernel_rows:
            yield start, start + 1 + len(others), kernel_rows


def diagonals(P: Array, seen: list[range], dilation: int) -> Array:
    """Return ``Σ_x P[n, c, w(x, j), c', w(x, j')]`` for all ``j, j'``, of shape ``(n, C, k_w, C, k_w)``."""
    xp, (n, C), k_w = array_module(P), P.shape[:2], len(seen)
    along = xp.zeros((n, C, k_w, C, k_w), P.dtype)
    for j in range(k_w):
        for m in range(k_w):
            shift = (m - j) * dilation
            both = [w for w in seen[j] if w + shift in seen[m]]
            if both:
                step = both[1] - both[0] if len(both) > 1 else 1
                first = min(both[0], both[0] + shift)  # place on the diagonal of this shift
                diagonal = P.diagonal(shift, 2, 4)[..., first : first + step * len(both) : step]
                along[:, :, j, :, m] = diagonal.sum(axis=-1)
    return along
