"""Graphs of layers: nodes in topological order, shapes, parameters, and the table that shows them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from minprox.engine.layers import Symbol, Transfer
from minprox.engine.layers.base import Array, Shape
from minprox.engine.order import kept_by, last_transfers, learners, places_of, topological
from minprox.engine.parameters import Parameters, values_for
from minprox.engine.summaries import Rows, net_rows, shape_text
from minprox.ground.arguments import extents, float_dtype
from minprox.ground.backend import moved
from minprox.ground.seeds import seed as known_seed
from minprox.ground.text import aligned, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Graph:
    """A net: any directed acyclic graph of layers from one input to one output.

    Parameters
    ----------
    input : Symbol
        Made by :func:`minprox.Input`.
    output : Symbol
        What layers called on symbols returned.
    seed : int, optional
        Of the initial parameters, 0 if not given; the same seed gives the same net.
    dtype : {"float32", "float64"}
        Of the parameters, and so of everything computed.

    Attributes
    ----------
    nodes : list of Symbol
        In topological order, the input first.
    sources : list of list of int
        For each node, the numbers of the nodes that it reads.
    transfers : list of Transfer
        The layers with parameters, in order, each once.
    places : list of list of int
        For each transfer, the numbers of the nodes where it stands.
    plot : callable
        ``net.plot(input_shape=None, title="")`` draws the net: :func:`minprox.figures.graph`.
    last_transfers : set of int
        Numbers of the transfers that no other one stands behind (one, in a chain): their blocks face the
        loss, and :func:`minprox.proxprop` treats them by its rule ``last_layer``.

    Raises
    ------
    TypeError
        If input or output are no symbols.
    ValueError
        If the output does not depend on the input, or on another one, or the dtype is not one of the two.

    Notes
    -----
    A layer used at two places has one θ; the rows of its ``A`` are stacked. A layer that another net has
    initialised keeps its parameters; a seed that then draws nothing at all gives a warning.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((3, 32, 32))
    >>> h = mp.ReLU()(mp.Conv2d(3, 16, 5, padding=2)(x))
    >>> net = mp.Graph(x, mp.Add()(h, mp.Conv2d(3, 16, 1)(x)))
    >>> [theta.shape for theta in net.parameters]
    [(76, 16), (4, 16)]
    """

    plot: Callable[..., Figure]

    def __init__(
        self, input: Symbol, output: Symbol, seed: int | None = None, dtype: Any = "float32"
    ) -> None:
        for name, symbol in (("input", input), ("output", output)):
            if not isinstance(symbol, Symbol):
                raise TypeError(f"Graph: expected a symbol as {name}, found {type(symbol).__name__}")
        self.dtype = float_dtype("dtype of the net", dtype)
        self.nodes = topological(output)
        strangers = [node for node in self.nodes if node.layer is None and node is not input]
        if input not in self.nodes or strangers:
            raise ValueError(
                f"Graph: the output must depend on the input {input!r} and on no other"
                + (f", found {strangers[0]!r}" if strangers else "")
            )
        number = {id(node): i for i, node in enumerate(self.nodes)}
        self.sources = [[number[id(symbol)] for symbol in node.inputs] for node in self.nodes]
        layers = [node.layer for node in self.nodes]
        self.places = places_of(layers)
        self.transfers: list[Transfer] = [layers[where[0]] for where in self.places]  # type: ignore[misc]
        self.last_transfers = last_transfers(self.places, self.sources)
        self.learns = learners(layers, self.sources)
        self.shares_work = any(layer.shares_work for layer in layers if layer is not None)
        self.fitting: set[tuple[int, ...]] = set()
        rng = np.random.default_rng(0 if seed is None else known_seed("seed of the net", seed))
        drawn = [layer.initialise(rng, self.dtype) for layer in self.transfers]
        if seed is not None and drawn and not any(drawn):
            warnings.warn(
                f"seed={seed} draws nothing: all layers of this net have their parameters from another net; "
                "make new layers, or set layer.theta = None, to draw them anew",
                stacklevel=3 if type(self) is not Graph else 2,
            )

    @property
    def parameters(self) -> list[Array]:
        """The θ_l, one array for each layer with parameters, in order.

        Set them in place, ``net.parameters[l][...] = theta``, or all at once.
        """
        return Parameters(layer.theta for layer in self.transfers)

    @parameters.setter
    def parameters(self, values: Sequence[Array]) -> None:
        thetas = self.parameters
        for theta, value in zip(thetas, values_for(thetas, values), strict=True):  # all of them, or none
            theta[...] = value

    @property
    def memory(self) -> list[Array]:
        """What layers keep beside θ, in order: the running statistics of a BatchNorm."""
        return kept_by(node.layer for node in self.nodes)

    def to(self, backend: str) -> Self:
        """Move the parameters to a backend, bit by bit, and return the net.

        The layers get new arrays; an optimiser that was made before moves by its own ``to``.

        Parameters
        ----------
        backend : {"numpy", "cupy"}
            See :class:`minprox.use`, also for the errors.
        """
        thetas = [moved(theta, backend) for theta in self.parameters]  # all of them, or none
        for layer, theta in zip(self.transfers, thetas, strict=True):
            layer.held = theta
        return self

    def inputs(self, node: Symbol) -> list[int]:
        """Return the numbers of the nodes that a node, one of :attr:`nodes`, reads.

        Returns
        -------
        list of int
        """
        return self.sources[self.nodes.index(node)]

    def shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape of one sample at each node.

        Parameters
        ----------
        input_shape : tuple of int
            Without the batch axis.

        Returns
        -------
        list of tuple of int

        Raises
        ------
        ValueError
            Where two layers, or the net and the samples, do not fit.
        """
        input_shape, expected = extents("input_shape", input_shape), self.nodes[0].shape
        if expected is not None and (
            len(expected) != len(input_shape or ())
            or any(m not in (None, n) for m, n in zip(expected, input_shape or (), strict=True))
        ):
            raise ValueError(f"the net expects samples of shape {expected}, found {input_shape}")
        known: list[Symbol] = []
        for node, numbers in zip(self.nodes, self.sources, strict=True):
            sources = tuple(known[i] for i in numbers)
            shape = input_shape if node.layer is None else node.layer.fit(*sources)
            known.append(Symbol(node.layer, sources, shape))
        return [symbol.shape for symbol in known]

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise ValueError unless samples of this shape fit the net; looks at each shape once.

        Parameters
        ----------
        input_shape : tuple of int
            Without the batch axis.
        """
        if not isinstance(input_shape, tuple) or input_shape not in self.fitting:
            self.shapes(input_shape)
            self.fitting.add(extents("input_shape", input_shape))  # type: ignore[arg-type]

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """Return the net as a table, what ``print(net)`` shows: layers, inputs, shapes, parameters.

        Parameters
        ----------
        input_shape : tuple of int, optional
            Shape of one sample, for shapes that the net does not know by itself.
        """
        return aligned(self.rows(extents("input_shape", input_shape)), (0, 4), self.size_text())

    def rows(self, known: Shape = None) -> Rows:
        """Return the rows of the summary, for a shape of one sample, or for what the net knows by itself."""
        shapes = [node.shape for node in self.nodes] if known is None else self.shapes(known)
        layers = [node.layer for node in self.nodes]
        return net_rows(layers, self.sources, self.places, [shape_text(shape) for shape in shapes])

    def size_text(self) -> str:
        """Return the number of all parameters, each counted once, and their dtype."""
        return f"{sum(theta.size for theta in self.parameters):,} parameters, {self.dtype}"

    def __getstate__(self) -> dict[str, Any]:
        """Return what :mod:`pickle` and :mod:`copy` take: symbols by number, as a chain nests them deeply."""
        nodes = [(node.layer, node.shape) for node in self.nodes]
        return self.__dict__ | {"nodes": nodes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.nodes = []
        for (layer, shape), numbers in zip(state["nodes"], self.sources, strict=True):
            self.nodes.append(Symbol(layer, tuple(self.nodes[j] for j in numbers), shape))

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return html_table(self.rows(), (0, 4), self.size_text())

    def __repr__(self) -> str:
        layers = ", ".join(repr(node) for node in self.nodes[1:])
        return f"{type(self).__name__}({layers})"
