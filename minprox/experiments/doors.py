"""What a run, an experiment and a folder must be, said once for every function that takes one."""

from __future__ import annotations

from typing import Any

from minprox.experiments.experiment import Experiment
from minprox.experiments.kinds import Kind
from minprox.ground.arguments import refuse, whole
from minprox.ground.doors import COMMON, Check, doors, flag, function, path, text


def experiment(name: str, value: Any) -> None:
    """Raise TypeError unless this is an experiment."""
    if not isinstance(value, Experiment):
        refuse(name, "an experiment, such as mp.experiments.X1", value)


def run(name: str, value: Any) -> None:
    """Raise TypeError unless this is a run."""
    if not isinstance(value, Kind):
        refuse(name, 'a run, such as mp.experiments.Run(data="blobs")', value)


KINDS: dict[str, Check] = {
    **{"experiment": experiment, "run": run, "say": function, "progress": flag, "backend": text},
    **dict.fromkeys(("folder", "out", "data_folder"), path),
    **dict.fromkeys(("threads", "jobs"), whole),
    **dict.fromkeys(("tf32", "resume"), flag),
    "data_name": text,
}
door = doors({**COMMON, **KINDS})
