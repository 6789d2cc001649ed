"""The hand-set cell cloned into an LSTM: the same rule, in a state that forgets (V11)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.ground.backend import array_module
from minprox.methods.vsml.cell import SIZE, LSTMCell, State
from minprox.methods.vsml.doors import door
from minprox.methods.vsml.hand_set import HandSetCell
from minprox.methods.vsml.learner import TICKS, message

Array = Any

SHARE = 0.5  # c_1 = SHARE · w, in the range where tanh is no saturation


class LSTMClone:
    """An LSTM in the place of the hand-set cell: ``c_1`` is half the weight, and all else is learned (V11).

    It has two ticks for the way up and two for the way down, its messages have one component, and they are
    summed, as those of the hand-set cell without biases.

    Parameters
    ----------
    cell : LSTMCell
        Trained by imitation, see :class:`Imitation`; the learning rate lies in its parameters.

    References
    ----------
    Kirsch and Schmidhuber, NeurIPS 2021, section 3.

    Examples
    --------
    >>> LSTMClone(imitator(seed=0))
    LSTMClone(LSTMCell(float32))
    """

    bias = False  # of its edges, as for HandSetCell

    @door
    def __init__(self, cell: LSTMCell) -> None:
        self.cell = cell

    def forward(self, state: State, up: Array) -> tuple[State, Array]:
        """Pass messages upwards, in two ticks; (V11), as for :class:`HandSetCell`.

        Parameters
        ----------
        state : tuple of array, shape (1, I, O, 16)
            h and c of each edge.
        up : array, shape (I,)
            ``m→_a``.

        Returns
        -------
        state : tuple of array, shape (1, I, O, 16)
        up : array, shape (O,)

        References
        ----------
        Kirsch and Schmidhuber, NeurIPS 2021, section 3.
        """
        I, O = state[0].shape[1:3]
        state, said, _ = self._ticks(state, up, array_module(up).zeros(O, up.dtype))
        return state, I * said  # z_b = Σ_a, which (V2) has as a mean

    def backward(self, state: State, error: Array) -> tuple[State, Array]:
        """Pass errors downwards, and learn, in two ticks; (V11), as for :class:`HandSetCell`.

        Parameters
        ----------
        state : tuple of array, shape (1, I, O, 16)
            h and c of each edge.
        error : array, shape (O,)
            ``e_b``.

        Returns
        -------
        state : tuple of array, shape (1, I, O, 16)
        down : array, shape (I,)

        References
        ----------
        Kirsch and Schmidhuber, NeurIPS 2021, section 3.
        """
        I, O = state[0].shape[1:3]
        state, _, down = self._ticks(state, array_module(error).zeros(I, error.dtype), error)
        return state, O * down

    def states(self, net: Graph) -> list[State]:
        """Return the states that stand for the parameters of a tanh net.

        Parameters
        ----------
        net : Graph
            A chain of dense layers without biases, each behind a Tanh.

        Returns
        -------
        list of tuple of array, shape (1, I, O, 16)

        Raises
        ------
        ValueError
            If it is another net.
        """
        found = []
        for w, _, _ in HandSetCell(1.0, bias=False).states(net):
            c = array_module(w).zeros((1, *w.shape, SIZE), w.dtype)
            c[..., 0] = SHARE * w
            found.append((0 * c, c))
        return found

    def weight(self, state: State) -> Array:
        """Return the weights of a layer.

        Parameters
        ----------
        state : tuple of array, shape (1, I, O, 16)
            h and c of each edge.

        Returns
        -------
        array, shape (I, O)
        """
        return state[1][0, ..., 0] / SHARE

    def _ticks(self, state: State, up: Array, down: Array) -> tuple[State, Array, Array]:
        for _ in range(TICKS):
            state, said, below = self.cell.tick(state, message(up[None]), message(down[None]))
        return state, said[0, :, 0], below[0, :, 0]

    def __repr__(self) -> str:
        return f"LSTMClone({self.cell!r})"


@door
def imitator(seed: int = 0, dtype: str = "float32") -> LSTMCell:
    """Return a cell to begin with: its gates half open, but for the unit of the weight, which keeps it.

    Parameters
    ----------
    seed : int
        Of the parameters.
    dtype : {"float32", "float64"}

    Returns
    -------
    LSTMCell
        Not trained yet.

    Examples
    --------
    >>> imitator(seed=0)
    LSTMCell(float32)
    """
    cell = LSTMCell(seed=seed, dtype=dtype)
    shift = np.zeros(cell.theta[0].shape)
    shift[-1, 1:SIZE] = 5  # against σ(i − 5)
    shift[-1, 2 * SIZE] = 5  # to σ(f + 10), almost 1
    shift[-1, 2 * SIZE + 1 : 3 * SIZE] = -5  # against σ(f + 5)
    xp, (W_l, *rest) = array_module(*cell.theta), cell.theta
    return LSTMCell([W_l + xp.asarray(shift, dtype=W_l.dtype), *rest])
