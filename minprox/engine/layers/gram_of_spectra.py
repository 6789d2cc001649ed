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

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.layers.seen_axes import Axis
from minprox.engine.layers.spectra import forwards, over_columns
from minprox.ground.backend import array_module
from minprox.ground.parallel import share
from minprox.ground.rooms import room

BLOCK = 2**20  # entries of spectra that are multiplied at a time; for fewer, threads wait for Python
FIXED = 1e7  # multiplications in products of lines that take as long as the calls of NumPy here
PER_ENTRY = 20  # and as sorting what was found into an entry of AᵀA
RATE = 2.2  # and as one here: spectra are gone through several times, and products with them are skinnier


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
    xp, C, k_h, k_w = array_module(x), len(x), rows.kernel, columns.kernel
    X, total = over_columns(x, columns.length, dtype), xp.empty(x.shape[:-1], dtype)
    terms = xp.empty((columns.matrix.shape[1], len(rows.pairs), C, C), dtype)
    frequencies, ends = parts_of(terms, columns)

    def at_frequencies(fs: slice) -> None:
        S = over_rows(X[fs], rows).swapaxes(0, 1)
        multiply_conjugate(S, frequencies[fs, 0], frequencies[fs, 1])

    def at_real_frequency(f: int) -> None:
        frequencies[f, 0], frequencies[f, 1] = over_rows(X[f : f + 1, :1], rows)[:, 0], 0

    def at_end(pixels: slice, out: Array) -> None:
        apart = x[:, :, pixels].transpose(2, 1, 0, 3).astype(dtype, order="C")
        tell_apart(over_rows(apart[None], rows)[:, 0], out)

    def in_sum() -> None:
        x.sum(axis=-1, dtype=dtype, out=total)

    size, stop = max(1, BLOCK // max(1, 4 * rows.half * C * x.shape[-1])), columns.between.stop
    parts: list[Callable[[], None]] = [
        partial(at_frequencies, slice(f, min(f + size, stop))) for f in range(1, stop, size)
    ]
    parts += [partial(at_end, *end) for end in zip(columns.ends, ends, strict=True)]
    parts += [in_sum, *(partial(at_real_frequency, f) for f in columns.real)]

    def multiply(some: Iterator[Callable[[], None]]) -> None:
        for part in some:
            part()

    share(x, parts, multiply)
    by_pair, matrix = terms.reshape(len(terms), -1, C * C), columns.matrix.astype(dtype)
    normal = xp.empty((C, k_h, k_w, C, k_h, k_w), dtype)

    def assemble(some: Iterator[int]) -> None:
        for number in some:
            i, m = rows.pairs[number]
            block = (by_pair[:, number].T @ matrix.T).reshape(C, C, k_w, k_w).transpose(0, 2, 1, 3)
            if i == m:
                block = (block + block.transpose(2, 3, 0, 1)) / 2  # symmetric but for rounding
            normal[:, i, :, :, m], normal[:, m, :, :, i] = block, block.transpose(2, 3, 0, 1)

    share(terms, range(len(rows.pairs)), assemble)
    return normal, total


def over_rows(slabs: Array, rows: Axis) -> Array:
    """Return ``S[(i, i'), b, q, q'] = Σ_y Σ_n slabs[b, q, y + d i − p, n] · slabs[b, q', y + d i' − p, n]``.

    Parameters
    ----------
    slabs : array, shape (B, m, H, C, N)
        With ``q`` for both of the axes of m and C.
    rows : Axis

    Returns
    -------
    array, shape (pairs, B, Q, Q)
    """
    xp, (B, m, H, C, N), G, dtype = array_module(slabs), slabs.shape, rows.half, slabs.dtype
    Q = m * C
    if rows.length == 1:
        return gram(slabs.reshape(B, Q, N))[None]
    matrix = forwards(G, H, rows.length)[:, :, 0].reshape(2 * G, H).astype(dtype)  # of real numbers
    X, terms = room(slabs, (B, G, 2, m, C, N), dtype), xp.empty((rows.matrix.shape[1], B, Q, Q), dtype)
    by_row = X.transpose(0, 3, 1, 2, 4, 5).reshape(B, m, 2 * G, C * N)
    xp.matmul(matrix, slabs.reshape(B, m, H, C * N), out=by_row)
    frequencies, ends = parts_of(terms, rows)
    X, gs = X.reshape(B, G, 2 * Q, N), rows.between
    multiply_conjugate(gram(X[:, gs]).swapaxes(0, 1), frequencies[gs, 0], frequencies[gs, 1])
    for g in rows.real:
        frequencies[g, 0], frequencies[g, 1] = gram(X[:, g, :Q]), 0
    for pixels, out in zip(rows.ends, ends, strict=True):
        tell_apart(gram(slabs[:, :, pixels].swapaxes(1, 2).reshape(B, len(out) * Q, N)), out)
    return (rows.matrix.astype(dtype) @ terms.reshape(len(terms), -1)).reshape(-1, B, Q, Q)


def gram(matrix: Array) -> Array:
    """Return the products of all pairs of rows."""
    return matrix @ matrix.swapaxes(-1, -2)


def parts_of(terms: Array, axis: Axis) -> tuple[Array, list[Array]]:
    """Return the terms of frequencies, ``(F, 2, ...)``, and those of each end, ``(pixels, pixels, ...)``."""
    counts = axis.numbers[axis.half :]
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


def tell_apart(products: Array, out: Array) -> None:
    """Write products of rows ``(pixel, q)``, ``(..., m Q, m Q)``, to ``(m, m, ..., Q, Q)``."""
    m, Q = len(out), out.shape[-1]
    parts = products.reshape(*products.shape[:-2], m, Q, m, Q)
    out[...] = array_module(products).moveaxis(parts, (-4, -2), (0, 1))


def multiplications(shape: Sequence[int], rows: Axis, columns: Axis) -> float:
    """Count what :func:`by_spectra` multiplies for each sample of images ``(C, H, W)``."""
    (C, H, W), work = shape, 0.0
    for Q in (C * count for count in columns.numbers):
        work += sum((count * Q) ** 2 for count in rows.numbers) / 2 + 2 * rows.half * H * Q
    return 2 * columns.half * W * H * C + work


def spectra_pay(x: Array, rows: Axis, columns: Axis, lines: float) -> bool:
    """Tell whether this takes less time than products of lines with so many multiplications a sample."""
    work, size = multiplications(x.shape[:3], rows, columns), len(x) * rows.kernel * columns.kernel
    return x.shape[-1] * (lines - RATE * work) > FIXED + PER_ENTRY * size**2
