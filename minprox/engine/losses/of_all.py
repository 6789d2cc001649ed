"""The loss of a batch whose samples lie on several processes: δ of a share carries 1/N of the whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.losses.base import Loss, weight_of
from minprox.ground.backend import array_module
from minprox.ground.communicators import Communicator
from minprox.ground.mpi_communicator import taken

Array = Any


class LossOfAll(Loss):
    """A loss that is a mean over samples, ``L = Σ_r w_r/W L_r``, as it acts on the share of one process.

    Parameters
    ----------
    loss : Loss
        A mean over samples, each of which counts by its ``weight``.
    comm : communicator
    """

    def __init__(self, loss: Any, comm: Communicator) -> None:
        self.loss, self.comm = loss, comm

    def __call__(self, output: Array, y: Array) -> Array:
        share = self.share(y)  # all processes ask, those without samples too
        return self.comm.sum(np.array(share * float(self.loss(output, y)) if len(y) else 0.0))

    def gradient(self, output: Array, y: Array) -> Array:
        share = self.share(y)
        if not len(y):
            return array_module(output).zeros_like(output)
        return self.loss.gradient(output, y) * share  # ∂L/∂z_r = w_r/W ∂L_r/∂z_r

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        share = self.share(y)
        if not len(y):
            return array_module(motion).zeros_like(motion)
        return self.loss.tangent(output, y, motion) * share

    @property
    def curvature(self) -> Any:  # type: ignore[override]
        given = getattr(self.loss, "curvature", None)
        return self.scaled if callable(given) else given

    def scaled(self, y: Array) -> float:
        """Return ``c w_r/W``, which is the same for every share that has samples."""
        share = self.share(y)
        mine = [self.loss.curvature(y) * share, 1.0] if len(y) else [0.0, 0.0]
        total, several = self.comm.sum(np.array(mine))
        return float(total / several)

    def share(self, y: Array) -> float:
        """Return ``w_r/W``, what the samples here count among those of all processes."""
        mine = float(weight_of(self.loss, y)) if len(y) else 0.0
        total = float(self.comm.sum(np.array(mine)))
        return mine / total if total else 0.0

    def __repr__(self) -> str:
        return repr(self.loss)


def loss_of_all(loss: Any, comm: Any) -> Any:
    """Return the loss of the batch of all processes: the loss itself where there is one alone."""
    comm = taken(comm)
    return loss if comm.size == 1 else LossOfAll(loss, comm)
