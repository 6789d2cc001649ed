"""A run as data: everything that decides its result, as text and numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

from minprox.datasets import Dataset
from minprox.engine.losses.base import check_loss
from minprox.experiments.assembly import ADAPTIVE, OPTIMIZERS, Parts, build
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import TRAINING, Measure, Step
from minprox.experiments.nets import ACTIVATIONS, architecture_of
from minprox.experiments.own import method_of, named_method, told
from minprox.experiments.parts import DATA, LOSSES, named_solver, parse_solver, source_of
from minprox.experiments.settings import chosen_options
from minprox.ground.arguments import number, one_of, refuse, shown, whole
from minprox.ground.communicators import ALONE, Communicator
from minprox.learning.history import History
from minprox.learning.training import Training
from minprox.methods import METHODS, Method

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
    data : str or Dataset
        A name of :data:`DATA`, or data of your own.
    architecture : str, Graph or callable
        Widths like ``"64-200-10"``; a name of :data:`NETS`: ``"mlp"`` (hidden layers 400-100-400),
        ``"convnet"``, and the nets of the paper, ``"paper-mlp"`` (4000-1000-4000) and
        ``"paper-convnet"``; or a net or builder of your own, as :class:`Architecture` takes it.
    activation : str, optional
        A name of :data:`ACTIVATIONS`, ``"relu"`` if not given; only for a net that is built.
    loss : str or Loss
        A name of :data:`LOSSES`, or a loss of your own.
    method : str, Method or callable
        A name of :data:`minprox.methods.METHODS`, ``"backprop"`` or ``"proxprop"`` say, or a method or
        direction of your own.
    solver : str or callable, optional
        Only for methods that read one, like ProxProp: ``"exact"``, ``"cg3"``, ``"blockcg3"`` (any number of
        iterations) or ``"explicit"``, or a solver of your own; if not given the method's own.
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
    TypeError, ValueError
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
    RECORD: ClassVar[type] = History
    MEASURES: ClassVar[Mapping[str, Measure]] = TRAINING
    TABLE: ClassVar[tuple[str, ...]] = ("train_loss", "validation_accuracy", "test_accuracy", "seconds")
    SETTINGS = MappingProxyType({"tau": "τ", "tau_theta": "τ_θ"})

    data: str | Dataset = "digits"
    architecture: Any = "mlp"
    activation: str | None = None
    loss: Any = "cross-entropy"
    method: Any = "backprop"
    solver: Any = None
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
        for name, table in (("data", DATA), ("loss", LOSSES), ("optimizer", OPTIMIZERS), ("dtype", DTYPES)):
            if isinstance(value := getattr(self, name), str) or name in ("optimizer", "dtype"):
                one_of(name, value, table)
        if not isinstance(self.data, (str, Dataset)):
            refuse("data", "a name or a Dataset", self.data)
        if not isinstance(self.loss, str):
            check_loss(self.loss, "value", "gradient")
        architecture = architecture_of(self.architecture)
        if architecture.images and not source_of(self.data).shows_images:
            data = self.data if isinstance(self.data, str) else self.data.name
            raise ValueError(f"architecture: {self.architecture!r} reads images, which {data} are not")
        self.settle("activation", "relu" if architecture.activation else None, "a net that reads it")
        if self.activation is not None:
            one_of("activation", self.activation, ACTIVATIONS)
        self.plain("epochs", whole)
        self.plain("batch_size", whole)
        if self.train_samples is not None:
            self.plain("train_samples", whole)
        self.settle_method()
        for name in ("tau", "tau_theta"):
            if getattr(self, name) is not None:
                self.plain(name, number, above=0)
        if self.momentum is not None:
            self.plain("momentum", number, least=0, below=1)
        self.plain("weight_decay", number, least=0)
        if (check := self.means.check) is not None:
            check(**self.method_settings())

    def settle_method(self) -> None:
        """Fill in what the method reads, and refuse what it does not."""
        object.__setattr__(self, "method", named_method(self.method))
        object.__setattr__(self, "solver", named_solver(self.solver))
        if isinstance(self.method, str):
            one_of("method", self.method, METHODS)
        method, adaptive = self.means, self.optimizer in ADAPTIVE
        for name in OWN:
            self.settle(name, method.settings.get(name), readers(name))
        momentum = None if adaptive else 0.95 if self.optimizer == "nesterov" else 0.0
        self.settle("momentum", momentum, "sgd or nesterov")
        self.settle("tau", 1e-3 if adaptive else method.tau, "")
        words = self.method if isinstance(self.method, str) else method.label
        self.settle("label", words + (f" {self.solver}" if self.solver else ""), "")
        rest = {name: value for name, value in method.settings.items() if name not in OWN}
        object.__setattr__(self, "options", chosen_options(words, rest, dict(self.options)))
        if isinstance(self.solver, str):
            parse_solver(self.solver)

    def plain(self, name: str, check: Callable[..., Any], **bounds: float) -> None:
        """Check a field, and keep what the check returns."""
        object.__setattr__(self, name, check(name, getattr(self, name), **bounds))

    def settle(self, name: str, default: Any, owner: str) -> None:
        """Fill in the default of a field that was not given; None is the default where it has no place."""
        value = getattr(self, name)
        if value is None or (name == "label" and not value):
            object.__setattr__(self, name, default)
        elif default is None:
            raise ValueError(f"{name}: only {owner} has one, found {shown(value)}")

    def method_settings(self) -> dict[str, Any]:
        """Return what the direction reads by keyword."""
        own = {name: value for name in OWN if (value := getattr(self, name)) is not None}
        return own | dict(self.options)

    def settings(self) -> dict[str, Any]:
        """Return all fields but the label as JSON values; a part of one's own by what it says of itself.

        Raises
        ------
        TypeError
            If a part says nothing of itself.
        """
        names = [field.name for field in fields(self) if field.name not in ("label", "options")]
        values = {name: told(name, getattr(self, name)) for name in names}
        return values | {"options": dict(self.options)}

    def defaults(self) -> dict[str, Any]:
        """Return what a setting is that a folder does not name; see :class:`Kind`."""
        return super().defaults() | {"options": {}}

    @property
    def means(self) -> Method:
        """The method of the run, whether it was given by name or not."""
        return method_of(self.method)

    @property
    def step(self) -> Step:
        """The step size that a comparison of step sizes varies."""
        return Step(self.means.step, self.means.symbol, self.means.label)

    @property
    def curve(self) -> tuple[str, str]:
        """What decides colour and line in a figure: the name of the method, and its solver or options."""
        name = self.method if isinstance(self.method, str) else self.means.label
        return name, str(self.solver or "") or "-".join(map(str, dict(self.options).values()))

    # The verbs

    def begin(
        self,
        arrays: dict[str, Any] | None = None,
        data_folder: str | os.PathLike[str] | None = None,
        comm: Communicator = ALONE,
    ) -> Training:
        """Return the training at the start, or the one that :meth:`arrays` gave.

        Parameters
        ----------
        arrays : dict of str to array, optional
        data_folder : str or path-like, optional
            See :func:`execute`.
        comm : Communicator
        """
        made: list[Parts] = []  # by process 0 first, which fetches data that the others then find
        comm.first(lambda: made.append(build(self, data_folder)))
        p = made[0] if made else build(self, data_folder)
        training = Training(
            *(p.net, p.data, p.loss, p.optimizer, p.direction, self.batch_size, self.seed), comm=comm
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
