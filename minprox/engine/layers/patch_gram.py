"""``AᵀA`` of a convolution without its patch matrix.

Most products of two pixels appear in many patches. With ``x[c, u, w, n]`` the pixels (``u`` the row,
``w`` the column, ``n`` the sample) and ``u = s y + d i − p`` the row that kernel row ``i`` sees at
output row ``y``,

    AᵀA[(c, i, j), (c', i', j')] = Σ_y Σ_x Σ_n x[c, u(y, i), w(x, j), n] · x[c', u(y, i'), w(x, j'), n].

For ``i' = i + k`` the two rows are ``d k`` apart, wherever ``i`` lies. So the products of whole image rows,

    P_k(rows)[(w, c), (w', c')] = Σ_{u in rows} Σ_n x[c, u, w, n] · x[c', u + d k, w', n],

are computed once (by BLAS, ``k_h`` times the rows that the same kernel rows see) and serve every ``i``; what
is left is to sum ``P_k`` along its diagonals ``w' − w = d (j' − j)``. Only a band around the main diagonal is
needed, and it is cut into blocks of columns ``w``, which threads share. With few channels the products of
patches take several times the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module, at_once
from minprox.ground.parallel import share

BLOCK = (
    64  # rows (w, c) of P that are computed together, so that a product is not too skinny (a GPU takes all)
)


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
    xp, (C, H, W), (k_h, k_w) = array_module(x), x.shape[:3], kernel
    seen = [
        [
            inside(size, extent[axis], stride[axis], i * dilation[axis] - offsets[axis])
            for i in range(kernel[axis])
        ]
        for axis, size in enumerate((H, W))
    ]
    lines, total = by_columns(x, dtype)
    step = -(-at_once(x, BLOCK) // C)
    parts = [(k, slice(w, min(w + step, W))) for k in range(k_h) for w in range(0, W, step)]
    pairs = pairs_of_columns(W, seen[1], dilation[1])
    grams: list[Array] = [None] * len(parts)

    def multiply(some: Iterator[int]) -> None:
        for number in some:
            k, ws = parts[number]
            grams[number] = band(lines, k, ws, seen[0], k * dilation[0], dilation[1], pairs)

    share(x, range(len(parts)), multiply)
    normal, sums = xp.zeros((C, k_h, k_w) * 2, lines.dtype), xp.zeros((C, k_h, k_w), lines.dtype)
    for (k, _), gram in zip(parts, grams, strict=True):
        for i in range(k_h - k):
            normal[:, i, :, :, i + k] += gram[i]
    for i in range(k_h):
        for j in range(k_w):
            for m in range(j):
                normal[:, i, j, :, i, m] = normal[:, i, m, :, i, j].T
        for above in range(i):
            normal[:, i, :, :, above] = normal[:, above, :, :, i].transpose(2, 3, 0, 1)
    for i, rows in enumerate(seen[0]):
        for j, columns in enumerate(seen[1]):
            sums[:, i, j] = total[cut(columns), :, cut(rows)].sum(axis=(0, 2))
    return normal.reshape(C * k_h * k_w, -1), sums.reshape(-1)


def by_columns(x: Array, dtype: Any) -> tuple[Array, Array]:
    """Return the pixels in this dtype and the order ``(w, c, u, n)``, and their sums over ``n``."""
    xp, columns = array_module(x), x.transpose(2, 0, 1, 3)
    lines = xp.empty(columns.shape, dtype)
    total = xp.empty(columns.shape[:3], dtype)

    def write(some: Iterator[int]) -> None:
        for w in some:
            lines[w] = columns[w]
            total[w] = lines[w].sum(axis=-1)

    share(x, range(len(columns)), write)
    return lines, total


def band(
    lines: Array, k: int, ws: slice, seen: Sequence[range], apart: int, d: int, pairs: np.ndarray
) -> Array:
    """Return the share of the columns ``ws`` in ``AᵀA[(c, i, j), (c', i + k, j')]``, for each ``i``.

    It is of shape ``(k_h − k, C, k_w, C, k_w)``; for ``k = 0`` only what has ``j' ≥ j`` is there.
    """
    xp, (W, C, H, N), k_w = array_module(lines), lines.shape, pairs.shape[-1]
    pairs = pairs[ws] if k else pairs[ws, k_w - 1 :]
    b, shifts = pairs.shape[:2]
    flat, found = lines.reshape(W * C, H * N), list(runs(H, seen, k, apart))
    left, right = ws.start - d * (shifts - k_w), ws.stop + d * (k_w - 1)
    first, last = max(left, 0), min(right, W)
    P = xp.zeros((len(found), b, C, right - left, C), lines.dtype)
    for n, (start, stop, _) in enumerate(found):
        here = flat[ws.start * C : ws.stop * C, start * N : stop * N]
        there = flat[first * C : last * C, (start + apart) * N : (stop + apart) * N]
        block = P[n].reshape(b * C, -1)[:, (first - left) * C : (last - left) * C]
        xp.matmul(here, there.T, out=block)
    s = P.strides
    diagonals = xp.lib.stride_tricks.as_strided(  # [n, c, c', w, t] = P[n, w, c, w + d t, c']
        P, (len(found), C, C, b, shifts), (s[0], s[2], s[4], s[1] + s[3], d * s[3])
    )
    valid = xp.asarray(pairs.reshape(b * shifts, k_w**2), lines.dtype)
    sums = diagonals.reshape(len(found) * C * C, b * shifts) @ valid
    users = np.array([[i in users for _, _, users in found] for i in range(len(seen) - k)], float)
    gram = xp.asarray(users.reshape(len(seen) - k, len(found)), lines.dtype) @ sums.reshape(
        len(found), C * C * k_w**2
    )
    return gram.reshape(-1, C, C, k_w, k_w).transpose(0, 1, 3, 2, 4)


def pairs_of_columns(W: int, seen: Sequence[range], d: int) -> np.ndarray:
    """Tell whether kernel columns ``j`` and ``j'`` see the columns ``w`` and ``w + d t`` at once.

    Returns
    -------
    ndarray of bool, shape (W, 2 k_w − 1, k_w, k_w)
        Indexed by ``w``, ``t + k_w − 1``, ``j`` and ``j'``.
    """
    k_w = len(seen)
    pairs = np.zeros((W, 2 * k_w - 1, k_w, k_w), bool)
    for j, columns in enumerate(seen):
        for m, others in enumerate(seen):
            both = [w for w in columns if w + d * (m - j) in others]
            pairs[both, m - j + k_w - 1, j, m] = True
    return pairs


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
