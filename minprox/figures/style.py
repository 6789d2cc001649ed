"""What the figures share: colours, lines and markers, axes, legends, and how a figure gets into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minprox.ground.arguments import refuse, whole
from minprox.ground.doors import path as check_path
from minprox.ground.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The colours of Okabe and Ito, which people with any colour vision can tell apart, and five more of Tol's
#: for methods that come on top; the line styles and markers tell curves apart without colour.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#882255", "#44AA99", "#999933", "#332288", "#888888"),
)
STYLES = "-", "--", "-.", ":", (0, (7, 2, 1, 2, 1, 2))
MARKERS = "o", "s", "^", "D", "v", "P", "<", ">"
ENDINGS = ".png", ".svg", ".pdf"


def look(number: int, points: int) -> dict[str, Any]:
    """Return colour, line and markers of a curve, so that every figure shows the same methods alike.

    Parameters
    ----------
    number : int
        Which curve it is, from 0; twelve of them differ in colour, the first forty in line or marker.
    points : int
        How many points it has; up to ten of them are marked, not the same ones for all curves.

    Returns
    -------
    dict
        Keywords of ``Axes.plot`` in matplotlib.

    Examples
    --------
    >>> import minprox as mp
    >>> style = mp.figures.look(1, points=50)
    >>> style["color"] == mp.figures.COLOURS[1], style["linestyle"], style["marker"]
    (True, '--', 's')
    """
    number, points = whole("number", number, least=0), whole("points", points, least=0)
    first, step = number % 3, max(1, points // 8)
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": STYLES[number % len(STYLES)],
        "marker": MARKERS[number % len(MARKERS)],
        "markevery": list(range(first if points > 8 else 0, points, step)),
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def tint(colour: str, share: float = 0.16) -> tuple[float, ...]:
    """Return a colour mixed with white, of which it is this share."""
    from matplotlib.colors import to_rgb

    return tuple(1 - share * (1 - c) for c in to_rgb(colour))


def dress(panel: Any, x: str, y: str) -> None:
    """Label the axes, and let a faint grid take the place of the frame; epochs get whole numbers."""
    from matplotlib.ticker import MaxNLocator

    panel.set(xlabel=x, ylabel=y)
    panel.grid(True, which="major", color="0.88", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    if x == "epoch":
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def logarithmic(panel: Any) -> None:
    """Make the y axis logarithmic; if it spans less than two decades, with plain numbers between them."""
    from matplotlib.ticker import LogFormatter, LogLocator

    class Plain(LogFormatter):  # 0.6 in the place of 6×10⁻¹
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    panel.set_yscale("log")
    low, high = panel.get_ylim()
    if high < 4 * low:  # between 1 and 2 matplotlib marks nothing
        panel.yaxis.set_minor_locator(LogLocator(subs=(1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)))
    if high < 100 * low:
        panel.yaxis.set_major_formatter(Plain())
        panel.yaxis.set_minor_formatter(Plain(minor_thresholds=(2, 0.5)))


def legend(figure: Figure, title: str, entries: Sequence[tuple[str, Any]] | None = None) -> None:
    """Put one legend for all panels above them, under the title of the figure.

    Entries are labels and what they stand for; if not given, what has a label in the first panel.
    """
    if entries is None:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        entries = list(zip(labels, handles, strict=True))
    labels, handles = [label for label, _ in entries], [handle for _, handle in entries]
    columns = 120 // (10 + max(map(len, labels)))  # as many entries as fit beside each other
    where: dict[str, Any] = {
        "loc": "outside upper center",
        "ncols": max(1, min(5, len(labels), columns)),
        "frameon": False,
    }
    blank = ["-"] * len(labels)  # of labels that begin with _ matplotlib would draw none
    drawn = figure.legend(handles, blank, title=title or None, handlelength=3.5, **where)
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set_text(label)
    drawn.get_title().set_multialignment("center")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the name, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        Ending in ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    ValueError
        If it ends otherwise.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> figure = mp.figures.graph(mp.Sequential(mp.Linear(4, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.svg")
    ...     mp.figures.save(figure, path)
    ...     path.read_text()[:5]
    '<?xml'
    """
    if not callable(getattr(figure, "savefig", None)) or isinstance(figure, type):
        refuse("figure", "a figure of matplotlib", figure)
    ending = check_ending(path)
    from matplotlib import rc_context

    dates: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "minprox"}), whole_file(path) as file:
        figure.savefig(file, format=ending[1:], dpi=150, metadata=dates[ending])


def check_ending(path: str | os.PathLike[str]) -> str:
    """Return the ending of a figure's name, or raise ValueError listing those that there are.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    str
        One of :data:`ENDINGS`.

    Raises
    ------
    ValueError
        If the name ends otherwise.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.figures.check_ending("curves.PDF")
    '.pdf'
    """
    check_path("path", path)
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(ENDINGS)}")
    return ending
