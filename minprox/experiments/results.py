"""What the folder of an experiment holds, in numbers and as a table."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minprox.experiments.folder import configuration, load
from minprox.experiments.paper import EXPERIMENTS, Experiment, short
from minprox.experiments.series import stored
from minprox.history import History

WORDS = {
    "cifar10": "CIFAR-10",
    "digits": "Digits",
    "paper-mlp": "MLP 4000-1000-4000",
    "mlp": "MLP 400-100-400",
    "paper-convnet": "ConvNet 16-20-20",
    "batch_size": "batch size",
    "weight_decay": "weight decay",
    "tau": "τ",
    "tau_theta": "τ_θ",
}


@dataclass(frozen=True)
class Result:
    """One run of an experiment, as its folder holds it.

    Attributes
    ----------
    method : str
        One of ``experiment.methods``.
    seed : int
    step : float or None
        τ of BackProp or τ_θ of ProxProp, where the experiment compares step sizes.
    settings : dict of str to JSON value
        Of the :class:`Run`.
    history : History
    """

    method: str
    seed: int
    step: float | None
    settings: dict[str, Any]
    history: History

    @property
    def final_loss(self) -> float:
        """The training loss after the last epoch; infinite if the run diverged, NaN if it goes on."""
        if self.history.status == "running":
            return math.nan
        return math.inf if self.history.diverged_at is not None else self.history.train_loss[-1]


def results(experiment: Experiment, folder: str | os.PathLike[str]) -> list[Result]:
    """Return the runs of an experiment that a folder holds, whatever was selected when they were run.

    Raises
    ------
    ValueError
        If it holds none, or another experiment, or a damaged file.
    """
    folder, found = Path(folder), []
    name, _ = stored(folder) or (experiment.name, "")
    if name != experiment.name:
        raise ValueError(f"{folder}: expected runs of {experiment.name}, found runs of {name}")
    for path in folder.glob("seed-*/*/config.json"):
        method, history = path.parent.name.partition("-")[0], path.with_name("history.json")
        if method not in experiment.methods or not history.is_file():
            continue
        settings = configuration(path.parent)
        step = settings["tau" if settings["method"] == "backprop" else "tau_theta"]
        steps = bool(experiment.steps)
        if steps != ("-" in path.parent.name):
            continue
        found.append(
            Result(method, settings["seed"], step if steps else None, settings, load(path.parent)[1])
        )
    if not found:
        raise ValueError(f"{folder}: expected the runs of {experiment.name}, found none")
    order = list(experiment.methods)
    return sorted(found, key=lambda r: (r.seed, order.index(r.method), r.step or 0.0))


def setting(found: Sequence[Result]) -> str:
    """Return what all runs share, in a few words."""

    def values(name: str, unit: str = "{}") -> str:
        known = sorted({result.settings[name] for result in found}, key=str)
        return unit.format(" and ".join(str(WORDS.get(value, value)) for value in known))

    optimizer = values("optimizer").replace("adam", "Adam").replace("nesterov", "Nesterov momentum")
    if optimizer == "Nesterov momentum":
        optimizer += values("momentum", " {}")
    return ", ".join(
        [
            values("data"),
            values("architecture"),
            optimizer,
            values("batch_size", "batch size {}"),
            values("epochs", "1 epoch" if {r.settings["epochs"] for r in found} == {1} else "{} epochs"),
        ]
    )


def deviations(experiment: Experiment, found: Sequence[Result]) -> list[str]:
    """Return in which settings the runs differ from those of the paper, a phrase for each."""
    original = EXPERIMENTS.get(experiment.name, experiment).methods
    free = {"seed"} | ({"tau", "tau_theta"} if experiment.steps else set())
    differing: dict[str, tuple[set[str], set[str]]] = {}
    for result in found:
        if result.method not in original:
            continue
        for name, value in original[result.method].settings().items():
            if name not in free and result.settings.get(name) != value:
                now, paper = differing.setdefault(WORDS.get(name, name), (set(), set()))
                now.add(text(result.settings.get(name)))
                paper.add(text(value))
    return [
        f"{name} {' and '.join(sorted(now))} instead of {' and '.join(sorted(paper))}"
        for name, (now, paper) in differing.items()
    ]


def text(value: Any) -> str:
    """Return the value of a setting as people write it."""
    return short(value) if isinstance(value, float) else str(value)


def unfinished(found: Sequence[Result]) -> list[Result]:
    """Return the runs that have not come to their end."""
    return [result for result in found if result.history.status == "running"]


def table(experiment: Experiment, folder: str | os.PathLike[str]) -> str:
    """Return what an experiment came to as a table.

    Parameters
    ----------
    experiment : Experiment
    folder : str or path-like
        Filled by :func:`run`, which may still be at work.

    Returns
    -------
    str
        A row for each method, and where step sizes are compared a column for each of them. Of several
        seeds it shows the median, with diverged runs as the worst, and how many diverged.

    Raises
    ------
    ValueError
        If the folder holds no such runs, or damaged files.
    """
    found = results(experiment, folder)
    return losses(experiment, found) if experiment.steps else measures(experiment, found)


def losses(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return the final training losses, methods by step sizes."""
    steps = sorted({r.step for r in found if r.step is not None})
    rows = [["τ of BackProp, τ_θ of ProxProp", *map(short, steps)]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        if mine:
            rows.append([run.label, *(cell([r for r in mine if r.step == step]) for step in steps)])
    return layout(rows)


def measures(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return losses, accuracies and times, a row for each method."""
    rows = [["method", "runs", "τ", "τ_θ", "training loss", "validation", "test", "seconds"]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        ended = [r.history for r in mine if r.history.status != "running"]
        if not mine:
            continue

        def median(measure: Callable[[History], float], unit: str, of: list[History] = ended) -> str:
            usable = [value for value in map(measure, of) if math.isfinite(value)]
            return unit.format(statistics.median(usable)) if usable else "–"

        settings = mine[0].settings
        rows.append(
            [
                run.label,
                f"{len(mine)}",
                f"{settings['tau']:g}",
                "–" if settings["tau_theta"] is None else f"{settings['tau_theta']:g}",
                cell(mine),
                median(lambda h: 100 * h.validation_accuracy[-1], "{:.1f} %"),
                median(lambda h: 100 * h.test_accuracy, "{:.1f} %"),
                median(lambda h: h.seconds[-1], "{:.1f}"),
            ]
        )
    return layout(rows)


def final(found: Sequence[Result]) -> tuple[float | None, int, int]:
    """Return the median of the final losses (None if there is none), how many diverged, of how many."""
    known = [r.final_loss for r in found if not math.isnan(r.final_loss)]
    if not known:
        return None, 0, 0
    return statistics.median(known), sum(map(math.isinf, known)), len(known)


def cell(found: Sequence[Result]) -> str:
    """Return the final loss of runs that differ in the seed alone, as text."""
    value, diverged, count = final(found)
    if value is None:
        return "unfinished" if found else "–"
    share = "" if count == 1 or not diverged else f" {diverged}/{count}"
    if math.isinf(value):
        return "diverged" + share
    return number(value) + (f" ({diverged}/{count} diverged)" if diverged else "")


def number(value: float) -> str:
    """Return a loss with two digits."""
    if value and not 1e-3 <= value < 1000:
        return f"{value:.1e}"
    return f"{value:#.2g}".rstrip(".") if value < 99.5 else f"{value:.0f}"


def layout(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of text as a table whose first row is the head."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            word.rjust(width) if place else word.ljust(width)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
