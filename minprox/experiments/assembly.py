"""Make what a run consists of."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from minprox.datasets import Dataset
from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.engine.solvers import CG
from minprox.experiments.nets import architecture_of, build_net
from minprox.experiments.parts import LOSSES, load_data, parse_solver
from minprox.ground.backend import companion
from minprox.learning.adaptive import AdamW, RMSprop
from minprox.learning.evaluation import check_training_loss
from minprox.learning.optimizer import Optimizer
from minprox.learning.optimizers import SGD, Adam
from minprox.learning.training import Direction

ADAPTIVE: dict[str, Callable[..., Optimizer]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop}
OPTIMIZERS = ("sgd", "nesterov", *ADAPTIVE)


@dataclass(frozen=True)
class Parts:
    """What a run consists of: the arguments of :func:`minprox.train`."""

    net: Graph
    data: Dataset
    loss: Loss
    optimizer: Optimizer
    direction: Direction


def build(run: Any, data_folder: str | os.PathLike[str] | None = None) -> Parts:
    """Make the net, the data, the loss, the optimiser and the direction of a run."""
    images = architecture_of(run.architecture).images
    data = load_data(run.data, images, run.dtype, run.train_samples, data_folder)
    outputs = len(data.classes) or prod(data.train.y.shape[1:])
    net = build_net(run.architecture, data.input_shape, outputs, run.activation, run.seed, run.dtype)
    optimizer: Optimizer
    tau = run.tau or 0.0
    if run.optimizer in ADAPTIVE:
        optimizer = ADAPTIVE[run.optimizer](net, lr=tau, weight_decay=run.weight_decay)
    else:
        momentum, nesterov = run.momentum or 0.0, run.optimizer == "nesterov" and bool(run.momentum)
        optimizer = SGD(net, tau, momentum, nesterov, run.weight_decay)
    settings = run.method_settings()
    if run.solver is not None:
        settings["solver"] = solver = parse_solver(run.solver) if isinstance(run.solver, str) else run.solver
        if isinstance(solver, CG):
            companion(net.parameters[0], "sparse.linalg")  # SciPy is loaded before the clock starts
    loss = LOSSES[run.loss]() if isinstance(run.loss, str) else run.loss
    check_training_loss(net, data.train, loss)
    return Parts(net, data, loss, optimizer, run.means.bind(**settings))
