"""Mini-batches: their order, and what callbacks make of each before its step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.ground.backend import array_module
from minprox.ground.communicators import ALONE, Communicator

Array = Any
Split = Any  # x and y, of one length; see minprox.datasets


def mini_batches(
    split: Split, batch_size: int, seed: Sequence[int], comm: Communicator = ALONE
) -> Iterator[tuple[Array, Array]]:
    """Yield the samples of a split in random order, ``batch_size`` at a time; of each this process's share.

    The order is drawn by NumPy, so that it is the same on every backend, and put once, whole, where the
    samples are; there they are gathered.
    """
    order = array_module(split.x).asarray(np.random.default_rng(seed).permutation(len(split)))
    for start in range(0, len(split), batch_size):
        chosen = order[start : start + batch_size]
        chosen = chosen[comm.share(len(chosen))]
        yield split.x[chosen], split.y[chosen]


def attending(callbacks: Iterable[Any]) -> list[Any]:
    """Return the callbacks that have a say in each mini-batch."""
    return [callback for callback in callbacks if callable(getattr(callback, "batch", None))]


def prepared(
    callbacks: Iterable[Any], net: Graph, loss: Loss, x: Array, y: Array, seed: Sequence[int]
) -> tuple[Array, Array]:
    """Return the batch as each of the callbacks in turn replaces it."""
    for callback in callbacks:
        x, y = callback.batch(net, loss, x, y, seed)
    return x, y
