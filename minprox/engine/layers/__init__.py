"""Transfers φ and activations σ: a forward and an adjoint each, side by side."""

from minprox.engine.layers.activations import LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minprox.engine.layers.attention import Attention, Multiply, Softmax
from minprox.engine.layers.avg_pooling import AvgPool1d, AvgPool2d
from minprox.engine.layers.axes import Expand, Mean, Slice
from minprox.engine.layers.base import Input, Layer, Symbol
from minprox.engine.layers.conv import Conv1d, Conv2d
from minprox.engine.layers.conv_transpose import ConvTranspose2d
from minprox.engine.layers.embedding import Embedding, Positions
from minprox.engine.layers.gates import GELU, Mish, SiLU
from minprox.engine.layers.global_pooling import (
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
)
from minprox.engine.layers.linear import Linear
from minprox.engine.layers.max_pooling import MaxPool1d, MaxPool2d
from minprox.engine.layers.normalisation import BatchNorm, LayerNorm
from minprox.engine.layers.saturating import ELU, SELU, Softsign
from minprox.engine.layers.scale import Scale
from minprox.engine.layers.shapes import Permute, Reshape
from minprox.engine.layers.structure import Add, Concat, Dropout, Flatten
from minprox.engine.layers.transfer import Transfer
from minprox.engine.layers.upsampling import Upsample2d

__all__ = [
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "ELU",
    "Flatten",
    "GELU",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "Input",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "ReLU",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Symbol",
    "Tanh",
    "Transfer",
    "Attention",
    "Embedding",
    "Positions",
    "Scale",
    "BatchNorm",
    "Expand",
    "LayerNorm",
    "Mean",
    "Multiply",
    "Permute",
    "Reshape",
    "Slice",
    "Softmax",
    "Upsample2d",
]
