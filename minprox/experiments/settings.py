"""Settings of methods that are no fields of a run: checked against their defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

KINDS_OF_VALUE = {float: "a number", int: "an integer", bool: "True or False", str: "a text"}


def chosen_options(
    method: str, defaults: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[tuple[str, Any], ...]:
    """Return the settings of a method that are no fields of a run: those given, and defaults for the rest."""
    for name in given:
        if name not in defaults:
            words = ", ".join(defaults) or "none"
            raise ValueError(f"options: {method} reads {words}, found {name!r}")
    return tuple((name, like(name, given.get(name, value), value)) for name, value in defaults.items())


def like(name: str, value: Any, default: Any) -> Any:
    """Return a value as the kind of thing that its default is, or raise ValueError."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if default is not None and type(value) is not type(default):
        raise ValueError(f"{name}: expected {KINDS_OF_VALUE[type(default)]}, found {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, found {value!r}")
    return value
