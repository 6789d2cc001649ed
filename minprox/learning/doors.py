"""What data, an optimiser and a direction must be, said once for every function that takes one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minprox.engine.doors import KINDS
from minprox.ground.arguments import wrong
from minprox.ground.doors import Check, doors, flag, function, numbers, path


def split(name: str, value: Any) -> None:
    """Raise TypeError unless this holds examples: x and y."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("x", "y", "__len__")):
        raise wrong(name, "examples with x and y, such as mp.datasets.Split(x, y)", value)
    numbers(f"{name}.x", value.x)
    numbers(f"{name}.y", value.y)


def data(name: str, value: Any) -> None:
    """Raise TypeError unless this holds examples to train on, to choose by and to test with."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("train", "validation", "test")):
        raise wrong(name, "a data set with train, validation and test, such as mp.datasets.digits()", value)
    for part in ("train", "validation", "test"):
        split(f"{name}.{part}", getattr(value, part))


def optimizer(name: str, value: Any) -> None:
    """Raise TypeError unless this takes steps along directions."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in ("net", "step", "state")):
        raise wrong(name, "an optimiser, such as mp.SGD(net, lr=0.1)", value)


def callbacks(name: str, value: Any) -> None:
    """Raise TypeError unless these are functions."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, dict)) or hasattr(value, "dtype"):
        raise wrong(name, "a list of functions callback(net, history)", value)


def functions(name: str, values: Iterable[Any]) -> list[Any]:
    """Return functions as a list, or raise TypeError where one is none."""
    found = list(values)
    for i, value in enumerate(found):
        function(f"{name}[{i}]", value)
    return found


OWN: dict[str, Check] = {
    **{"split": split, "data": data, "optimizer": optimizer, "direction": function, "callbacks": callbacks},
    **{"resume": flag, "progress": flag, "checkpoint": path},
}
door = doors({**KINDS, **OWN})
