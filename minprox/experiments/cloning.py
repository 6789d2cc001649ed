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
from minprox.experiments.in_training import arrays_of, put_back
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure, accuracy
from minprox.experiments.online_tasks import all_digits
from minprox.ground.arguments import number, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.learning.net_state import check_alike
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
    from the same start; ``clone_deep`` and ``sgd_deep`` are their accuracies on 297 others, ``off_deep``
    how far their weights are apart at the end, over how far gradient descent has come.

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
            **{f"off_{net}": Measure(f"off, {net} (%)", "{:.1f} %", 100, head=f"off, {net}") for net in NETS},
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
        adam = self.optimizer(net)
        if arrays is not None:
            check_alike(self.arrays((net, adam)), arrays)
            put_back(net, adam, arrays)
        return net, adam

    def optimizer(self, net: Graph) -> Adam:
        """Return the optimiser of the regression.

        Parameters
        ----------
        net : Graph
            Whose parameters it trains.

        Returns
        -------
        Adam
            Whose learning rate follows ``adam.epoch``, the number of the step.
        """
        steps = self.blocks * self.every
        return Adam(net, lr=lambda step: self.tau * (1 + np.cos(np.pi * step / steps)) / 2)

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
        return arrays_of(*state)

    def last(self, state: tuple[Graph, Adam]) -> dict[str, float]:
        """Let nets of cells learn the digits, run forward only; see :class:`Kind`."""
        return compared(CloneCell(ETA, state[0]), HandSetCell(ETA), self.seed)


def compared(clone: Any, sgd: HandSetCell, seed: int) -> dict[str, float]:
    """Return the accuracies of nets of either cell, and how far their weights are apart, by name."""
    found = {}
    for name, widths in NETS.items():
        found[f"clone_{name}"], _, one = learned(clone, widths, seed)
        found[f"sgd_{name}"], start, other = learned(sgd, widths, seed)
        found[f"off_{name}"] = float(np.linalg.norm(one - other) / np.linalg.norm(other - start))
    return found


def learned(cell: Any, widths: tuple[int, ...], seed: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the test accuracy of a net of cells that has run along digits, its weights before and after."""
    layers = chain.from_iterable((Tanh(), Linear(I, O, bias=cell.bias)) for I, O in pairwise(widths))
    states = start = cell.states(Sequential(*layers, seed=seed))
    rng = np.random.default_rng([seed, 0])
    x, y = (asarray(part) for part in all_digits(rng))
    for _ in range(LAPS):
        order = asarray(rng.permutation(len(y) - TEST))
        states, _ = run(cell, states, x[:-TEST][order], y[:-TEST][order])
    guesses = [int(outputs(cell, states, one).argmax()) for one in x[-TEST:]]
    before, after = (
        np.concatenate([to_numpy(cell.weight(layer)).ravel() for layer in at]) for at in (start, states)
    )
    return float(np.mean(guesses == to_numpy(y[-TEST:]))), before, after


def outputs(cell: Any, states: list[State], x: Any) -> Any:
    """Return the logits for an example that is not learned from."""
    for state in states:
        _, x = cell.forward(state, x)
    return x
