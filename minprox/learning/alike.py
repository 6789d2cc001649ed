"""What must be alike in the processes that train one net together, before and while they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np

from minprox.ground.arguments import shown
from minprox.ground.communicators import Communicator
from minprox.learning.identity import describe, differences

ROUNDING = 1e-3  # of the largest entry, by which replicas on unlike processors may part within an epoch


def check_shared(
    comm: Communicator, settings: Mapping[str, Any], direction: Any, attending: Sequence[Any]
) -> None:
    """Raise ValueError unless several processes can share the batches of a run, and mean the same run."""
    if not takes_comm(direction):
        raise ValueError(
            "direction: expected one whose batch several processes can share, by an argument comm, backprop "
            f"or proxprop, found {describe(direction)}"
        )
    if attending:
        raise ValueError(
            "callbacks: expected none with a method batch, which sees a whole mini-batch, where several "
            f"processes share it, found {shown(attending[0])}"
        )
    differing = differences(comm.tell(dict(settings)), dict(settings))
    if comm.any(differing):
        told = "; ".join(differing) or "those of another process"
        raise ValueError(f"expected the same settings in every process as in process 0: {told}")


def takes_comm(direction: Any) -> bool:
    """Tell whether a direction can be called with ``comm=``."""
    try:
        parameters = signature(direction).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == "comm" or p.kind is p.VAR_KEYWORD for p in parameters)


def parted(first: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Tell whether one of these arrays is another than that of process 0, by more than rounding."""
    with np.errstate(all="ignore"):
        for name, array in first.items():
            if array.dtype.kind != "f":
                continue
            size, off = np.abs(array).max(initial=0), np.abs(mine[name] - array).max(initial=0)
            if off > ROUNDING * size:  # no comparison holds with NaN, which diverged runs have
                return True
    return False
