"""A run as data: everything that decides its result, as text and numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from minprox.datasets import Dataset
from minprox.engine.graph import Graph
from minprox.engine.losses import CrossEntropy
from minprox.engine.solvers import CG
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import TRAINING, Step
from minprox.experiments.nets import ACTIVATIONS, build_net, reads_images
from minprox.experiments.parts import DATA, load_data, parse_solver
from minprox.experiments.settings import chosen_options
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import companion
from minprox.learning.adaptive import AdamW, RMSprop
from minprox.learning.history import History
from minprox.learning.optimizer import Optimizer
from minprox.learning.optimizers import SGD, Adam
from minprox.learning.training import Direction, Training
from minprox.methods import METHODS

ADAPTIVE: dict[str, Callable[..., Optimizer]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop}
OPTIMIZERS = ("sgd", "nesterov", *ADAPTIVE)
DTYPES = ("float32", "float64")
OWN = ("solver", "tau_theta")  # settings of methods that are fields of a run; others are its options


@dataclass(frozen=True, kw_only=True)
class Run(Kind):
    """One training run, described completely.

    Parameters
    ----------
    label : str
        What tables and legends call it; it does not influence the result.
    seed : int
        Of the initial parameters and of the mini-batches.
    data : {"digits", "spirals", "blobs", "cifar10", "mnist", "fashion-mnist"}
    architecture : str
        Widths like ``"64-200-10"``, or a name: ``"mlp"`` (hidden layers 400-100-400), ``"convnet"``,
        and the nets of the paper, ``"paper-mlp"`` (4000-1000-4000) and ``"paper-convnet"``.
    activation : {"relu", "leaky-relu", "tanh", "sigmoid", "softplus", "gelu"}
    method : str
        A name of :data:`minprox.methods.METHODS`: ``"backprop"``, ``"proxprop"``, or one of your own.
    solver : str, optional
        Only for methods that read one, like ProxProp: ``"exact"``, ``"cg3"``, ``"blockcg3"`` (any number of
        iterations) or ``"explicit"``; if not given the method's own.
    tau : float, optional
        Learning rate τ > 0; if not given the method's own, and 0.001 with Adam.
    tau_theta : float, optional
        Only for methods that read one, like ProxProp: proximal step size τ_θ > 0.
    optimizer : {"nesterov", "sgd", "adam", "adamw", "rmsprop"}
    momentum : float, optional
        In [0, 1), not for Adam; if not given 0.95 with ``"nesterov"`` and 0 with ``"sgd"``.
    train_samples : int, optional
        Train on the first so many samples of the training set only; on all of them if not given.
    dtype : {"float32", "float64"}
    options : mapping of str to JSON value
        What else the method reads.

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

    KIND = "train"
    UNIT = "epoch"
    LENGTH = "epochs"
    RECORD = History
    MEASURES = TRAINING
    TABLE = ("train_loss", "validation_accuracy", "test_accuracy", "seconds")
    SETTINGS = MappingProxyType({"tau": "τ", "tau_theta": "τ_θ"})

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
    dtype: str = "float32"
    options: Any = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data", self.data, DATA)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("method", self.method, METHODS)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("dtype", self.dtype, DTYPES)
        if reads_images(self.architecture) and DATA[self.data][1] is None:
            raise ValueError(f"architecture: {self.architecture!r} reads images, which {self.data} are not")
        self.plain("epochs", whole)
        self.plain("batch_size", whole)
        if self.train_samples is not None:
            self.plain("train_samples", whole)
        method, adaptive = METHODS[self.method], self.optimizer in ADAPTIVE
        for name in OWN:
            self.settle(name, method.settings.get(name), readers(name))
        self.settle(
            "momentum", None if adaptive else 0.95 if self.optimizer == "nesterov" else 0.0, "sgd or nesterov"
        )
        self.settle("tau", 1e-3 if adaptive else method.tau, "")
        self.settle("label", self.method + (f" {self.solver}" if self.solver else ""), "")
        for name in ("tau", "tau_theta"):
            if getattr(self, name) is not None:
                self.plain(name, number, above=0)
        if self.momentum is not None:
            self.plain("momentum", number, least=0, below=1)
        self.plain("weight_decay", number, least=0)
        rest = {name: value for name, value in method.settings.items() if name not in OWN}
        object.__setattr__(self, "options", chosen_options(self.method, rest, dict(self.options)))
        if method.check is not None:
            method.check(**self.method_settings())
        if self.solver is not None:
            parse_solver(self.solver)

    def plain(self, name: str, check: Callable[..., Any], **bounds: float) -> None:
        """Check a field, and keep what the check returns."""
        object.__setattr__(self, name, check(name, getattr(self, name), **bounds))

    def settle(self, name: str, default: Any, owner: str) -> None:
        """Fill in the default of a field that was not given; None is the default where it has no place."""
        value = getattr(self, name)
        if value is None or (isinstance(value, str) and not value):
            object.__setattr__(self, name, default)
        elif default is None:
            raise ValueError(f"{name}: only {owner} has one, found {value!r}")

    def method_settings(self) -> dict[str, Any]:
        """Return what the direction reads by keyword."""
        own = {name: value for name in OWN if (value := getattr(self, name)) is not None}
        return own | dict(self.options)

    def settings(self) -> dict[str, Any]:
        """Return all fields but the label as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "label"}
        values["options"] = dict(self.options)
        return {name: value for name, value in values.items() if name != "options" or value}

    @property
    def step(self) -> Step:
        """The step size that a comparison of step sizes varies."""
        method = METHODS[self.method]
        return Step(method.step, method.symbol, method.label)

    @property
    def curve(self) -> tuple[str, str]:
        """What decides colour and line in a figure: the name of the method, and its solver."""
        return self.method, self.solver or ""

    # The verbs

    def begin(
        self, arrays: dict[str, Any] | None = None, data_folder: str | os.PathLike[str] | None = None
    ) -> Training:
        """Return the training at the start, or the one that :meth:`arrays` gave.

        Parameters
        ----------
        arrays : dict of str to array, optional
        data_folder : str or path-like, optional
            See :func:`execute`.
        """
        parts = build(self, data_folder)
        training = Training(
            parts.net, parts.data, parts.loss, parts.optimizer, parts.direction, self.batch_size, self.seed
        )
        if arrays is not None:
            training.take_up(arrays)
        return training

    def advance(self, state: Training, unit: int) -> dict[str, float]:
        """Train for an epoch; see :class:`Kind`."""
        return state.advance(unit)

    def arrays(self, state: Training) -> dict[str, Any]:
        """Return parameters and state of the optimiser; see :class:`Kind`."""
        return state.arrays()

    def course(self, **place: Any) -> Training:
        """Return the training itself, which knows batches and measures."""
        return self.begin(**place)


def readers(setting: str) -> str:
    """Return the names of the methods that read a setting."""
    return " or ".join(name for name, method in METHODS.items() if setting in method.settings)


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
    data = load_data(run.data, reads_images(run.architecture), run.dtype, run.train_samples, data_folder)
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
    settings = run.method_settings()
    if run.solver is not None:
        settings["solver"] = solver = parse_solver(run.solver)
        if isinstance(solver, CG):
            companion(net.parameters[0], "sparse.linalg")  # SciPy is loaded before the clock starts
    direction = METHODS[run.method].bind(**settings)
    return Parts(net, data, CrossEntropy(), optimizer, direction)
