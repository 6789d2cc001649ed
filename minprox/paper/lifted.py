"""The variables of the penalty energy (E3): one array for each place of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minprox.engine.layers.base import Array
from minprox.ground.arguments import wrong
from minprox.ground.doors import numbers
from minprox.paper.chain import Chain

Variables = Mapping[int, Array]


@dataclass(frozen=True)
class Sweep:
    """One sweep of Algorithm 1 or 2: every variable by its name, keyed by the paper's ``l``.

    Attributes
    ----------
    theta, a, z : dict of int to array
        The iterate ``k``: parameters, activations ``a_0 … a_{L-2}`` and ``z_1 … z_{L-2}``.
    a_half, z_half : dict of int to array
        The half-steps ``a_1 … a_{L-2}`` and ``z_1 … z_{L-2}`` at ``k + 1/2``.
    theta_next : dict of int to array
        The parameters ``k + 1``.
    """

    theta: Variables
    a: Variables
    z: Variables
    a_half: Variables
    z_half: Variables
    theta_next: Variables


def variables(name: str, value: Any) -> None:
    """Raise TypeError unless these are arrays, by the paper's ``l``."""
    if not isinstance(value, Mapping):
        raise wrong(name, "a mapping of l to arrays", value)
    for l, array in value.items():
        numbers(f"{name}[{l}]", array)


def check_variables(c: Chain, theta: Variables, a: Variables, z: Variables) -> None:
    """Raise ValueError where a lifted variable is missing."""
    wanted = {"theta": (theta, range(1, c.L)), "a": (a, range(c.L - 1)), "z": (z, range(1, c.L - 1))}
    for name, (given, places) in wanted.items():
        if missing := [l for l in places if l not in given]:
            raise ValueError(f"{name}: expected {name}[l] for l = {[*places]}, found none for {missing}")
    for l in range(1, c.L - 1):
        shape = (len(a[0]), *c.phi[l].output_shape(a[l - 1].shape[1:]))
        if z[l].shape != shape:
            raise ValueError(f"z[{l}]: expected the shape {shape}, found {z[l].shape}")
