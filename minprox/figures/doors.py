"""What a figure is drawn of must be: said once for every function that draws one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minprox.experiments.doors import KINDS as EXPERIMENTS
from minprox.ground.arguments import refuse, whole
from minprox.ground.doors import doors, path, text
from minprox.learning.doors import KINDS, OWN

MOST = 60  # modules, horizons or mini-batches that a chart can show


def mapping(name: str, value: Any) -> None:
    """Raise TypeError unless this holds things by their names."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(name, "a mapping of labels to what they stand for", value)


def few(name: str, value: Any) -> None:
    """Raise ValueError unless this is a number of things that a figure can show."""
    whole(name, value, most=MOST)


door = doors(
    {
        **KINDS,
        **OWN,
        **EXPERIMENTS,
        **dict.fromkeys(("title", "caption", "unit"), text),
        **dict.fromkeys(("panels", "record"), mapping),
        **dict.fromkeys(("modules", "batches"), few),
        "path": path,
    }
)
