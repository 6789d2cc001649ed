"""Seeds: integers of at least 0, one or several, and nothing that would not give the same again."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.arguments import whole

MOST = 2**128  # as many bits as NumPy makes of entropy itself


def seed(name: str, value: Any) -> int:
    """Return a seed as an integer of Python.

    Examples
    --------
    >>> seed("seed", 2**64)
    18446744073709551616
    """
    return whole(name, value, least=0, most=MOST)


def seeds(name: str, value: Any) -> None:
    """Raise an error unless this is a seed, or a list of several.

    Examples
    --------
    >>> seeds("seed", [3, 0])
    """
    for one in value if isinstance(value, (list, tuple)) and value else [value]:
        seed(name, one)


def generator(value: Any, name: str = "seed") -> np.random.Generator:
    """Return NumPy's generator of a seed, or of several integers that make one.

    Examples
    --------
    >>> int(generator([3, 0]).integers(100))
    81
    """
    if isinstance(value, (list, tuple)) and value:
        return np.random.default_rng([v if type(v) is int and v >= 0 else seed(name, v) for v in value])
    return np.random.default_rng(seed(name, value))
