"""An episode of learning as a graph: the cell's layers stand at every tick, their rows of A stacked.

Back-propagation through time is then :func:`minprox.backprop` on this net, and implicit meta-steps are
:func:`minprox.proxprop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import (
    Add,
    Concat,
    Expand,
    Input,
    Layer,
    Linear,
    Mean,
    Multiply,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Symbol,
    Tanh,
)
from minprox.engine.layers.activations import Activation
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module
from minprox.ground.doors import each
from minprox.ground.memory import check_room
from minprox.methods.vsml.cell import MESSAGE, SIZE, LSTMCell
from minprox.methods.vsml.doors import door
from minprox.methods.vsml.learner import BOUND, TICKS, message

Array = Any

SHIFT = np.repeat(
    [-5.0, 0.0, 5.0, 0.0], SIZE
)  # of the gates i, g, f, o, which the cell adds to its bias  (V1)


class Message(Layer):
    """``(value, 0, …)`` for each value: a new last axis of 8 components."""

    arity, bends = 1, False

    def forward(self, a: Array) -> Array:
        return message(a)

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return message(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta[..., 0]


class Bounded(Activation):
    """``100 tanh(z/100)``: the identity, but for a bound."""

    def forward(self, z: Array) -> Array:
        return BOUND * array_module(z).tanh(z / BOUND)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (1 - (a / BOUND) ** 2)


class Cell:
    """The three dense layers of the cell, called on symbols: one tick of it (V1, V2)."""

    def __init__(self, cell: LSTMCell) -> None:
        self.gates = Linear(2 * MESSAGE + SIZE, 4 * SIZE)
        self.upwards, self.downwards = Linear(SIZE, MESSAGE), Linear(SIZE, MESSAGE)
        self.layers = self.gates, self.upwards, self.downwards
        xp, (W_l, *rest) = array_module(*cell.theta), cell.theta
        bias = xp.concatenate([xp.zeros_like(W_l[:-1]), xp.asarray(SHIFT, dtype=W_l.dtype)[None]])
        for layer, theta in zip(self.layers, (W_l + bias, *rest), strict=True):
            layer.theta = theta + 0

    def tick(self, h: Symbol, c: Symbol, up: Symbol, down: Symbol, I: int, O: int) -> tuple[Symbol, ...]:
        """Return h, c, and the messages upwards and downwards."""
        said = Expand(O, axis=2)(up), Expand(I, axis=1)(down)
        z = self.gates(Concat(-1)(*said, h))
        i, g, f, o = (Slice(k * SIZE, (k + 1) * SIZE)(z) for k in range(4))
        c = Add()(Multiply()(Sigmoid()(f), c), Multiply()(Sigmoid()(i), Tanh()(g)))
        h = Multiply()(Sigmoid()(o), Tanh()(c))
        return h, c, self.upwards(Mean(1)(h)), self.downwards(Mean(2)(h))

    def cell(self) -> LSTMCell:
        """Return the cell whose parameters these layers have now."""
        thetas: list[Array] = [layer.theta for layer in self.layers]
        gates, *rest = (theta + 0 for theta in thetas)
        gates[-1] -= array_module(gates).asarray(SHIFT, dtype=gates.dtype)
        return LSTMCell([gates, *rest])


class Episode(Graph):
    """The net whose forward pass is an episode of T examples, with the parameters of a cell (V3, V6).

    From what :meth:`packed` returns to the logits (N, T, classes), those of :meth:`Learner.run`.

    Parameters
    ----------
    cell : LSTMCell
        Its parameters are copied; :meth:`cell` gives them back.
    sizes : sequence of int
        Inputs, hidden widths, outputs.
    T : int
        Examples of an episode.

    Examples
    --------
    >>> net = Episode(LSTMCell(seed=0), (4, 5, 3), T=2)
    >>> [theta.shape for theta in net.parameters], net.nodes[-1].shape
    ([(33, 64), (17, 8), (17, 8)], (2, 3))
    """

    @door
    def __init__(self, cell: LSTMCell, sizes: Sequence[int], T: int) -> None:
        T, layers = whole("T", T), list(pairwise(each("sizes", sizes, whole, 2)))
        check_room("a batch of one episode", (T + len(layers), max(sizes), max(sizes), SIZE))
        self.inner, self.classes, self.layers, self.sizes = Cell(cell), sizes[-1], layers, list(sizes)
        carried = [*(I * O * SIZE for I, O in layers * 2), *(O * MESSAGE for _, O in layers[:-1]), sizes[-1]]
        ends = np.cumsum([0, T * sizes[0], T * sizes[-1], *carried]).tolist()
        x = Input((ends[-1],))
        seen, targets, *parts, error = (Slice(start, end, axis=1)(x) for start, end in pairwise(ends))

        def at(t: int, part: Symbol, n: int) -> Symbol:
            return Slice(t * n, (t + 1) * n, axis=1)(part)

        L = len(layers)
        h, c = (
            [Reshape(I, O, SIZE)(part) for (I, O), part in zip(layers, block, strict=True)]
            for block in (parts[:L], parts[L : 2 * L])
        )
        downs = [Reshape(O, MESSAGE)(part) for (_, O), part in zip(layers[:-1], parts[2 * L :], strict=True)]
        outputs = []
        for t in range(T):
            up = Message()(at(t, seen, sizes[0]))
            above = [*downs, Message()(error)]
            for l, (I, O) in enumerate(layers):
                for _ in range(TICKS):
                    h[l], c[l], said, below = self.inner.tick(h[l], c[l], up, above[l], I, O)
                up = said
                if l:
                    downs[l - 1] = below
            logits = Bounded()(Reshape(self.classes)(Slice(1, 2)(up)))
            outputs.append(Reshape(1, self.classes)(logits))
            # e = softmax(ŷ) − onehot(y)  (V3)
            error = Add()(Softmax()(logits), at(t, targets, self.classes))
        super().__init__(x, Concat(1)(*outputs), dtype=cell.theta[0].dtype)

    def packed(
        self,
        x: Array,
        y: Array,
        states: Sequence[tuple[Array, ...]],
        downs: Sequence[Array] | None = None,
        error: Array | None = None,
    ) -> Array:
        """Lay an episode out as input: examples, minus the labels one-hot, and where it starts.

        Parameters
        ----------
        x : array, shape (N, T, inputs)
        y : array, shape (N, T)
        states : sequence of tuple of array
            As ``Learner.states``.
        downs : sequence of array, shape (N, O, 8), optional
            As ``Learner.downs``, the last of which is not read; zeros if not given.
        error : array, shape (N, classes), optional
            Of the example before; zeros if not given.

        Returns
        -------
        array, shape (N, n)
        """
        xp, N = array_module(x, y), len(x)
        one_hot = (y[..., None] == xp.arange(self.classes)).astype(x.dtype)
        zeros = [xp.zeros((N, O * MESSAGE), x.dtype) for _, O in self.layers[:-1]]
        heard = [*(zeros if downs is None else downs[:-1])]
        heard.append(xp.zeros((N, self.classes), x.dtype) if error is None else error)
        rows = [x, -one_hot, *(h for h, _ in states), *(c for _, c in states), *heard]
        return xp.concatenate([part.reshape(N, -1) for part in rows], axis=1)

    def start(self, N: int, rng: np.random.Generator) -> list[tuple[Array, ...]]:
        """Draw the states at the start of N episodes.

        Parameters
        ----------
        N : int
            Side by side.
        rng : numpy.random.Generator
            Of the half of c that is drawn.

        Returns
        -------
        list of tuple of array, shape (N, I, O, 16)
            As ``Learner.states`` at the start.
        """
        cell = self.cell()
        return [cell.start(N, I, O, rng) for I, O in self.layers]

    def cell(self) -> LSTMCell:
        """Return the cell whose parameters this net has now.

        Returns
        -------
        LSTMCell
            With copies of them.
        """
        return self.inner.cell()
