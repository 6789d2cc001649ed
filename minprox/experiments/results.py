"""What the folder of an experiment holds, and in what it differs from the paper."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minprox.experiments.catalogue import EXPERIMENTS
from minprox.experiments.contents import configuration, load
from minprox.experiments.description import stored
from minprox.experiments.experiment import Experiment, short
from minprox.experiments.kinds import Kind
from minprox.experiments.outcome import Result
from minprox.ground.arguments import refuse, shown

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
        method, step = method_and_step(path.parent.name)
        if method not in experiment.methods or not path.with_name("history.json").is_file():
            continue
        if bool(experiment.steps) != (step is not None):
            continue
        known = experiment.methods[method].defaults()  # what an older record does not name
        settings, history = known | configuration(path.parent), load(path.parent)[1]
        check_settings(path, settings, experiment.methods[method])
        found.append(Result(method, settings["seed"], step, settings, history, about["data_name"]))
    if not found:
        raise ValueError(f"{folder}: expected the runs of {experiment.name}, found none")
    order = list(experiment.methods)
    return sorted(found, key=lambda r: (r.seed, order.index(r.method), r.step or 0.0))


def check_settings(path: Path, found: Mapping[str, Any], member: Kind) -> None:
    """Raise ValueError unless settings look like those of a member, and have the seed of their folder."""
    place = path.parent.parent.name
    if place != f"seed-{found['seed']}":
        raise ValueError(f"{path}: expected a run of {place}, found the seed {found['seed']}")
    for name, like in member.settings().items():
        kind: Any = (int, float) if isinstance(like, (int, float)) else type(like)
        value = found.get(name)
        if like is None or value is None:
            continue
        if not isinstance(value, kind) or isinstance(value, bool) != isinstance(like, bool):
            refuse(f"{path}: {name}", f"something like {shown(like)}", value)


def method_and_step(name: str) -> tuple[str, float | None]:
    """Return what the name of a run's folder says, like exact-tau-theta-0.5."""
    method, _, rest = name.partition("-")
    value = re.search(r"-([0-9].*)$", f"-{rest}") if rest else None
    return method, float(value[1]) if value else None


def setting(found: Sequence[Result]) -> str:
    """Return what all runs share, in a few words."""
    if "architecture" not in found[0].settings:
        shared = {k: v for k, v in found[0].settings.items() if k not in ("format", "kind", "label", "seed")}
        for result in found:
            shared = {k: v for k, v in shared.items() if result.settings.get(k) == v}
        known = {WORDS.get(k, k.replace("_", " ")): v for k, v in shared.items() if v is not None}
        return ", ".join(f"{name} {text(value)}" for name, value in known.items())

    def values(name: str, unit: str = "{}") -> str:
        known = sorted({result.settings[name] for result in found}, key=str)
        return unit.format(" and ".join(str(WORDS.get(value, value)) for value in known))

    optimizer = values("optimizer").replace("adam", "Adam").replace("nesterov", "Nesterov momentum")
    if optimizer == "Nesterov momentum":
        optimizer += values("momentum", " {}")
    epochs = values("epochs", "1 epoch" if {r.settings["epochs"] for r in found} == {1} else "{} epochs")
    data, batch_size = found[0].data_name or values("data"), values("batch_size", "batch size {}")
    return ", ".join([data, values("architecture"), optimizer, batch_size, epochs])


def deviations(experiment: Experiment, found: Sequence[Result]) -> list[str]:
    """Return in which settings the runs differ from those of the paper, a phrase for each."""
    original = EXPERIMENTS.get(experiment.name, experiment).methods
    free = {"seed"} | ({"tau", "tau_theta"} if experiment.steps else set())
    free |= {run.step.field for run in original.values() if run.step} if experiment.steps else set()
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


def fixed_tau(experiment: Experiment, found: Sequence[Result]) -> set[float]:
    """Return the values of τ of the methods whose other step size is varied."""
    other = {key for key, run in experiment.methods.items() if run.step and run.step.field != "tau"}
    return {r.settings["tau"] for r in found if r.method in other and "tau" in r.settings}


def text(value: Any) -> str:
    """Return the value of a setting as people write it."""
    return short(value) if isinstance(value, float) else "all" if value is None else str(value)


def unfinished(found: Sequence[Result]) -> list[Result]:
    """Return the runs that have not come to their end."""
    return [result for result in found if result.history.status == "running"]
