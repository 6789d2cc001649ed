"""What a cell, and a generator of random numbers, must be."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.arguments import whole, wrong
from minprox.ground.doors import numbers, path
from minprox.learning.doors import KINDS, OWN, doors
from minprox.methods.vsml.cell import LSTMCell


def a_cell(name: str, value: Any) -> None:
    """Raise TypeError unless this is a cell."""
    if not isinstance(value, LSTMCell):
        raise wrong(name, "a cell, such as mp.methods.vsml.LSTMCell()", value)


def drawing(name: str, value: Any) -> None:
    """Raise TypeError unless this draws random numbers."""
    if not isinstance(value, np.random.Generator):
        raise wrong(name, "a generator, such as numpy.random.default_rng(0)", value)


def stream(name: str, value: Any) -> None:
    """Raise an error unless this is an array of streams: episodes, examples, and what else there is."""
    numbers(name, value)
    if value.ndim < 2 or not value.size:
        raise ValueError(f"{name}: expected the shape (episodes, T, ...), found {value.shape}")


door = doors(
    {
        **{**KINDS, **OWN, "cell": a_cell, "rng": drawing, "path": path},
        **dict.fromkeys(("x", "y"), stream),
        **dict.fromkeys(("N", "T", "inputs", "classes"), whole),
    }
)
