"""minprox: implicit training steps for neural networks, as formulas that one can read.

The engine of *Proximal Backpropagation* (Frerix, Möllenhoff, Moeller, Cremers; ICLR 2018).
"""

from minprox import (
    _loading,  # noqa: F401  # isort: split
    datasets,
    exercises,
    experiments,
    figures,
    formulas,
    methods,
)
from minprox._version import __version__
from minprox.engine import layers, prox, solvers
from minprox.engine.builders import resnet, transformer
from minprox.engine.columns_apart import ColumnsApart
from minprox.engine.graph import Graph
from minprox.engine.layers import (
    ELU,
    GELU,
    SELU,
    Add,
    Attention,
    AvgPool1d,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Expand,
    Flatten,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    Input,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Mean,
    Mish,
    Multiply,
    Permute,
    Positions,
    ReLU,
    Reshape,
    Scale,
    Sigmoid,
    SiLU,
    Slice,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    Transfer,
    Upsample2d,
)
from minprox.engine.linear_map import DenseMap, LinearMap
from minprox.engine.losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, SquaredError
from minprox.engine.passes import backprop, forward, proxprop
from minprox.engine.products import gauss_newton_product, hessian_product, pack, unpack
from minprox.engine.reverse import errors, input_gradient, sweep
from minprox.engine.rows_apart import RowsApart
from minprox.engine.sequential import Sequential
from minprox.engine.solvers import CG, BlockCG, Exact, Explicit
from minprox.engine.tangent import tangent
from minprox.formulas import explain
from minprox.ground.backend import array_module, to_numpy, use
from minprox.ground.communicators import Communicator
from minprox.ground.mpi import world
from minprox.ground.simulated import simulated
from minprox.ground.traffic import Counted
from minprox.learning.adaptive import AdamW, RMSprop
from minprox.learning.checkpoints import load_parameters, save_parameters
from minprox.learning.evaluation import evaluate
from minprox.learning.history import History
from minprox.learning.optimizers import SGD, Adam
from minprox.learning.training_runs import train
from minprox.paper import theory
from minprox.paper.checks import check_layer
from minprox.paper.direction_checks import check_gradient, check_step
from minprox.paper.line_search import armijo
from minprox.paper.penalty_energy import algorithm_1, algorithm_2, energy
from minprox.paper.verdicts import CheckError

__all__ = [
    "datasets",
    "theory",
    "layers",
    "solvers",
    "prox",
    "methods",
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
    "resnet",
    "transformer",
    "Sequential",
    "GELU",
    "ELU",
    "SELU",
    "SiLU",
    "Mish",
    "Softsign",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Flatten",
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
    "ReLU",
    "Sigmoid",
    "Softplus",
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
    "DenseMap",
    "LinearMap",
    "RowsApart",
    "ColumnsApart",
    "Communicator",
    "Counted",
    "simulated",
    "world",
    "CrossEntropy",
    "Loss",
    "SquaredError",
    "BinaryCrossEntropy",
    "Huber",
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "backprop",
    "errors",
    "forward",
    "input_gradient",
    "proxprop",
    "sweep",
    "tangent",
    "hessian_product",
    "gauss_newton_product",
    "pack",
    "unpack",
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
