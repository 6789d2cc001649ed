"""Correlations of images through their spectra: one product of pixels for a frequency, not for each lag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.layers.spectra import BLOCK, forwards, over_columns, waves_back, waves_from_half
from minprox.ground.backend import array_module
from minprox.ground.parallel import share
from minprox.ground.rooms import room


def correlations(x: Array, kernel: Sequence[int], dilation: Sequence[int], dtype: Any) -> Array:
    """Return ``R[k, t, c, c'] = Σ_{u, w, n} x[c, u, w, n] · x[c', u + d k, w + d t, n]``.

    By the correlation theorem its transform is ``Σ_n conj(X[f, g, c, n]) · X[f, g, c', n]``.

    Parameters
    ----------
    x : array, shape (C, H, W, N)
    kernel, dilation : pair of int
        For lags ``−k_h < k < k_h`` of rows and ``−k_w < t < k_w`` of columns, the lowest first.
    dtype : {"float64", "float32"}
        Of the transforms and sums.

    Returns
    -------
    array, shape (2 k_h − 1, 2 k_w − 1, C, C)
    """
    if (*x.shape[1:3], *kernel) == (1, 1, 1, 1):
        pixels = x[:, 0, 0].astype(dtype, copy=False)
        return (pixels @ pixels.T)[None, None]
    if x.shape[2] == 1 < x.shape[1]:  # so that the spectra of the only axis are those that are halved
        return correlations(x.swapaxes(1, 2), kernel[::-1], dilation[::-1], dtype).swapaxes(0, 1)
    xp, (C, H, _, N) = array_module(x), x.shape
    ks, ts = lags(kernel, dilation)
    L_h, L_w, F = lengths(x.shape, ks, ts)
    by_g = xp.asarray(forwards(L_h, H, L_h).reshape(2 * L_h, 2 * H), dtype)
    X, power_by_k = over_columns(x, L_w, dtype), xp.empty((F, len(ks), C * C), complex)
    step = min(F, max(1, BLOCK // max(1, 2 * L_h * C * N)))

    def over_rows(some: Iterator[int]) -> None:
        memory = room(x, (step, 2 * L_h, C * N), dtype)
        for f in some:
            fs = slice(f, f + step)
            spectra, count = X[fs], len(X[fs])
            if L_h > 1:
                by_line = spectra.reshape(count, 2 * H, C * N)
                spectra = xp.matmul(by_g, by_line, out=memory[:count])
            spectra = spectra.reshape(count, L_h, 2 * C, N)
            products = (spectra @ spectra.swapaxes(2, 3)).reshape(count, L_h, 2, C, 2, C)
            power = xp.empty((count, L_h, C, C), complex)
            power.real = products[:, :, 0, :, 0] + products[:, :, 1, :, 1]
            power.imag = products[:, :, 0, :, 1] - products[:, :, 1, :, 0]
            power_by_k[fs] = waves_back(ks, L_h) @ power.reshape(count, L_h, C * C)

    share(x, range(0, F, step), over_rows)
    R = (waves_from_half(ts, L_w) @ power_by_k.reshape(F, len(ks) * C * C)).real
    R = R.reshape(len(ts), len(ks), C, C).swapaxes(0, 1)
    return ((R + R[::-1, ::-1].swapaxes(2, 3)) / 2).astype(dtype, copy=False)  # equal but for rounding


def multiplications(shape: Sequence[int], kernel: Sequence[int], dilation: Sequence[int]) -> int:
    """Count what :func:`correlations` multiplies for each sample of images ``(C, H, W)``."""
    (C, H, W), (L_h, _, F) = shape, lengths(shape, *lags(kernel, dilation))
    if (H, W, *kernel) == (1, 1, 1, 1):
        return C * C // 2
    if W == 1 < H:
        return multiplications((C, W, H), kernel[::-1], dilation[::-1])
    return 2 * F * (W * H * C + (2 * L_h * H * C if L_h > 1 else 0) + L_h * C * C)


def lags(kernel: Sequence[int], dilation: Sequence[int]) -> list[range]:
    """Return the distances, in pixels, between two places of the kernel on each axis."""
    return [range(-d * (k - 1), d * k, d) for k, d in zip(kernel, dilation, strict=True)]


def lengths(shape: Sequence[int], ks: range, ts: range) -> tuple[int, int, int]:
    """Return the lengths of both transforms, and how many frequencies of columns are taken.

    There are so many zeros behind the pixels that no lag wraps around. The spectra at the frequencies of
    columns that are left out are conjugate to others.
    """
    L_h, L_w = shape[1] + ks[-1], shape[2] + ts[-1]
    return L_h, L_w, L_w // 2 + 1
