"""``AᵀA`` of a convolution by products of whole image rows.

Most products of two pixels appear in many patches. With ``x[c, u, w, n]`` the pixels (``u`` the row,
``w`` the column, ``n`` the sample) and ``u = s y + d i − p`` the row that kernel row ``i`` sees at
output row ``y``,

    AᵀA[(c, i, j), (c', i', j')] = Σ_y Σ_x Σ_n x[c, u(y, i), w(x, j), n] · x[c', u(y, i'), w(x, j'), n].

For ``i' = i + k`` the two rows are ``d k`` apart, wherever ``i`` lies. So the products of whole image rows,

    P_k(rows)[(w, c), (w', c')] = Σ_{u in rows} Σ_n x[c, u, w, n] · x[c', u + d k, w', n],

are computed once (by BLAS, ``k_h`` times the rows that the same kernel rows see) and serve every ``i``; what
is left is to sum ``P_k`` along its diagonals ``w' − w = d (j' − j)``. Only a band around the main diagonal is
needed, and it is cut into blocks of columns ``w``, which threads share. Where there is room for the products
of all ``k`` and of each row by itself, on a GPU, that is one product. With few channels the products of
patches take several times the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module, at_once
from minprox.ground.parallel import share
from minprox.ground.rooms import room

BLOCK = (
    64  # rows (w, c) of P that are computed together, so that a product is not too skinny (a GPU takes more)
)


class Part(NamedTuple):
    """What is computed together: ``P_k`` of some ``k`` for a block of columns ``w``."""

    ks: range
    ws: slice


def by_lines(
    x: Array, seen: Sequence[Sequence[range]], dilation: Sequence[int], dtype: Any
) -> tuple[Array, Array]:
    """Return ``AᵀA``, and the sum of each pixel over the samples.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    seen : pair of list of range
        The rows of the image which each kernel row sees, and the columns which each kernel column sees.
    dilation : pair of int
    dtype : {"float64", "float32"}

    Returns
    -------
    normal : array, shape (C, k_h, k_w, C, k_h, k_w)
    total : array, shape (C, H, W)
    """
    xp, (C, _, W), (k_h, k_w) = array_module(x), x.shape[:3], [len(places) for places in seen]
    together, step = cut_up(x, (k_h, k_w), dilation)
    parts = [
        Part(range(k, min(k + together, k_h)), slice(w, min(w + step, W)))
        for k in range(0, k_h, together)
        for w in range(0, W, step)
    ]
    lines, total = by_columns(x, dtype, dilation[0] * (k_h - 1) if together > 1 else 0)
    pairs = pairs_of_columns(W, seen[1], dilation[1])
    grams: list[Array] = [None] * len(parts)

    def multiply(some: Iterator[int]) -> None:
        for number in some:
            grams[number] = band(lines, parts[number], seen[0], dilation, pairs)

    share(x, range(len(parts)), multiply)
    upper = xp.zeros((C, k_h, k_w, C, 2 * k_h - 1, k_w), lines.dtype)
    c, i, j, c2, i2, j2 = upper.strides
    for part, gram in zip(parts, grams, strict=True):
        blocks = xp.lib.stride_tricks.as_strided(  # [k, i, c, c', j, j'] = upper[c, i, j, c', i + k, j']
            upper[:, :, :, :, part.ks.start :], gram.shape, (i2, i + i2, c, c2, j, j2)
        )
        blocks += gram
    upper = upper[:, :, :, :, :k_h]
    t = xp.arange(k_h * k_w)
    known = (t[:, None] <= t).reshape(k_h, k_w, 1, k_h, k_w)  # the rest is its transpose
    return xp.where(known, upper, upper.transpose(3, 4, 5, 0, 1, 2)), total.transpose(1, 2, 0)


def cut_up(x: Array, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, int]:
    """Return for how many ``k``, and how many columns ``w``, products are taken together."""
    (C, H, W), (k_h, k_w) = x.shape[:3], kernel
    rows = at_once(x, BLOCK * C * H * W) // (C * H * W)  # of P for each u
    together = min(k_h, max(1, rows // (C * W)))
    step = -(-rows // (C * together))
    if step + dilation[1] * (k_w - 1) >= W:  # a band as wide as the image saves nothing
        step = W
    return together, max(1, -(-W // max(1, -(-W // step))))  # blocks alike


def multiplications(x: Array, kernel: Sequence[int], dilation: Sequence[int]) -> float:
    """Count what :func:`by_lines` multiplies for each sample."""
    (C, H, W), width = x.shape[:3], cut_up(x, kernel, dilation)[1] + 2 * dilation[1] * (kernel[1] - 1)
    pairs = sum(max(0, H - dilation[0] * k) for k in range(kernel[0]))
    return float(C * C * pairs * W * min(W, width))


def by_columns(x: Array, dtype: Any, below: int) -> tuple[Array, Array]:
    """Return the pixels in this dtype and the order ``(w, c, u, n)``, and their sums over ``n``.

    Below the images there are so many rows of zeros.
    """
    xp, columns = array_module(x), x.transpose(2, 0, 1, 3)
    W, C, H, N = columns.shape
    lines = room(x, (W, C, H + below, N), dtype)
    total = xp.empty((W, C, H), dtype)
    step = at_once(x, 1)

    def write(some: Iterator[int]) -> None:
        for w in some:
            ws = slice(w, w + step)
            lines[ws, :, :H], lines[ws, :, H:] = columns[ws], 0
            total[ws] = lines[ws, :, :H].sum(axis=-1)

    share(x, range(0, W, step), write)
    return lines, total


def band(
    lines: Array, part: Part, seen: Sequence[range], dilation: Sequence[int], pairs: np.ndarray
) -> Array:
    """Return the share of the columns ``ws`` in ``AᵀA[(c, i, j), (c', i + k, j')]`` of all ``k``.

    It is of shape ``(ks, k_h − k, C, C, k_w, k_w)``, with ``k_h`` in the place of ``k_h − k`` where there are
    several ``k``; for ``k = 0`` alone only what has ``j' ≥ j`` is there.
    """
    xp, (W, C, _, N), k_w, (d_h, d) = array_module(lines), lines.shape, pairs.shape[-1], dilation
    (ks, ws), k_h, H = part, len(seen), max((rows.stop for rows in seen), default=0)
    pairs = pairs[ws, k_w - 1 :] if ks == range(1) else pairs[ws]
    b, shifts = pairs.shape[:2]
    left, right = ws.start - d * (shifts - k_w), ws.stop + d * (k_w - 1)
    first, last = max(left, 0), min(right, W)
    single = len(ks) > 1
    found = [(u, u + 1) for u in range(H)] if single else list(runs(H, seen, ks[0], ks[0] * d_h))
    P = xp.zeros((len(ks), len(found), b, C, right - left, C), lines.dtype)
    block = P.reshape(len(ks), len(found), b * C, (right - left) * C)[
        ..., (first - left) * C : (last - left) * C
    ]
    as_strided, (_, c, u, n) = xp.lib.stride_tricks.as_strided, lines.strides
    for numbers, start, length in alike(found):
        shape = (len(numbers), -1, length * N)
        here = as_strided(lines[ws, :, start:], (1, shape[0], b * C, shape[2]), (0, length * u, c, n))
        there = as_strided(
            lines[first:last, :, start + ks[0] * d_h :],
            (len(ks), shape[0], (last - first) * C, shape[2]),
            (d_h * u, length * u, c, n),
        )
        xp.matmul(here, there.swapaxes(-1, -2), out=block[:, numbers.start : numbers.stop])
    s = P.strides
    diagonals = as_strided(  # [k, r, c, c', w, t] = P[k, r, w, c, w + d t, c']
        P, (len(ks), len(found), C, C, b, shifts), (s[0], s[1], s[3], s[5], s[2] + s[4], d * s[4])
    )
    sums = diagonals.reshape(len(ks) * len(found) * C * C, b * shifts) @ host(
        pairs.reshape(b * shifts, -1), lines
    )
    users = [
        [[u in seen[i] and u + k * d_h in seen[i + k] for u, _ in found] for i in range(k_h - k)]
        + [[False] * len(found)] * (k if single else 0)
        for k in ks
    ]
    gram = host(np.array(users).reshape(len(ks), len(users[0]), len(found)), lines) @ sums.reshape(
        len(ks), len(found), C * C * k_w**2
    )
    return gram.reshape(*gram.shape[:2], C, C, k_w, k_w)


def alike(found: Sequence[tuple[int, int]]) -> Iterator[tuple[range, int, int]]:
    """Yield ``(numbers, start, length)``: runs of the same length that stand one behind the other."""
    numbered = enumerate(found)
    for (length, _), some in groupby(
        numbered, lambda run: (run[1][1] - run[1][0], run[1][0] - run[0] * (run[1][1] - run[1][0]))
    ):
        (number, (start, _)), *others = some
        yield range(number, number + 1 + len(others)), start, length


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


def host(mask: np.ndarray, array: Array) -> Array:
    """Bring a mask to where an array lives, as numbers of its dtype."""
    return array_module(array).asarray(mask.astype(array.dtype))


def runs(height: int, seen: Sequence[range], k: int, apart: int) -> Iterator[tuple[int, int]]:
    """Yield ``(start, stop)``: rows ``u`` which the same kernel rows ``i`` see, with ``u + d k``."""

    def users(u: int) -> tuple[int, ...]:
        return tuple(i for i in range(len(seen) - k) if u in seen[i] and u + apart in seen[i + k])

    for kernel_rows, rows in groupby(range(height), users):
        start, *others = rows
        if kernel_rows:
            yield start, start + 1 + len(others)
