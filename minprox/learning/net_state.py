"""The state of a training run as arrays: of a net, and of an optimiser with what was changed in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.ground.arguments import whole
from minprox.ground.array_files import text_of
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.reading import parsed
from minprox.ground.schemas import mapping
from minprox.learning.identity import attributes
from minprox.learning.optimizer import Optimizer
from minprox.learning.own_code import STATE, content

Arrays = dict[str, Any]
PARTS_OF_A_NET = ("parameters", "memory")


def net_arrays(net: Graph) -> dict[str, np.ndarray]:
    """Return the parameters of a net, and what its layers keep besides, like running averages, by name."""
    return numbered("parameters", net.parameters) | numbered("memory", net.memory)


def put_net(net: Graph, arrays: Mapping[str, np.ndarray]) -> None:
    """Set parameters and memory to what :func:`net_arrays` returned for a net of this shape."""
    put([*net.parameters, *net.memory], [*listed("parameters", arrays), *listed("memory", arrays)])


def check_net(net: Graph, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless a net of these shapes and this dtype gave the arrays, among others."""
    values, kept = listed("parameters", arrays), listed("memory", arrays)
    expected, found = [theta.shape for theta in net.parameters], [v.shape for v in values]
    if found != expected:
        raise ValueError(f"expected parameters of the shapes {expected}, found {found}")
    if [v.shape for v in kept] != [v.shape for v in net.memory]:
        raise ValueError(f"expected {len(net.memory)} arrays that layers keep, found {len(kept)}")
    check_dtypes("parameters", net.parameters, values)
    check_dtypes("memory", net.memory, kept)
    names = {name for name in arrays if name.partition(".")[0] in PARTS_OF_A_NET}
    if odd := sorted(names - set(net_names(net))):
        raise ValueError(f"expected parameters and what layers keep, found {odd[0]!r:.100}, too")


def check_dtypes(name: str, targets: list[Any], values: list[np.ndarray]) -> None:
    """Raise ValueError unless values have the dtypes of the arrays that they are for; none is converted."""
    for target, value in zip(targets, values, strict=True):
        if value.dtype != np.dtype(target.dtype.name):
            raise ValueError(f"expected {name} of dtype {target.dtype}, found {value.dtype}")


def net_names(net: Graph) -> list[str]:
    """Return the names of the arrays of a net in a file."""
    parts = {"parameters": net.parameters, "memory": net.memory}
    return [f"{part}.{i}" for part, targets in parts.items() for i in range(len(targets))]


def numbered(name: str, arrays: list[Any]) -> dict[str, np.ndarray]:
    """Return the arrays under the names ``name.0``, ``name.1``, …"""
    return {f"{name}.{i}": to_numpy(array) for i, array in enumerate(arrays)}


