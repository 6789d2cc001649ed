"""A run as data: everything that decides its result, as text and numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from minprox import datasets
from minprox.datasets import Dataset, Split
from minprox.engine.graph import Graph
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, proxprop
from minprox.engine.plan import Solver
from minprox.engine.solvers import CG, BlockCG, Exact, Explicit
from minprox.experiments.nets import ACTIVATIONS, build_net, reads_images
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import companion
from minprox.learning.adaptive import AdamW, RMSprop
from minprox.learning.optimizer import Optimizer
from minprox.learning.optimizers import SGD, Adam
from minprox.learning.training import Direction

# Fetched at the first use; their loaders take the folder of the data too.
FETCHED: dict[str, Callable[..., Dataset]] = {
    "cifar10": datasets.cifar10,
    "mnist": datasets.mnist,
    "fashion-mnist": datasets.fashion_mnist,
}
# name: (loader of vectors, loader of images or None); each is called with dtype=…
DATA: dict[str, tuple[Callable[..., Dataset], Callable[..., Dataset] | None]] = {
    "digits": (datasets.digits, partial(datasets.digits, flatten=False)),
    "spirals": (datasets.two_spirals, None),
    "blobs": (datasets.blobs, None),
    **{name: (partial(loader, flatten=True), loader) for name, loader in FETCHED.items()},
}
METHODS = ("backprop", "proxprop")
ADAPTIVE: dict[str, Callable[..., Optimizer]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop}
OPTIMIZERS = ("sgd", "nesterov", *ADAPTIVE)
DTYPES = ("float32", "float64")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run, described completely.

    Parameters
    ----------
    label : str
        What tables and legends call it; it does not influence the result.
    data : {"digits", "spirals", "blobs", "cifar10", "mnist", "fashion-mnist"}
    architecture : str
        Widths like ``"64-200-10"``, or a name: ``"mlp"`` (hidden layers 400-100-400), ``"convnet"``,
        and the nets of the paper, ``"paper-mlp"`` (4000-1000-4000) and ``"paper-convnet"``.
    activation : {"relu", "leaky-relu", "tanh", "sigmoid", "softplus", "gelu"}
    method : {"backprop", "proxprop"}
    solver : str, optional
        Only for ProxProp: ``"exact"``, ``"cg3"``, ``"blockcg3"`` (any number of iterations) or
        ``"explicit"``; exact if not given.
    tau : float, optional
        Learning rate τ > 0; if not given 0.05 for BackProp and 1 for ProxProp, and 0.001 with Adam.
    tau_theta : float, optional
        Only for ProxProp: proximal step size τ_θ > 0; 0.05 if not given.
    optimizer : {"nesterov", "sgd", "adam", "adamw", "rmsprop"}
    momentum : float, optional
        In [0, 1), not for Adam; if not given 0.95 with ``"nesterov"`` and 0 with ``"sgd"``.
    weight_decay : float
    epochs, batch_size : int
    train_samples : int, optional
        Train on the first so many samples of the training set only; on all of them if not given.
    seed : int
        Of the initial parameters and of the mini-batches.
    dtype : {"float32", "float64"}

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Examples
    --------
    >>> run = Run(label="cg3", method="proxprop", solver="cg3", data="blobs", architecture="2-20-3")
    >>> run.tau, run.tau_theta, run.momentum
    (1.0, 0.05, 0.95)
    """

    label: str = ""
    data: str = "digits"
    architecture: str = "mlp"
    activation: str = "relu"
    method: str = "backprop"
    solver: str | None = None
    tau: float | None = None
    tau_theta: float | None = None
    optimizer: str = "nesterov"
    momentum: float | None = None
    weight_decay: float = 0.0
    epochs: int = 20
    batch_size: int = 50
    train_samples: int | None = None
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        one_of("data", self.data, DATA)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("method", self.method, METHODS)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("dtype", self.dtype, DTYPES)
        if reads_images(self.architecture) and DATA[self.data][1] is None:
            raise ValueError(f"architecture: {self.architecture!r} reads images, which {self.data} are not")
        for name in ("epochs", "batch_size", "train_samples", "seed"):
            self.plain(name, whole, least=0 if name == "seed" else 1)
        proximal, adaptive = self.method == "proxprop", self.optimizer in ADAPTIVE
        self.settle("solver", "exact" if proximal else None, "proxprop")
        self.settle("tau_theta", 0.05 if proximal else None, "proxprop")
        self.settle(
            "momentum", None if adaptive else 0.95 if self.optimizer == "nesterov" else 0.0, "sgd or nesterov"
        )
        self.settle("tau", 1e-3 if adaptive else 1.0 if proximal else 0.05, "")
        self.settle("label", self.method + (f" {self.solver}" if proximal else ""), "")
        if self.solver is not None:
            parse_solver(self.solver)
        for name in ("tau", "tau_theta"):
            self.plain(name, number, above=0)
        self.plain("momentum", number, least=0, below=1)
        self.plain("weight_decay", number, least=0)

    def plain(self, name: str, check: Callable[..., Any], **bounds: float) -> None:
        """Check a field that was given or has a default, and make it a number of Python's."""
        if (value := getattr(self, name)) is not None:
            object.__setattr__(self, name, check(name, value, **bounds))

    def settle(self, name: str, default: Any, owner: str) -> None:
        """Fill in the default of a field that was not given; None is the default where it has no place."""
        value = getattr(self, name)
        if value in (None, ""):
            object.__setattr__(self, name, default)
        elif default is None:
            raise ValueError(f"{name}: only {owner} has one, found {value!r}")

    def settings(self) -> dict[str, Any]:
        """Return all fields but the label as JSON values."""
        return {name: value for name, value in asdict(self).items() if name != "label"}


