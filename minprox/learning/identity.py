"""What must be the same in two runs that shall agree bit by bit, in words and as check sums."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container
from functools import partial
from typing import Any

import numpy as np

from minprox.datasets import Dataset
from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.ground.backend import to_numpy
from minprox.learning.optimizer import Optimizer
from minprox.learning.own_code import STATE, own_code


def settings_of(
    net: Graph,
    data: Dataset,
    loss: Loss,
    optimizer: Optimizer,
    direction: Callable[..., Any],
    batch_size: int,
    seed: int,
) -> dict[str, Any]:
    """Return the settings of a training run as JSON values."""
    layers = [node.layer for node in net.nodes]
    known = [type(optimizer), *attributes(optimizer).values()]  # plain values among them are told by name
    parts = {"net": layers, "loss": loss, "direction": direction, "optimizer": known}
    settings = appearance(net, loss, direction) | net_settings(net, optimizer)
    settings |= {"data": f"{data!r} with the check sum {checksum(data):08x}"}
    settings |= {f"code of the {name}": code for name, part in parts.items() if (code := own_code(part))}
    return settings | {"batch_size": batch_size, "seed": seed}


def net_settings(net: Graph, optimizer: Optimizer) -> dict[str, Any]:
    """Return what is to be the same of a net and its optimiser."""
    settings = {
        "net": repr(net),
        "parameter shapes": [list(theta.shape) for theta in net.parameters],
        "dtype": str(net.dtype),
        "optimizer": type(optimizer).__name__,
    }
    return settings | {name: describe(value) for name, value in attributes(optimizer).items()}


def appearance(net: Graph, loss: Loss, direction: Callable[..., Any]) -> dict[str, Any]:
    """Return what is not to change in the course of a run, in words."""
    return {"net": repr(net), "loss": describe(loss), "direction": describe(direction)}


def attributes(optimizer: Optimizer) -> dict[str, Any]:
    """Return the settings of an optimiser, which somebody may change in the course of a run."""
    return {name: value for name, value in vars(optimizer).items() if name not in STATE}


def checksum(data: Dataset) -> int:
    """Return the CRC-32 of all inputs and labels."""
    found = 0
    for split in (data.train, data.validation, data.test):
        for array in (split.x, split.y):
            found = zlib.crc32(np.ascontiguousarray(to_numpy(array)).data, found)
    return found


def differences(former: dict[str, Any], now: dict[str, Any], free: Container[str] = ()) -> list[str]:
    """Return a phrase for every setting that is not what it was, but for those that are free to differ."""
    return [
        f"{name if name.isprintable() else repr(name)} was {was} and is now {brief(now.get(name))}"
        for name in [*now, *sorted(set(former) - set(now))]
        if name not in free and former.get(name) != now.get(name) and (was := brief(former.get(name)))
    ]


def brief(value: Any) -> str:
    """Return the ``repr`` of a value, its first thousand letters at most."""
    words = repr(value)
    return words if len(words) <= 1000 else f"{words[:1000]}…"


def describe(value: Any) -> str:
    """Return a text that is the same in every process: of a function its name, else its repr."""
    if isinstance(value, partial):
        items = [*map(describe, value.args)]
        items += [f"{name}={describe(v)}" for name, v in sorted(value.keywords.items())]
        return f"{describe(value.func)}({', '.join(items)})"
    if hasattr(value, "__qualname__"):
        return value.__qualname__
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(describe, value))}]"
    if hasattr(value, "tolist"):
        return describe(value.tolist())
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))  # 1 and 1.0 are the same setting
    kind: Any = type(value)
    return kind.__qualname__ if kind.__repr__ is object.__repr__ else repr(value)
