"""Architectures by name: a table that further nets are added to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import (
    ELU,
    GELU,
    SELU,
    Conv2d,
    Flatten,
    Input,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from minprox.engine.sequential import Sequential
from minprox.experiments.architecture import Architecture
from minprox.experiments.modular import MODULAR
from minprox.ground.arguments import float_dtype

ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "gelu": GELU,
    "elu": ELU,
    "selu": SELU,
    "silu": SiLU,
    "mish": Mish,
    "softsign": Softsign,
}


def dense(widths: list[int], activation: Callable[[], Layer]) -> list[Layer]:
    """Return the layers of an MLP: an activation between every two dense layers."""
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [Linear(n_in, n_out), activation()]
    return layers[:-1]


def mlp(shape: tuple[int, ...], classes: int, activation: Callable[[], Layer]) -> list[Layer]:
    """Return the paper's MLP (3072-4000-1000-4000-10) with hidden layers a tenth as wide."""
    return dense([*shape, 400, 100, 400, classes], activation)


def convnet(shape: tuple[int, ...], classes: int, activation: Callable[[], Layer]) -> list[Layer]:
    """Return a small ConvNet: two convolutions, each with a pooling, and a dense layer."""
    channels, height, width = shape
    return [
        Conv2d(channels, 8, 3, padding=1),
        activation(),
        MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1),
        activation(),
        MaxPool2d(2),
        Flatten(),
        Linear(16 * (height // 4) * (width // 4), classes),
    ]


def paper_mlp(shape: tuple[int, ...], classes: int, activation: Callable[[], Layer]) -> list[Layer]:
    """Return the paper's MLP (X1), which is 3072-4000-1000-4000-10 on CIFAR-10."""
    return dense([*shape, 4000, 1000, 4000, classes], activation)


def paper_convnet(shape: tuple[int, ...], classes: int, activation: Callable[[], Layer]) -> list[Layer]:
    """Return the paper's ConvNet (X3): three convolutions, two poolings between them, and a dense layer."""
    channels, height, width = shape
    return [
        *(Conv2d(channels, 16, 5, padding=2), activation(), MaxPool2d(2)),
        *(Conv2d(16, 20, 5, padding=2), activation(), MaxPool2d(2)),
        *(Conv2d(20, 20, 5, padding=2), activation(), Flatten()),
        Linear(20 * (height // 4) * (width // 4), classes),
    ]


#: Every net by its name; one of your own is one more entry, an :class:`Architecture`.
NETS: dict[str, Architecture] = {
    "mlp": Architecture(mlp, images=False),
    "convnet": Architecture(convnet, images=True),
    "paper-mlp": Architecture(paper_mlp, images=False),
    "paper-convnet": Architecture(paper_convnet, images=True),
    **MODULAR,
}


def architecture_of(value: Any) -> Architecture:
    """Return the architecture that a name, widths, a net or a builder stands for.

    Raises
    ------
    ValueError
        If a text is neither a name of :data:`NETS` nor widths like ``64-200-10``.
    TypeError
        If it is nothing of all that.
    """
    if isinstance(value, Architecture):
        return value
    if isinstance(value, Graph):
        shape = value.nodes[0].shape
        return Architecture(value, None if shape is None else len(shape) == 3, activation=False)
    if isinstance(value, str):
        return NETS.get(value) or Architecture(partial(from_widths, value, widths(value)), images=False)
    if not callable(value):
        raise TypeError(
            f"architecture: expected a name, widths, a net, or layers(shape, outputs, activation) to call, "
            f"found {value!r}"
        )
    return Architecture(value)


def widths(architecture: str) -> list[int]:
    """Return the widths that a text like ``64-200-10`` lists."""
    parts = architecture.split("-")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise ValueError(
            f"architecture: expected widths like 64-200-10, or one of {', '.join(NETS)}, "
            f"found {architecture!r}"
        )
    return [int(part) for part in parts]


def from_widths(
    text: str, listed: list[int], shape: tuple[int, ...], outputs: int, activation: Callable[[], Layer]
) -> list[Layer]:
    """Return the MLP of these widths, or raise ValueError if the data want others at its ends."""
    if (listed[0], listed[-1]) != (*shape, outputs):
        raise ValueError(
            f"architecture: the data need {shape[0]} inputs and {outputs} outputs, "
            f"like {shape[0]}-200-{outputs}, found {text!r}"
        )
    return dense(listed, activation)


def build_net(
    architecture: Any, shape: tuple[int, ...], outputs: int, activation: str | None, seed: int, dtype: str
) -> Graph:
    """Return the net of this architecture for samples of this shape.

    Raises
    ------
    ValueError
        If it does not fit them.
    """
    layers = architecture_of(architecture).layers
    built = layers if isinstance(layers, Graph) else layers(shape, outputs, ACTIVATIONS[activation or "relu"])
    if isinstance(built, Graph):
        return drawn(built, seed, dtype)
    if callable(built):
        return built(seed, dtype)
    return Sequential(Input(shape), *built, seed=seed, dtype=dtype)


def drawn(net: Graph, seed: int, dtype: str) -> Graph:
    """Return a copy of a net whose parameters are drawn by this seed."""
    net = copy.deepcopy(net)
    net.dtype = float_dtype("dtype", dtype)
    rng = np.random.default_rng(seed)
    for layer in net.transfers:
        layer.theta = None
        layer.initialise(rng, net.dtype)
    return net
