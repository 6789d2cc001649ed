"""The record of a forward pass."""

from __future__ import annotations

from dataclasses import dataclass

from minprox.graph import Graph
from minprox.layers import Layer, Symbol, Transfer
from minprox.layers.base import Array


@dataclass(frozen=True)
class Tape:
    """What a forward pass of one batch leaves behind.

    Attributes
    ----------
    net : Graph
    layers : list of Layer or None
        The layer at each node as it acted (a Dropout with its mask drawn); None at the input.
    values : list of array, shape (N, ...)
        The output of each node.
    """

    net: Graph
    layers: list[Layer | None]
    values: list[Array]

    @property
    def output(self) -> Array:
        """The output of the net, shape ``(N, *output_shape)``."""
        return self.values[-1]

    @property
    def z(self) -> list[Array]:
        """The outputs ``z_l`` of the transfers, one for each place where one stands."""
        return [self.values[i] for i, layer in enumerate(self.layers) if isinstance(layer, Transfer)]

    @property
    def a(self) -> list[Array]:
        """The inputs ``a_{l-1}`` of the transfers, aligned with :attr:`z`."""
        return [
            self.values[self.net.inputs(node)[0]]
            for node, layer in zip(self.net.nodes, self.layers, strict=True)
            if isinstance(layer, Transfer)
        ]

    def __getitem__(self, symbol: Symbol) -> Array:
        """The output at a symbol of the graph."""
        try:
            return self.values[self.net.number[id(symbol)]]
        except KeyError:
            raise KeyError(f"{symbol!r} is no node of this net") from None

    def inputs(self, i: int) -> list[Array]:
        """Return the arrays that node ``i`` read."""
        return [self.values[j] for j in self.net.inputs(self.net.nodes[i])]
