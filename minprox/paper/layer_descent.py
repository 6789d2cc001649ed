"""How the step of each layer stands to its gradient: P3, measured in a net."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import proxprop
from minprox.engine.plan import Solver, plan
from minprox.engine.reverse import errors
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape
from minprox.ground.backend import to_numpy
from minprox.paper.conditioning import angle, angle_bound, whole_condition
from minprox.paper.norms import norm


@dataclass(frozen=True)
class Descent:
    """How the step of one layer stands to its gradient (P3).

    Attributes
    ----------
    angle : float
        Between ``∇_{θ_l} J`` and ``d_l``, in radians; 0 where the gradient vanishes, NaN where only the
        step does or one of them is not finite.
    bound : float
        The largest angle that ``kappa`` allows.
    kappa : float
        ``cond(M_l)``, of all its groups together; NaN, as the bound, where the layer has no matrix.
    slope : float
        ``⟨∇_{θ_l} J, d_l⟩``.
    gradient, step : float
        ``‖∇_{θ_l} J‖`` and ``‖d_l‖``.

    Examples
    --------
    >>> mp.theory.Descent(angle=0.5, bound=0.64, kappa=4.0, slope=0.1).angle < mp.theory.angle_bound(4.0)
    True
    """

    angle: float
    bound: float
    kappa: float
    slope: float
    gradient: float = math.nan
    step: float = math.nan


@door
def descent(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solver: Any = Exact(),  # noqa: B008
) -> list[Descent]:
    """Measure P3 in every layer of a net: angle, bound, condition number, slope.

    Parameters
    ----------
    net, tape, loss, y, tau_theta, solver
        As for :func:`minprox.proxprop`.

    Returns
    -------
    list of Descent
        Aligned with ``net.parameters``; the explicit last layer has angle 0 and κ = 1.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Proposition 2 and its proof.

    Examples
    --------
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> found = mp.theory.descent(net, mp.forward(net, x), mp.CrossEntropy(), y, tau_theta=1.0)
    >>> all(layer.angle <= layer.bound for layer in found)
    True
    """
    return descents(net, tape, loss, y, tau_theta, [solver])[0]


def descents(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solvers: Sequence[Solver],
) -> list[list[Descent]]:
    """Measure P3 in every layer for each of the solvers: see :func:`minprox.paper.theory.descent`."""
    steps = [proxprop(net, tape, loss, y, tau_theta, solver) for solver in solvers]
    layers = plan(net, loss, y, tau_theta, solvers[0])
    found: list[Any] = [[None] * len(layers) for _ in solvers]
    for l, A, delta in errors(net, tape, loss, y):
        gradient = to_numpy(net.transfers[l].join(A.T @ delta))
        explicit, tau = layers[l].explicit, layers[l].tau_theta
        kappa = 1.0 if explicit else math.nan if A.matrix_free else whole_condition(A, tau)
        for row, step in zip(found, steps, strict=True):
            d = to_numpy(step[l])
            known = d.any() and np.isfinite(gradient).all() and np.isfinite(d).all()
            row[l] = Descent(
                0.0 if explicit or not gradient.any() else angle(gradient, d) if known else math.nan,
                math.nan if math.isnan(kappa) else angle_bound(kappa),
                kappa,
                float((gradient * d).sum()),  # ⟨∇_{θ_l} J, d_l⟩ > 0  (P3)
                float(norm(gradient)),
                float(norm(d)),
            )
    return found
