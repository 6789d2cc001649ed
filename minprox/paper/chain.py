"""A net read as the paper writes it: transfers ``φ_l`` and activations ``σ_l`` in a chain."""

from __future__ import annotations

from collections.abc import Sequence

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array


class Sigma:
    """The activation ``σ_l`` behind a transfer: a layer, or several (pooling, reshaping) in a row."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers

    def __call__(self, z: Array) -> Array:
        for layer in self.layers:
            z = layer.forward(z)
        return z

    def derivative(self, z: Array, r: Array) -> Array:
        """``σ'(z)ᵀ r``."""
        values = [z]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        for layer, source, output in zip(reversed(self.layers), values[-2::-1], values[:0:-1], strict=True):
            r = layer.adjoint(r, output, source)
        return r


class Chain:
    """A net as the paper writes it: ``φ_l`` and ``σ_l`` for ``l = 1 … L-1``.

    Raises
    ------
    ValueError
        If the net is no chain, uses a layer twice, or ends in something else than a transfer.
    """

    def __init__(self, net: Graph) -> None:
        layers = [node.layer for node in net.nodes[1:] if node.layer is not None]
        transfers = [layer for layer in layers if isinstance(layer, Transfer)]
        if any(sources != [i] for i, sources in enumerate(net.sources[1:])):
            raise ValueError("the algorithms are written for chains: a node of this net has other inputs")
        if len(transfers) != len(net.transfers):
            raise ValueError("the algorithms are written for chains in which no layer stands twice")
        if not layers or layers[-1] is not transfers[-1]:
            raise ValueError(f"the algorithms need a transfer as the last layer, found {layers[-1]!r}")
        places = [i for i, layer in enumerate(layers) if isinstance(layer, Transfer)]
        self.L = len(transfers) + 1
        self.phi = dict(enumerate(transfers, start=1))
        self.sigma = {
            l: Sigma(layers[start + 1 : stop])
            for l, (start, stop) in enumerate(zip(places, [*places[1:], len(layers)], strict=True), 1)
        }
        self.before = Sigma(layers[: places[0]])  # what stands before φ_1 belongs to the data
        self.theta = {l: phi.theta for l, phi in self.phi.items()}

    def forward(self, x: Array) -> tuple[dict[int, Array], dict[int, Array]]:
        """``z_l = φ(θ_l, a_{l-1})``, ``a_l = σ(z_l)`` for ``l = 1 … L-2``."""
        a, z = {0: self.before(x)}, {}
        for l in range(1, self.L - 1):
            z[l] = self.phi[l].forward(self.theta[l], a[l - 1])
            a[l] = self.sigma[l](z[l])
        return a, z
