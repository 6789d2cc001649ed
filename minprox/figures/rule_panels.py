"""The learning rule that a cell has found: what errors do to messages and states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.figures.lettering import literal
from minprox.figures.style import COLOURS, dress
from minprox.methods.vsml.dissection import Dissection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = {"same": "the same image", "class": "another of its class", "other": "of another class"}
ROLES = {"true": "true class", "said": "said class", "other": "another class"}
LINES = {"right": "--", "wrong": "-"}


def learning_rule(found: Dissection, title: str = "") -> Figure:
    """Draw what a cell does after right and wrong predictions (V9).

    Parameters
    ----------
    found : Dissection
        Of :func:`minprox.methods.vsml.dissect`.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        How an error changes a logit, how much it changes the states, and how long that is remembered:
        medians, with bands from quartile to quartile.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from minprox.methods import vsml
    >>> x, y = vsml.gaussian_tasks(np.random.default_rng(0), 8, 80, 8, 3)
    >>> figure = mp.figures.learning_rule(vsml.dissect(vsml.load(), x.astype("float32"), y))
    >>> figure.axes[0].get_xlabel()
    'error e at a class'
    """
    from minprox.figures.picture import Figure

    figure = Figure(figsize=(12, 4.4), layout="constrained")
    effects, states, memory = figure.subplots(1, 3)
    for number, (kind, words) in enumerate(SHOWN.items()):
        curve(effects, found.errors, found.effects[kind], COLOURS[(0, 5, 10)[number]], "-", words)
    effects.legend(title="then shown", frameon=False, fontsize="small")
    colours = dict(zip(ROLES, (COLOURS[2], COLOURS[1], COLOURS[11]), strict=True))
    keys = [(outcome, role) for outcome in LINES for role in ROLES if (outcome, role) in found.changes]
    for place, (outcome, role) in enumerate(keys):
        low, middle, high = quartiles(np.array(found.changes[outcome, role]))
        hatch = "" if outcome == "wrong" else "///"
        bar: dict[str, Any] = {"color": colours[role], "hatch": hatch, "edgecolor": "white", "width": 0.75}
        states.bar(place, middle, **bar)
        states.vlines(place, low, high, color="0.2", linewidth=1.2)
    states.set_xticks(range(len(keys)), [ROLES[role].replace(" ", "\n") for _, role in keys])
    states.tick_params(axis="x", labelsize="small", length=0)
    rights = sum(outcome == "right" for outcome, _ in keys)
    for middle, words in (((rights - 1) / 2, "right prediction"), (rights + 1, "wrong prediction")):
        states.annotate(words, (middle, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top")
    for (outcome, role), values in sorted(found.memory.items()):
        label = f"{ROLES[role]}, {outcome} prediction"
        curve(memory, found.lags, values, colours[role], LINES[outcome], label)
    memory.set_xscale("log", base=2)
    memory.set_xticks(found.lags, [str(lag) for lag in found.lags])
    memory.legend(title="logit of the", frameon=False, fontsize="small", loc="upper right")
    memory.set_ylim(top=1.5 * memory.get_ylim()[1])
    dress(effects, "error e at a class", "change of its logit")
    dress(states, "", "change of the states c")
    dress(memory, "examples later", "change of the logit, same image")
    states.set_ylim(0, 1.25 * states.get_ylim()[1])
    for panel in (effects, memory):
        panel.axhline(0, color="0.4", linewidth=0.8, zorder=1)
    figure.suptitle(title or "The rule that the cell has learned")
    literal(figure)
    return figure


def curve(panel: Any, across: Any, values: np.ndarray, colour: str, line: str, label: str) -> None:
    """Draw the median of each row, with a band from quartile to quartile."""
    low, middle, high = quartiles(values)
    panel.plot(across, middle, color=colour, linestyle=line, marker="o", markersize=4, label=label)
    panel.fill_between(across, low, high, color=colour, alpha=0.12, linewidth=0)


def quartiles(values: np.ndarray) -> np.ndarray:
    """Return the quartiles along the last axis."""
    return np.quantile(values, (0.25, 0.5, 0.75), axis=-1)
