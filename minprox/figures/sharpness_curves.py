"""Sharpness along training, in units of the limit of the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minprox.figures.doors import door, mapping
from minprox.figures.lettering import literal
from minprox.figures.palette import numbers, said
from minprox.figures.style import dress, legend, logarithmic, look
from minprox.ground.arguments import number as check_number
from minprox.ground.arguments import refuse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]


@door(runs=mapping)
def sharpness(runs: Mapping[str, tuple[float, Rows]], title: str = "", unit: str = "epoch") -> Figure:
    """Draw the curvature that steps meet along training, beside the limit ``2/τ`` of its stability (T5, T6).

    Parameters
    ----------
    runs : mapping of label to pair
        Of the step size τ, and what :class:`minprox.paper.theory.SharpnessWatch` measured: its ``rows``.
    title : str
        Above the panels.
    unit : str
        What the rows count.

    Returns
    -------
    matplotlib.figure.Figure
        Panels with the loss, the sharpness that the direction of the run meets, times τ/2, so that steps are
        unstable above 1, Λ, which explicit steps of that size would meet, in the same unit (where it is
        another), and the share of the leading eigenvector that the last layer holds. A run that diverged
        ends at a cross.

    Raises
    ------
    ValueError
        If there is no run, or one that was never measured.

    Examples
    --------
    >>> import minprox as mp
    >>> row = {"epoch": 0, "loss": 2.3, "sharpness": 3.0, "preconditioned": 1.0,
    ...        "preconditioned_shares": [0.25, 0.75]}
    >>> figure = mp.figures.sharpness({"ProxProp": (1.0, [row])})
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['loss', 'sharpness met · τ/2', 'Λ · τ/2', 'share of the last layer']
    """
    from minprox.figures.picture import Figure

    for label, run in runs.items():
        if not isinstance(run, (list, tuple)) or len(run) != 2 or not isinstance(run[1], (list, tuple)):
            refuse(f"runs[{label!r}]", "a pair of the step size τ and the measured rows", run)
        check_number("τ", run[0], above=0)
        for row in run[1]:
            if not isinstance(row, Mapping) or not row.keys() >= NEEDED:
                refuse(f"runs[{label!r}]", f"rows with {', '.join(sorted(NEEDED))}", row)
    if not runs or not all(len(rows) for _, rows in runs.values()):
        raise ValueError("sharpness: expected one measured run or more, found none")
    explicit = all(row["sharpness"] == row["preconditioned"] for _, rows in runs.values() for row in rows)
    names = [name for name in PANELS if not (explicit and name == "sharpness")]
    square = len(names) == 4
    figure = Figure(figsize=(9.6, 7.8) if square else (12, 4.6), layout="constrained")
    grid = figure.subplots(2, 2) if square else figure.subplots(1, len(names))
    panels = dict(zip(names, grid.flat, strict=True))
    entries = []
    for number, (label, (tau, rows)) in zip(numbers(map(said, runs)), runs.items(), strict=True):
        lines = [
            draw(panel, [(row["epoch"], value(row, name, tau)) for row in rows], number)
            for name, panel in panels.items()
        ]
        entries.append((label, lines[0]))
    for name, panel in panels.items():
        dress(panel, unit, PANELS[name])
        if name in ("sharpness", "preconditioned"):
            mark_limit(panel)
        elif name == "loss":
            logarithmic(panel)
        else:
            panel.set_ylim(-0.03, 1.03)
    legend(figure, title, entries)
    literal(figure)
    return figure


NEEDED = {"epoch", "loss", "sharpness", "preconditioned", "preconditioned_shares"}
PANELS = {
    "loss": "loss",
    "preconditioned": "sharpness met · τ/2",
    "sharpness": "Λ · τ/2",
    "share": "share of the last layer",
}


def value(row: Mapping[str, Any], name: str, tau: float) -> float:
    """Return what a panel shows of a row."""
    if name == "share":
        return row["preconditioned_shares"][-1]
    return row[name] if name == "loss" else row[name] * tau / 2


def draw(panel: Any, points: list[tuple[float, float]], number: int) -> Any:
    """Draw a curve, which ends at a cross where it leaves the finite numbers, and return its line."""
    shown = [(x, y) for x, y in points if math.isfinite(y)]
    style = look(number, len(shown))
    (line,) = panel.plot([x for x, _ in shown], [y for _, y in shown], **style)
    if shown and len(shown) < len(points):
        cross = {"marker": "X", "markersize": 11, "markeredgecolor": "white", "clip_on": False}
        panel.plot(*([end] for end in shown[-1]), color=style["color"], zorder=5, **cross)
    return line


def mark_limit(panel: Any) -> None:
    """Shade where steps are unstable, on a logarithmic axis of more than a decade."""
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.set_ylim(min(low, 0.1), max(high, 2))
    panel.axhspan(1, panel.get_ylim()[1], color="0.93", zorder=0)
    panel.axhline(1, color="0.35", linewidth=1)
    panel.annotate("unstable", (0.98, 0.97), xycoords="axes fraction", ha="right", va="top", color="0.35")
