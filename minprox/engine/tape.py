"""The record of a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Symbol, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.summaries import Rows, tape_rows
from minprox.ground.backend import on_host
from minprox.ground.text import aligned, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


RIGHT = 0, 4, 5, 6, 7, 8  # the columns of numbers


@dataclass(frozen=True, repr=False)
class Tape:
    """What a forward pass of one batch leaves behind; ``print(tape)`` shows it as a table.

    Attributes
    ----------
    net : Graph
    layers : list of Layer or None
        The layer at each node as it acted (a Dropout with its mask drawn); None at the input.
    values : list of array, shape (N, ...)
        The output of each node.
    marks : list of bytes
        A few entries of each θ_l at the time of the pass, by which :meth:`check` knows a stale tape.
    plot : callable
        ``tape.plot(loss, y, tau_theta=0.05, **options)`` draws the step of each layer beside its gradient,
        see :func:`minprox.figures.step`, whose wing puts it here.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> tape
    Tape(5 samples, 4 nodes, output (5, 3) float32)
    >>> [a.shape for a in tape.a], [z.shape for z in tape.z]
    ([(5, 4), (5, 8)], [(5, 8), (5, 3)])
    """

    net: Graph
    layers: list[Layer | None]
    values: list[Array]
    marks: list[bytes] = field(default_factory=list)
    plot: ClassVar[Callable[..., Figure]]

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
            self.values[sources[0]]
            for sources, layer in zip(self.net.sources, self.layers, strict=True)
            if isinstance(layer, Transfer)
        ]

    def __getitem__(self, symbol: Symbol) -> Array:
        """The output at a symbol of the graph."""
        if symbol not in self.net.nodes:
            raise KeyError(f"{symbol!r} is no node of this net")
        return self.values[self.net.nodes.index(symbol)]

    def check(self, net: Graph) -> None:
        """Raise ValueError unless the tape is of this net, and of its parameters as they are now.

        That the parameters have changed is seen on the CPU, by a few entries of each θ_l: a step along any
        direction moves some of them, though a change of a single entry may go unnoticed.

        Parameters
        ----------
        net : Graph

        Raises
        ------
        ValueError
            If it is of another net, or stale.
        """
        if self.net is not net:
            raise ValueError("the tape was recorded by another net")
        for layer, mark, now in zip(net.transfers, self.marks, marks(net), strict=False):
            if mark != now:
                raise ValueError(
                    f"the tape is stale: the parameters of {layer!r} have changed since its forward pass, "
                    "so run mp.forward(net, x) again"
                )

    def inputs(self, i: int) -> list[Array]:
        """Return the arrays that a node read, each of shape (N, ...).

        Parameters
        ----------
        i : int
            Number of the node.

        Returns
        -------
        list of array
        """
        return [self.values[j] for j in self.net.sources[i]]

    def summary(self) -> str:
        """Return the values as a table: shape and dtype, mean, root mean square, largest size, zeros.

        A unit (a column, or a channel of images) counts as dead where it is zero behind a ReLU for
        every sample. What is NaN or infinite is counted in the last column and left out elsewhere.

        Returns
        -------
        str

        Examples
        --------
        >>> import minprox as mp, numpy as np
        >>> net = mp.Sequential(mp.Linear(2, 3), mp.ReLU(), dtype="float64")
        >>> net.parameters[0][...] = [[2, -1, 0], [0, -1, 1], [0, 0, 0]]
        >>> print(mp.forward(net, np.array([[3.0, 1.0], [1.0, -1.0]])).summary())
           layer         shape   dtype     mean   rms  largest  zeros    dead  finite
        -----------------------------------------------------------------------------
        0  Input         (2, 2)  float64      1  1.73        3     0%          yes
        1  Linear(2, 3)  (2, 3)  float64  0.667  3.11        6    17%          yes
        2  ReLU()        (2, 3)  float64    1.5  2.61        6    50%  1 of 3  yes
        -----------------------------------------------------------------------------
        2 samples, 128 bytes
        """
        return aligned(self.rows(), RIGHT, self.size_text())

    def rows(self) -> Rows:
        """Return the rows of the summary, the head first."""
        return tape_rows([node.layer for node in self.net.nodes], self.values)

    def size_text(self) -> str:
        """Return how many samples went through, and how many bytes their values take."""
        return f"{len(self.output)} samples, {sum(value.nbytes for value in self.values):,} bytes"

    def __getstate__(self) -> dict[str, Any]:
        """Return what :mod:`pickle` takes, with the order of axes in memory, which decides the last bits."""
        orders = [sorted(range(value.ndim), key=lambda k: -value.strides[k]) for value in self.values]
        laid = [value.transpose(order) for value, order in zip(self.values, orders, strict=True)]
        return self.__dict__ | {"values": laid, "orders": orders}

    def __setstate__(self, state: dict[str, Any]) -> None:
        orders = [sorted(range(len(order)), key=order.__getitem__) for order in state.pop("orders")]
        values = [value.transpose(order) for value, order in zip(state["values"], orders, strict=True)]
        self.__dict__.update(state | {"values": values})

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return html_table(self.rows(), RIGHT, self.size_text())

    def __repr__(self) -> str:
        output = f"output {self.output.shape} {self.output.dtype}"
        return f"Tape({len(self.output)} samples, {len(self.values)} nodes, {output})"


def marks(net: Graph) -> list[bytes]:
    """Return up to 32 entries of each θ_l, spread evenly; nothing on a device, which would have to wait."""
    if not all(on_host(theta) for theta in net.parameters):
        return []
    return [theta.reshape(-1)[:: max(1, theta.size // 16)].tobytes() for theta in net.parameters]
