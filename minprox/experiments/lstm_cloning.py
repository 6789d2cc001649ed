"""A kind of run: the hand-set cell is cloned into the LSTM cell, which then learns as it can (V11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import SquaredError
from minprox.engine.passes import backprop, forward
from minprox.experiments.cloning import Cloning, compared
from minprox.experiments.in_training import arrays_of, put_back
from minprox.experiments.kinds import Kind
from minprox.ground.arguments import number, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.learning.net_state import check_alike, numbered
from minprox.learning.optimizers import Adam
from minprox.methods.vsml.cell import SIZE
from minprox.methods.vsml.hand_set import HandSetCell
from minprox.methods.vsml.imitation import Imitation, lesson
from minprox.methods.vsml.lstm_clone import SHARE, LSTMClone, imitator
from minprox.methods.vsml.meta import clipped

CLIP = 1.0  # the largest norm of a gradient


@dataclass(frozen=True, kw_only=True)
class LSTMCloning(Cloning):
    """Imitation of the hand-set cell by the LSTM cell, and what nets of such cells learn.

    Parameters
    ----------
    label, seed, blocks, every, batch, tau
        As for :class:`Cloning`.
    T : int
        Examples through which back-propagation goes; edges live on with the states that it left.
    life : int
        After how many examples an edge is replaced by a new one, on average.
    eta : float
        η of the hand-set cell, which has no biases here.
    fall : int
        Steps over which the learning rate falls to zero like a cosine, whatever the length of the run.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    At the end as for :class:`Cloning`, with nets without biases, at this η.

    Examples
    --------
    >>> run = LSTMCloning(blocks=2, every=3)
    >>> state = run.begin()
    >>> run.advance(state, 1)["step"]
    3
    """

    KIND: ClassVar[str] = "lstm-cloning"

    blocks: int = 12
    T: int = 2
    life: int = 100
    eta: float = 0.02
    fall: int = 12_000

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("T", "life", "fall"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "eta", number("eta", self.eta, above=0))

    def identity(self, state: Any) -> dict[str, Any]:
        """Return all settings but the length."""
        return Kind.identity(self, state)

    def optimizer(self, net: Graph) -> Adam:
        """Return the optimiser of the imitation; see :class:`Cloning`."""
        return Adam(net, lr=lambda step: self.tau * (1 + np.cos(np.pi * min(step / self.fall, 1))) / 2)

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> Imitating:  # type: ignore[override]
        """Return the cell, its optimiser and the edges; see :class:`Kind`."""
        net, nothing = Imitation(imitator(self.seed), self.T), np.zeros((self.batch, SIZE))
        state = Imitating(net, self.optimizer(net), nothing, nothing)
        if arrays is not None:
            check_alike(self.arrays(state), arrays)
            put_back(net, state.adam, arrays)
            state.h, state.c = arrays["h"] + 0, arrays["c"] + 0
        return state

    def advance(self, state: Imitating, unit: int) -> dict[str, float]:  # type: ignore[override]
        """Do a block of steps; see :class:`Kind`."""
        net, loss, errors = state.net, SquaredError(), []
        for step in range((unit - 1) * self.every, unit * self.every):
            rng = np.random.default_rng([self.seed, step])
            self.renew(state, rng, step == 0)
            inputs, targets, scale = lesson(rng, state.h, state.c, self.T, self.eta)
            x, y = asarray(inputs, net.dtype), asarray(targets, net.dtype)
            tape, state.adam.epoch = forward(net, x), step
            state.adam.step(clipped(backprop(net, tape, loss, y), CLIP))
            state.h, state.c = (to_numpy(tape[end]).reshape(-1, SIZE).astype(float) for end in net.ends)
            errors.append(float((((to_numpy(tape.output) - targets) / scale) ** 2).mean()))
        return {"step": unit * self.every, "error": float(np.mean(errors)) ** 0.5}

    def renew(self, state: Imitating, rng: np.random.Generator, first: bool) -> None:
        """Replace edges whose time has come by new ones.

        Parameters
        ----------
        state : Imitating
            Changed in place.
        rng : numpy.random.Generator
            Of who is replaced, and of the new weights.
        first : bool
            Whether all of them are replaced.
        """
        new = (rng.random(self.batch) < (1 if first else self.T / self.life))[:, None]
        c = np.zeros((self.batch, SIZE))
        c[:, 0] = SHARE * rng.normal(0, 0.5, self.batch)
        state.h, state.c = np.where(new, 0, state.h), np.where(new, c, state.c)

    def arrays(self, state: Imitating) -> dict[str, Any]:  # type: ignore[override]
        """Return the parameters, the state of Adam and the edges; see :class:`Kind`."""
        arrays = arrays_of(state.net, state.adam) | {"h": state.h, "c": state.c}
        return arrays | numbered("cell", state.net.cell().theta)

    def last(self, state: Imitating) -> dict[str, float]:  # type: ignore[override]
        """Let nets of cells learn the digits, run forward only; see :class:`Kind`."""
        return compared(LSTMClone(state.net.cell()), HandSetCell(self.eta, bias=False), self.seed)


@dataclass
class Imitating:
    """A cell in training, and the edges that it is shown."""

    net: Imitation
    adam: Adam
    h: np.ndarray
    c: np.ndarray
