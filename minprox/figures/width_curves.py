"""The cost of a step over the width of a layer, with the straight lines fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minprox.figures.doors import door
from minprox.figures.lettering import literal
from minprox.figures.style import dress, legend, logarithmic, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "BackProp": "BackProp",
    "exact": "ProxProp exact, dual form (E7)",
    "primal": "ProxProp exact, primal form (E6)",
}

LOOKS = {  # as in the table of methods; the primal form, which stands beside the dual one, has a free one
    "BackProp": 1,
    "back-propagation": 1,
    "exact": 0,
    "dual": 0,
    "primal": 10,
    "BlockCG(3)": 2,
    "forward": 6,
}


@door
def scaling(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what :func:`minprox.bench.widths.run` measured.

    Parameters
    ----------
    record : mapping
        What it returned, or wrote as JSON.
    title : str
        If not given, net and batch size.

    Returns
    -------
    matplotlib.figure.Figure
        Times over width with linear axes and fitted lines, and again with logarithmic axes.

    Examples
    --------
    >>> import minprox.bench.widths
    >>> figure = scaling(minprox.bench.widths.run([10, 20, 40], repeats=1))
    >>> [panel.get_xlabel() for panel in figure.axes]
    ['width h', 'width h']
    """
    from matplotlib.ticker import NullLocator

    from minprox.figures.picture import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    widths = [int(width) for width in record["seconds"]["BackProp"]]
    for method, values in record["seconds"].items():
        h, t = [int(width) for width in values], [1e3 * value for value in values.values()]
        style = look(LOOKS[method], len(h))
        for panel in panels:
            panel.plot(h, t, label=NAMES[method], **style | {"linestyle": "none"})
        if fit := record["fit"].get(method):
            ends = (0, widths[-1])
            fitted = [1e3 * (fit["intercept"] + fit["slope"] * h) for h in ends]
            panels[0].plot(ends, fitted, color=style["color"], linewidth=1.4)
            text = f"{fitted[0]:.0f} ms + {1e6 * fit['slope']:.1f} µs·h,  R² = {fit['r2']:.4f}"
            panels[0].annotate(
                text,
                (0.98, 0.06 + 0.08 * (method == "exact")),
                xycoords="axes fraction",
                ha="right",
                color=style["color"],
            )
        panels[1].plot(h, t, color=style["color"], linewidth=1.2)
    linear = [1e3 * v for m in ("BackProp", "exact") for v in record["seconds"][m].values()]
    panels[0].set(xlim=(0, 1.04 * widths[-1]), ylim=(0, 1.15 * max(linear)))
    for panel in panels:
        dress(panel, "width h", "training step (ms)")
    panels[1].set_xscale("log")
    panels[1].set_xticks(widths, [str(width) for width in widths])
    panels[1].xaxis.set_minor_locator(NullLocator())
    logarithmic(panels[1])
    legend(figure, title or f"MLP {record['net']}, batch size {record['batch']}, float32")
    literal(figure)
    return figure
