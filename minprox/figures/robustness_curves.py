"""Accuracy under attack over the size of the attack."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minprox.experiments.experiment import Experiment
from minprox.experiments.outcome import Result
from minprox.experiments.robust_runs import EPSILONS
from minprox.figures.doors import door, mapping
from minprox.figures.lettering import literal
from minprox.figures.palette import numbers, said
from minprox.figures.style import dress, legend, look
from minprox.ground.arguments import number as check_number
from minprox.ground.arguments import refuse
from minprox.methods import looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, Mapping[float, float | Sequence[float]]]


@door
def robustness(panels: Mapping[str, Curves], title: str = "") -> Figure:
    """Draw accuracies over the size ε of attacks: a panel for each attack, a curve for each net (D4, D5).

    Parameters
    ----------
    panels : mapping of str to mapping
        By the name of the attack, and then by the label of the net: its accuracies, fractions, by ε. Several
        for one ε, of several seeds, are drawn as median and range.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        One legend for all panels; accuracies in per cent.

    Raises
    ------
    ValueError
        If there is nothing to draw.

    Examples
    --------
    >>> import minprox as mp
    >>> figure = mp.figures.robustness({"FGSM": {"none": {0.0: 0.9, 0.1: 0.4}}})
    >>> figure.axes[0].get_ylabel()
    'accuracy under FGSM (%)'
    """
    for curves in panels.values():
        mapping("curves", curves)
        for label, curve in curves.items():
            if not isinstance(curve, Mapping) or not curve:
                refuse(f"curves[{label!r}]", "accuracies by the size of the attack", curve)
            for epsilon, found in curve.items():
                check_number("epsilon", epsilon, least=0)
                for accuracy in found if isinstance(found, (list, tuple)) and found else [found]:
                    check_number("accuracy", accuracy)
    if not panels or not all(panels.values()):
        raise ValueError("robustness: expected one attack or more, and a curve for each net, found none")
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    return drawn(panels, title, dict(zip(labels, numbers(map(said, labels)), strict=True)))


def drawn(panels: Mapping[str, Mapping[str, Any]], title: str, places: Mapping[str, int]) -> Figure:
    """Draw the panels, each curve with the look of its number."""
    from minprox.figures.picture import Figure

    figure = Figure(figsize=(5.5 * len(panels) + 0.5, 5), layout="constrained")
    for axes, (attack, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for label, curve in curves.items():
            values = {
                epsilon: [100 * v for v in (found if isinstance(found, Sequence) else [found])]
                for epsilon, found in sorted(curve.items())
            }
            style = look(places[label], len(values))
            axes.plot(list(values), [statistics.median(v) for v in values.values()], label=label, **style)
            low, high = [min(v) for v in values.values()], [max(v) for v in values.values()]
            axes.fill_between(list(values), low, high, color=style["color"], alpha=0.15, linewidth=0)
        axes.set_ylim(0, 100)
        axes.set_xlim(left=0)
        dress(axes, "size ε of the attack", f"accuracy under {attack} (%)")
    legend(figure, title)
    literal(figure)
    return figure


def robust_experiment(experiment: Experiment, found: Sequence[Result], title: str = "") -> Figure:
    """Draw an experiment whose runs are attacked at their end."""
    panels: dict[str, dict[str, Any]] = {"FGSM": {}, "PGD": {}}
    for key, run in experiment.methods.items():
        ended = [r.history for r in found if r.method == key and r.history.status == "finished"]
        if ended:
            clean = {0.0: [history.clean for history in ended]}
            for attack, curves in panels.items():
                curves[run.label] = clean | {
                    epsilon: [getattr(history, f"{attack.lower()}_{epsilon:g}") for history in ended]
                    for epsilon in EPSILONS
                }
    seeds = len({r.seed for r in found})
    shown = f"{experiment.title}, median and range of {seeds} seeds" if seeds > 1 else experiment.title
    labels = [run.label for run in experiment.methods.values()]
    places = dict(zip(labels, looks(run.curve for run in experiment.methods.values()), strict=True))
    return drawn(panels, title or shown, places)
