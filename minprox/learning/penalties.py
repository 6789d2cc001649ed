"""Penalties of parameters: the proximal step that follows the step of an optimiser."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.ground.arguments import ArgumentTypeError, shown

Array = Any


def penalise(net: Graph, penalty: Any, t: float, bias: bool = False) -> None:
    """Do the proximal step ``θ_l ← prox_{tΩ}(θ_l)`` (E4) of every θ_l in place.

    Parameters
    ----------
    net : Graph
    penalty : Penalty or list of Penalty or None
        Ω, for all θ_l, or one for each of them.
    t : float
        The step size.
    bias : bool
        Whether Ω sees the last row of θ_l, the bias, too.

    Notes
    -----
    An optimiser takes as t the whole length of a step along a constant direction: ``τ/(1 − μ)`` for SGD, so
    that where it comes to rest on gradients, ``−∇J ∈ ∂Ω(θ)``, with any momentum; with t = τ it would rest
    where Ω counts ``1 − μ`` times. On implicit steps it rests where ``−d ∈ ∂Ω(θ)``: for small τ_θ, where
    ``d ≈ τ_θ ∇J``, Ω counts ``1/τ_θ`` times. For Adam t is τ, and Ω counts against the scaled direction, as
    the weight decay of AdamW does.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 2), dtype="float64")
    >>> net.parameters = [np.array([[0.1, -2.0], [0.3, 0.4]])]
    >>> penalise(net, mp.prox.L1(0.5), t=1.0)
    >>> net.parameters[0]
    array([[ 0. , -1.5],
           [ 0.3,  0.4]])
    """
    penalties = penalty if isinstance(penalty, list) else [penalty] * len(net.parameters)
    for theta, layer, omega in zip(net.parameters, net.transfers, penalties, strict=True):
        if omega is not None:
            seen = theta if bias or not layer.has_bias else theta[:-1]
            seen[...] = omega.prox(seen, t)  # θ_l ← prox_{tΩ}(θ_l)


def checked_penalty(net: Graph, penalty: Any) -> Any:
    """Return a penalty, a list of them, or None; raise an error unless it fits the net."""
    each = list(penalty) if isinstance(penalty, (list, tuple)) else None
    for omega in [penalty] if each is None else each:
        if omega is not None and not callable(getattr(omega, "prox", None)):
            raise ArgumentTypeError(
                f"penalty: expected one with a method prox(v, tau), or a list of them, found {shown(omega)}"
            )
    if each is not None and len(each) != (count := len(net.parameters)):
        raise ValueError(f"penalty: expected one, or one for each of {count} parameters, found {len(each)}")
    return penalty if each is None else each
