"""A net in modules, one behind the other, with an auxiliary head behind each but the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Symbol
from minprox.engine.layers.base import Array, Shape
from minprox.ground.arguments import refuse, shown
from minprox.ground.backend import array_module
from minprox.learning.doors import door


class Last(Layer):
    """The last of its inputs; the others, outputs of auxiliary heads, get no error from it."""

    def forward(self, *inputs: Array) -> Array:
        return inputs[-1]

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> tuple[Array, ...]:
        xp = array_module(delta)
        return (*(xp.zeros(a.shape, delta.dtype) for a in inputs[:-1]), delta)

    def output_shape(self, *shapes: Shape) -> Shape:
        return shapes[-1]


class Modules(Graph):
    """A net as modules ``f_1 … f_K`` in a row, with an auxiliary head ``a_i`` behind each but the last.

    Its output is that of ``f_K``. The heads belong to it as well, so that an optimiser sees their
    parameters; :func:`minprox.backprop`, for which they have no influence, gives them zeros.

    Parameters
    ----------
    modules : sequence of Graph
        What :func:`cut` returns, or nets of your own; each reads what the one before returns.
    heads : sequence of Graph
        One less than modules: head ``i`` reads the output ``h_i`` and returns what the loss takes.

    Attributes
    ----------
    modules, heads : list of Graph
        They share their layers, and so all θ, with this net.

    Raises
    ------
    TypeError
        If a module or a head is no net.
    ValueError
        If their numbers do not match, two neighbours do not fit, a layer stands in two of them, or the dtypes
        differ.

    References
    ----------
    Gomez et al., JMLR 2022, section 3 (I1).

    Examples
    --------
    >>> import minprox as mp
    >>> modules = [mp.Sequential(mp.Linear(4, 4), mp.ReLU(), seed=s) for s in range(2)]
    >>> modules.append(mp.Sequential(mp.Linear(4, 3), seed=2))
    >>> net = Modules(modules, [mp.Sequential(mp.Linear(4, 3), seed=s) for s in (3, 4)])
    >>> len(net.parameters)
    5
    """

    def __init__(self, modules: Sequence[Graph], heads: Sequence[Graph]) -> None:
        for name, parts in (("modules", modules), ("heads", heads)):
            if not isinstance(parts, (list, tuple)) or not all(isinstance(part, Graph) for part in parts):
                refuse(f"{name} of Modules", "nets in a list", parts)
        self.modules, self.heads = list(modules), list(heads)
        if len(self.heads) != len(self.modules) - 1:
            raise ValueError(
                "Modules: expected one or more modules and a head for each but the last, "
                f"found {len(self.modules)} modules and {len(self.heads)} heads"
            )
        layers = [id(layer) for part in (*self.modules, *self.heads) for layer in part.transfers]
        if len(set(layers)) < len(layers):
            raise ValueError("Modules: a layer with parameters stands in two modules or heads")
        dtypes = {part.dtype for part in (*self.modules, *self.heads)}
        if len(dtypes) > 1:
            raise ValueError(f"Modules: expected one dtype, found {sorted(map(str, dtypes))}")
        h = input = Symbol(None, (), self.modules[0].nodes[0].shape)
        walks, outputs = [], []
        for i, module in enumerate(self.modules):
            walks.append(walk(module, h))
            h = walks[-1][-1]
            if i < len(self.heads):
                walks.append(walk(self.heads[i], h))
                outputs.append(walks[-1][-1])
        super().__init__(input, Last()(*outputs, h), dtype=self.modules[0].dtype)
        number = {id(node): i for i, node in enumerate(self.nodes)}
        numbers = [[number[id(symbol)] for symbol in symbols] for symbols in walks]
        self.within_modules, self.within_heads = numbers[::2], numbers[1::2]


def walk(net: Graph, symbol: Symbol) -> list[Symbol]:
    """Call the layers of a net anew, on a symbol in the place of its input; return all its symbols."""
    symbols = [symbol]
    for node, sources in zip(net.nodes[1:], net.sources[1:], strict=True):
        assert node.layer is not None
        symbols.append(node.layer(*(symbols[j] for j in sources)))
    return symbols


@door
def cut(net: Graph, at: Iterable[Symbol]) -> list[Graph]:
    """Cut a net into modules at symbols on its way.

    Parameters
    ----------
    net : Graph
        Not changed.
    at : iterable of Symbol
        Nodes of the net, in order: outputs of the first module, the second, …

    Returns
    -------
    list of Graph
        One more than symbols; they share their layers with the net.

    Raises
    ------
    ValueError
        If a symbol is no node of the net, or an arrow jumps over one, so that a module would read from two.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((4,))
    >>> h = mp.ReLU()(mp.Linear(4, 8)(x))
    >>> cut(mp.Graph(x, mp.Linear(8, 3)(h)), [h])
    [Graph(Linear(4, 8), ReLU()), Graph(Linear(8, 3))]
    """
    if not isinstance(at, Iterable) or isinstance(at, (str, bytes)) or hasattr(at, "dtype"):
        refuse("at", "a list of symbols, nodes of this net", at)
    places, number = [0], {id(node): i for i, node in enumerate(net.nodes)}
    for symbol in at:
        if id(symbol) not in number:
            raise ValueError(f"cut: {shown(symbol)} is no node of this net")
        places.append(number[id(symbol)])
    places.append(len(net.nodes) - 1)
    modules = []
    for first, last in pairwise(places):
        if first >= last:
            raise ValueError("cut: expected symbols in order, each behind the one before")
        input = Symbol(None, (), net.nodes[first].shape)
        new = {first: input}
        for i in range(first + 1, last + 1):
            layer, sources = net.nodes[i].layer, net.sources[i]
            if layer is None or any(j not in new for j in sources):
                raise ValueError(f"cut: {net.nodes[i]!r} reads across the cut at {net.nodes[first]!r}")
            new[i] = layer(*(new[j] for j in sources))
        modules.append(Graph(input, new[last], dtype=net.dtype))
    return modules
