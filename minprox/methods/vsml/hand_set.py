"""The cell set by hand: run forward only, a net of it is back-propagation on a tanh net (V4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Linear, Tanh
from minprox.ground.arguments import flag, number
from minprox.ground.backend import array_module

Array = Any
State = tuple[Array, ...]


class HandSetCell:
    """An edge with the state ``(w, b, x)``, which learns as online gradient descent does (V4).

    Its messages have one component; they are summed, not averaged. Each edge has a bias of its own, so the
    summed bias of an output learns at ``I η``.

    Parameters
    ----------
    eta : float
        Learning rate η > 0.
    bias : bool
        Whether edges have biases; without, b stays 0.

    Raises
    ------
    ValueError
        If ``eta`` is not a positive finite number.

    Examples
    --------
    >>> HandSetCell(eta=0.1)
    HandSetCell(eta=0.1)
    """

    def __init__(self, eta: float, bias: bool = True) -> None:
        self.eta, self.bias = number("eta", eta, above=0), flag("bias", bias)

    def forward(self, state: State, up: Array) -> tuple[State, Array]:
        """Pass messages upwards, and keep what came in (V4).

        Parameters
        ----------
        state : tuple of array, shape (I, O)
            w, b and x of each edge.
        up : array, shape (I,)
            ``m→_a``.

        Returns
        -------
        state : tuple of array
        up : array, shape (O,)
        """
        xp, (w, b, _) = array_module(up), state
        x = xp.broadcast_to(up[:, None], w.shape)  # x ← m→_a  (V4)
        return (w, b, x), (xp.tanh(x) * w + b).sum(axis=0)  # z_b = Σ_a tanh(x) w + b  (V4)

    def backward(self, state: State, error: Array) -> tuple[State, Array]:
        """Pass errors downwards, with the old weight, and learn (V4).

        Parameters
        ----------
        state : tuple of array, shape (I, O)
        error : array, shape (O,)
            ``e_b``.

        Returns
        -------
        state : tuple of array
        down : array, shape (I,)
        """
        xp, (w, b, x) = array_module(error), state
        a = xp.tanh(x)
        down = (error * w * (1 - a * a)).sum(axis=1)  # m←_a = Σ_b e_b w (1 − tanh² x)  (V4)
        w = w - self.eta * error * a  # w ← w − η e_b tanh x  (V4)
        return (w, b - self.eta * error if self.bias else b, x), down  # b ← b − η e_b  (V4)

    def states(self, net: Graph) -> list[State]:
        """Return the states that stand for the parameters of a tanh net, its biases shared out to the edges.

        Parameters
        ----------
        net : Graph
            A chain of dense layers, each behind a Tanh; with biases if the cell has them.

        Returns
        -------
        list of tuple of array, shape (I, O)

        Raises
        ------
        ValueError
            If it is another net.
        """
        kinds = [type(node.layer) for node in net.nodes[1:]]
        L = len(net.transfers)
        if kinds != [Tanh, Linear] * L or any(t.has_bias != self.bias for t in net.transfers):
            which = "with a bias" if self.bias else "without bias"
            raise ValueError(f"expected a chain of Tanh and Linear {which}, in turn, found {net!r}")
        states = []
        for layer in net.transfers:
            w, xp = layer.weight + 0, array_module(layer.weight)
            b = xp.broadcast_to(layer.bias / len(w), w.shape) + 0 if self.bias else xp.zeros_like(w)
            states.append((w, b, xp.zeros_like(w)))
        return states

    def weight(self, state: State) -> Array:
        """Return the weights of a layer.

        Parameters
        ----------
        state : tuple of array

        Returns
        -------
        array, shape (I, O)
        """
        return state[0]

    def __repr__(self) -> str:
        return f"HandSetCell(eta={self.eta:g})"


def run(cell: Any, states: Sequence[State], x: Array, y: Array) -> tuple[list[State], np.ndarray]:
    """Run a net of hand-set or cloned cells online, forward only (V4).

    Parameters
    ----------
    cell : HandSetCell
        Or whatever has its two ticks.
    states : sequence of tuple of array
        One for each layer.
    x : array, shape (T, I)
    y : array, shape (T,)
        Labels.

    Returns
    -------
    states : list of tuple of array
    output : array, shape (T, classes)
        The logits for each example, before it is learned from.
    """
    xp, states, outputs = array_module(x), list(states), []
    for x_t, y_t in zip(x, y, strict=True):
        up = x_t
        for l, state in enumerate(states):
            states[l], up = cell.forward(state, up)
        outputs.append(up)
        p = xp.exp(up - up.max())
        error = p / p.sum() - (xp.arange(len(up)) == y_t)  # e = softmax(ŷ) − onehot(y)  (V3)
        for l in reversed(range(len(states))):
            states[l], error = cell.backward(states[l], error)
    return states, xp.stack(outputs)
