"""The figure of the experiment on sharpness: a column of panels for each family of runs."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from minprox.experiments.experiment import Experiment
from minprox.experiments.outcome import Result
from minprox.experiments.sharpness_runs import SharpnessRun
from minprox.figures.bands import band
from minprox.figures.lettering import literal
from minprox.figures.palette import look_of
from minprox.figures.sharpness_curves import mark_limit
from minprox.figures.style import dress, logarithmic, tint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = ("met", "loss", "last_share")


def sharpness_experiment(experiment: Experiment, found: Sequence[Result], title: str = "") -> Figure:
    """Draw sharpness met, loss and share of the last layer over the steps; Λ as a thin dotted line."""
    from minprox.figures.picture import Figure

    groups: dict[str, list[tuple[SharpnessRun, list[Any]]]] = {}
    for key, run in experiment.methods.items():
        mine = [r.history for r in found if r.method == key]
        if mine:
            groups.setdefault(family(run), []).append((run, mine))
    figure = Figure(figsize=(3.6 * len(groups) + 0.4, 9.6), layout="constrained")
    columns = figure.subplots(len(ROWS), len(groups), squeeze=False).T
    for panels, (name, runs) in zip(columns, groups.items(), strict=True):
        colours = shades([run for run, _ in runs])
        for place, (colour, (run, histories)) in enumerate(zip(colours, runs, strict=True)):
            lines = [
                band(panel, "step", column, histories, place, run.measure(column), colour=colour)
                for panel, column in zip(panels, ROWS, strict=True)
            ]
            lines[0].set_label(short_label(run))
            if run.tau_theta is not None:
                thin = band(panels[0], "step", "plain", histories, place, run.measure("plain"), colour=colour)
                thin.set(linestyle=":", linewidth=1, marker="")
        panels[0].set_title(name, pad=10)
        for panel, column in zip(panels, ROWS, strict=True):
            dress(panel, "step", runs[0][0].measure(column).label)
        mark_limit(panels[0])
        logarithmic(panels[1])
        panels[2].set_ylim(-0.03, 1.03)
        panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.14), frameon=False, fontsize="small")
    seeds = len({result.seed for result in found})
    figure.suptitle(title or experiment.title)
    thin = "Thin and dotted: Λ · τ/2, what explicit steps of that size would meet."
    words = "\n".join(
        line for part in f"{experiment.note}\n{thin}".split("\n") for line in wrap(part, 42 * len(groups))
    )
    middle = f"Median and range of {seeds} seeds." if seeds > 1 else ""
    figure.supxlabel("\n".join(filter(None, (words, middle))), fontsize="small", color="0.25")
    literal(figure)
    return figure


def shades(runs: Sequence[SharpnessRun]) -> list[tuple[float, ...]]:
    """Return the colour of each run: that of explicit or of implicit steps, lighter from one to the next."""
    kinds = ["backprop" if run.tau_theta is None else "proxprop" for run in runs]
    colours = []
    for i, kind in enumerate(kinds):
        before, count = kinds[:i].count(kind), kinds.count(kind)
        colours.append(tint(look_of(kind)["color"], 1 - 0.6 * before / max(1, count - 1)))
    return colours


def family(run: SharpnessRun) -> str:
    """Return the title of the column that a run stands in."""
    if run.net == "convnet":
        return "ConvNet"
    if run.loss == "squared-error":
        return "squared error"
    return "BackProp" if run.tau_theta is None else "ProxProp"


def short_label(run: SharpnessRun) -> str:
    """Return what tells a run from the others of its column."""
    parts = [f"{run.share:g} of the limit"]
    if run.tau_theta is not None:
        parts.insert(0, f"τ_θ = {run.tau_theta:g}")
    elif run.net == "convnet":
        parts.insert(0, "BackProp")
    if run.last_layer == "proximal":
        parts.append("last layer too")
    return ", ".join(parts)
