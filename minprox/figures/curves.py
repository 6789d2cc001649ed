"""How runs converge, from histories or from the folders of runs; several seeds become one curve."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from minprox.experiments import Measure, Run, load
from minprox.experiments.contents import configuration
from minprox.figures.bands import band, ended
from minprox.figures.doors import door
from minprox.figures.lettering import literal
from minprox.figures.palette import numbers, said
from minprox.figures.style import dress, legend, logarithmic
from minprox.ground.arguments import refuse
from minprox.ground.doors import path
from minprox.learning.history import History
from minprox.learning.rows import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = Rows | str | os.PathLike[str]


class Found(NamedTuple):
    """A run of a source: its settings are empty where there is nothing but a history."""

    label: str
    history: Any
    settings: dict[str, Any]
    place: str


class Curve(NamedTuple):
    """Runs that differ in nothing but the seed, and what they are called."""

    label: str
    runs: list[Found]

    @property
    def histories(self) -> list[Any]:
        """What the runs recorded."""
        return [run.history for run in self.runs]

    @property
    def kind(self) -> tuple[str, str]:
        """Method and solver, which decide how it looks; of a history alone, what the label says."""
        settings = self.runs[0].settings
        if "method" in settings:
            return settings["method"], settings.get("solver") or ""
        return said(self.label)


@door
def convergence(
    runs: Mapping[str, Source | Sequence[Source]] | Iterable[Source] | Source,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Draw how runs converge: training loss over epochs and over time, and validation accuracy.

    Parameters
    ----------
    runs : mapping of label to source or sources, or iterable of sources
        A source is a :class:`minprox.History`, the folder of a run, which knows its label, or a folder
        with such folders in it, as an experiment leaves it. Runs whose folders tell that they differ in
        nothing but the seed are one curve, and so are the sources under one label, and what
        :func:`minprox.experiments.run` returns for several seeds.
    title, caption : str
        Above and below the panels; shown as they are written, and so are the labels.

    Returns
    -------
    matplotlib.figure.Figure
        With three panels; the last one shows the validation loss if no run has an accuracy. Several
        seeds show as their median and the range between them. A run that diverged ends at a cross, and
        the legend tells in which epoch. Runs of another kind than training show each of their measures.

    Raises
    ------
    ValueError
        If there is no run, a folder holds none, or the runs are not of one kind.

    Examples
    --------
    >>> import minprox as mp
    >>> history = mp.History()
    >>> history.append(epoch=1, train_loss=2.0, train_accuracy=0.5, validation_loss=2.5,
    ...                validation_accuracy=0.25, batch_loss=2.25, seconds=0.1)
    >>> figure = mp.figures.convergence({"BackProp": history})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['training loss', 'training loss', 'validation accuracy (%)']
    """
    from minprox.figures.picture import Figure

    curves = curves_of(runs)
    if not curves:
        raise ValueError("expected one run or more, found none")
    shown = measures([history for curve in curves for history in curve.histories])
    figure = Figure(figsize=(4 * max(2, len(shown)), 4.6), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    places = numbers(curve.kind for curve in curves)
    entries = []
    for curve, place in zip(curves, places, strict=True):
        lines = [
            band(panel, x, y, curve.histories, place, measure)
            for panel, ((x, _), (y, measure)) in zip(panels, shown, strict=True)
        ]
        entries.append((ended(curve.label, curve.histories), lines[0]))
    for panel, ((_, across), (_, measure)) in zip(panels, shown, strict=True):
        dress(panel, across.label, measure.label)
        if measure.logarithmic:
            logarithmic(panel)
    legend(figure, title, entries)
    most = max(len(curve.histories) for curve in curves)
    told = [caption] if caption else []
    if most > 1:
        told.append(f"Median of {most} seeds; the bands reach from the lowest to the highest.")
    if told:
        figure.supxlabel("\n".join(told), fontsize="small", color="0.25")
    literal(figure)
    return figure


def measures(histories: Sequence[Any]) -> list[tuple[tuple[str, Measure], tuple[str, Measure]]]:
    """Return what stands at the two axes of each panel: columns of the records, and how they are shown."""
    columns = {history.names() for history in histories}
    if len(columns) > 1:
        found = "; ".join(", ".join(names) for names in sorted(columns))
        raise ValueError(f"expected runs of one kind, with the same measures, found {found}")
    unit, *names = columns.pop()
    if isinstance(histories[0], History):
        accuracy = any(not math.isnan(v) for history in histories for v in history.validation_accuracy)
        last = "validation_accuracy" if accuracy else "validation_loss"
        pairs = [(unit, "train_loss"), ("seconds", "train_loss"), (unit, last)]
    else:
        pairs = [(unit, name) for name in names if name != "seconds"]

    def named(name: str) -> tuple[str, Measure]:
        return name, Run.MEASURES.get(name) or Measure(name.replace("_", " "))

    return [(named(x), named(y)) for x, y in pairs]


def curves_of(runs: Any) -> list[Curve]:
    """Return the curves to draw: one for each label of a mapping, or for each run but for its seed."""
    if isinstance(runs, Mapping):
        runs = joined(runs)
        return [
            Curve(label, [run for source in several(value) for run in read(source)])
            for label, value in runs.items()
        ]
    groups: dict[Any, list[Found]] = {}
    for number, source in enumerate(several(runs), 1):
        for run in read(source, number):
            but_seed = {name: value for name, value in run.settings.items() if name != "seed"}
            key = (run.label, json.dumps(but_seed, sort_keys=True)) if but_seed else number
            groups.setdefault(key, []).append(run)
    curves = []
    for group in groups.values():
        seeds = {run.settings.get("seed") for run in group}  # one that stands twice is no other run
        curves += [group] if len(seeds) == len(group) else [[run] for run in group]
    labels = [group[0].label for group in curves]
    return [
        Curve(label if labels.count(label) == 1 else f"{label} ({group[0].place})", group)
        for label, group in zip(labels, curves, strict=True)
    ]


def joined(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the runs of an experiment by method, where they came by seed and method: seed-0/exact."""
    groups: dict[str, list[Any]] = {}
    for label, source in runs.items():
        groups.setdefault(re.sub("^seed-[0-9]+/", "", label), []).append(source)
    several_seeds = any(len(sources) > 1 for sources in groups.values())
    return groups if several_seeds else dict(runs)


def several(runs: Any) -> list[Source]:
    """Return the sources of something that is one, or several."""
    if isinstance(runs, (str, os.PathLike, Rows)):
        return [runs]
    if not isinstance(runs, Iterable) or isinstance(runs, (bytes, type)) or hasattr(runs, "dtype"):
        refuse("runs", "histories or folders of runs, one or several", runs)
    return list(runs)


def read(source: Source, number: int = 1) -> list[Found]:
    """Return the runs of a source: a history, the folder of a run, or one with such folders in it."""
    if isinstance(source, Rows):
        return [Found(f"run {number}", source, {}, str(number))]
    path("runs", source)
    folder = Path(source)
    inside = [] if (folder / "config.json").exists() else sorted(folder.rglob("history.json"))
    places = [place.parent for place in inside if place.with_name("config.json").exists()] or [folder]
    return [
        Found(label, record, configuration(place), place.resolve().name)
        for place in places
        for label, record in [load(place)]
    ]
