"""Armijo's rule along the directions of either pass (P4)."""

from __future__ import annotations

from collections.abc import Sequence

from minprox.engine.doors import door, valued
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, forward
from minprox.ground.doors import share


@door(loss=valued, slope=share, shrink=share)
def armijo(
    net: Graph,
    x: Array,
    loss: Loss,
    y: Array,
    directions: Sequence[Array],
    tau: float = 1.0,
    slope: float = 1e-4,
    shrink: float = 0.5,
    trials: int = 60,
) -> float:
    """Return a step size by Armijo's rule along given descent directions (P4).

    Parameters
    ----------
    net : Graph
        Restored to its parameters on return.
    x : array, shape (N, *input_shape)
    y : array, shape (N,) or (N, n_out)
    directions : list of array
        Aligned with ``net.parameters``, from ``backprop`` or ``proxprop``.
    tau : float
        First trial.
    slope : float
        Share σ in (0, 1) of the predicted decrease that is asked for.
    shrink : float
        Factor in (0, 1) between trials.
    trials : int
        After which it gives up.

    Returns
    -------
    float
        τ with ``J(θ − τ d) ≤ J(θ) − σ τ ⟨∇J, d⟩``.

    Raises
    ------
    ValueError
        If the directions do not descend, or no trial is accepted.

    References
    ----------
    Bertsekas, Nonlinear Programming, 2nd edition, section 1.2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(2, 3), mp.Tanh(), mp.Linear(3, 1), dtype="float64")
    >>> x, y, loss = np.ones((4, 2)), np.ones((4, 1)), mp.SquaredError()
    >>> d = mp.proxprop(net, mp.forward(net, x), loss, y, tau_theta=1.0)
    >>> mp.armijo(net, x, loss, y, d) > 0
    True
    """
    tape, tau = forward(net, x), float(tau)
    expected, found = [theta.shape for theta in net.parameters], [d.shape for d in directions]
    if expected != found:
        raise ValueError(f"directions: expected the shapes {expected}, found {found}")
    gradient = backprop(net, tape, loss, y)
    predicted = sum(float((g * d).sum()) for g, d in zip(gradient, directions, strict=True))
    if not predicted > 0:
        raise ValueError(f"armijo: the directions do not descend, their slope is {predicted:.3g}")
    J, old = float(loss(tape.output, y)), [theta.copy() for theta in net.parameters]
    try:
        for _ in range(trials):
            net.parameters = [theta - tau * d for theta, d in zip(old, directions, strict=True)]
            # J(θ − τ d) ≤ J(θ) − σ τ ⟨∇J, d⟩  (P4)
            if float(loss(forward(net, x).output, y)) <= J - slope * tau * predicted:
                return tau
            tau *= shrink
    finally:
        net.parameters = old
    raise ValueError(f"armijo: no step above {tau:.3g} decreases the loss enough")
