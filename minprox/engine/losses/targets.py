"""Targets that are numbers, one for each output."""

from __future__ import annotations

from typing import Any

from minprox.ground.backend import array_module
from minprox.ground.doors import numbers

Array = Any


def targets_like(owner: str, output: Array, y: Array) -> Array:
    """Return the targets in the output's dtype, or raise an error where they do not match it."""
    array_module(output, y)
    numbers("output", output)
    if y.dtype.kind not in "biuf":
        raise TypeError(f"{owner}: expected real targets, found dtype {y.dtype}")
    if output.shape != y.shape or not output.shape:
        raise ValueError(f"{owner}: expected targets of the output's shape {output.shape}, found {y.shape}")
    return y.astype(output.dtype, copy=False)
