"""The order of a graph: what stands before what, and what that means for the reverse sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minprox.engine.layers import Layer, Symbol, Transfer
from minprox.engine.layers.base import Array

Layers = Sequence[Layer | None]  # the layer at each node, None at the input
Sources = Sequence[Sequence[int]]  # the numbers of the nodes that each node reads


def topological(output: Symbol) -> list[Symbol]:
    """Return the symbols that the output depends on, each after those that it reads."""
    order: list[Symbol] = []
    seen: set[int] = set()
    waiting: list[tuple[Symbol, bool]] = [(output, False)]
    while waiting:
        symbol, done = waiting.pop()
        if done:
            order.append(symbol)
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            waiting.append((symbol, True))
            waiting.extend((source, False) for source in reversed(symbol.inputs))
    return order


def places_of(layers: Layers) -> list[list[int]]:
    """Return for each transfer, in order, the numbers of the nodes where it stands."""
    places: dict[int, list[int]] = {}
    for i, layer in enumerate(layers):
        if isinstance(layer, Transfer):
            places.setdefault(id(layer), []).append(i)
    return list(places.values())


def last_transfers(places: Sequence[Sequence[int]], sources: Sources) -> set[int]:
    """Return the numbers of the transfers that no other transfer stands behind."""
    number = {i: l for l, where in enumerate(places) for i in where}
    behind = [False] * len(sources)  # whether a transfer stands behind the node
    last = set(range(len(places)))
    for i in reversed(range(len(sources))):
        if i in number and behind[i]:
            last.discard(number[i])
        for j in sources[i]:
            behind[j] |= behind[i] or i in number
    return last


def learners(layers: Layers, sources: Sources) -> list[bool]:
    """Tell for each node whether a transfer stands at or before it, so that it needs an error."""
    learns: list[bool] = []
    for layer, inputs in zip(layers, sources, strict=True):
        learns.append(any(learns[j] for j in inputs) or isinstance(layer, Transfer))
    return learns


def kept_by(layers: Iterable[Layer | None]) -> list[Array]:
    """Return the arrays that layers keep beside θ, those of a layer at several places once."""
    each = {id(layer): layer for layer in layers if layer is not None}
    return [array for layer in each.values() for array in layer.memory.values()]
