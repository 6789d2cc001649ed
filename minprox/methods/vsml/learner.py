"""Layers of cells that learn online, forward only (V3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.ground.arguments import flag, refuse, whole
from minprox.ground.backend import array_module, asarray
from minprox.ground.memory import check_room
from minprox.ground.seeds import generator
from minprox.learning.net_state import check_alike, listed, numbered
from minprox.methods.vsml.cell import MESSAGE, SIZE, LSTMCell, State

Array = Any

TICKS = 2  # of each layer for one example
BOUND = 100.0  # of the logits


class Learner:
    """A net of layers of cells; what it learns lies in the states, the parameters of the cell never change.

    Parameters
    ----------
    cell : LSTMCell
        Shared by all edges.
    sizes : sequence of int
        Inputs, hidden widths, outputs: any, with the same parameters.
    episodes : int
        How many learn side by side, each on its own data.
    seed : int
        Of the states at the start.
    backward : bool
        Whether each example ends with a sweep of the layers in reverse, with its error.

    Attributes
    ----------
    states : list of tuple of array, shape (episodes, I, O, 16)
        One for each layer.

    Raises
    ------
    ValueError
        If there are less than two sizes, or one is no positive integer.

    References
    ----------
    Kirsch and Schmidhuber, NeurIPS 2021, Algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> learner = Learner(LSTMCell(seed=0), (4, 3))
    >>> learner.predict(np.ones((1, 4))).shape
    (1, 3)
    """

    def __init__(
        self,
        cell: LSTMCell,
        sizes: Sequence[int],
        episodes: int = 1,
        seed: int | Sequence[int] = 0,
        backward: bool = False,
    ) -> None:
        if not isinstance(cell, LSTMCell):
            refuse("cell", "a cell, such as mp.methods.vsml.LSTMCell()", cell)
        if not isinstance(sizes, (list, tuple)) or len(sizes) < 2:
            refuse("sizes", "a list of two or more, those of inputs and outputs", sizes)
        self.cell, self.sizes = cell, [whole("sizes", n) for n in sizes]
        N, rng, self.backward = whole("episodes", episodes), generator(seed), flag("backward", backward)
        for I, O in pairwise(self.sizes):
            check_room("the states of the cells", (2 * N, I, O, SIZE))
        xp, dtype = array_module(*cell.theta), cell.theta[0].dtype
        pairs = list(pairwise(self.sizes))
        self.states: list[State] = [cell.start(N, I, O, rng) for I, O in pairs]
        self.downs = [xp.zeros((N, O, MESSAGE), dtype) for _, O in pairs]  # m←_b of each layer
        self.error = xp.zeros((N, self.sizes[-1]), dtype)

    def predict(self, x: Array) -> Array:
        """Run the layers on one example of each episode, and return the logits (V3).

        Parameters
        ----------
        x : array, shape (episodes, inputs)

        Returns
        -------
        array, shape (episodes, classes)
        """
        xp = array_module(x)
        up = message(x)  # m→_a = (x_a, 0, …)  (V3)
        self.downs[-1] = message(self.error)  # m←_b = (e_b, 0, …) at the last layer  (V3)
        for l in range(len(self.states)):
            up = self._ticks(l, up)
        return BOUND * xp.tanh(up[..., 1] / BOUND)  # ŷ_b, component 1 of m→_b  (V3)

    def _ticks(self, l: int, up: Array) -> Array:
        """Run a layer with the messages that it got; what it says downwards waits for the layer below."""
        down = self.downs[l]
        for _ in range(TICKS):
            self.states[l], said, below = self.cell.tick(self.states[l], up, down)
        if l:
            self.downs[l - 1] = below
        return said

    def learn(self, logits: Array, y: Array) -> None:
        """Take in the labels of the examples just predicted (V3).

        Parameters
        ----------
        logits : array, shape (episodes, classes)
            What :meth:`predict` returned.
        y : array, shape (episodes,)
            Labels.
        """
        self.error = error_of(logits, y)  # e = softmax(ŷ) − onehot(y)  (V3)
        if self.backward:
            self.sweep()

    def sweep(self) -> None:
        """Run the layers in reverse order with the error, after which it is zero (V3)."""
        self.downs[-1] = message(self.error)
        for l in reversed(range(len(self.states))):
            xp = array_module(self.error)
            N, I = self.states[l][0].shape[:2]
            self._ticks(l, xp.zeros((N, I, MESSAGE), self.error.dtype))
        self.error = 0 * self.error

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that changes, by name.

        Returns
        -------
        dict of str to array
            For :meth:`take_up`; each of the shape that it has here.
        """
        h, c = zip(*self.states, strict=True)
        parts = {"h": h, "c": c, "down": self.downs, "error": [self.error]}
        return {
            name: array for key, part in parts.items() for name, array in numbered(key, list(part)).items()
        }

    def take_up(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`arrays` was called.

        Parameters
        ----------
        arrays : mapping of str to array
            What it returned, of the same shapes.

        Raises
        ------
        ValueError
            If they are those of another learner.
        """
        check_alike(self.arrays(), arrays)
        h, c, self.downs, (self.error,) = (
            [asarray(array) for array in listed(key, arrays)] for key in ("h", "c", "down", "error")
        )
        self.states = list(zip(h, c, strict=True))

    def run(self, x: Array, y: Array) -> Array:
        """Learn from a stream, one example after the other.

        Parameters
        ----------
        x : array, shape (episodes, T, inputs)
        y : array, shape (episodes, T)

        Returns
        -------
        array, shape (episodes, T, classes)
            The logits for each example, before its label was seen.
        """
        outputs = []
        for t in range(x.shape[1]):
            outputs.append(self.predict(x[:, t]))
            self.learn(outputs[-1], y[:, t])
        return array_module(x).stack(outputs, axis=1)


def error_of(logits: Array, y: Array) -> Array:
    """Return ``softmax(ŷ) − onehot(y)`` of each row of logits."""
    xp = array_module(logits, y)
    p = xp.exp(logits - logits.max(axis=-1, keepdims=True))
    one_hot = (y[:, None] == xp.arange(logits.shape[-1])).astype(logits.dtype)
    return p / p.sum(axis=-1, keepdims=True) - one_hot


def message(values: Array) -> Array:
    """Return ``(value, 0, …)`` for each value."""
    xp = array_module(values)
    zeros = xp.zeros((*values.shape, MESSAGE - 1), values.dtype)
    return xp.concatenate([values[..., None], zeros], axis=-1)
