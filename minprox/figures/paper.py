"""The figures of the paper's experiments, from the folders of their runs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from minprox.experiments import Experiment
from minprox.experiments.experiment import short
from minprox.experiments.outcome import Result
from minprox.experiments.results import deviations, fixed_tau, results, setting, unfinished
from minprox.experiments.tables import deciding, final, number, step_words
from minprox.figures.bands import band, ended
from minprox.figures.doors import door
from minprox.figures.lettering import literal, names
from minprox.figures.online_curves import online_experiment
from minprox.figures.robustness_curves import robust_experiment
from minprox.figures.sharpness_panels import sharpness_experiment
from minprox.figures.style import dress, legend, logarithmic
from minprox.methods import looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@door
def experiment(experiment: Experiment, folder: str | os.PathLike[str], title: str = "") -> Figure:
    """Draw the figure of an experiment.

    Parameters
    ----------
    experiment : Experiment
        In any preset; what is drawn, and whether it is what the paper ran, is read from the folder.
    folder : str or path-like
        Filled by :func:`minprox.experiments.run`, which may still be at work.
    title : str
        If not given, what was run, and in what it differs from the paper.

    Returns
    -------
    matplotlib.figure.Figure
        With the panels of the experiment, or where it compares step sizes with a map of the losses after
        the last epoch. Several seeds show as their median and the range between them.

    Raises
    ------
    ValueError
        If the folder holds no runs of the experiment, or damaged files.

    Examples
    --------
    >>> import minprox as mp
    >>> import tempfile
    >>> from minprox.experiments import X1, quick, run
    >>> part = quick(X1).select(methods=["exact"], epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     histories = run(part, folder)
    ...     figure = mp.figures.experiment(part, folder)
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['training loss', 'training loss', 'validation accuracy (%)']
    """
    from minprox.figures.picture import Figure

    found = results(experiment, folder)
    if experiment.kind.KIND in OWN:
        return OWN[experiment.kind.KIND](experiment, found, title)
    if experiment.steps:
        return heat_map(experiment, found, title)
    if not experiment.panels:
        raise ValueError(
            f"experiment: expected one with panels or step sizes, found neither in {experiment.name}"
        )
    wide = len(experiment.panels) != 4
    figure = Figure(figsize=(12, 4.9) if wide else (10, 8), layout="constrained")
    panels = figure.subplots(*((1, len(experiment.panels)) if wide else (2, 2)), squeeze=False).ravel()
    places = looks(run.curve for run in experiment.methods.values())
    entries = []
    for place, (key, run) in zip(places, experiment.methods.items(), strict=True):
        mine = [r.history for r in found if r.method == key]
        if mine:
            lines = [
                band(panel, axis.column or x, y, mine, place, run.measure(y), axis.factor)
                for panel, (x, y) in zip(panels, experiment.panels, strict=True)
                for axis in [experiment.axis(x, run)]
            ]
            entries.append((ended(run.label, mine), lines[0]))
    for panel, (x, y) in zip(panels, experiment.panels, strict=True):
        dress(panel, *(experiment.axis(name, experiment.kind).label for name in (x, y)))
        if experiment.kind.measure(y).logarithmic:
            logarithmic(panel)
        if experiment.axis(x, experiment.kind).logarithmic:
            panel.set_xscale("log")
    legend(figure, title or heading(experiment, found, 120 if wide else 105), entries)
    caption(figure, experiment, found)
    literal(figure)
    return figure


#: Kinds of run with a figure of their own: a function of the experiment, its results and the title.
OWN: dict[str, Callable[[Experiment, Sequence[Result], str], Figure]] = {
    "robust": robust_experiment,
    "online": online_experiment,
    "sharpness": sharpness_experiment,
}


def heading(experiment: Experiment, found: Sequence[Result], width: int) -> str:
    """Return the title: the experiment, what its runs share, and what is not as in the paper."""
    lines = [experiment.title, setting(found)]
    if differing := deviations(experiment, found):
        owner = "paper's" if any(claim.paper for claim in experiment.claims) else "declared"
        whole = [phrase.replace(" ", "\N{NO-BREAK SPACE}") for phrase in differing]
        lines += wrap(f"Not the {owner} settings: {', '.join(whole)}", width, break_on_hyphens=False)
    return "\n".join(lines)


def caption(figure: Figure, experiment: Experiment, found: Sequence[Result], more: str = "") -> None:
    """Write below the panels what one has to know to read them."""
    lines, seeds = [experiment.note] if experiment.note else [], len({r.seed for r in found})
    if more:
        lines.append(more)
    if seeds > 1:
        median = f"Median of {seeds} seeds"
        lines.append(
            median + ("." if experiment.steps else "; the bands reach from the lowest to the highest.")
        )
    if rest := unfinished(found):
        furthest = max(len(r.history) for r in rest)
        lines.append(f"Runs that have not come to their end: {len(rest)}, the furthest at epoch {furthest}.")
    if lines:
        figure.supxlabel("\n".join(lines), fontsize="small", color="0.25")


def heat_map(experiment: Experiment, found: Sequence[Result], title: str) -> Figure:
    """Draw the losses after the last epoch: methods by step sizes, the colour on a logarithmic scale."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    from minprox.figures.picture import Figure

    methods = [key for key in experiment.methods if any(r.method == key for r in found)]
    steps = sorted({r.step for r in found if r.step is not None})
    decides = experiment.columns[0] if experiment.columns else deciding(experiment.kind, found)
    cells = {
        (key, step): final([r for r in found if (r.method, r.step) == (key, step)], decides)
        for key in methods
        for step in steps
    }
    losses = [v for v, _, _ in cells.values() if v is not None and 0 < v < math.inf] or [1.0]
    scale: Any = ScalarMappable(
        LogNorm(min(losses), max(max(losses), 10 * min(losses))), colormaps["cividis"]
    )
    width = max(8.0, 3.6 + 0.93 * len(steps))
    figure = Figure(figsize=(width, 2.9 + 0.58 * len(methods)), layout="constrained")
    panel = figure.subplots()
    for row, key in enumerate(methods):
        for column, step in enumerate(steps):
            value, diverged, count = cells[key, step]
            share = f"\n{diverged} of {count}" if diverged and count > 1 else ""
            text, colour = "–", "0.2"
            style: dict[str, Any] = {"facecolor": "white"}
            if value is None:
                if any((r.method, r.step) == (key, step) for r in found):
                    text = "unfinished"
            elif math.isinf(value):
                text, style = "diverged" + share, {"facecolor": "white", "hatch": "////", "edgecolor": "0.8"}
            else:
                face = scale.to_rgba(max(value, min(losses)))
                text = number(value) + (f"\n({diverged} of {count} div.)" if diverged else "")
                colour, style = "black" if luminance(face) > 0.18 else "white", {"facecolor": face}
            panel.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, linewidth=0, **style))
            size = "medium" if "\n" not in text and text[0].isdigit() else "small"
            shade = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if "hatch" in style else None
            panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=size, bbox=shade)
    panel.set(xlim=(-0.5, len(steps) - 0.5), ylim=(len(methods) - 0.5, -0.5))
    panel.set_xticks(range(len(steps)), [short(step) for step in steps])
    panel.set_yticks(range(len(methods)), names(experiment.methods[key].label for key in methods))
    taus = fixed_tau(experiment, found)
    fixed = f" (with τ = {short(*taus)})" if len(taus) == 1 else ""
    panel.set_xlabel(f"step size: {step_words(experiment)}{fixed}")
    figure.suptitle(title or heading(experiment, found, int(11.5 * width)), fontsize="medium")
    panel.tick_params(length=0)
    for edge in range(1, max(len(steps), len(methods))):  # white lines between the cells
        panel.axhline(edge - 0.5, color="white", linewidth=1.5)
        panel.axvline(edge - 0.5, color="white", linewidth=1.5)
    bar = figure.colorbar(scale, ax=panel, pad=0.01)
    bar.set_label(experiment.kind.measure(decides).label)
    hatched = any(value is not None and math.isinf(value) for value, _, _ in cells.values())
    caption(figure, experiment, found, f"Hatched: {experiment.kind.DIVERGED}." if hatched else "")
    literal(figure)
    return figure


def luminance(colour: Sequence[float]) -> float:
    """Return how bright a colour is, from 0 to 1 (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
