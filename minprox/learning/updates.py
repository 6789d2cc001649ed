"""The updates of the optimisers, entry for entry: formulas that NumPy runs by blocks and a GPU as one kernel.

These functions write to their arguments, and are the only ones that do. On NumPy they get blocks that stay
in the cache, one after the other; on a GPU whole arrays, and ``cupy.fuse`` makes one kernel of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minprox.ground.backend import at_once, fused, on_host
from minprox.ground.parallel import share

Array = Any
Blocks = Iterator[tuple[Array, ...]]

BLOCK = 2**17  # entries that are updated together: a few such blocks fit into the second cache


def decayed(theta: Array, g: Array, decay: float) -> Array:
    """``g + λ θ``, or ``g`` itself without a decay."""
    return g + decay * theta if decay else g


@fused
def descend(theta: Array, g: Array, tau: float) -> None:
    """Gradient descent."""
    theta -= tau * g  # θ ← θ − τ g  (E2)


@fused
def descend_heavy_ball(theta: Array, g: Array, v: Array, tau: float, mu: float) -> None:
    """Gradient descent with momentum."""
    v *= mu
    v += g  # v ← μ v + g
    theta -= tau * v  # θ ← θ − τ v


@fused
def descend_nesterov(theta: Array, g: Array, v: Array, tau: float, mu: float) -> None:
    """Gradient descent with Nesterov's momentum."""
    v *= mu
    v += g  # v ← μ v + g
    theta -= tau * (g + mu * v)  # θ ← θ − τ (g + μ v)


@fused
def descend_adam(
    theta: Array, g: Array, m: Array, v: Array,
    tau: float, spread: float, eps: float, b1: float, c1: float, b2: float, c2: float,
) -> None:  # fmt: skip
    """Adam, with ``c = 1 − β``, and the bias corrections in ``tau`` and ``spread``."""
    theta -= tau * scaled_mean(g, m, v, spread, eps, b1, c1, b2, c2)  # θ ← θ − τ m̂ / (√v̂ + ε)


@fused
def descend_adamw(
    theta: Array, g: Array, m: Array, v: Array, kept: float,
    tau: float, spread: float, eps: float, b1: float, c1: float, b2: float, c2: float,
) -> None:  # fmt: skip
    """Adam with a weight decay beside the direction: ``kept`` is what it leaves of θ."""
    theta *= kept  # θ ← (1 − τ λ) θ
    theta -= tau * scaled_mean(g, m, v, spread, eps, b1, c1, b2, c2)  # θ ← θ − τ m̂ / (√v̂ + ε)


def scaled_mean(
    g: Array, m: Array, v: Array, spread: float, eps: float, b1: float, c1: float, b2: float, c2: float
) -> Array:
    """Adam's direction; the moments move on in place."""
    m *= b1
    m += c1 * g  # m ← β₁ m + (1 − β₁) g
    v *= b2
    v += c2 * g * g  # v ← β₂ v + (1 − β₂) g²
    return m / (spread * v**0.5 + eps)


@fused
def descend_rmsprop(theta: Array, g: Array, v: Array, tau: float, eps: float, a: float, c: float) -> None:
    """Descent over the root mean square, with ``c = 1 − α``."""
    v *= a
    v += c * g * g  # v ← α v + (1 − α) g²
    theta -= tau * g / (v**0.5 + eps)  # θ ← θ − τ g / (√v + ε)


@fused
def descend_rmsprop_heavy_ball(
    theta: Array, g: Array, v: Array, b: Array, tau: float, mu: float, eps: float, a: float, c: float
) -> None:
    """Descent over the root mean square with momentum."""
    v *= a
    v += c * g * g  # v ← α v + (1 − α) g²
    b *= mu
    b += g / (v**0.5 + eps)  # b ← μ b + g / (√v + ε)
    theta -= tau * b  # θ ← θ − τ b


def flush(values: Sequence[Array], early: bool = False) -> None:
    """Set subnormal numbers to zero, on a CPU, where a product with one takes many times as long.

    What fades by a factor does not come to zero by itself: ``0.95 v`` rounds to ``v`` at the smallest ones.
    ``early``, before products with it are subnormal: for what is added to θ times τ, and is nothing by then.
    """

    def drop(some: Iterator[Array]) -> None:
        for part in some:
            limits = np.finfo(part.dtype)
            part[np.abs(part) < (limits.tiny / limits.eps if early else limits.tiny)] = 0

    for v in (np.atleast_1d(v) for v in values if on_host(v) and v.dtype.kind == "f"):
        share(v, np.array_split(v, 1 + v.size // BLOCK), drop)  # views, whatever the layout is


def over_blocks(move: Callable[[Blocks], None], *lists: Sequence[Array]) -> None:
    """Move along aligned lists of arrays by flat views of a few thousand entries, in several threads.

    Each block is read and written while it is in the cache, so that a whole update costs one pass through
    memory; a GPU gets as much as it can take.

    Parameters
    ----------
    move : callable
        Gets an iterator over blocks: a tuple of views each, one for every list.
    """
    parts = []
    for arrays in zip(*lists, strict=True):
        flat = [array.reshape(-1) for array in arrays]
        size = at_once(flat[0], BLOCK)
        parts += [
            tuple(array[start : start + size] for array in flat) for start in range(0, flat[0].size, size)
        ]
    if parts:
        share(max(lists[0], key=lambda array: array.size), parts, move)
