"""The cost of a pass over the number of threads, and of a step over the batch size, each beside its roof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minprox.figures.doors import door
from minprox.figures.lettering import literal
from minprox.figures.style import dress, legend, logarithmic, look
from minprox.figures.width_curves import LOOKS, NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = NAMES | {"dual": NAMES["exact"]}
ROOF = {"linestyle": (0, (1, 2)), "linewidth": 1.4}  # dotted, in the colour of its pass


@door
def thread_scaling(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what :func:`minprox.bench.threads.run` measured.

    Parameters
    ----------
    record : mapping
        What it returned, or wrote as JSON.
    title : str
        If not given, batch size and number of rounds.

    Returns
    -------
    matplotlib.figure.Figure
        For each net the time of every pass over the number of threads, with logarithmic axes; dotted, what
        the products of back-propagation and of the exact step would take at the rate of large ones.

    Examples
    --------
    >>> times, counts = {"1": 0.2, "2": 0.1}, {"back-propagation": 1e10}
    >>> record = {"seconds": {"mlp": {"back-propagation": times}}, "flops": {"mlp": counts}}
    >>> figure = thread_scaling(record | {"gemm": {"1": 2e11, "2": 4e11}, "batch": 500, "repeats": 5})
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['mlp: time of a pass (ms)']
    """
    from minprox.figures.picture import Figure

    nets, counts = record["seconds"], [int(n) for n in record["gemm"]]
    figure = Figure(figsize=(5 * len(nets), 4.4), layout="constrained")
    for panel, (name, tasks) in zip(
        figure.subplots(1, len(nets), squeeze=False)[0], nets.items(), strict=True
    ):
        for task, times in tasks.items():
            style = look(LOOKS[task], len(counts))
            panel.plot(counts, [1e3 * times[str(n)] for n in counts], label=task, **style)
            if task in ("back-propagation", "exact"):
                work = record["flops"][name][task]
                roof = [1e3 * work / record["gemm"][str(n)] for n in counts]
                panel.plot(counts, roof, color=style["color"], label=f"{task}, roof", **ROOF)
        dress(panel, "threads", f"{name}: time of a pass (ms)")
        powers(panel, counts)
        logarithmic(panel)
    legend(figure, title or f"batch size {record['batch']}, float32, medians of {record['repeats']} rounds")
    literal(figure)
    return figure


@door
def batch_scaling(record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw what :func:`minprox.bench.batches.run` measured.

    Parameters
    ----------
    record : mapping
        What it returned, or wrote as JSON.
    title : str
        If not given, the net.

    Returns
    -------
    matplotlib.figure.Figure
        The time of a step over the batch size, with logarithmic axes, and where the two forms of the exact
        step cross; dotted, what the products would take at the rate of large ones. Beside it the share of
        that rate which each step reaches.

    Examples
    --------
    >>> times = {form: {"100": 0.1, "200": 0.3} for form in ("BackProp", "dual", "primal")}
    >>> record = {"seconds": times, "flops": times, "gemm": 4.0, "net": "9-9-9", "crossing": None}
    >>> [panel.get_xlabel() for panel in batch_scaling(record).axes]
    ['batch size N', 'batch size N']
    """
    from minprox.figures.picture import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    batches = [int(N) for N in record["seconds"]["BackProp"]]
    for method, values in record["seconds"].items():
        style = look(LOOKS[method], len(batches))
        roof = [record["flops"][method][N] / record["gemm"] for N in values]
        left.plot(batches, [1e3 * t for t in values.values()], label=FORMS[method], **style)
        left.plot(batches, [1e3 * t for t in roof], color=style["color"], **ROOF)
        shares = [100 * best / t for best, t in zip(roof, values.values(), strict=True)]
        right.plot(batches, shares, label=FORMS[method], **style)
    if (where := record["crossing"]) is not None:
        left.axvline(where, color="0.6", linewidth=0.8)
        left.annotate(f" N = {where:.0f}", (where, 0.02), xycoords=("data", "axes fraction"), color="0.35")
    left.plot([], [], color="0.35", label="the products alone, at the rate of large ones", **ROOF)
    for panel, text in ((left, "training step (ms)"), (right, "share of the rate of large products (%)")):
        dress(panel, "batch size N", text)
        powers(panel, batches)
    logarithmic(left)
    right.set_ylim(0, max(100, right.get_ylim()[1]))
    legend(figure, title or f"MLP {record['net']}, float32; large products: {record['gemm'] / 1e9:.0f} GF/s")
    literal(figure)
    return figure


def powers(panel: Any, values: Sequence[int]) -> None:
    """Make the x axis logarithmic, with these values on it."""
    from matplotlib.ticker import NullLocator

    panel.set_xscale("log")
    panel.set_xticks(values, [str(value) for value in values])
    panel.xaxis.set_minor_locator(NullLocator())
