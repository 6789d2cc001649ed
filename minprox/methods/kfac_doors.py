"""What K-FAC's formulas are given must be: factors and damping that fit the gradient, a number of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers.base import Array
from minprox.ground.arguments import number
from minprox.ground.doors import reals


def samples(name: str, value: Any) -> None:
    """Raise an error unless this is a number of samples; one that a GPU holds is not looked at."""
    reals(name, value)
    if isinstance(value, (np.ndarray, np.generic)) or not hasattr(value, "ndim") or value.ndim:
        number(name, value, above=0)


def check_factors(Omega: Array, Gamma: Array, *sizes: int) -> None:
    """Raise ValueError unless both factors are square, of the sizes that the gradient has."""
    found = Omega.shape[-2:], Gamma.shape[-2:]
    if len(sizes) != 2 or not all(sizes) or found != tuple((n, n) for n in sizes):
        raise ValueError(
            f"Omega, Gamma: expected square matrices for a gradient of the shape {sizes}, "
            f"found {Omega.shape} and {Gamma.shape}"
        )


def check_damping(G: Array, *dampings: Any) -> None:
    """Raise ValueError unless each is a number, or has one for each group of the gradient."""
    for name, value in zip("ab", dampings, strict=True):
        found = value.shape if hasattr(value, "shape") else np.shape(value)
        if found not in ((), G.shape[:-2]):
            raise ValueError(f"{name}: expected a number, or the shape {G.shape[:-2]}, found {found}")
