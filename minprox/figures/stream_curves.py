"""What one example of a stream costs, over the features and over the examples before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minprox.figures.doors import door
from minprox.figures.lettering import literal
from minprox.figures.style import dress, legend, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"explicit": "SPAUC", "implicit": "SPAUC, implicit"}


@door
def stream_scaling(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what :func:`minprox.bench.streams.run` measured.

    Parameters
    ----------
    record : mapping
        What it returned, or wrote as JSON.
    title : str
        If not given, what was timed.

    Returns
    -------
    matplotlib.figure.Figure
        The time of an example over the number of features, and over the examples seen, with fitted lines.

    Examples
    --------
    >>> import minprox.bench.streams
    >>> figure = stream_scaling(minprox.bench.streams.run([10, 20, 40], repeats=1, block=10))
    >>> [panel.get_xlabel() for panel in figure.axes]
    ['features d', 'examples seen']
    """
    from minprox.figures.picture import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for number, name in enumerate(NAMES):
        style = look((1, 0)[number], 1) | {"markevery": 1}
        for panel, part in zip(panels, ("features", "seen"), strict=True):
            across, times = [int(x) for x in record[part][name]], list(record[part][name].values())
            fit = record["fit"][part][name]
            panel.plot(across, [1e6 * t for t in times], label=NAMES[name], **style | {"linestyle": "none"})
            ends = (0, across[-1])
            fitted = [1e6 * (fit["intercept"] + fit["slope"] * x) for x in ends]
            panel.plot(ends, fitted, color=style["color"], linewidth=1.4)
        fit = record["fit"]["features"][name]
        text = f"{1e6 * fit['intercept']:.0f} µs + {1e9 * fit['slope']:.1f} ns·d,  R² = {fit['r2']:.4f}"
        place: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right", "color": style["color"]}
        panels[0].annotate(text, (0.98, 0.06 + 0.08 * number), **place)
        text = f"{100 * record['drift'][name]:+.0f} % from end to end"
        panels[1].annotate(text, (0.98, 0.06 + 0.08 * number), **place)
    for panel, label in zip(panels, ("features d", "examples seen"), strict=True):
        dress(panel, label, "time of one example (µs)")
        panel.set_ylim(bottom=0)
        panel.set_xlim(left=0)
    legend(figure, title or "One example of SPAUC: on the right 100 features")
    literal(figure)
    return figure
