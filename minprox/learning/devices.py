"""What a training run asks of the device that it computes on."""

from __future__ import annotations

from typing import Any

from minprox.ground.backend import array_module

Array = Any


def double(value: Any, y: Array) -> Array:
    """Return a scalar in float64 where ``y`` lives, without fetching it."""
    return array_module(y).asarray(value, dtype="float64")


def finite(array: Array) -> bool:
    """Tell whether no entry is NaN or infinite."""
    return bool(array_module(array).isfinite(array).all())
