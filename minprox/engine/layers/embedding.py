"""Sequences of tokens: a vector for each, and where it stands."""

from __future__ import annotations

import numpy as np

from minprox.engine.layers.activations import Activation
from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.transfer import Transfer
from minprox.engine.linear_map import LinearMap
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module, on_host


class Embedding(Transfer):
    """Row ``k`` of θ for each token ``k``: linear in θ, the rows of ``A`` being one-hot.

    ``AᵀA`` is diagonal, it counts the tokens, so that the exact step is a division.

    Parameters
    ----------
    vocabulary : int
        Number of different tokens, 0 … vocabulary − 1.

    Raises
    ------
    ValueError
        If a count is no positive integer; at a forward pass, if a token is no integer in that range.
        On a GPU, which a look at the tokens would stop, its row becomes NaN.

    Notes
    -----
    Tokens come as floating-point numbers, as every batch does, exact up to 2²⁴ in float32. They do not move:
    the error at the input is zero.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> layer = mp.Embedding(3, 2)
    >>> layer.forward(np.array([[0.0, 1], [2, 3], [4, 5]]), np.array([[2.0, 0.0]]))
    array([[[4., 5.],
            [0., 1.]]])
    """

    channel_axis = -1

    def __init__(self, vocabulary: int, features: int) -> None:
        self.vocabulary, self.features = whole("vocabulary", vocabulary), whole("features", features)
        super().__init__((self.vocabulary, self.features), fan_in=1)

    def linear_map(self, a: Array) -> LinearMap:
        return OneHotMap(a.reshape(-1), self.vocabulary)

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        return array_module(delta).zeros(a.shape, delta.dtype)

    def tangent_map(self, a_dot: Array) -> LinearMap:
        return StillMap(a_dot.size, self.vocabulary, a_dot.dtype)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return None if shape is None else (*shape, self.features)

    def __repr__(self) -> str:
        return f"Embedding({self.vocabulary}, {self.features})"


class OneHotMap(LinearMap):
    """``A`` with a one in each row, at the place of its token.

    Parameters
    ----------
    tokens : array, shape (rows,)
    vocabulary : int
    """

    def __init__(self, tokens: Array, vocabulary: int) -> None:
        xp = array_module(tokens)
        known = (tokens >= 0) & (tokens < vocabulary) & (tokens == xp.floor(tokens))
        if on_host(tokens) and not known.all():
            wrong = tokens[~known][0]
            raise ValueError(f"tokens: expected integers from 0 to {vocabulary - 1}, found {wrong:g}")
        self.ones = xp.where(known, 1.0, float("nan")).astype(tokens.dtype)
        self.tokens = xp.where(known, tokens, 0).astype("int64")
        self.shape, self.dtype = (len(tokens), vocabulary), tokens.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.ones[:, None].astype(theta.dtype) * theta[self.tokens]

    def adjoint(self, delta: Array) -> Array:
        return self.matrix().astype(delta.dtype, copy=False).T @ delta

    def matrix(self) -> Array:
        xp = array_module(self.ones)
        return (self.tokens[:, None] == xp.arange(self.shape[1])) * self.ones[:, None]

    def normal_diagonal(self) -> Array:
        return self.matrix().sum(axis=0)  # how often each token occurs

    @property
    def gram_cost(self) -> float:
        return self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return self.shape[0] * self.shape[1]


class StillMap(LinearMap):
    """The zero map: how a one-hot ``A`` changes, since tokens do not move."""

    def __init__(self, rows: int, cols: int, dtype: np.dtype) -> None:
        self.shape, self.dtype = (rows, cols), dtype

    def __matmul__(self, theta: Array) -> Array:
        return array_module(theta).zeros((self.shape[0], theta.shape[1]), theta.dtype)

    def adjoint(self, delta: Array) -> Array:
        return array_module(delta).zeros((self.shape[1], delta.shape[1]), delta.dtype)


class Positions(Activation):
    """Add to each place ``t`` of a sequence the sines and cosines that say where it stands.

    References
    ----------
    Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 3.5.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Positions().forward(np.zeros((1, 2, 2))).round(2)
    array([[[0.  , 1.  ],
            [0.84, 0.54]]])
    """

    bends = False

    def forward(self, z: Array) -> Array:
        T, F = z.shape[-2:]
        xp, pair = array_module(z), np.arange(F) // 2 * 2
        angles = xp.arange(T)[:, None] * xp.asarray(10_000.0 ** (-pair / F))
        even = xp.arange(F) % 2 == 0
        return z + xp.where(even, xp.sin(angles), xp.cos(angles)).astype(z.dtype)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is not None and len(shape) < 2:
            raise ValueError(f"expected sequences (T, features), found the shape {shape}")
        return shape
