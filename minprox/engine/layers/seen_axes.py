"""How patches see an axis of their images: the matrix from products of spectra to entries of ``AᵀA``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from minprox.engine.layers.spectra import real_waves

Places = dict[int, int]  # of the kernel, and the pixels that they see


@dataclass(frozen=True)
class Axis:
    """How the patches of a convolution see an axis of its images."""

    length: int  # of the transform: so many zeros are behind the pixels that no lag wraps around
    lags: range  # between any two places of the kernel
    pairs: list[tuple[int, int]]  # of places of the kernel
    ends: list[slice]  # pixels that patches beside the output see
    seen: list[list[Places]]  # at each end, by each such patch, pixels numbered from the first

    @property
    def half(self) -> int:
        """How many frequencies are taken; the spectra at the others are conjugate to these."""
        return self.length // 2 + 1

    @property
    def kernel(self) -> int:
        """How many places it has."""
        return self.pairs[-1][0] + 1

    @property
    def between(self) -> slice:
        """The frequencies whose spectra are not real."""
        return slice(1, (self.length + 1) // 2)

    @property
    def real(self) -> tuple[int, ...]:
        """The others: the first and, of an even length, the last."""
        return 0, *range(self.between.stop, self.half)

    @property
    def numbers(self) -> list[int]:
        """How many numbers a channel has at each frequency, and at each end."""
        parts = [1 if f in self.real else 2 for f in range(self.half)]
        return parts + [end.stop - end.start for end in self.ends]

    @cached_property
    def matrix(self) -> np.ndarray:
        """``AᵀA`` by pairs from the terms: two of each frequency, then one of each two pixels of an end."""
        waves = real_waves(self.lags, self.length)
        blocks = [waves[[self.lags.index(self.lags.step * (m - i)) for i, m in self.pairs]]]
        for count, patches in zip(self.numbers[self.half :], self.seen, strict=True):
            block = np.zeros((len(self.pairs), count, count))
            for places, (number, (i, m)) in product(patches, enumerate(self.pairs)):
                if i in places and m in places:
                    block[number, places[i], places[m]] -= 1
            blocks.append(block.reshape(len(self.pairs), -1))
        return np.concatenate(blocks, axis=1)


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
    beyond, ends, seen = dilation * (kernel - 1), [], []
    for ys in (range(offset - beyond, 0), range(extent, size + offset)):
        patches = [{i: y + dilation * i - offset for i in range(kernel)} for y in ys]
        patches = [{i: u for i, u in places.items() if 0 <= u < size} for places in patches]
        pixels = [u for places in patches for u in places.values()]
        if pixels:
            first = min(pixels)
            ends.append(slice(first, max(pixels) + 1))
            seen.append([{i: u - first for i, u in places.items()} for places in patches])
    return Axis(size + beyond, range(-beyond, beyond + 1, dilation), pairs, ends, seen)
