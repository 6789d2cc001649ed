"""The step of each layer beside its gradient: norms, angles, and the bound of P3, drawn and as a table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.plan import Solver, plan
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape
from minprox.figures.doors import door
from minprox.figures.lettering import literal, names
from minprox.figures.palette import numbers, said
from minprox.figures.style import dress, legend, look
from minprox.ground.text import aligned
from minprox.paper.layer_descent import descents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Solvers = Solver | Sequence[Solver] | Mapping[str, Solver]


@dataclass(frozen=True)
class LayerStep:
    """One layer: its gradient, what P3 says of it, and the step of each solver.

    Attributes
    ----------
    name : str
    gradient : float
        ``‖∇_{θ_l} J‖``.
    kappa, bound : float
        ``cond(M_l)``, and the largest angle that it allows, in degrees; NaN where they are not known.
    norms, angles : list of float
        ``‖d_l‖`` of each solver, and its angle to the gradient in degrees, NaN where one of them is zero.
    """

    name: str
    gradient: float
    kappa: float
    bound: float
    norms: list[float]
    angles: list[float]


@door(tau_theta=None)
def step(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float] = 0.05,
    solvers: Solvers = (Exact(),),  # noqa: B008
    title: str = "",
) -> Figure:
    """Draw the step of each layer beside its gradient: their norms, and the angle between them (P3).

    Parameters
    ----------
    net, tape, loss, y, tau_theta
        As for :func:`minprox.proxprop`.
    solvers : callable, sequence of callable, or mapping of str to callable
        What :func:`minprox.proxprop` takes as ``solver``; the keys of a mapping are the labels.

    Returns
    -------
    matplotlib.figure.Figure
        With two panels, a line for each layer from the first one down: ``‖∇J‖`` and ``‖d‖``; and the angles
        in degrees, over grey bars up to the bound, which holds for the exact step.

    Raises
    ------
    ValueError
        If there is no solver, the tape is of another net, or a τ_θ is not positive.
    TypeError
        If a solver is not callable.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Proposition 2 and its proof.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape, labels = mp.forward(net, np.ones((5, 4), dtype="float32")), np.array([0, 1, 2, 0, 1])
    >>> figure = mp.figures.step(net, tape, mp.CrossEntropy(), labels, solvers=[mp.Exact(), mp.CG(1)])
    >>> [panel.get_xlabel() for panel in figure.axes]
    ['norm', 'angle between step and gradient (degrees)']
    """
    from minprox.figures.picture import Figure

    named = labelled(solvers)
    layers = measure(net, tape, loss, y, tau_theta, list(named.values()))
    height = 1.9 + len(layers) * (0.3 + 0.12 * len(named))
    figure = Figure(figsize=(9.5, height), layout="constrained")
    norms, angles = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(layers))
    apart = [0.5 * ((k + 1) / (len(named) + 1) - 0.5) for k in range(len(named))]
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 7, "markeredgewidth": 0}
    bar = {"marker": "|", "color": "black", "linestyle": "none", "markersize": 15, "markeredgewidth": 2}
    entries = [("gradient", *norms.plot([positive(layer.gradient) for layer in layers], places, **bar))]
    angles.barh(places, [layer.bound for layer in layers], height=0.7, color="0.9", zorder=0)
    for k, (label, number) in enumerate(zip(named, numbers(map(said_of, named.values())), strict=True)):
        style = {name: look(number, 1)[name] for name in ("marker", "color")} | dots
        drawn = norms.plot([positive(layer.norms[k]) for layer in layers], places + apart[k], **style)
        entries.append((label, *drawn))
        angles.plot([layer.angles[k] for layer in layers], places + apart[k], clip_on=False, **style)
    entries.append(("bound of the angle (P3)", *norms.plot([], [], color="0.9", linewidth=10)))
    dress(norms, "norm", "")
    dress(angles, "angle between step and gradient (degrees)", "")
    norms.set_xscale("log")
    norms.set_yticks(places, names(layer.name for layer in layers))
    norms.set_ylim(len(layers) - 0.5, -0.5)
    angles.set_xlim(0, 90)
    angles.set_xticks(range(0, 91, 15))
    angles.tick_params(axis="y", length=0)
    legend(figure, title, entries)
    literal(figure)
    return figure


def plot_tape(
    tape: Tape, loss: Loss, y: Array, tau_theta: float | Sequence[float] = 0.05, **options: Any
) -> Figure:
    """Draw :func:`step` for the net that recorded the tape: what ``tape.plot`` is."""
    return step(tape.net, tape, loss, y, tau_theta, **options)


@door(tau_theta=None)
def step_table(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float] = 0.05,
    solvers: Solvers = (Exact(),),  # noqa: B008
) -> str:
    """Return what :func:`step` draws as a table: a row for each layer and solver.

    Parameters
    ----------
    net, tape, loss, y, tau_theta, solvers
        As for :func:`step`; the shapes as well.

    Raises
    ------
    ValueError, TypeError
        As :func:`step`.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Proposition 2 and its proof.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> tape, labels = mp.forward(net, np.ones((5, 4))), np.array([0, 1, 2, 0, 1])
    >>> print(mp.figures.step_table(net, tape, mp.CrossEntropy(), labels, tau_theta=1.0))
    layer                    ‖∇J‖  cond M  bound  solver       ‖d‖  angle
    ---------------------------------------------------------------------
    Linear(4, 8)            0.222      26  67.8°  Exact()  0.00854   0.0°
    Linear(8, 3), explicit  0.326       1   0.0°  Exact()    0.326   0.0°
    """
    named = labelled(solvers)
    rows = [("layer", "‖∇J‖", "cond M", "bound", "solver", "‖d‖", "angle")]
    for layer in measure(net, tape, loss, y, tau_theta, list(named.values())):
        about = (layer.name, f"{layer.gradient:.3g}", number(layer.kappa), degrees(layer.bound))
        for k, label in enumerate(named):
            told = about if k == 0 else ("",) * 4
            rows.append((*told, label, f"{layer.norms[k]:.3g}", degrees(layer.angles[k])))
    return aligned(rows, (1, 2, 3, 5, 6))


def measure(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solvers: Sequence[Solver],
) -> list[LayerStep]:
    """Return gradient, condition number and the steps of all solvers, for each layer with parameters."""
    measured = descents(net, tape, loss, y, tau_theta, solvers)
    explicit = [layer.explicit for layer in plan(net, loss, y, tau_theta, solvers[0])]
    return [
        LayerStep(
            f"{net.transfers[l]!r}, explicit" if explicit[l] else repr(net.transfers[l]),
            layers[0].gradient,
            layers[0].kappa,
            math.degrees(layers[0].bound),
            [layer.step for layer in layers],
            [math.degrees(layer.angle) if layer.gradient else math.nan for layer in layers],
        )
        for l, layers in enumerate(zip(*measured, strict=True))
    ]


def labelled(solvers: Solvers) -> dict[str, Solver]:
    """Return the solvers under labels that differ."""
    if isinstance(solvers, Mapping):
        named = dict(solvers)
    else:
        several: list[Any] = list(solvers) if isinstance(solvers, (list, tuple)) else [solvers]
        texts = [getattr(solver, "__name__", None) or repr(solver) for solver in several]
        named = {
            text if texts.count(text) == 1 else f"{text} ({k})": solver
            for k, (text, solver) in enumerate(zip(texts, several, strict=True), 1)
        }
    if not named:
        raise ValueError("step: expected one solver or more, found none")
    return named


def said_of(solver: Solver) -> tuple[str, str]:
    """Return method and solver as the palette knows them: ("proxprop", "cg3") for CG(3) and BlockCG(3)."""
    text = re.sub(r"\W", "", repr(solver)).lower()
    return said("backprop" if text == "explicit" else re.sub("^exact.*", "exact", text))


def positive(norm: float) -> float:
    """Return a norm, NaN where it has no place on a logarithmic axis."""
    return norm if 0 < norm < math.inf else math.nan


def number(value: float) -> str:
    """Return a number with three digits, nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.3g}"


def degrees(value: float) -> str:
    """Return an angle with one digit behind the point, nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.1f}°"
