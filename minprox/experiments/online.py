"""A kind of run: a learner meets a stream for the first time, and what counts is how soon it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure, accuracy
from minprox.experiments.online_tasks import STREAMS
from minprox.ground.arguments import one_of, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.methods.vsml.learner import Learner
from minprox.methods.vsml.rivals import Rivals
from minprox.methods.vsml.shipped import load

RATES = {  # of the grids: two decades and a half, three steps to each
    "sgd": tuple(round(10 ** (k / 3), 4) for k in range(-8, 1)),
    "adam": tuple(round(10 ** (k / 3), 5) for k in range(-11, -2)),
}
RECENT = 100  # examples at the end of those seen


@dataclass(frozen=True, kw_only=True)
class Online(Kind):
    """A net without hidden layer, or a rival with one, learns a stream, each example once.

    Parameters
    ----------
    label : str
        As for every kind.
    seed : int
        Of the order of the examples, of their disguise, and of the states or parameters at the start.
    marks, every : int
        How many times it is measured, each time after so many further examples.
    stream : {"digits", "projected", "permuted", "coarse"}
        The digits; through a random matrix; with permuted labels; of 4×4 pixels.
    method : {"vsml", "sgd", "adam"}
        A meta-trained cell, run forward only, or an optimiser at each rate of a grid, side by side: at each
        mark it is shown at the rate that is best there, which nobody knows beforehand.
    hidden : int
        Width of a hidden layer of tanh, 0 for none; only for optimisers.
    cell : str
        The file of the cell; the one that comes with the package if empty.

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Examples
    --------
    >>> run = Online(marks=2, every=50, method="sgd")
    >>> state = run.begin()
    >>> row = run.advance(state, 1)
    >>> row["examples"], bool(0.2 < row["accuracy"] < 0.7)
    (50, True)
    """

    KIND: ClassVar[str] = "online"
    UNIT: ClassVar[str] = "mark"
    LENGTH: ClassVar[str] = "marks"
    MEASURES: ClassVar[Mapping[str, Measure]] = MappingProxyType(
        {
            "examples": Measure("examples seen", "{:,.0f}", head="examples"),
            "accuracy": accuracy("online"),
            "recent": Measure("accuracy, last 100 (%)", "{:.1f} %", 100, higher=True, head="last 100"),
            "rate": Measure("best rate", "{:g}"),
        }
    )
    TABLE: ClassVar[tuple[str, ...]] = ("accuracy", "recent", "examples", "seconds")

    marks: int = 24
    every: int = 25
    stream: str = "digits"
    method: str = "vsml"
    hidden: int = 0
    cell: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("stream", self.stream, STREAMS)
        one_of("method", self.method, ("vsml", *RATES))
        for name, least in (("marks", 1), ("every", 1), ("hidden", 0)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least=least))
        if self.hidden and self.method == "vsml":
            raise ValueError(f"hidden: the cell is one for nets of one layer, found {self.hidden}")
        if self.cell and self.method != "vsml":
            raise ValueError(f"cell: only vsml has one, found {self.cell!r}")

    @property
    def curve(self) -> tuple[str, str]:
        return self.method, str(self.hidden or "")

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> OnlineState:
        """Return the learner with its stream; see :class:`Kind`."""
        x, y = STREAMS[self.stream](np.random.default_rng([self.seed, 0]))
        sizes = [x.shape[1], *([self.hidden] if self.hidden else []), 10]
        learner: Any
        if self.method == "vsml":
            learner = Learner(load(self.cell or None), sizes, seed=[self.seed, 1])
        else:
            learner = Rivals(sizes, RATES[self.method], self.method, seed=self.seed)
        copies = 1 if self.method == "vsml" else len(RATES[self.method])
        state = OnlineState(learner, x, y, np.zeros((0, copies), bool))
        if arrays is not None:
            state.take_up(arrays)
        return state

    def advance(self, state: OnlineState, unit: int) -> dict[str, float]:
        """Learn from the next examples; see :class:`Kind`."""
        for _ in range(self.every):
            state.step()
        return state.row()

    def arrays(self, state: OnlineState) -> dict[str, Any]:
        """Return what the learner remembers, and where it was right; see :class:`Kind`."""
        return {"right": state.right} | state.learner.arrays()

    def last(self, state: OnlineState) -> dict[str, float]:
        """Return the rate that was best over the whole stream."""
        if self.method == "vsml":
            return {"rate": float("nan")}
        return {"rate": RATES[self.method][int(state.right.mean(axis=0).argmax())]}


@dataclass
class OnlineState:
    """A learner on its way along a stream, and where each of its copies was right."""

    learner: Any
    x: np.ndarray
    y: np.ndarray
    right: np.ndarray  # (t, copies)

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on where the arrays were taken."""
        right = arrays["right"]
        if right.dtype != bool or right.shape[1:] != self.right.shape[1:]:
            raise ValueError(f"right: expected truth values of {self.right.shape[1]} copies")
        self.learner.take_up({name: array for name, array in arrays.items() if name != "right"})
        self.right = right

    def step(self) -> None:
        """Predict, look, learn; after the last example of the data the first one comes again."""
        t = len(self.right) % len(self.y)
        x, y = (asarray(part[t : t + 1]) for part in (self.x, self.y))
        logits = self.learner.predict(x)
        self.right = np.concatenate([self.right, to_numpy(logits.argmax(axis=-1) == y)[None]])
        self.learner.learn(logits, y)

    def row(self) -> dict[str, float]:
        """Return the accuracies of the copy that is best at this mark."""
        recent = self.right[-RECENT:]
        return {
            "examples": len(self.right),
            "accuracy": self.right.mean(axis=0).max(),
            "recent": recent.mean(axis=0).max(),
        }
