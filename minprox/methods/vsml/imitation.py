"""How the LSTM clone is trained: single edges are shown what the hand-set cell does (V11)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Concat, Input, Multiply, Reshape, Slice
from minprox.ground.arguments import whole
from minprox.methods.vsml.cell import SIZE, LSTMCell
from minprox.methods.vsml.doors import door
from minprox.methods.vsml.learner import TICKS
from minprox.methods.vsml.lstm_clone import SHARE
from minprox.methods.vsml.unrolled import Cell, Message

SMALL = 0.03  # errors e that are smaller than this count as if they were as large


class Imitation(Graph):
    """Single edges over T examples as a net: what the clone says, and the weight after each (V11).

    Parameters
    ----------
    cell : LSTMCell
        Its parameters are copied; :meth:`cell` gives them back.
    T : int
        Examples.

    Attributes
    ----------
    ends : tuple of Symbol
        h and c after the last example, for the next call.

    Examples
    --------
    >>> from minprox.methods.vsml import imitator
    >>> net = Imitation(imitator(seed=0), T=2)
    >>> [theta.shape for theta in net.parameters], net.nodes[-1].shape
    ([(33, 64), (17, 8), (17, 8)], (6,))
    """

    @door
    def __init__(self, cell: LSTMCell, T: int) -> None:
        T, self.inner = whole("T", T), Cell(cell)
        ends = np.cumsum([0, T, T, T, T, SIZE, SIZE, 1]).tolist()
        row = Input((ends[-1],))
        x, e, of_down, of_w, h, c, zero = (Slice(start, end, axis=1)(row) for start, end in pairwise(ends))
        h, c, silent = Reshape(1, 1, SIZE)(h), Reshape(1, 1, SIZE)(c), Message()(zero)
        outputs = []
        for t in range(T):
            x_t, e_t, s_t, r_t = (Slice(t, t + 1, axis=1)(part) for part in (x, e, of_down, of_w))
            for _ in range(TICKS):
                h, c, said, _ = self.inner.tick(h, c, Message()(x_t), silent, 1, 1)
            for _ in range(TICKS):
                h, c, _, down = self.inner.tick(h, c, silent, Message()(e_t), 1, 1)
            said, down, w = (Reshape(1)(Slice(0, 1)(part)) for part in (said, down, c))
            outputs += [said, Multiply()(down, s_t), Multiply()(w, r_t)]
        self.ends = h, c
        super().__init__(row, Concat(-1)(*outputs), dtype=cell.theta[0].dtype)

    def cell(self) -> LSTMCell:
        """Return the cell whose parameters this net has now.

        Returns
        -------
        LSTMCell
            With copies of them.
        """
        return self.inner.cell()


def lesson(
    rng: np.random.Generator, h: np.ndarray, c: np.ndarray, T: int, eta: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw what edges hear, as input of an :class:`Imitation`, with what the hand-set cell would say.

    Parameters
    ----------
    rng : numpy.random.Generator
    h, c : numpy.ndarray, shape (N, 16)
        States of the edges, whose weights are what :class:`LSTMClone` takes them for.
    T : int
        Examples.
    eta : float
        η of the hand-set cell.

    Returns
    -------
    inputs : numpy.ndarray, shape (N, 4 T + 33)
    targets : numpy.ndarray, shape (N, 3 T)
    scale : numpy.ndarray, shape (N, 3 T)
        By which ``(tanh(x) w, e w (1 − tanh² x), −Σ e tanh x)`` were multiplied: what an error causes counts
        in proportion to it.
    """
    N = len(c)
    x, e = rng.normal(0, 1.3, (N, T)), rng.uniform(-1, 1, (N, T)) * 10 ** rng.uniform(-2, 0, (N, T))
    s = 0.3 / (abs(e) + SMALL)
    a, w = np.tanh(x), c[:, :1] / SHARE - eta * np.cumsum(e * np.tanh(x), axis=1)  # after each example
    before = w + eta * e * a
    targets = np.stack([a * before, e * before * (1 - a * a) * s, w / eta * s], axis=2)
    inputs = np.concatenate([x, e, s, s / (SHARE * eta), h, c, np.zeros((N, 1))], axis=1)
    return inputs, targets.reshape(N, -1), np.stack([0 * s + 1, s, s], axis=2).reshape(N, -1)
