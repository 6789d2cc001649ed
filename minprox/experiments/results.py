"""What the folder of an experiment holds, and in what it differs from the paper."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minprox.experiments.folder import configuration, load
from minprox.experiments.paper import EXPERIMENTS, Experiment, short
from minprox.experiments.series import stored
from minprox.learning.history import History

WORDS = {
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "cifar10": "CIFAR-10",
    "digits": "Digits",
    "paper-mlp": "MLP 4000-1000-4000",
    "mlp": "MLP 400-100-400",
    "paper-convnet": "ConvNet 16-20-20",
    "batch_size": "batch size",
    "weight_decay": "weight decay",
    "train_samples": "training images",
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
    data_name : str
        What the data are called, where that is not what the settings say.
    """

    method: str
    seed: int
    step: float | None
    settings: dict[str, Any]
    history: History
    data_name: str = ""

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
    about = {"name": experiment.name, "data_name": ""} | stored(folder)
    if (name := about["name"]) != experiment.name:
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
            Result(
                method,
                settings["seed"],
                step if steps else None,
                settings,
                load(path.parent)[1],
                about["data_name"],
            )
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
            found[0].data_name or values("data"),
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
    return short(value) if isinstance(value, float) else "all" if value is None else str(value)


def unfinished(found: Sequence[Result]) -> list[Result]:
    """Return the runs that have not come to their end."""
    return [result for result in found if result.history.status == "running"]
