"""A kind of run: a ranking that is learnt from a stream, measured after more and more examples."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from minprox.engine.prox import L2Squared
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import SECONDS, Measure, Step
from minprox.experiments.ranking_tasks import TASKS, Task
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.environment import peak_memory
from minprox.methods.spauc import (
    SOLAM,
    SPAM,
    SPAUC,
    ClosedForm,
    Constant,
    Growth,
    Inverse,
    Learner,
    PairwiseSGD,
    Power,
    StepRule,
    auc,
    closed_form,
    objective,
)

GRID = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of step sizes to choose from
CLOSE = 0.005  # an AUC that is as good
FIRST, GROWTH = 20, 1.2  # examples at the first mark, and how much farther the next one is
LOST = 1e6  # an objective, below 1 at the start, that steps too long have driven away
PIECE = 500  # examples at most that are handed over together


@dataclass(frozen=True, kw_only=True)
class Ranking(Kind):
    """A linear score, learnt by one method from the examples of one task.

    Parameters
    ----------
    label, seed
        As for :class:`Kind`.
    marks : int
        How often it is measured: at 20 examples, then at 1.2 times as many each time.
    task : str
        One of ``eight``, ``halves`` and ``odd`` (digits), ``cancer``, and ``stream`` and ``balanced`` (two
        normals).
    method : str
        One of ``spauc``, ``implicit``, ``spam``, ``pairs``, ``solam`` and ``closed``.
    eta : float, optional
        Of the step rule. If not given, the smallest of a grid whose AUC on a fifth of the training examples,
        after one pass over the others, is within 0.005 of the best; for a stream on examples drawn apart.
    rule : str
        ``inverse``: ``η/(μt + 1)``; ``power``: ``η/√t``; ``constant``: η; ``growth``: the rule of the fast
        rate, averaged, with ``σ_φ = 2λ`` and no η.
    mu : float
        μ.
    lam : float
        λ of ``λ‖w‖²``; SOLAM has its radius instead.
    radius : float
        R of SOLAM.

    Raises
    ------
    ValueError, TypeError
        If a setting makes no sense.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import execute
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = execute(Ranking(task="eight", eta=1.0, marks=10), folder)
    >>> record.examples[-1], record.auc[-1] > 0.85
    (103.0, True)
    """

    KIND: ClassVar[str] = "ranking"
    UNIT: ClassVar[str] = "mark"
    LENGTH: ClassVar[str] = "marks"
    MEASURES: ClassVar[Mapping[str, Measure]] = {
        "examples": Measure("examples seen", "{:,.0f}", logarithmic=True, head="examples"),
        "auc": Measure("AUC, test", "{:.4f}", higher=True, head="AUC", spread=True),
        "gap": Measure("objective above its minimum", "{:.1e}", logarithmic=True, head="objective gap"),
        "seconds": replace(SECONDS, logarithmic=True, label="seconds of learning"),
        "eta": Measure("η", "{:g}"),
        "memory": Measure("peak memory (MB)", "{:.0f}", head="MB"),
    }
    DIVERGED: ClassVar[str] = "the objective came to more than a million, or to NaN"
    TABLE: ClassVar[tuple[str, ...]] = ("auc", "gap", "examples", "seconds", "eta", "memory")

    marks: int = 39
    task: str = "eight"
    method: str = "spauc"
    eta: float | None = None
    rule: str = "inverse"
    mu: float = 0.01
    lam: float = 1e-3
    radius: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("marks", self.marks)
        one_of("task", self.task, TASKS)
        one_of("method", self.method, MAKERS)
        one_of("rule", self.rule, RULES)
        if self.eta is not None:
            number("eta", self.eta, above=0)
        for name in ("mu", "lam"):
            number(name, getattr(self, name), least=0)
        number("radius", self.radius, above=0)

    @property
    def step(self) -> Step | None:
        return Step("eta", "η", "SPAUC")

    @property
    def curve(self) -> tuple[str, str]:
        return self.method, self.rule

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> State:
        task = TASKS[self.task](self.seed)
        if arrays is None:
            eta = self.chosen(task) if self.eta is None else self.eta
            return State(task, self.learner(task, eta), eta, best(self, task))
        eta = float(arrays["eta"])
        learner = self.learner(task, eta)
        learner.take_up({name: value for name, value in arrays.items() if name != "eta"})
        return State(task, learner, eta, best(self, task))

    def advance(self, state: State, unit: int) -> dict[str, float]:
        seconds = 0.0
        for x, y in upto(state.task.examples(state.learner.t), mark(unit) - state.learner.t):
            start = time.perf_counter()
            state.learner.learn(x, y)
            seconds += time.perf_counter() - start
        start = time.perf_counter()
        w = state.learner.coef  # the closed form is solved here
        seconds += time.perf_counter() - start
        return measured(self, state, w) | {"seconds": seconds}

    def last(self, state: State) -> dict[str, float]:
        start = value(self, state.task, 0 * state.task.m.u) - state.best  # of w = 0
        return {"eta": state.eta, "memory": peak_memory(), "start": start}

    def diverged(self, row: dict[str, float]) -> bool:
        return not row["gap"] < LOST

    def arrays(self, state: State) -> dict[str, Any]:
        return {"eta": np.array(state.eta), **state.learner.arrays()}

    def learner(self, task: Task, eta: float) -> Learner:
        """Return the learner before the first example."""
        return MAKERS[self.method](self, task, RULES[self.rule](self, eta))

    def chosen(self, task: Task) -> float:
        """Return the step size of the grid that does best on examples held out."""
        if self.method == "closed" or self.rule == "growth":
            return 1.0
        x, y = task.held_out
        scores = {}
        for eta in GRID:
            w = self.learner(task, eta).learn(*task.trial).coef
            scores[eta] = auc(x @ w, y) if np.isfinite(w).all() else 0.0
        return min(eta for eta, score in scores.items() if score >= max(scores.values()) - CLOSE)


def measured(run: Ranking, state: State, w: np.ndarray) -> dict[str, float]:
    """Return the row of the moment: AUC on the test examples, and the objective above its minimum."""
    gap = value(run, state.task, w) - state.best
    if not np.isfinite(gap):
        return {"examples": state.learner.t, "auc": np.nan, "gap": np.nan}
    x, y = state.task.test
    return {"examples": state.learner.t, "auc": auc(x @ w, y), "gap": max(gap, 0.0)}


def value(run: Ranking, task: Task, w: np.ndarray) -> float:
    """Return ``f(w) + λ‖w‖²`` over all training examples."""
    with np.errstate(over="ignore", invalid="ignore"):  # too long a step ends here
        return float(objective(w, task.m) + run.lam * w @ w)


def best(run: Ranking, task: Task) -> float:
    """Return its minimum."""
    return value(run, task, closed_form(task.m, run.lam))


@dataclass
class State:
    """A learner at work on its task."""

    task: Task
    learner: Learner
    eta: float
    best: float


RULES: dict[str, Callable[[Ranking, float], StepRule]] = {
    "inverse": lambda run, eta: Inverse(run.mu, eta),
    "power": lambda run, eta: Power(eta),
    "constant": lambda run, eta: Constant(eta),
    "growth": lambda run, eta: Growth(2 * run.lam, t1=1 / run.lam),
}
MAKERS: dict[str, Callable[[Ranking, Task, StepRule], Learner]] = {
    "spauc": lambda run, task, rule: SPAUC(**common(run, task, rule)),
    "implicit": lambda run, task, rule: SPAUC(**common(run, task, rule), implicit=True),
    "spam": lambda run, task, rule: SPAM(**common(run, task, rule), m=task.m),
    "pairs": lambda run, task, rule: PairwiseSGD(**common(run, task, rule)),
    "solam": lambda run, task, rule: SOLAM(len(task.m.u), rule, run.radius),
    "closed": lambda run, task, rule: ClosedForm(len(task.m.u), run.lam),
}


def common(run: Ranking, task: Task, rule: StepRule) -> dict[str, Any]:
    """Return the arguments that learners with a penalty share; two of the rules average."""
    average = run.rule in ("growth", "constant")
    return {"features": len(task.m.u), "penalty": L2Squared(run.lam), "step": rule, "average": average}


def mark(unit: int) -> int:
    """Return the number of examples at which a row is recorded."""
    return round(FIRST * GROWTH ** (unit - 1))


def upto(examples: Iterator[Any], count: int) -> Iterator[Any]:
    """Yield the next so many examples of a stream, in pieces."""
    while count > 0:
        x, y = next(examples)
        for start in range(0, min(len(y), count), PIECE):
            stop = min(start + PIECE, count)
            yield x[start:stop], y[start:stop]
        count -= len(y)
