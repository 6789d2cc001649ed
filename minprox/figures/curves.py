"""How runs converge, from histories or from the folders of runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minprox.experiments import load
from minprox.figures.style import dress, legend, logarithmic, look
from minprox.learning.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = History | str | os.PathLike[str]


def convergence(runs: Mapping[str, Source] | Iterable[Source], title: str = "", caption: str = "") -> Figure:
    """Draw how runs converge: training loss over epochs and over time, and validation accuracy.

    Parameters
    ----------
    runs : mapping of label to source, or iterable of sources
        A source is a :class:`minprox.History` or the folder of a run, which knows its label.
    title, caption : str
        Above and below the panels.

    Returns
    -------
    matplotlib.figure.Figure
        With three panels; the last one shows the validation loss if no run has an accuracy. A run
        that diverged ends at a cross, and the legend tells in which epoch.

    Raises
    ------
    ValueError
        If there is no run, or a folder holds none.

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
    from matplotlib.figure import Figure

    histories = labelled(runs)
    if not histories:
        raise ValueError("expected one run or more, found none")
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    panels = figure.subplots(1, 3)
    accuracy = any(not math.isnan(v) for _, h in histories for v in h.validation_accuracy)
    for number, (label, history) in enumerate(histories):
        if history.diverged_at is not None:
            label += f" (diverged in epoch {history.diverged_at})"
        last = [100 * v for v in history.validation_accuracy] if accuracy else history.validation_loss
        loss = history.train_loss
        draw(panels[0], history.epoch, loss, label, number, history)
        draw(panels[1], history.seconds, loss, label, number, history)
        draw(panels[2], history.epoch, last, label, number, history, log=not accuracy)
    for panel in panels if not accuracy else panels[:2]:
        logarithmic(panel)
    names = ["training loss", "training loss", "validation accuracy (%)" if accuracy else "validation loss"]
    for panel, x, y in zip(panels, ("epoch", "training time (s)", "epoch"), names, strict=True):
        dress(panel, x, y)
    legend(figure, title)
    if caption:
        figure.supxlabel(caption, fontsize="small", color="0.25")
    return figure


def draw(
    panel: Any, x: list, y: list[float], label: str, number: int, history: History, log: bool = True
) -> None:
    """Draw one curve; a value that cannot be shown is left out, and a divergence ends at a cross."""
    shown = [(u, v) for u, v in zip(x, y, strict=True) if math.isfinite(v) and (v > 0 or not log)]
    style = look(number, len(shown))
    us, vs = [u for u, _ in shown], [v for _, v in shown]
    panel.plot(us, vs, label=label, **style)
    if history.diverged_at is not None and shown:
        cross = {"marker": "X", "markersize": 11, "markeredgecolor": "white", "clip_on": False}
        panel.plot(us[-1:], vs[-1:], color=style["color"], zorder=5, **cross)


def labelled(runs: Mapping[str, Source] | Iterable[Source]) -> list[tuple[str, History]]:
    """Return labels and histories; folders with one label are told apart by their names."""
    if isinstance(runs, (str, os.PathLike, History)):
        runs = [runs]
    if isinstance(runs, Mapping):
        return [(name, v if isinstance(v, History) else load(v)[1]) for name, v in runs.items()]
    found: list[tuple[str, History]] = []
    sources = list(runs)
    for number, source in enumerate(sources, 1):
        found.append((f"run {number}", source) if isinstance(source, History) else load(source))
    labels = [label for label, _ in found]
    return [
        (label if labels.count(label) == 1 else f"{label} ({place(source, number)})", history)
        for number, (source, (label, history)) in enumerate(zip(sources, found, strict=True), 1)
    ]


def place(source: Source, number: int) -> str:
    """Return what tells a source from others: the name of its folder, or its number."""
    return str(number) if isinstance(source, History) else Path(source).resolve().name
