"""Who does what when: the modules of a net on devices, as a Gantt chart, and the time that a step takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minprox.figures.doors import MOST, door
from minprox.figures.lettering import literal
from minprox.figures.style import COLOURS, dress, legend, tint
from minprox.ground.arguments import refuse, whole
from minprox.methods.pipeline import schedule, step_time

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORK = {"forward": COLOURS[5], "error": COLOURS[4], "direction": COLOURS[2]}
NAMES = {"forward": "forward pass", "error": "error handed down", "direction": "direction of θ"}


@door
def gantt(modules: int = 5, horizons: Sequence[int] = (1, 2, 5), batches: int = 3, title: str = "") -> Figure:
    """Draw which device works on which mini-batch when, and the time of a step over devices (I3).

    Parameters
    ----------
    modules : int
        K, one device each.
    horizons : sequence of int
        N of each panel; 1 is local learning, K end-to-end.
    batches : int
        How many mini-batches are shown.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each horizon, with white where a device waits, and one with the time of a step.

    Raises
    ------
    ValueError
        If a number is no positive integer.

    Examples
    --------
    >>> figure = gantt(3, horizons=(1, 3), batches=2)
    >>> [panel.get_title() for panel in figure.axes]
    ['N = 1: local', 'N = 3: end-to-end', '']
    """
    from matplotlib.ticker import MaxNLocator

    from minprox.figures.picture import Figure

    if not isinstance(horizons, (list, tuple)) or not 0 < len(horizons) <= MOST:
        refuse("horizons", f"a list of one integer or more, and at most {MOST}", horizons)
    horizons = [whole("horizons", N) for N in horizons]
    plans = [schedule(modules, N, batches) for N in horizons]
    end = max(task.end for tasks in plans for task in tasks)
    figure = Figure(figsize=(10, 1.2 + (0.5 + 0.24 * modules) * (len(horizons) + 2)), layout="constrained")
    rows = figure.subplots(len(horizons) + 1, 1, height_ratios=[1] * len(horizons) + [1.6])
    for panel, N, tasks in zip(rows, horizons, plans, strict=False):
        for kind, colour in WORK.items():
            mine = [task for task in tasks if task.kind == kind]
            panel.barh(
                [task.device for task in mine],
                [task.end - task.start for task in mine],
                left=[task.start for task in mine],
                height=0.82,
                color=tint(colour, 0.75),
                edgecolor="white",
                linewidth=0.8,
            )
            panel.barh(1, 0, color=tint(colour, 0.75), label=NAMES[kind])  # for the legend
            for task in mine:
                middle = (task.start + task.end) / 2
                panel.text(middle, task.device, str(task.batch), ha="center", va="center", fontsize=7.5)
        dress(panel, "time (forward passes of a module)" if horizons[-1] == N else "", "device")
        panel.set(xlim=(0, end), title=named(N, modules))
        panel.yaxis.set_major_locator(MaxNLocator(integer=True))
        panel.invert_yaxis()
    counts = list(range(1, 2 * modules + 1))
    for number, N in enumerate(horizons):
        last = modules <= N
        times = [step_time(K, K if last else N, batches=32) for K in counts]
        name = "end-to-end" if last else f"N = {N}{': local' if N == 1 else ''}"
        style = {"color": COLOURS[(0, 1, 3, 6)[number % 4]], "marker": "os^D"[number % 4]}
        rows[-1].plot(counts, times, **style, markersize=4.5, linewidth=1.6)
        rows[-1].annotate(
            name,
            (counts[-1], times[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=style["color"],
        )
    dress(rows[-1], "devices, a module each", "time of a step")
    rows[-1].margins(x=0.02)
    rows[-1].set_ylim(0)
    legend(figure, title or "Numbers are those of mini-batches; a module waits for what is white")
    literal(figure)
    return figure


def named(N: int, K: int) -> str:
    """Return a horizon in words."""
    return f"N = {N}" + (": local" if N == 1 else ": end-to-end" if N >= K else "")
