"""What a step on several machines costs, over their number: computed, and where it can be measured."""

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


def machine_costs(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what ``minprox.bench.machines.model`` computed, and what was counted.

    Parameters
    ----------
    record : mapping
        What that returned, and ``"measured"``: bytes ``summed`` and ``gathered`` by number of processes and
        by method, as ``minprox.bench.machine_times`` writes them; it may be missing.
    title : str
        If not given, net and batch size.

    Returns
    -------
    matplotlib.figure.Figure
        Bytes, multiplications and time of a step over the number of machines, with logarithmic axes; circles
        where bytes were counted.

    Examples
    --------
    >>> import minprox.bench.machines
    >>> figure = machine_costs(minprox.bench.machines.model([2, 4], 50, [20, 10, 3]))
    >>> [panel.get_xlabel() for panel in figure.axes]
    ['machines', 'machines', 'machines']
    """
    from minprox.figures.picture import Figure

    figure = Figure(figsize=(12, 4.4), layout="constrained")
    panels = dict(zip(PANELS, figure.subplots(1, len(PANELS)), strict=True))
    for method, points in record["model"].items():
        places = sorted(int(P) for P in points)
        style = look(LOOKS[method], 0) | {"marker": ""}
        for (name, (_, unit)), panel in zip(PANELS.items(), panels.values(), strict=True):
            values = [points[str(P)][name] * unit for P in places]
            panel.plot(places, values, **style, label=NAMES[method])
    for P, methods in record.get("measured", {}).items():
        for method, row in methods.items():
            if int(P) > 1:
                sent = (2 * row["summed"] + row["gathered"]) * (int(P) - 1) / int(P)
                colour = look(LOOKS[method], 1)["color"]
                panels["sent"].plot([int(P)], [sent / 1e6], "o", ms=7, mfc="none", mew=1.6, color=colour)
    known = {int(P) for points in record["model"].values() for P in points}
    ticks = sorted(known & {2, 4, 8, 16, 64, 256, 1024})
    for (words, _), panel in zip(PANELS.values(), panels.values(), strict=True):
        panel.set_xscale("log", base=2)
        panel.set_xticks(ticks, map(str, ticks))
        logarithmic(panel)
        dress(panel, "machines", words)
    widths = "-".join(map(str, record["widths"]))
    legend(figure, title or f"A step of {widths}, batch {record['batch']}; circles: counted")
    literal(figure)
    return figure
