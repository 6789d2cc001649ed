"""Transfers φ and activations σ: a forward and an adjoint each, side by side."""

from minprox.layers.activations import GELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minprox.layers.base import Input, Layer, Symbol
from minprox.layers.conv import Conv2d
from minprox.layers.linear import Linear
from minprox.layers.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from minprox.layers.structure import Add, Concat, Dropout, Flatten
from minprox.layers.transfer import Transfer

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
