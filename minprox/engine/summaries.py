"""Tables as text: a net, layer by layer, and the values that a forward pass left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.engine.layers import Layer, ReLU
from minprox.engine.layers.base import Array, Shape
from minprox.ground.backend import array_module

Layers = Sequence[Layer | None]
Places = Sequence[Sequence[int]]  # numbers of nodes
Rows = list[tuple[str, ...]]  # the first one is the head


def shape_text(shape: Shape) -> str:
    """Write a shape with a question mark wherever it is not known before the data."""
    return "?" if shape is None else f"({', '.join('?' if n is None else str(n) for n in shape)})"


def layer_texts(layers: Layers) -> list[str]:
    """Return the layer at each node as text."""
    return ["Input" if layer is None else repr(layer) for layer in layers]


def parameter_texts(layers: Layers, places: Places) -> list[str]:
    """Return at each node how many parameters it has, or at which node the same ones stood before."""
    texts = [""] * len(layers)
    for first, *others in places:
        theta = getattr(layers[first], "theta", None)
        texts[first] = "" if theta is None else f"{theta.size:,}"
        for i in others:
            texts[i] = f"as in {first}"
    return texts


def net_rows(layers: Layers, sources: Places, places: Places, shapes: Sequence[str]) -> Rows:
    """Return a net as the rows of a table: number, layer, the nodes it reads, output shape, parameters."""
    rows: Rows = [("", "layer", "inputs", "output shape", "parameters")]
    rows += zip(
        map(str, range(len(layers))),
        layer_texts(layers),
        (", ".join(map(str, numbers)) for numbers in sources),
        shapes,
        parameter_texts(layers, places),
        strict=True,
    )
    return rows


def tape_rows(layers: Layers, values: Sequence[Array]) -> Rows:
    """Return the values of a tape as rows of a table: shape, dtype, size, zeros, dead units, finiteness."""
    rows: Rows = [("", "layer", "shape", "dtype", "mean", "rms", "largest", "zeros", "dead", "finite")]
    for i, (layer, value) in enumerate(zip(layers, values, strict=True)):
        units = dead_units(value) if isinstance(layer, ReLU) else ""
        mean, rms, largest, zeros, finite = statistics(value)
        name, shape = layer_texts([layer])[0], str(value.shape)
        rows.append((str(i), name, shape, str(value.dtype), mean, rms, largest, zeros, units, finite))
    return rows


def statistics(value: Array) -> tuple[str, str, str, str, str]:
    """Return mean, root mean square, largest size and share of zeros of what is finite, and if all is."""
    xp = array_module(value)
    finite = xp.isfinite(value)
    good = int(finite.sum())
    told = "yes" if good == value.size else f"{value.size - good:,} not"
    if not good:
        return "", "", "", "", told
    entries: Any = value[finite].astype("float64")
    numbers = float(entries.mean()), float((entries * entries).mean()) ** 0.5, float(abs(entries).max())
    zeros = float((entries == 0).mean())
    return (*(f"{v:.3g}" for v in numbers), f"{zeros:.0%}", told)  # type: ignore[return-value]


def dead_units(value: Array) -> str:
    """Return how many units (columns, or channels of images) are zero on the whole batch, of how many."""
    others = tuple(axis for axis in range(value.ndim) if axis != 1)
    if value.ndim < 2:
        return ""
    return f"{int((value == 0).all(axis=others).sum()):,} of {value.shape[1]:,}"
