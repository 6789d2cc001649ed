"""The dense transfer."""

from __future__ import annotations

from typing import Any

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.transfer import Transfer
from minprox.engine.linear_map import DenseMap, LinearMap
from minprox.engine.tangent_map import without_ones
from minprox.ground.arguments import whole
from minprox.ground.doors import door
from minprox.ground.products import multiply


class Linear(Transfer):
    """Dense layer ``z = [a, 1] θ``, along the last axis: of vectors, or of each place of a sequence.

    Parameters
    ----------
    n_in, n_out : int
        Number of features that come in and go out.
    bias : bool
        Whether θ has a bias, its last row.
    init : {"uniform", "he", "glorot"}
        How θ is drawn; see :class:`minprox.Transfer`.

    Raises
    ------
    ValueError
        If a count is not a positive integer.

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.Sequential(mp.Linear(64, 10), seed=0)
    >>> net.parameters[0].shape
    (65, 10)
    """

    channel_axis = -1

    @door
    def __init__(self, n_in: int, n_out: int, bias: bool = True, init: str = "uniform") -> None:
        n_in, n_out = whole("n_in of Linear", n_in), whole("n_out of Linear", n_out)
        super().__init__((n_in + bool(bias), n_out), bias=bias, init=init)
        self.n_in, self.n_out = n_in, n_out
        self.input_shape = (n_in,)

    def linear_map(self, a: Array) -> DenseMap:  # A = [a, 1]
        rows = a if a.ndim == 2 else a.reshape(-1, self.n_in)  # one for each place of a sequence
        return DenseMap(rows, self.has_bias)

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        return multiply(delta, theta[: self.n_in].T, like=a)  # (∂φ/∂a)ᵀ δ

    def tangent_map(self, a_dot: Array) -> LinearMap:
        return without_ones(self.linear_map(a_dot))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None:
            return (self.n_out,)
        if shape != (None,) and (not shape or shape[-1] != self.n_in):
            raise ValueError(f"expected samples of shape ({self.n_in},), found {shape}{hint(shape)}")
        return (*shape[:-1], self.n_out)

    def __repr__(self) -> str:
        return f"Linear({self.n_in}, {self.n_out}{'' if self.has_bias else ', bias=False'})"


def hint(shape: Any) -> str:
    """Say what is missing where images meet a dense layer."""
    return "; put mp.Flatten() between them" if len(shape) > 1 else ""
