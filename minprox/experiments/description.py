"""What the folder of an experiment says of it: its name, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minprox.experiments.experiment import Experiment
from minprox.ground.reading import read_json

FORMAT = "minprox experiment 1"


def stored(out: Path) -> dict[str, Any]:
    """Return what a folder says of its experiment: name, preset, data_name and shown; or nothing."""
    path = out / "experiment.json"
    if not path.exists():
        return {}
    content = read_json(path)
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"{path}: expected the name of an experiment")
    words = {key: str(value) for key, value in content.items() if key != "shown"}
    return {"name": "", "preset": ""} | words | ({"shown": content["shown"]} if "shown" in content else {})


def described(experiment: Experiment, former: Any = None) -> dict[str, Any]:
    """Return how an experiment is shown, as JSON values; methods that the folder had before stay."""
    kind = experiment.kind
    methods: dict[str, Any] = {}
    if isinstance(former, Mapping) and isinstance(former.get("methods"), Mapping):
        methods |= former["methods"]
    for key, run in experiment.methods.items():
        step = None if run.step is None else list(run.step)
        methods[key] = {"label": run.label, "curve": list(run.curve), "step": step}
    return {
        "title": experiment.title,
        "note": experiment.note,
        "panels": [list(panel) for panel in experiment.panels],
        "steps": bool(experiment.steps),
        "columns": list(experiment.columns),
        "unit": kind.UNIT,
        "table": list(kind.TABLE),
        "settings": dict(kind.SETTINGS),
        "measures": {name: asdict(measure) for name, measure in kind.MEASURES.items()},
        "methods": methods,
    }