def parse_solver(name: str) -> Solver:
    """Return the solver that a text like ``"exact"``, ``"cg3"`` or ``"blockcg5"`` names.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable
        What :func:`minprox.proxprop` takes as ``solver``.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> parse_solver("cg3"), parse_solver("exact")
    (CG(3), Exact())
    """
    if name in ("exact", "explicit"):
        return Exact() if name == "exact" else Explicit()
    match = re.fullmatch(r"(cg|blockcg)([1-9][0-9]*)", name)
    if not match:
        raise ValueError(
            "solver: expected exact, explicit, or cg or blockcg with a number of iterations "
            f"like cg3, found {name!r}"
        )
    return (CG if match[1] == "cg" else BlockCG)(int(match[2]))


@dataclass(frozen=True)
class Parts:
    """What a run consists of: the arguments of :func:`minprox.train`."""

    net: Graph
    data: Dataset
    loss: CrossEntropy
    optimizer: Optimizer
    direction: Direction


def build(run: Run, data_folder: str | os.PathLike[str] | None = None) -> Parts:
    """Make the net, the data, the optimiser and the direction of a run."""
    vectors, images = DATA[run.data]
    loader = images if images and reads_images(run.architecture) else vectors
    if data_folder is not None:
        if run.data not in FETCHED:
            raise ValueError(f"data folder: only {', '.join(FETCHED)} lie in one, found {run.data!r}")
        loader = partial(loader, folder=data_folder)
    data = shortened(loader(dtype=run.dtype), run.train_samples)
    net = build_net(
        run.architecture, data.input_shape, len(data.classes), run.activation, run.seed, run.dtype
    )
    optimizer: Optimizer
    tau = run.tau or 0.0
    if run.optimizer in ADAPTIVE:
        optimizer = ADAPTIVE[run.optimizer](net, lr=tau, weight_decay=run.weight_decay)
    else:
        momentum, nesterov = run.momentum or 0.0, run.optimizer == "nesterov" and bool(run.momentum)
        optimizer = SGD(net, tau, momentum, nesterov, run.weight_decay)
    direction: Direction = backprop
    if run.method == "proxprop":
        solver = parse_solver(run.solver or "exact")
        if isinstance(solver, CG):
            companion(net.parameters[0], "sparse.linalg")  # SciPy is loaded before the clock starts
        direction = partial(proxprop, tau_theta=run.tau_theta or 0.0, solver=solver)
    return Parts(net, data, CrossEntropy(), optimizer, direction)


def shortened(data: Dataset, samples: int | None) -> Dataset:
    """Return the data with the first so many training samples only, or as they are."""
    if samples is None:
        return data
    if samples > len(data.train):
        raise ValueError(f"train_samples: {data.name} has {len(data.train)} to train on, found {samples}")
    return replace(data, train=Split(data.train.x[:samples], data.train.y[:samples]))
