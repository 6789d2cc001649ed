"""Sharpness along a training run: a callback that measures it after every epoch."""

from __future__ import annotations

from typing import Any

from minprox.engine.doors import door, valued
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, forward
from minprox.ground.arguments import number, whole
from minprox.ground.doors import function
from minprox.paper.preconditioner import Direction
from minprox.paper.sharpness import sharpness

NAN = float("nan")


class SharpnessWatch:
    """Measure the curvature that limits the steps, on one batch, while a net trains (T5, T6).

    A callback of :func:`minprox.train`; called without a history it measures the net as it is.

    Parameters
    ----------
    x : array, shape (N, *input_shape)
    y : array, shape (N, ...)
    direction : callable
        As for :func:`minprox.paper.theory.sharpness`: that of the training, say.
    every : int
        Epochs from one measurement to the next.
    tolerance : float
        Relative accuracy of the eigenvalues.

    Attributes
    ----------
    rows : list of dict
        For each measurement ``epoch``, ``loss`` on the batch, ``sharpness`` Λ, ``preconditioned`` (what the
        direction meets), and for each of the two the ``shares`` of the layers, ``sharpness_shares`` and
        ``preconditioned_shares``. NaN where the net has diverged.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.blobs()
    >>> net = mp.Sequential(mp.Linear(2, 8), mp.Tanh(), mp.Linear(8, 3), seed=0)
    >>> watch = mp.theory.SharpnessWatch(data.train.x, data.train.y, mp.CrossEntropy())
    >>> history = mp.train(net, data, mp.CrossEntropy(), mp.SGD(net, lr=0.5), epochs=2, batch_size=50,
    ...                    callbacks=[watch])
    >>> [row["epoch"] for row in watch.rows], watch.rows[-1]["sharpness"] > 0
    ([1, 2], True)
    """

    @door(direction=function, loss=valued)
    def __init__(
        self,
        x: Array,
        y: Array,
        loss: Loss,
        direction: Direction = backprop,
        every: int = 1,
        tolerance: float = 1e-5,
    ) -> None:
        self.x, self.y, self.loss, self.direction = x, y, loss, direction
        self.every, self.tolerance = whole("every", every), number("tolerance", tolerance, above=0)
        self.rows: list[dict[str, Any]] = []

    def __call__(self, net: Graph, history: Any = None) -> None:
        epoch = history.epoch[-1] if history is not None and history.epoch else 0
        if epoch % self.every == 0:
            self.rows.append({"epoch": epoch} | self.measure(net))

    def measure(self, net: Graph) -> dict[str, Any]:
        """Measure a net as it is.

        Returns
        -------
        dict
            A row as in ``rows``, without its epoch.
        """
        tape = forward(net, self.x)
        row: dict[str, Any] = {"loss": float(self.loss(tape.output, self.y))}
        for name, direction in (("sharpness", backprop), ("preconditioned", self.direction)):
            if name == "preconditioned" and direction is backprop:
                value, shares = row["sharpness"], row["sharpness_shares"]
            else:
                value, shares = NAN, [NAN] * len(net.transfers)
                if row["loss"] < float("inf"):
                    found = sharpness(net, tape, self.loss, self.y, direction, tolerance=self.tolerance)
                    value, shares = found.value, found.shares
            row |= {name: value, f"{name}_shares": shares}
        return row
