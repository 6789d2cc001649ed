"""A net and its Adam as arrays, for kinds of run that train one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.ground.arguments import whole
from minprox.learning.net_state import listed, net_arrays, numbered, put
from minprox.learning.optimizers import Adam


def arrays_of(net: Graph, adam: Adam) -> dict[str, Any]:
    """Return the parameters of a net, and all that its optimiser remembers."""
    arrays = net_arrays(net) | {"steps_done": np.array(adam.steps_done)}
    for name, values in adam.state.items():
        arrays |= numbered(f"state.{name}", values)
    return arrays


def put_back(net: Graph, adam: Adam, arrays: Mapping[str, np.ndarray]) -> None:
    """Set both to what :func:`arrays_of` gave, of the same shapes."""
    put(net.parameters, listed("parameters", arrays))
    for name, values in adam.state.items():
        put(values, listed(f"state.{name}", arrays))
    adam.steps_done = whole("steps_done", arrays["steps_done"][()], least=0)
