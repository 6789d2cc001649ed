"""A net that is a chain of layers."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Symbol


class Sequential(Graph):
    """The chain case of a graph.

    Parameters
    ----------
    *layers : Layer
        In order; a leading :func:`minprox.Input` tells the shape of the samples, which is
        otherwise taken from the first layer as far as that knows it.
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
    >>> print(net)
       layer            inputs  output shape  parameters
    ----------------------------------------------------
    0  Input                    (64)
    1  Linear(64, 200)  0       (200)             13,000
    2  ReLU()           1       (200)
    3  Linear(200, 10)  2       (10)               2,010
    ----------------------------------------------------
    15,010 parameters, float32
    """

    def __init__(self, *layers: Layer | Symbol, seed: int | None = None, dtype: Any = "float32") -> None:
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
