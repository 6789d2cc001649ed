"""The order of a graph: what stands before what, and what that means for the reverse sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minprox.layers import Symbol, Transfer

if TYPE_CHECKING:
    from minprox.graph import Graph


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


def last_transfers(net: Graph) -> set[int]:
    """Return the numbers of the transfers that no other transfer stands behind."""
    behind = [False] * len(net.nodes)  # whether a transfer stands behind the node
    last = set(range(len(net.transfers)))
    for i in reversed(range(len(net.nodes))):
        layer = net.nodes[i].layer
        if isinstance(layer, Transfer) and behind[i]:
            last.discard(net.transfers.index(layer))
        for j in net.inputs(net.nodes[i]):
            behind[j] |= behind[i] or isinstance(layer, Transfer)
    return last


def learners(net: Graph) -> list[bool]:
    """Tell for each node whether a transfer stands at or before it, so that it needs an error."""
    learns: list[bool] = []
    for node in net.nodes:
        before = any(learns[i] for i in net.inputs(node))
        learns.append(before or isinstance(node.layer, Transfer))
    return learns
