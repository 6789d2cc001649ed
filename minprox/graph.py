"""Graphs of layers: nodes in topological order, shapes, parameters, and the table that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.layers import Layer, Symbol, Transfer
from minprox.layers.base import Array, Shape


class Graph:
    """A net: any directed acyclic graph of layers from one input to one output.

    Parameters
    ----------
    input : Symbol
        Made by :func:`minprox.Input`.
    output : Symbol
        What layers called on symbols returned.
    seed : int
        Of the initial parameters; the same seed gives the same net.
    dtype : {"float32", "float64"}
        Of the parameters, and so of everything computed.

    Attributes
    ----------
    nodes : list of Symbol
        In topological order, the input first.
    transfers : list of Transfer
        The layers with parameters, in order, each once.
    last_transfers : set of int
        Numbers of the transfers that no other one stands behind (one, in a chain): their
        blocks face the loss, and :func:`minprox.proxprop` treats them by its rule ``last_layer``.

    Raises
    ------
    TypeError
        If input or output are no symbols.
    ValueError
        If the output does not depend on the input, or on another one, or the dtype is not one of the two.

    Notes
    -----
    A layer used at two places has one θ; the rows of its ``A`` are stacked. A layer that
    another net has initialised keeps its parameters, so that nets can share layers.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((3, 32, 32))
    >>> h = mp.ReLU()(mp.Conv2d(3, 16, 5, padding=2)(x))
    >>> net = mp.Graph(x, mp.Add()(h, mp.Conv2d(3, 16, 1)(x)))
    >>> [theta.shape for theta in net.parameters]
    [(76, 16), (4, 16)]
    """

    def __init__(self, input: Symbol, output: Symbol, seed: int = 0, dtype: Any = "float32") -> None:
        for name, symbol in (("input", input), ("output", output)):
            if not isinstance(symbol, Symbol):
                raise TypeError(f"Graph: expected a symbol as {name}, found {type(symbol).__name__}")
        if np.dtype(dtype).name not in ("float32", "float64"):
            raise ValueError(f"Graph: expected dtype float32 or float64, found {np.dtype(dtype).name}")
        self.dtype = np.dtype(dtype)
        self.nodes = topological(output)
        strangers = [node for node in self.nodes if node.layer is None and node is not input]
        if input not in self.nodes or strangers:
            raise ValueError(
                f"Graph: the output must depend on the input {input!r} and on no other"
                + (f", found {strangers[0]!r}" if strangers else "")
            )
        self.number = {id(node): i for i, node in enumerate(self.nodes)}
        self.transfers: list[Transfer] = []
        for node in self.nodes:
            if isinstance(node.layer, Transfer) and node.layer not in self.transfers:
                self.transfers.append(node.layer)
        self.last_transfers = self._last_transfers()
        self.learns = self._learns()
        self.fitting: set[tuple[int, ...]] = set()
        rng = np.random.default_rng(seed)
        for layer in self.transfers:
            layer.initialise(rng, self.dtype)

    @property
    def parameters(self) -> list[Array]:
        """The θ_l, one array for each layer with parameters, in order.

        Set them in place, ``net.parameters[l][...] = theta``, or all at once.
        """
        return [layer.theta for layer in self.transfers]

    @parameters.setter
    def parameters(self, values: Sequence[Array]) -> None:
        found, expected = [np.shape(v) for v in values], [theta.shape for theta in self.parameters]
        if found != expected:
            raise ValueError(f"expected parameters of the shapes {expected}, found {found}")
        for theta, value in zip(self.parameters, values, strict=True):
            theta[...] = value

    def inputs(self, node: Symbol) -> list[int]:
        """Return the numbers of the nodes that a node reads."""
        return [self.number[id(symbol)] for symbol in node.inputs]

    def shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape of one sample at each node, or raise ValueError where two do not fit."""
        expected = self.nodes[0].shape
        if expected is not None and (
            len(expected) != len(input_shape or ())
            or any(m not in (None, n) for m, n in zip(expected, input_shape or (), strict=True))
        ):
            raise ValueError(f"the net expects samples of shape {expected}, found {input_shape}")
        known: list[Symbol] = []
        for node in self.nodes:
            sources = tuple(known[i] for i in self.inputs(node))
            shape = input_shape if node.layer is None else node.layer.fit(*sources)
            known.append(Symbol(node.layer, sources, shape))
        return [symbol.shape for symbol in known]

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise ValueError unless samples of this shape fit the net; looks at each shape once."""
        if input_shape not in self.fitting:
            self.shapes(input_shape)
            self.fitting.add(input_shape)

    def summary(self) -> str:
        """Return the net as a table: number, layer, its inputs, output shape, parameters."""
        rows = [("", "layer", "inputs", "output shape", "parameters")]
        seen: set[int] = set()
        for i, node in enumerate(self.nodes):
            theta = getattr(node.layer, "theta", None)
            count = "" if theta is None else f"{theta.size:,}"
            rows.append(
                (
                    str(i),
                    repr(node) if node.layer is not None else "Input",
                    ", ".join(map(str, self.inputs(node))),
                    "?"
                    if node.shape is None
                    else f"({', '.join('?' if n is None else str(n) for n in node.shape)})",
                    count if id(node.layer) not in seen else "shared",
                )
            )
            if theta is not None:
                seen.add(id(node.layer))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if k in (0, 4) else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        total = sum(theta.size for theta in self.parameters)
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([*lines, lines[1], f"{total:,} parameters, {self.dtype}"])

    def __repr__(self) -> str:
        layers = ", ".join(repr(node) for node in self.nodes[1:])
        return f"{type(self).__name__}({layers})"

    def _last_transfers(self) -> set[int]:
        behind = [False] * len(self.nodes)  # whether a transfer stands behind the node
        last = set(range(len(self.transfers)))
        for i in reversed(range(len(self.nodes))):
            layer = self.nodes[i].layer
            if isinstance(layer, Transfer) and behind[i]:
                last.discard(self.transfers.index(layer))
            for j in self.inputs(self.nodes[i]):
                behind[j] |= behind[i] or isinstance(layer, Transfer)
        return last

    def _learns(self) -> list[bool]:
        """Tell for each node whether a transfer stands at or before it, so that it needs an error."""
        learns: list[bool] = []
        for node in self.nodes:
            before = any(learns[i] for i in self.inputs(node))
            learns.append(before or isinstance(node.layer, Transfer))
        return learns


class Sequential(Graph):
    """The chain case of a graph.

    Parameters
    ----------
    *layers : Layer
        In order; a leading :func:`minprox.Input` tells the shape of the samples, which is
        otherwise taken from the first layer as far as that knows it.
    seed : int
    dtype : {"float32", "float64"}

    Raises
    ------
    TypeError
        If an argument is no layer.
    ValueError
        If there is none, or two neighbours do not fit.

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.Sequential(mp.Linear(64, 200), mp.ReLU(), mp.Linear(200, 10), seed=0)
    >>> print(net.summary())
       layer            inputs  output shape  parameters
    ----------------------------------------------------
    0  Input                    (64)
    1  Linear(64, 200)  0       (200)             13,000
    2  ReLU()           1       (200)
    3  Linear(200, 10)  2       (10)               2,010
    ----------------------------------------------------
    15,010 parameters, float32
    """

    def __init__(self, *layers: Layer | Symbol, seed: int = 0, dtype: Any = "float32") -> None:
        if not layers:
            raise ValueError("Sequential: expected one or more layers, found none")
        first = layers[0]
        if isinstance(first, Symbol):
            if first.layer is not None or len(layers) == 1:
                raise ValueError("Sequential: a leading symbol must be an Input, followed by layers")
            input, layers = first, layers[1:]
        else:
            input = Symbol(None, (), first.input_shape if isinstance(first, Layer) else None)
        output = input
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential: expected layers, found {type(layer).__name__}")
            output = layer(output)
        self.layers = list(layers)
        super().__init__(input, output, seed, dtype)


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
