"""``AᵀA`` of a convolution without strides from the spectra of its images.

A patch that hangs over the edge of the image sees zeros there. Were there a patch at every ``y`` and ``x``,

    AᵀA[(c, i, j), (c', i', j')] = R[d (i' − i), d (j' − j), c, c'],

the correlation of the images at the lag between the two places in the kernel. By the correlation theorem its
transform is ``Σ_n conj(X[f, g, c, n]) · X[f, g, c', n]``. What patches beside the output see is taken off
again: products of few pixels, at both ends of an axis.

So along an axis ``AᵀA`` is a matrix without data (:class:`Axis`) times terms: products at each frequency, and
of pixels at the ends. In the terms of columns, rows are summed over in the same way. Channels, real and
imaginary parts, and the pixels at an end are all told apart alike, by an index ``q``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, product
from typing import Any, NamedTuple

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.spectra import forwards, over_columns, real_waves
from minprox.ground.backend import array_module
from minprox.ground.parallel import share
from minprox.ground.rooms import room

FIXED = 1e7  # multiplications in products of lines that take as long as the calls of NumPy here
PER_ENTRY = 20  # and as sorting what was found into an entry of AᵀA
RATE = 2.2  # and as one here: spectra are gone through several times, and products with them are skinnier


class Axis(NamedTuple):
    """How the patches of a convolution see an axis of its images."""

    length: int  # of the transform: so many zeros are behind the pixels that no lag wraps around
    half: int  # how many frequencies are taken; the spectra at the others are conjugate to these
    ends: list[slice]  # pixels that patches beside the output see
    pairs: list[tuple[int, int]]  # of places in the kernel
    matrix: np.ndarray  # by pairs and terms: two of each frequency, then one of each two pixels of an end

    @property
    def kernel(self) -> int:
        """How many places it has."""
        return self.pairs[-1][0] + 1


@lru_cache(maxsize=256)
def seen_along(size: int, extent: int, kernel: int, dilation: int, offset: int, *, both: bool) -> Axis:
    """Return how patches see an axis.

    Parameters
    ----------
    size, extent : int
        Pixels along this axis, of the image and of the output.
    kernel, dilation : int
    offset : int
        Zeros before the image.
    both : bool
        Whether there are pairs with the second place before the first.
    """
    pairs = [(i, m) for i, m in product(range(kernel), repeat=2) if both or i <= m]
    beyond = dilation * (kernel - 1)
    waves = real_waves(range(-beyond, beyond + 1, dilation), size + beyond)
    ends, blocks = [], [waves[[m - i + kernel - 1 for i, m in pairs]]]
    for ys in (range(offset - beyond, 0), range(extent, size + offset)):
        seen = [{i: y + dilation * i - offset for i in range(kernel)} for y in ys]
        seen = [{i: u for i, u in places.items() if 0 <= u < size} for places in seen]
        pixels = [u for places in seen for u in places.values()]
        if pixels:
            first, count = min(pixels), max(pixels) - min(pixels) + 1
            block = np.zeros((len(pairs), count, count))
            for places, (number, (i, m)) in product(seen, enumerate(pairs)):
                if i in places and m in places:
                    block[number, places[i] - first, places[m] - first] -= 1
            ends.append(slice(first, first + count))
            blocks.append(block.reshape(len(pairs), -1))
    return Axis(size + beyond, (size + beyond) // 2 + 1, ends, pairs, np.concatenate(blocks, axis=1))


def by_spectra(x: Array, rows: Axis, columns: Axis, dtype: Any) -> tuple[Array, Array]:
    """Return ``AᵀA``, and the sum of each pixel over the samples.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    rows, columns : Axis
        Rows with the pairs ``i ≤ i'`` alone.
    dtype : {"float64", "float32"}

    Returns
    -------
    normal : array, shape (C, k_h, k_w, C, k_h, k_w)
    total : array, shape (C, H, W)
    """
    xp, C, F, k_h, k_w = array_module(x), len(x), columns.half, rows.kernel, columns.kernel
    X, total = over_columns(x, columns.length, dtype), xp.empty(x.shape[:-1], dtype)
    terms = xp.empty((columns.matrix.shape[1], len(rows.pairs), C, C), dtype)
    frequencies, ends = parts_of(terms, columns)
    last = F + len(ends)
    short = {last, *(f for f in range(F) if is_real(f, columns))}  # last, so that threads end together

    def multiply(some: Iterator[int]) -> None:
        for f in some:
            if f == last:
                x.sum(axis=-1, dtype=dtype, out=total)
            elif f >= F:
                pixels = x[:, :, columns.ends[f - F]].transpose(2, 1, 0, 3)
                tell_apart(over_rows(pixels.astype(dtype, order="C"), rows), ends[f - F])
            elif f in short:
                frequencies[f, 0], frequencies[f, 1] = over_rows(X[f, :1], rows), 0
            else:
                multiply_conjugate(over_rows(X[f], rows), *frequencies[f])

    share(x, sorted(range(last + 1), key=short.__contains__), multiply)
    found = columns.matrix.astype(dtype) @ terms.reshape(len(terms), -1)
    found = found.reshape(k_w, k_w, len(rows.pairs), C, C).transpose(2, 3, 0, 4, 1)  # (i, i'), c, j, c', j'
    normal = xp.empty((C, k_h, k_w, C, k_h, k_w), dtype)
    for (i, m), block in zip(rows.pairs, found, strict=True):
        if i == m:
            block = (block + block.transpose(2, 3, 0, 1)) / 2  # symmetric but for rounding
        normal[:, i, :, :, m], normal[:, m, :, :, i] = block, block.transpose(2, 3, 0, 1)
    return normal, total


def over_rows(slab: Array, rows: Axis) -> Array:
    """Return ``S[(i, i'), q, q'] = Σ_y Σ_n slab[q, y + d i − p, n] · slab[q', y + d i' − p, n]``.

    Parameters
    ----------
    slab : array, shape (m, H, C, N)
        With ``q`` for both of the axes of m and C.
    rows : Axis

    Returns
    -------
    array, shape (pairs, Q, Q)
    """
    xp, (m, H, C, N), G, dtype = array_module(slab), slab.shape, rows.half, slab.dtype
    Q = m * C
    if rows.length == 1:
        return gram(slab.reshape(Q, N))[None]
    matrix = forwards(G, H, rows.length)[:, :, 0].reshape(2 * G, H).astype(dtype)  # of real numbers
    X, terms = room(slab, (G, 2, m, C, N), dtype), xp.empty((rows.matrix.shape[1], Q, Q), dtype)
    xp.matmul(matrix, slab.reshape(m, H, C * N), out=X.transpose(2, 0, 1, 3, 4).reshape(m, 2 * G, C * N))
    frequencies, ends = parts_of(terms, rows)
    multiply_conjugate(gram(X.reshape(G, 2 * Q, N)), frequencies[:, 0], frequencies[:, 1])
    for pixels, out in zip(rows.ends, ends, strict=True):
        tell_apart(gram(slab[:, pixels].swapaxes(0, 1).reshape(wide(pixels) * Q, N)), out)
    return (rows.matrix.astype(dtype) @ terms.reshape(len(terms), Q * Q)).reshape(-1, Q, Q)


def gram(matrix: Array) -> Array:
    """Return the products of all pairs of rows."""
    return matrix @ matrix.swapaxes(-1, -2)


def parts_of(terms: Array, axis: Axis) -> tuple[Array, list[Array]]:
    """Return the terms of frequencies, ``(F, 2, ...)``, and those of each end, ``(pixels, pixels, ...)``."""
    counts = [wide(end) for end in axis.ends]
    stops = accumulate((count**2 for count in counts), initial=2 * axis.half)
    ends = [
        terms[stop : stop + count**2].reshape(count, count, *terms.shape[1:])
        for stop, count in zip(stops, counts, strict=False)
    ]
    return terms[: 2 * axis.half].reshape(axis.half, 2, *terms.shape[1:]), ends


def multiply_conjugate(products: Array, real: Array, imaginary: Array) -> None:
    """Write ``conj(X) X'`` from the products of all real and imaginary parts, ``(..., 2 Q, 2 Q)``."""
    xp, Q = array_module(products), products.shape[-1] // 2
    parts = products.reshape(*products.shape[:-2], 2, Q, 2, Q)
    xp.add(parts[..., 0, :, 0, :], parts[..., 1, :, 1, :], out=real)
    xp.subtract(parts[..., 0, :, 1, :], parts[..., 1, :, 0, :], out=imaginary)


def is_real(f: int, axis: Axis) -> bool:
    """Tell whether the spectra at a frequency have no imaginary part."""
    return 2 * f % axis.length == 0


def tell_apart(products: Array, out: Array) -> None:
    """Write products of rows ``(pixel, q)``, ``(..., m Q, m Q)``, to ``(m, m, ..., Q, Q)``."""
    m, Q = len(out), out.shape[-1]
    parts = products.reshape(*products.shape[:-2], m, Q, m, Q)
    out[...] = array_module(products).moveaxis(parts, (-4, -2), (0, 1))


def wide(end: slice) -> int:
    """Return how many pixels these are."""
    return int(end.stop - end.start)


def multiplications(shape: Sequence[int], rows: Axis, columns: Axis) -> float:
    """Count what :func:`by_spectra` multiplies for each sample of images ``(C, H, W)``."""
    (C, H, W), work = shape, 0.0
    parts = [1 if is_real(f, columns) else 2 for f in range(columns.half)]
    for Q in (C * count for count in parts + [wide(end) for end in columns.ends]):
        work += 2 * rows.half * (H * Q + Q * Q) if rows.length > 1 else Q * Q / 2
        work += sum((wide(end) * Q) ** 2 for end in rows.ends) / 2
    return 2 * columns.half * W * H * C + work


def spectra_pay(x: Array, rows: Axis, columns: Axis, lines: float) -> bool:
    """Tell whether this takes less time than products of lines with so many multiplications a sample."""
    work, size = multiplications(x.shape[:3], rows, columns), len(x) * rows.kernel * columns.kernel
    return x.shape[-1] * (lines - RATE * work) > FIXED + PER_ENTRY * size**2
