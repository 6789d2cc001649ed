"""Architectures by name: a table that further nets are added to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

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
from minprox.experiments.modular import MODULAR

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


# name: (whether it reads images, builder from input shape, classes and activation); what it returns are
# the layers of a chain, or a function of seed and dtype that returns another net
NETS: dict[str, tuple[bool, Callable[..., Any]]] = {
    "mlp": (False, mlp),
    "convnet": (True, convnet),
    "paper-mlp": (False, paper_mlp),
    "paper-convnet": (True, paper_convnet),
    **MODULAR,
}


def reads_images(architecture: str) -> bool:
    """Tell whether an architecture takes images rather than vectors.

    Raises
    ------
    ValueError
        If it is neither a name of :data:`NETS` nor widths like ``64-200-10``.
    """
    if architecture not in NETS:
        widths(architecture)
        return False
    return NETS[architecture][0]


def widths(architecture: str) -> list[int]:
    """Return the widths that a text like ``64-200-10`` lists."""
    parts = architecture.split("-")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise ValueError(
            f"architecture: expected widths like 64-200-10, or one of {', '.join(NETS)}, "
            f"found {architecture!r}"
        )
    return [int(part) for part in parts]


def build_net(
    architecture: str, shape: tuple[int, ...], classes: int, activation: str, seed: int, dtype: str
) -> Graph:
    """Return the net of this architecture for samples of this shape.

    Raises
    ------
    ValueError
        If widths begin or end otherwise than the data want.
    """
    if architecture in NETS:
        layers = NETS[architecture][1](shape, classes, ACTIVATIONS[activation])
        if callable(layers):
            return layers(seed, dtype)
    else:
        listed = widths(architecture)
        if (listed[0], listed[-1]) != (*shape, classes):
            raise ValueError(
                f"architecture: the data need {shape[0]} inputs and {classes} outputs, "
                f"like {shape[0]}-200-{classes}, found {architecture!r}"
            )
        layers = dense(listed, ACTIVATIONS[activation])
    return Sequential(Input(shape), *layers, seed=seed, dtype=dtype)
