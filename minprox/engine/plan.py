"""What :func:`minprox.proxprop` is given, one value for each layer, and whether it makes a proximal step."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.ground.arguments import number, one_of


def per_layer(name: str, value: Any, net: Graph) -> list[Any]:
    """Return one value for each layer with parameters."""
    count = len(net.transfers)
    if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) == 0:
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name}: expected one value, or {count}, one for each layer with parameters, found {len(value)}"
        )
    return list(value)


def check_proximal(net: Graph, loss: Any, taus: list[Any], solvers: list[Any], last_layer: str) -> None:
    """Raise an error where the arguments of proxprop make no proximal step."""
    one_of("last_layer", last_layer, ("explicit", "proximal"))
    for l, (tau, solver) in enumerate(zip(taus, solvers, strict=True)):
        if l in net.last_transfers and last_layer == "explicit":
            continue  # its entries are not used
        number("tau_theta", tau, above=0)
        if not callable(solver) or isinstance(solver, type):
            raise TypeError(
                "solver: expected a callable solver(A, delta, tau_theta), such as mp.Exact(), "
                f"found {solver!r}"
            )
    if last_layer == "proximal":
        if loss.curvature is None:
            raise ValueError(
                f'last_layer="proximal" needs the loss SquaredError, whose last block is a linear solve, '
                f"found {loss!r}"
            )
        output = [l for l, places in enumerate(net.places) if len(net.nodes) - 1 in places]
        if not net.last_transfers.intersection(output):
            raise ValueError(
                'last_layer="proximal" needs as the output a transfer that stands nowhere else, '
                f"found {net.nodes[-1]!r}"
            )
