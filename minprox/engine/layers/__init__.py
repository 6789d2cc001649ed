"""Transfers φ and activations σ: a forward and an adjoint each, side by side."""

from minprox.engine.layers.activations import GELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minprox.engine.layers.base import Input, Layer, Symbol
from minprox.engine.layers.conv import Conv2d
from minprox.engine.layers.linear import Linear
from minprox.engine.layers.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minprox.engine.layers.structure import Add, Concat, Dropout, Flatten
from minprox.engine.layers.transfer import Transfer

__all__ = [
    "GELU",
    "Add",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "Input",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softplus",
    "Symbol",
    "Tanh",
    "Transfer",
]
