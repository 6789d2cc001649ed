"""What a step on several machines costs, over their number, batch and width: computed, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minprox.figures.lettering import literal
from minprox.figures.style import dress, legend, logarithmic, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "explicit": "BackProp",
    "dual": "ProxProp exact, dual form (E7)",
    "primal": "ProxProp exact, primal form (E6)",
    "cg3": "ProxProp cg3",
    "columns": "ProxProp exact, columns of θ apart",
}
LOOKS = {"explicit": 1, "dual": 0, "primal": 10, "cg3": 2, "columns": 6}
PANELS = {
    "sent": ("MB that each must send", 1e-6),
    "products": ("10⁹ multiplications of each", 1e-9),
    "seconds": ("seconds of a step by the model", 1.0),
}


AXES = {
    "machines": "machines, batch {batch}",
    "batch": "batch, {among} machines",
    "factor": "factor of the hidden widths\n{among} machines, batch {batch}",
}


def machine_costs(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what ``minprox.bench.machines.model`` computed, and what was counted.

    Parameters
    ----------
    record : mapping
        What that returned, and ``"measured"``, as ``minprox.bench.machine_times`` writes it, a list of
        mappings: ``processes``, ``batch``, ``widths``, and by method the bytes ``summed`` and ``gathered``;
        it may be missing.
    title : str
        If not given, the net.

    Returns
    -------
    matplotlib.figure.Figure
        Bytes, multiplications and time of a step over the number of machines, and in further rows over batch
        and width where they were computed, with logarithmic axes; circles where bytes were counted.

    Examples
    --------
    >>> import minprox.bench.machines
    >>> figure = machine_costs(minprox.bench.machines.model([2, 4], 50, [20, 10, 3]))
    >>> [panel.get_xlabel() for panel in figure.axes]
    ['machines, batch 50', 'machines, batch 50', 'machines, batch 50']
    """
    from minprox.figures.picture import Figure

    axes = [axis for axis, methods in record["over"].items() if any(methods.values())]
    figure = Figure(figsize=(12, 0.9 + 3.4 * len(axes)), layout="constrained")
    grid = figure.subplots(len(axes), len(PANELS), squeeze=False)
    for axis, row in zip(axes, grid, strict=True):
        panels, words = dict(zip(PANELS, row, strict=True)), AXES[axis].format(**record)
        draw_curves(panels, record["over"][axis])
        draw_counts(panels["sent"], axis, record)
        known = sorted({float(x) for points in record["over"][axis].values() for x in points})
        ticks = [x for x in known if x != 3][:: -2 if len(known) > 8 else -1]
        for name, panel in panels.items():
            panel.set_xscale("log", base=2)
            panel.set_xticks(ticks, [f"{x:g}" for x in ticks])
            logarithmic(panel)
            dress(panel, words, PANELS[name][0])
    widths = "-".join(map(str, record["widths"]))
    legend(figure, title or f"A step of {widths}; circles: counted")
    literal(figure)
    return figure


def draw_curves(panels: Mapping[str, Any], methods: Mapping[str, Any]) -> None:
    """Draw a row of panels: a line for each method."""
    for method, points in methods.items():
        places = sorted(points, key=float)
        style = look(LOOKS[method], 0) | {"marker": ""}
        for name, panel in panels.items():
            values = [points[x][name] * PANELS[name][1] for x in places]
            panel.plot([float(x) for x in places], values, **style, label=NAMES[method])


def draw_counts(panel: Any, axis: str, record: Mapping[str, Any]) -> None:
    """Draw a circle for each count that differs from the net of the record in nothing but this axis."""
    net = {"machines": record["among"], "batch": record["batch"], "factor": 1.0}
    for row in record.get("measured", []):
        P, factor = row["processes"], row["widths"][1] / record["widths"][1]
        first, *hidden, last = record["widths"]
        if row["widths"] != [first, *(round(factor * n) for n in hidden), last]:
            continue
        found = {"machines": P, "batch": row["batch"], "factor": factor}
        if P == 1 or any(found[other] != net[other] for other in net if other != axis):
            continue
        for method, count in row["methods"].items():
            sent = (2 * count["summed"] + count["gathered"]) * (P - 1) / P
            colour = look(LOOKS[method], 1)["color"]
            panel.plot([found[axis]], [sent / 1e6], "o", ms=7, mfc="none", mew=1.6, color=colour)
