"""minprox: implicit training steps for neural networks, as formulas that one can read.

The engine of *Proximal Backpropagation* (Frerix, Möllenhoff, Moeller, Cremers; ICLR 2018).
"""

from minprox import datasets, exercises, experiments, figures, formulas, theory
from minprox._version import __version__
from minprox.backend import array_module, to_numpy, use
from minprox.checkpoints import load_parameters, save_parameters
from minprox.checks import CheckError, check_gradient, check_layer, check_step
from minprox.energy import algorithm_1, algorithm_2, energy
from minprox.formulas import explain
from minprox.graph import Graph, Sequential
from minprox.history import History
from minprox.layers import (
    GELU,
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    Transfer,
)
from minprox.line_search import armijo
from minprox.linear_map import DenseMap, LinearMap
from minprox.losses import CrossEntropy, SquaredError
from minprox.optim import SGD, Adam
from minprox.passes import backprop, errors, forward, proxprop
from minprox.solvers import CG, BlockCG, Exact, Explicit
from minprox.training import evaluate, train

__all__ = [
    "datasets",
    "theory",
    "__version__",
    "array_module",
    "to_numpy",
    "use",
    "armijo",
    "CheckError",
    "check_gradient",
    "check_layer",
    "check_step",
    "algorithm_1",
    "algorithm_2",
    "energy",
    "Graph",
    "Sequential",
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
    "Tanh",
    "Transfer",
    "DenseMap",
    "LinearMap",
    "CrossEntropy",
    "SquaredError",
    "SGD",
    "Adam",
    "backprop",
    "errors",
    "forward",
    "proxprop",
    "CG",
    "BlockCG",
    "Exact",
    "Explicit",
    "History",
    "evaluate",
    "train",
    "load_parameters",
    "save_parameters",
    "exercises",
    "experiments",
    "figures",
    "formulas",
    "explain",
]
