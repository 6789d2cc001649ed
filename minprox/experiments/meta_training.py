"""A kind of run: the parameters of a cell are meta-trained on synthetic tasks (V5 to V7)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, proxprop
from minprox.experiments.in_training import arrays_of, put_back
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure, Step, accuracy
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import asarray
from minprox.learning.net_state import check_alike, numbered
from minprox.learning.optimizers import Adam
from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.learner import Learner
from minprox.methods.vsml.meta import Search, Through, clipped, hits
from minprox.methods.vsml.tasks import gaussian_tasks
from minprox.methods.vsml.unrolled import Episode
from minprox.methods.vsml.windows import Windows

HELD_OUT = 256  # tasks that are measured at the end
WAYS = THROUGH_TIME, IMPLICIT, EVOLUTION = "bptt", "proxprop", "es"  # how the meta-parameters are trained


@dataclass(frozen=True, kw_only=True)
class MetaTraining(Kind):
    """Meta-training of one layer of cells, with Adam.

    Parameters
    ----------
    label : str
        As for every kind.
    seed : int
        Of the parameters at the start, the tasks, and the states at the start of episodes.
    method : {"bptt", "proxprop", "es"}
        Back-propagation through time, implicit steps on the same net, or evolution strategies.
    blocks, every : int
        How many times so many steps are done; a row of measures for each.
    inputs, classes, T : int
        Of each task, and how many examples an episode has, or a window of it.
    windows, short : int
        Of an episode, and how many blocks at the start have episodes of one window all the same; see
        :class:`minprox.methods.vsml.Windows`.
    batch : int
        Tasks of a step; with evolution strategies, of each antithetic pair.
    tau : float
        Learning rate of Adam.
    clip : float
        The largest norm of a direction over all parameters.
    tau_theta : float, optional
        Proximal step size of ``"proxprop"``, whose solves are exact.
    sigma, population
        As for :class:`minprox.methods.vsml.Search`.
    executor : concurrent.futures.Executor, optional
        For evolution strategies; no part of the configuration, as it does not influence the result.

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Notes
    -----
    The folder's ``checkpoint.npz`` holds the parameters; :func:`minprox.methods.vsml.load` takes it.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import execute
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = execute(MetaTraining(blocks=2, every=2, T=3, inputs=4, batch=4), folder)
    >>> record.step, 0.9 < record.loss[-1] < 1.3
    ([2.0, 4.0], True)
    """

    KIND: ClassVar[str] = "meta-training"
    UNIT: ClassVar[str] = "block"
    LENGTH: ClassVar[str] = "blocks"
    MEASURES: ClassVar[Mapping[str, Measure]] = MappingProxyType(
        {
            "step": Measure("meta-step", "{:,.0f}"),
            "loss": Measure("meta-loss", "{:.3f}"),
            "accuracy": accuracy("episode"),
            "held_out": Measure("meta-loss on fresh tasks", "{:.3f}", head="fresh tasks"),
        }
    )
    TABLE: ClassVar[tuple[str, ...]] = ("held_out", "loss", "accuracy", "step", "seconds")
    SETTINGS: ClassVar[Mapping[str, str]] = MappingProxyType({"tau": "τ", "tau_theta": "τ_θ"})

    method: str = THROUGH_TIME
    blocks: int = 200
    every: int = 20
    inputs: int = 8
    classes: int = 3
    T: int = 50
    windows: int = 1
    short: int = 0
    batch: int = 32
    tau: float = 3e-3
    clip: float = 5.0
    tau_theta: float | None = None
    sigma: float = 0.05
    population: int = 128
    executor: Executor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("method", self.method, WAYS)
        for name in ("blocks", "every", "inputs", "classes", "T", "windows", "batch", "population"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "short", whole("short", self.short, least=0))
        if self.windows > 1 and self.method == EVOLUTION:
            raise ValueError(f"windows: evolution strategies run whole episodes, found {self.windows}")
        for name in ("tau", "clip", "sigma"):
            object.__setattr__(self, name, number(name, getattr(self, name), above=0))
        if (self.tau_theta is None) == (self.method == IMPLICIT):
            raise ValueError(f"tau_theta: expected with proxprop and only there, found {self.tau_theta!r}")
        if self.tau_theta is not None:
            object.__setattr__(self, "tau_theta", number("tau_theta", self.tau_theta, above=0))

    def settings(self) -> dict[str, Any]:
        """Return all fields but the label and the executor as JSON values."""
        values = super().settings() if self.executor is None else replace(self, executor=None).settings()
        return {name: value for name, value in values.items() if name != "executor"}

    def defaults(self) -> dict[str, Any]:
        """Return what a setting is that a folder does not name; see :class:`Kind`."""
        return {name: value for name, value in super().defaults().items() if name != "executor"}

    @property
    def step(self) -> Step:
        """The learning rate of Adam, which a comparison of step sizes varies."""
        return Step("tau", "τ", "Adam")

    @property
    def curve(self) -> tuple[str, str]:
        return self.method, ""

    def tasks(self, N: int, windows: int = 1) -> Any:
        """Return what draws tasks, as :class:`minprox.methods.vsml.Through` takes it.

        Parameters
        ----------
        N : int
            How many at a time.
        windows : int
            How long they are, in windows.

        Returns
        -------
        callable
            ``tasks(rng)`` returns x and y.
        """
        return partial(gaussian_tasks, N=N, T=windows * self.T, inputs=self.inputs, classes=self.classes)

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> MetaState:
        """Return the cell in training; see :class:`Kind`."""
        tasks, cell = self.tasks(self.batch), LSTMCell(seed=self.seed)
        net = Episode(cell, (self.inputs, self.classes), 1 if self.method == EVOLUTION else self.T)
        meta: Any
        if self.method == EVOLUTION:
            meta = Search(net, tasks, self.sigma, self.population, self.executor)
        else:
            implicit = self.method == IMPLICIT
            meta = Through(net, tasks, partial(proxprop, tau_theta=self.tau_theta) if implicit else backprop)
            if self.windows > 1:
                longer = self.tasks(self.batch, self.windows)
                meta = Windows(meta, longer, self.windows, self.short * self.every)
        state = MetaState(net, meta, Adam(net, lr=self.tau))
        if arrays is not None:
            state.put(arrays)
        return state

    def advance(self, state: MetaState, unit: int) -> dict[str, float]:
        """Do a block of steps; see :class:`Kind`."""
        losses, shares = [], []
        for step in range((unit - 1) * self.every, unit * self.every):
            loss, share, d = state.meta(np.random.default_rng([self.seed, step]))
            state.adam.step(clipped(d, self.clip))
            losses.append(loss)
            shares.append(share)
        return {"step": unit * self.every, "loss": np.mean(losses), "accuracy": np.mean(shares)}

    def arrays(self, state: MetaState) -> dict[str, Any]:
        """Return the parameters of the cell, and the state of the net and of Adam; see :class:`Kind`."""
        return state.arrays()

    def last(self, state: MetaState) -> dict[str, float]:
        """Measure the meta-loss on fresh tasks."""
        rng = np.random.default_rng([self.seed, 0, 1])
        x, y = (asarray(part) for part in self.tasks(HELD_OUT)(rng))
        learner = Learner(state.net.cell(), (self.inputs, self.classes), len(x), seed=[self.seed, 0, 2])
        logits = learner.run(x.astype("float32"), y)
        return {"held_out": float(CrossEntropy()(logits, y)), "held_out_accuracy": hits(logits, y)}


@dataclass
class MetaState:
    """A cell in training."""

    net: Episode
    meta: Any
    adam: Adam

    def arrays(self) -> dict[str, Any]:
        """Return everything as arrays; ``cell.0`` to ``cell.2`` are the parameters of the cell."""
        state = arrays_of(self.net, self.adam)
        state |= self.meta.arrays() if isinstance(self.meta, Windows) else {}
        return state | numbered("cell", self.net.cell().theta)

    def put(self, arrays: dict[str, np.ndarray]) -> None:
        """Set everything to what :meth:`arrays` gave."""
        check_alike(self.arrays(), arrays)
        put_back(self.net, self.adam, arrays)
        if isinstance(self.meta, Windows):
            self.meta.take_up({name: v for name, v in arrays.items() if name.startswith("windows.")})
