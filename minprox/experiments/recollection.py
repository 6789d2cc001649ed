"""An experiment as its folder describes it, for those who have not its code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from minprox.experiments.catalogue import EXPERIMENTS
from minprox.experiments.description import stored
from minprox.experiments.doors import door
from minprox.experiments.experiment import Experiment
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure, Step
from minprox.experiments.presets import resized
from minprox.ground.arguments import flag, number, refuse
from minprox.ground.schemas import Check, text


@door
def recall(folder: str | os.PathLike[str]) -> Experiment:
    """Return the experiment of a folder, to table it and to draw it.

    Parameters
    ----------
    folder : str or path-like
        Filled by :func:`run`.

    Returns
    -------
    Experiment
        The one of this name in :data:`EXPERIMENTS`, with the note of its preset; else what the folder says,
        without claims, as those are code.

    Raises
    ------
    ValueError
        If the folder is not that of an experiment, or does not describe it.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import replace
    >>> from minprox.experiments import X1, quick, recall, run
    >>> part = replace(quick(X1), name="mine").select(methods=["exact"], epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     histories = run(part, folder)
    ...     recall(folder).methods["exact"].label
    'ProxProp exact'
    """
    about = stored(Path(folder))
    if not about:
        raise ValueError(f"{folder}: expected the folder of an experiment, found no experiment.json")
    if (known := EXPERIMENTS.get(about["name"])) is not None:
        preset = about["preset"]
        return replace(known, note=resized(known, preset).note) if preset in known.presets else known
    try:
        shown = about["shown"]
        return Experiment(
            name=about["name"],
            title=str(shown["title"]),
            methods={key: recalled(shown, told) for key, told in shown["methods"].items()},
            steps=(1.0,) if shown["steps"] else (),
            panels=tuple((str(x), str(y)) for x, y in shown["panels"]),
            note=str(shown["note"]),
            columns=texts("columns", shown["columns"]),
            preset=about["preset"],
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{Path(folder, 'experiment.json')}: expected how the experiment {about['name']!r} is shown "
            f"({type(error).__name__}: {error}); where its code is at hand, add it to EXPERIMENTS"
        ) from None


CHECKS: dict[Any, Check] = {"str": text, "float": number, "bool": flag}  # by the annotations of a measure
FORM = re.compile(r"[^{}]{0,20}\{:[<>^+ ]?\d{0,2}[,_]?(\.\d{1,2})?[a-zA-Z%]?\}[^{}]{0,20}")


@dataclass(frozen=True, kw_only=True)
class Recalled(Kind):
    """A run that can be shown, and not be run."""

    shown: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)

    UNIT = property(lambda self: str(self.shown["unit"]))
    TABLE = property(lambda self: texts("table", self.shown["table"]))
    SETTINGS = property(lambda self: {k: text(k, v) for k, v in self.shown["settings"].items()})
    MEASURES = property(lambda self: measures(self.shown["measures"]))

    def settings(self) -> dict[str, Any]:
        return {}  # those of the runs stand in their own folders

    @property
    def step(self) -> Step | None:
        return None if self.told["step"] is None else Step(*texts("step", self.told["step"]))

    @property
    def curve(self) -> tuple[str, str]:
        method, solver = self.told["curve"]
        return str(method), str(solver)


def recalled(shown: Mapping[str, Any], told: Mapping[str, Any]) -> Recalled:
    """Return a run as a folder tells it; what it tells wrong raises an error here."""
    run = Recalled(label=str(told["label"]), shown=shown, told=told)
    _ = (run.UNIT, run.TABLE, dict(run.SETTINGS), run.MEASURES, run.step, run.curve)
    return run


def measures(told: Mapping[str, Any]) -> dict[str, Measure]:
    """Return how columns are shown."""
    found = {str(name): Measure(**measure) for name, measure in told.items()}
    for measure in found.values():
        for part in fields(measure):
            CHECKS[part.type](part.name, getattr(measure, part.name))
        if not FORM.fullmatch(measure.form):
            refuse("form", "a format of a number, such as {:.3g}", measure.form)
    return found


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(
        text(name, part) for part in (value if isinstance(value, list) else refuse(name, "a list", value))
    )
