"""A cell that has learned what the hand-set one does, and then runs forward only like it (V8)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Add, Input, Linear, Tanh
from minprox.engine.passes import forward
from minprox.ground.backend import array_module
from minprox.methods.vsml.doors import door
from minprox.methods.vsml.hand_set import HandSetCell

Array = Any
State = tuple[Array, ...]

WIDTH = 48


class CloneCell(HandSetCell):
    """The hand-set cell, with its products replaced by a small net that was regressed on them (V8).

    Parameters
    ----------
    eta : float
        Learning rate η > 0.
    net : Graph
        From ``(w, x, e)`` to ``(tanh(x) w, e tanh x, e w (1 − tanh² x))``, like :func:`clone_net`.

    Notes
    -----
    The bias of an edge stays what it was in the hand-set cell: what is linear needs no clone.

    Examples
    --------
    >>> CloneCell(0.1, clone_net(seed=0))
    CloneCell(eta=0.1)
    """

    @door
    def __init__(self, eta: float, net: Graph) -> None:
        super().__init__(eta)
        self.net = net

    def _products(self, w: Array, x: Array, e: Array) -> list[Array]:
        """Return what the net makes of each edge, as three arrays of the shape (I, O)."""
        xp, shape = array_module(w), w.shape
        rows = xp.stack([xp.broadcast_to(part, shape).reshape(-1) for part in (w, x, e)], axis=1)
        out = forward(self.net, rows.astype(self.net.dtype)).output
        return [out[:, k].reshape(shape).astype(w.dtype) for k in range(3)]

    def forward(self, state: State, up: Array) -> tuple[State, Array]:
        """Pass messages upwards, and keep what came in; see :class:`HandSetCell`."""
        xp, (w, b, _) = array_module(up), state
        x = xp.broadcast_to(up[:, None], w.shape)  # x ← m→_a  (V4)
        said, _, _ = self._products(w, x, 0 * w)  # ≈ tanh(x) w  (V8)
        return (w, b, x), (said + b).sum(axis=0)

    def backward(self, state: State, error: Array) -> tuple[State, Array]:
        """Pass errors downwards, and learn; see :class:`HandSetCell`."""
        w, b, x = state
        _, gradient, down = self._products(w, x, error)  # ≈ e tanh x, and e w (1 − tanh² x)  (V8)
        b = b - self.eta * error if self.bias else b
        return (w - self.eta * gradient, b, x), down.sum(axis=1)

    def __repr__(self) -> str:
        return f"CloneCell(eta={self.eta:g})"


@door
def clone_net(seed: int = 0, dtype: str = "float32") -> Graph:
    """Return the small residual net of tanh that the products are regressed with (V8).

    Parameters
    ----------
    seed : int
        Of the parameters at the start.
    dtype : {"float32", "float64"}

    Returns
    -------
    Graph
        From rows (w, x, e) to rows of three products; nothing has been learned yet.

    Examples
    --------
    >>> [theta.shape for theta in clone_net().parameters]
    [(4, 48), (49, 48), (49, 3)]
    """
    x = Input((3,))
    h = Tanh()(Linear(3, WIDTH)(x))
    h = Add()(h, Tanh()(Linear(WIDTH, WIDTH)(h)))
    return Graph(x, Linear(WIDTH, 3)(h), seed=seed, dtype=dtype)


def edges(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw states and messages of edges, and what the hand-set cell makes of them.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int

    Returns
    -------
    inputs : numpy.ndarray, shape (n, 3)
        w, x and e.
    products : numpy.ndarray, shape (n, 3)

    Examples
    --------
    >>> inputs, products = edges(np.random.default_rng(0), 5)
    >>> inputs.shape, products.shape
    ((5, 3), (5, 3))
    """
    w, x = rng.normal(0, 0.7, n), rng.normal(0, 1.5, n)
    e = rng.uniform(-1, 1, n) * 10 ** rng.uniform(-2, 0, n)  # most errors are small
    a = np.tanh(x)
    return np.stack([w, x, e], axis=1), np.stack([a * w, e * a, e * w * (1 - a * a)], axis=1)
