"""A kind of run: a small net is regressed on what the hand-set cell does, and then learns like it (V8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Linear, Tanh
from minprox.engine.losses import SquaredError
from minprox.engine.passes import backprop, forward
from minprox.engine.sequential import Sequential
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure, accuracy
from minprox.experiments.online_tasks import all_digits
from minprox.ground.arguments import number, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.learning.net_state import check_alike, listed, net_arrays, numbered, put
from minprox.learning.optimizers import Adam
from minprox.methods.vsml.clone import CloneCell, clone_net, edges
from minprox.methods.vsml.hand_set import HandSetCell, State, run

NETS = {"linear": (64, 10), "deep": (64, 32, 10)}  # that learn the digits by cells at the end
TEST, LAPS, ETA = 297, 3, 0.01  # digits kept for the test; how often the others are seen, at which rate


@dataclass(frozen=True, kw_only=True)
class Cloning(Kind):
    """Regression of a small net on the products of the hand-set cell, and what nets of such cells learn.

    Parameters
    ----------
    label : str
        As for every kind.
    seed : int
        Of the net, and of what it is shown; at the end of the order of the digits.
    blocks, every : int
        How many times so many steps of Adam are done; a row of measures for each.
    batch : int
        Edges of a step.
    tau : float
        Learning rate at the start; it falls to zero like a cosine.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    At the end nets of tanh with the digits as inputs, without a hidden layer and with one of 32, are run on
    1,500 digits three times, once with the clone and once with the hand-set cell, which is gradient descent,
    from the same start; ``clone_deep`` and ``sgd_deep`` are their accuracies on 297 others.

    Examples
    --------
    >>> run = Cloning(blocks=2, every=10)
    >>> state = run.begin()
    >>> run.advance(state, 1)["step"]
    10
    """

    KIND: ClassVar[str] = "cloning"
    UNIT: ClassVar[str] = "block"
    LENGTH: ClassVar[str] = "blocks"
    MEASURES: ClassVar[Mapping[str, Measure]] = MappingProxyType(
        {
            "step": Measure("step", "{:,.0f}"),
            "error": Measure("root mean square error", "{:.1e}", logarithmic=True, head="error"),
            **{f"{who}_{net}": accuracy(f"{who}, {net}") for net in NETS for who in ("clone", "sgd")},
        }
    )
    TABLE: ClassVar[tuple[str, ...]] = (
        *("error", "clone_linear", "sgd_linear", "clone_deep", "sgd_deep"),
        *("step", "seconds"),
    )

    blocks: int = 60
    every: int = 500
    batch: int = 256
    tau: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("blocks", "every", "batch"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "tau", number("tau", self.tau, above=0))

    def identity(self, state: Any) -> dict[str, Any]:
        """Return all settings: the fall of the learning rate depends on the length, too."""
        return self.settings()

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> tuple[Graph, Adam]:
        """Return the net and its optimiser; see :class:`Kind`."""
        net = clone_net(self.seed)
        steps = self.blocks * self.every
        adam = Adam(net, lr=lambda step: self.tau * (1 + np.cos(np.pi * step / steps)) / 2)
        if arrays is not None:
            check_alike(self.arrays((net, adam)), arrays)
            put(net.parameters, listed("parameters", arrays))
            for name, values in adam.state.items():
                put(values, listed(f"state.{name}", arrays))
            adam.steps_done = whole("steps_done", arrays["steps_done"][()], least=0)
        return net, adam

    def advance(self, state: tuple[Graph, Adam], unit: int) -> dict[str, float]:
        """Do a block of steps; see :class:`Kind`."""
        (net, adam), loss, errors = state, SquaredError(), []
        for step in range((unit - 1) * self.every, unit * self.every):
            x, y = (
                asarray(part, "float32")
                for part in edges(np.random.default_rng([self.seed, step]), self.batch)
            )
            tape, adam.epoch = forward(net, x), step
            adam.step(backprop(net, tape, loss, y))
            errors.append(float(((tape.output - y) ** 2).mean()))
        return {"step": unit * self.every, "error": float(np.mean(errors)) ** 0.5}

    def arrays(self, state: tuple[Graph, Adam]) -> dict[str, Any]:
        """Return the parameters and the state of Adam; see :class:`Kind`."""
        net, adam = state
        arrays = net_arrays(net) | {"steps_done": np.array(adam.steps_done)}
        return arrays | {
            k: v for n, values in adam.state.items() for k, v in numbered(f"state.{n}", values).items()
        }

    def last(self, state: tuple[Graph, Adam]) -> dict[str, float]:
        """Let nets of cells learn the digits, run forward only; see :class:`Kind`."""
        cells = {"clone": CloneCell(ETA, state[0]), "sgd": HandSetCell(ETA)}
        return {
            f"{who}_{name}": learned(cell, widths, self.seed)
            for name, widths in NETS.items()
            for who, cell in cells.items()
        }


def learned(cell: HandSetCell, widths: tuple[int, ...], seed: int) -> float:
    """Return the test accuracy of a net of cells that has run along the digits."""
    layers = chain.from_iterable((Tanh(), Linear(I, O)) for I, O in pairwise(widths))
    states = HandSetCell(ETA).states(Sequential(*layers, seed=seed))
    rng = np.random.default_rng([seed, 0])
    x, y = (asarray(part) for part in all_digits(rng))
    for _ in range(LAPS):
        order = asarray(rng.permutation(len(y) - TEST))
        states, _ = run(cell, states, x[:-TEST][order], y[:-TEST][order])
    guesses = [int(outputs(cell, states, one).argmax()) for one in x[-TEST:]]
    return float(np.mean(guesses == to_numpy(y[-TEST:])))


def outputs(cell: HandSetCell, states: list[State], x: Any) -> Any:
    """Return the logits for an example that is not learned from."""
    for state in states:
        _, x = cell.forward(state, x)
    return x