def listed(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the arrays ``name.0``, ``name.1``, … in order."""
    count = sum(key.rpartition(".")[0] == name for key in arrays)
    return [arrays[f"{name}.{i}"] for i in range(count) if f"{name}.{i}" in arrays]


def check_alike(expected: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless arrays have the names, shapes and dtypes of these."""
    forms = [{k: (v.shape, v.dtype.name) for k, v in arrays.items()} for arrays in (expected, found)]
    for name in sorted({*forms[0], *forms[1]}):
        if (wanted := forms[0].get(name)) != (is_ := forms[1].get(name)):
            raise ValueError(f"{name:.100}: expected {wanted or 'no such array'}, found {is_ or 'none'}")


def put(targets: list[Any], values: list[np.ndarray]) -> None:
    """Copy values into arrays of either backend, in place."""
    for target, value in zip(targets, values, strict=True):
        target[...] = array_module(target).asarray(value)


def optimizer_arrays(optimizer: Optimizer, start: Mapping[str, str]) -> dict[str, Any]:
    """Return what an optimiser remembers, and those of its attributes that are no longer what they were.

    Parameters
    ----------
    optimizer : Optimizer
    start : mapping of str to str
        :func:`contents` at the start of the run.

    Raises
    ------
    ValueError
        If an attribute was changed to what a checkpoint cannot keep.
    """
    arrays: dict[str, Any] = {"steps_done": np.array(optimizer.steps_done)}
    for name, values in optimizer.state.items():
        arrays |= numbered(f"state.{name}", values)
    plain = {}
    for name, value in attributes(optimizer).items():
        if content(value) == start.get(name):
            continue
        if is_array(value):
            arrays[f"attribute.{name}"] = to_numpy(value)
            continue
        try:
            plain[name] = json.loads(json.dumps(as_plain(value)))
        except (TypeError, ValueError):
            raise ValueError(
                f"a checkpoint cannot keep what was changed in the run: {name} of the optimizer, "
                f"expected a number, a text, a list of them or an array, found {value!r}"
            ) from None
    return arrays | ({"changed": np.array(json.dumps(plain))} if plain else {})


def training_arrays(net: Graph, optimizer: Optimizer, direction: Any, start: Mapping[str, str]) -> Arrays:
    """Return the state of net, optimiser and direction; see :func:`optimizer_arrays`."""
    return net_arrays(net) | optimizer_arrays(optimizer, start) | direction_arrays(direction)


def direction_arrays(direction: Any) -> dict[str, Any]:
    """Return what a direction remembers: its ``state``, a dict of lists of arrays, if it has one."""
    state = getattr(direction, "state", None)
    arrays: dict[str, Any] = {}
    if isinstance(state, dict):
        for name, values in state.items():
            arrays |= numbered(f"direction.{name}", values)
    return arrays


def put_direction(direction: Any, net: Graph, arrays: Mapping[str, np.ndarray]) -> None:
    """Set the state of a direction to what :func:`direction_arrays` returned, where the net lives."""
    names = dict.fromkeys(key.split(".")[1] for key in arrays if key.startswith("direction."))
    if names:
        home = array_module(net.parameters[0])
        direction.state = {n: [home.asarray(a) for a in listed(f"direction.{n}", arrays)] for n in names}


def contents(optimizer: Optimizer) -> dict[str, str]:
    """Return the attributes of an optimiser as texts that tell whether one was changed."""
    return {name: content(value) for name, value in attributes(optimizer).items()}


def check_training(net: Graph, optimizer: Optimizer, direction: Any, arrays: Mapping[str, Any]) -> None:
    """Look at arrays before :func:`put_training` sets net, optimiser and direction to them.

    Raises
    ------
    ValueError
        If an array is missing, or of another shape or dtype, or there is one too many.
    """
    check_net(net, arrays)
    targets = {f"state.{name}": values for name, values in optimizer.state.items()}
    for name, values in targets.items():
        stored = listed(name, arrays)
        if [v.shape for v in stored] != [t.shape for t in values]:
            raise ValueError(f"its arrays {name} do not fit its settings")
        check_dtypes(name, values, stored)
    for name in [*changed_in(arrays), *attributes_in(arrays)]:
        check_attribute(optimizer, name)
    names = {*net_names(net), *(f"{n}.{i}" for n in targets for i in range(len(targets[n]))), "steps_done"}
    free = ("changed", "attribute.", *["direction."] * isinstance(getattr(direction, "state", None), dict))
    if odd := sorted({n for n in arrays if not n.startswith(free)} ^ names):
        raise ValueError(f"missing or unknown: {odd[0]!r:.100}")
    whole("steps_done", arrays["steps_done"][()], least=0)


def put_training(net: Graph, optimizer: Optimizer, direction: Any, arrays: Mapping[str, Any]) -> None:
    """Set net, optimiser and direction to what :func:`training_arrays` gave, or none of them."""
    check_training(net, optimizer, direction, arrays)
    put_net(net, arrays)
    for name, values in optimizer.state.items():
        put(values, listed(f"state.{name}", arrays))
    optimizer.steps_done = int(arrays["steps_done"])
    for name, value in changed_in(arrays).items():
        was_tuple = isinstance(getattr(optimizer, name, None), tuple)
        setattr(optimizer, name, tuple(value) if was_tuple else value)
    for name in attributes_in(arrays):
        home = array_module(net.parameters[0])
        setattr(optimizer, name, home.asarray(arrays[f"attribute.{name}"]))
    put_direction(direction, net, arrays)


def changed_in(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were changed in the course of a run, but for arrays."""
    told = parsed(text_of(arrays["changed"]), 2**20) if "changed" in arrays else {}
    return mapping("changed", told)


def attributes_in(arrays: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that became other arrays in the course of a run."""
    return [name.partition(".")[2] for name in arrays if name.startswith("attribute.")]


def check_attribute(optimizer: Optimizer, name: str) -> None:
    """Raise ValueError unless this can be the name of a setting that somebody changed, and no method's."""
    of_class = getattr(type(optimizer), name, None)
    if not name.isidentifier() or name in STATE or callable(of_class) or hasattr(of_class, "__set__"):
        raise ValueError(f"expected settings of {type(optimizer).__name__}, found {name!r:.100}")


def is_array(value: Any) -> bool:
    """Tell whether something is an array with axes, of either backend."""
    return hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0 and value.dtype.kind in "biufc"


def as_plain(value: Any) -> Any:
    """Return a value with Python's numbers in the place of NumPy's."""
    if isinstance(value, (list, tuple)):
        return [as_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
