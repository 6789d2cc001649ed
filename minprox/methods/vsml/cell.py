"""The cell that stands in the place of a weight (V1), and the messages between cells (V2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minprox.ground.arguments import float_dtype
from minprox.ground.backend import array_module, asarray
from minprox.ground.doors import arrays
from minprox.ground.seeds import generator

Array = Any
State = tuple[Array, ...]

SIZE, MESSAGE = 16, 8  # of the state h, and of a message


class LSTMCell:
    """One LSTM for every edge ``(a, b)`` of a dense layer; what differs between edges is their state alone.

    Parameters
    ----------
    theta : sequence of array, shapes (33, 64), (17, 8) and (17, 8), optional
        ``W_l``, ``W_f`` and ``W_b``, each with its bias as the last row; drawn if not given. With a leading
        axis, a stack of cells, each of which runs its share of the episodes.
    seed : int
        Of the parameters that are drawn: normal, truncated at two deviations, of deviation 1/√fan_in.
    dtype : {"float32", "float64"}
        Of these.

    Attributes
    ----------
    theta : list of array
        Of these shapes: 2384 numbers, whatever the sizes of the layers.

    Raises
    ------
    ValueError
        If the parameters have other shapes.

    References
    ----------
    Kirsch and Schmidhuber, NeurIPS 2021, section 2.

    Examples
    --------
    >>> sum(part.size for part in LSTMCell(seed=0).theta)
    2384
    """

    SHAPES = (2 * MESSAGE + SIZE + 1, 4 * SIZE), (SIZE + 1, MESSAGE), (SIZE + 1, MESSAGE)

    def __init__(
        self, theta: Sequence[Array] | None = None, seed: int = 0, dtype: DTypeLike = "float32"
    ) -> None:
        rng, kind = generator(seed), float_dtype("dtype", dtype)
        if theta is not None:
            arrays("theta", theta)
        own = (asarray(drawn(rng, shape).astype(kind)) for shape in self.SHAPES)
        self.theta = [*own] if theta is None else [*theta]
        found = tuple(part.shape[-2:] for part in self.theta)
        if found != self.SHAPES:
            raise ValueError(f"theta: expected arrays of the shapes {self.SHAPES}, found {found}")

    def start(self, N: int, I: int, O: int, rng: np.random.Generator) -> State:
        """Return the states of all edges of a layer at the start of an episode: h = 0, half of c drawn.

        Parameters
        ----------
        N, I, O : int
            Episodes side by side, inputs and outputs of the layer.
        rng : numpy.random.Generator
            Of the half of c that is drawn.

        Returns
        -------
        tuple of array
            h and c, of shape (N, I, O, 16).
        """
        xp, dtype = array_module(*self.theta), self.theta[0].dtype
        c = np.zeros((N, I, O, SIZE))
        c[..., : SIZE // 2] = truncated(rng, (N, I, O, SIZE // 2)) / I**0.5
        return xp.zeros((N, I, O, SIZE), dtype), xp.asarray(c, dtype=dtype)

    def tick(self, state: State, up: Array, down: Array) -> tuple[State, Array, Array]:
        """Advance all cells of a layer by one tick (V1, V2).

        Parameters
        ----------
        state : tuple of array, shape (N, I, O, 16)
        up : array, shape (N, I, 8)
            ``m→_a``, the message from below to each input.
        down : array, shape (N, O, 8)
            ``m←_b``, the message from above to each output.

        Returns
        -------
        state : tuple of array
        up : array, shape (N, O, 8)
        down : array, shape (N, I, 8)
            What the layer says upwards and downwards.
        """
        xp, (h, c), (W_l, W_f, W_b) = array_module(up), state, self.theta
        edges = h.shape[:3]
        said = [xp.broadcast_to(m, (*edges, MESSAGE)) for m in (up[:, :, None], down[:, None])]

        def sigma(z: Array) -> Array:  # 1/(1 + e⁻ᶻ)
            return (1 + xp.tanh(z / 2)) / 2

        # [i, g, f, o] = split([m→_a; m←_b; h_ab] W_l + b_l)  (V1)
        z = dense(xp.concatenate([*said, h], axis=-1), W_l)
        i, g, f, o = (z[..., k * SIZE : (k + 1) * SIZE] for k in range(4))
        c = sigma(f + 5) * c + sigma(i - 5) * xp.tanh(g)  # c ← σ(f + 5) c + σ(i − 5) tanh(g)  (V1)
        h = sigma(o) * xp.tanh(c)  # h ← σ(o) tanh(c)  (V1)
        # m→_b = mean_a(h_ab W_f + b_f);   m←_a = mean_b(h_ab W_b + b_b)  (V2)
        return (h, c), dense(h.mean(axis=1), W_f), dense(h.mean(axis=2), W_b)

    def __repr__(self) -> str:
        return f"LSTMCell({self.theta[0].dtype})"


def dense(values: Array, W: Array) -> Array:
    """Return ``values W + b``; of a stack of cells, each one's own for its share of the episodes."""
    if W.ndim == 2:
        return values @ W[:-1] + W[-1]
    rows = values.reshape(len(W), -1, values.shape[-1])
    return (rows @ W[:, :-1] + W[:, -1:]).reshape(*values.shape[:-1], W.shape[-1])


def truncated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw standard normal numbers within two deviations."""
    draws = rng.standard_normal(shape)
    while (outside := np.abs(draws) > 2).any():
        draws[outside] = rng.standard_normal(int(outside.sum()))
    return draws


def drawn(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a matrix with a bias of zeros as its last row."""
    weights = truncated(rng, (shape[0] - 1, shape[1])) / (shape[0] - 1) ** 0.5
    return np.concatenate([weights, np.zeros((1, shape[1]))])
