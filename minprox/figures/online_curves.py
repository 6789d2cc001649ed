"""The figure of the experiment on meta-trained cells: accuracy over the examples seen, for each stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minprox.experiments.experiment import Experiment
from minprox.experiments.outcome import Result
from minprox.figures.bands import band, ended
from minprox.figures.lettering import literal
from minprox.figures.style import dress, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = {"accuracy": "accuracy so far (%)", "recent": "accuracy, last 100 (%)"}
TITLES = {"digits": "digits", "projected": "randomly projected", "permuted": "labels permuted",
          "coarse": "4×4 pixels"}  # fmt: skip


def online_experiment(experiment: Experiment, found: Sequence[Result], title: str = "") -> Figure:
    """Draw the accuracy so far and that of the last 100 examples; a column of panels for each stream."""
    from minprox.figures.picture import Figure

    streams: dict[str, list[tuple[Any, list[Any]]]] = {}
    for key, run in experiment.methods.items():
        mine = [r.history for r in found if r.method == key]
        if mine:
            streams.setdefault(run.stream, []).append((run, mine))
    learners = list(dict.fromkeys(run.curve for runs in streams.values() for run, _ in runs))
    figure = Figure(figsize=(2.85 * len(streams) + 0.6, 6.8), layout="constrained")
    columns = figure.subplots(len(ROWS), len(streams), squeeze=False, sharey=True).T
    entries: dict[tuple[str, str], tuple[str, Any]] = {}
    for number, (panels, (stream, runs)) in enumerate(zip(columns, streams.items(), strict=True)):
        for run, histories in runs:
            place = learners.index(run.curve)
            lines = [
                band(panel, "examples", column, histories, place, run.measure(column))
                for panel, column in zip(panels, ROWS, strict=True)
            ]
            entries.setdefault(run.curve, (ended(run.label.rpartition(",")[0], histories), lines[0]))
        for panel, column in zip(panels, ROWS, strict=True):
            dress(panel, "examples seen", "" if number else ROWS[column])
            panel.set_xlim(left=0)
            panel.set_ylim(0, 100)
        panels[0].set_title(TITLES.get(stream, stream))
    legend(figure, title or experiment.title, list(entries.values()))
    seeds = len({result.seed for result in found})
    middle = f"Median and range of {seeds} seeds." if seeds > 1 else ""
    figure.supxlabel("\n".join(filter(None, (experiment.note, middle))), fontsize="small", color="0.25")
    literal(figure)
    return figure
