"""``A θ`` and ``Aᵀ δ`` of a convolution without strides, through spectra.

With ``r = y + d i − p`` the row that kernel row ``i`` sees at output row ``y``, and likewise for columns,

    z[o, y] = Σ_{c, i} θ[c, i, o] · x[c, y + d i − p],   (Aᵀδ)[c, i, o] = Σ_y x[c, y + d i − p] · δ[o, y],

are correlations, whose transforms are ``conj(θ) · x`` and ``x · conj(δ)`` at each frequency. The transforms
are so long that the rows outside of the image, which are zero, do not come up again inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.spectra import (
    forwards,
    in_parts,
    over_columns,
    to_columns,
    waves,
    waves_back,
    waves_from_half,
)
from minprox.ground.backend import array_module
from minprox.ground.parallel import share
from minprox.ground.rooms import room

RATE = 3.3  # multiplications of patches that take as long as one here
CHANNELS = 20  # outputs for which those take twice as long as for very many: see :class:`PatchMap`
FIXED = 2e7  # multiplications of patches that take as long as the calls of NumPy here


def spectral_product(
    x: Array, theta: Array, extent: Sequence[int], dilation: Sequence[int], offsets: Sequence[int], bias: Any
) -> Array:
    """Return ``z = A θ`` as images.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    theta : array, shape (C, k_h, k_w, O)
    extent, dilation, offsets : pair of int
        Of the output; of the kernel; zeros above and left of the image.
    bias : array, shape (O,), or None

    Returns
    -------
    array, shape (O, H_out, W_out, N)
    """
    xp, (C, H, _, N), O = array_module(x), x.shape, theta.shape[-1]
    dtype = xp.result_type(x, theta)
    (L_h, rows), (L_w, columns) = places(x.shape, theta.shape[1:3], extent, dilation, offsets)
    F = L_w // 2 + 1
    hat = np.einsum(
        "fj,gi,cijo->fgoc", waves(range(F), columns, L_w), waves(range(L_h), rows, L_h), theta, optimize=True
    )
    by_frequency = in_parts(hat).transpose(0, 1, 3, 2, 4, 5).reshape(F, L_h, 2 * O, 2 * C).astype(dtype)
    by_g = forwards(L_h, H, L_h).reshape(2 * L_h, 2 * H).astype(dtype)
    by_y = in_parts(waves_back(range(extent[0]), L_h)).transpose(1, 0, 3, 2)
    by_y = by_y.reshape(2 * extent[0], 2 * L_h).astype(dtype)
    X, Z = over_columns(x, L_w, dtype), room(x, (F, 2, extent[0], O, N), dtype)

    def multiply(some: Iterator[int]) -> None:
        first, second = room(x, (L_h, 2 * C, N), dtype), room(x, (L_h, 2 * O, N), dtype)
        for f in some:
            xp.matmul(by_g, X[f].reshape(2 * H, C * N), out=first.reshape(2 * L_h, C * N))
            xp.matmul(by_frequency[f], first, out=second)  # ẑ = θ̂ x̂
            if f == 0 and bias is not None:
                second[0, :O] += L_h * L_w * bias[:, None]  # a constant has no other frequency
            xp.matmul(by_y, second.reshape(2 * L_h, O * N), out=Z[f].reshape(-1, O * N))

    share(x, range(F), multiply)
    return to_columns(Z, extent[1], L_w)


def spectral_adjoint(
    x: Array, delta: Array, kernel: Sequence[int], dilation: Sequence[int], offsets: Sequence[int]
) -> tuple[Array, Array]:
    """Return ``Aᵀ δ`` without the row of the bias, and that row.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    delta : array, shape (O, H_out, W_out, N)
    kernel, dilation, offsets : pair of int

    Returns
    -------
    gradient : array, shape (C, k_h, k_w, O)
    sums : array, shape (O,)
    """
    xp, (C, H, _, N), (O, *extent, _) = array_module(x), x.shape, delta.shape
    dtype = xp.result_type(x, delta)
    (L_h, rows), (L_w, columns) = places(x.shape, kernel, extent, dilation, offsets)
    F = L_w // 2 + 1
    by_u, by_y = (
        forwards(L_h, size, L_h).reshape(2 * L_h, 2 * size).astype(dtype) for size in (H, extent[0])
    )
    X, D = over_columns(x, L_w, dtype), over_columns(delta, L_w, dtype)
    found, sums = xp.empty((F, len(rows), C * O), complex), xp.empty(O, dtype)
    to_rows = waves_back(rows, L_h)

    def multiply(some: Iterator[int]) -> None:
        first, second = room(x, (L_h, 2 * C, N), dtype), room(x, (L_h, 2 * O, N), dtype)
        for f in some:
            xp.matmul(by_u, X[f].reshape(2 * H, C * N), out=first.reshape(2 * L_h, C * N))
            xp.matmul(by_y, D[f].reshape(-1, O * N), out=second.reshape(2 * L_h, O * N))
            products = (first @ second.swapaxes(1, 2)).reshape(L_h, 2, C, 2, O)
            both = xp.empty((L_h, C, O), complex)  # x̂ conj(δ̂)
            both.real = products[:, 0, :, 0] + products[:, 1, :, 1]
            both.imag = products[:, 1, :, 0] - products[:, 0, :, 1]
            found[f] = to_rows @ both.reshape(L_h, C * O)
            if f == 0:
                sums[...] = second[0, :O].sum(axis=-1)

    share(x, range(F), multiply)
    gradient = (waves_from_half(columns, L_w) @ found.reshape(F, len(rows) * C * O)).real
    gradient = gradient.reshape(len(columns), len(rows), C, O).transpose(2, 1, 0, 3)
    return gradient.astype(dtype), sums


def places(shape: Sequence[int], *axes: Sequence[int]) -> list[tuple[int, range]]:
    """Return for both axes how long the transform is, and the pixels which the kernel sees at ``y = 0``."""
    found = []
    for size, k, E, d, p in zip(shape[1:3], *axes, strict=True):
        pixels = range(-p, d * (k - 1) - p + 1, d)
        found.append((max(size + max(0, p), E + pixels[-1]), pixels))
    return found


def spectra_pay(
    shape: Sequence[int], outputs: int, kernel: Sequence[int], extent: Sequence[int], *steps: Sequence[int]
) -> bool:
    """Tell whether products through spectra take less time than those of patches."""
    (C, H, W, N), (E_h, E_w) = shape, extent
    (L_h, _), (L_w, _) = places(shape, kernel, extent, *steps)
    twice_F = 2 * (L_w // 2 + 1)
    work = twice_F * (W * H * C + 2 * L_h * (H * C + C * outputs + E_h * outputs) + E_h * E_w * outputs)
    patches = C * kernel[0] * kernel[1] * outputs * E_h * E_w
    return N * (patches * (1 + CHANNELS / max(1, outputs)) - RATE * work) > FIXED
