"""What an example, a mean and the moments of the examples must be."""

from __future__ import annotations

from typing import Any

from minprox.ground.arguments import number, wrong
from minprox.ground.doors import COMMON, doors, floats
from minprox.methods.spauc.classes import Moments


def vector(name: str, value: Any) -> None:
    """Raise an error unless this is an array of one axis."""
    floats(name, value)
    if value.ndim != 1:
        raise ValueError(f"{name}: expected the shape (features,), found {value.shape}")


def moments(name: str, value: Any) -> None:
    """Raise TypeError unless these are moments."""
    if not isinstance(value, Moments):
        raise wrong(name, "moments, as mp.methods.spauc.moments(x, y) returns them", value)


def chance(name: str, value: Any) -> None:
    """Raise ValueError unless this is a share, in [0, 1]."""
    if number(name, value, least=0) > 1:
        raise ValueError(f"{name}: expected a number in [0, 1], found {value}")


door = doors({**COMMON, **dict.fromkeys(("w", "x", "u", "v"), vector), "m": moments, "p": chance})
