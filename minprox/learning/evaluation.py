"""What a net is worth on data: the mean loss and the accuracy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import Loss, check_loss
from minprox.engine.losses.base import weight_of
from minprox.engine.passes import forward
from minprox.engine.reverse import output_error
from minprox.ground.arguments import whole
from minprox.ground.mpi_communicator import taken
from minprox.learning.doors import door

Split = Any  # x and y, of one length; see minprox.datasets


def measured(name: str, value: Any) -> None:
    """Raise TypeError unless this is a loss with a value and a count of what is right."""
    check_loss(value, "value", "correct")


@door(loss=measured)
def evaluate(
    net: Graph, split: Split, loss: Loss, batch_size: int = 1000, *, comm: Any = None
) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a net over one part of a data set.

    Parameters
    ----------
    split : Split
        ``data.train``, ``data.validation`` or ``data.test``.
    batch_size : int
        Samples in one forward pass; the result does not depend on it but for rounding.
    comm : communicator, optional
        Of processes that all make this call, and each look at their share of the samples.

    Returns
    -------
    loss : float
        NaN or infinite where the net has diverged, and NaN over an empty split.
    accuracy : float
        The fraction of samples classified correctly, NaN where the loss knows no accuracy.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.blobs()
    >>> net = mp.Sequential(mp.Linear(2, 3), seed=0)
    >>> value, accuracy = mp.evaluate(net, data.test, mp.CrossEntropy())
    >>> value > 0, 0 <= accuracy <= 1
    (True, True)
    """
    batch_size = whole("batch_size", batch_size)
    check_loss(loss, "value", "correct")
    total = hits = weights = judged = 0.0
    comm = taken(comm)
    mine = comm.share(len(split))
    with np.errstate(all="ignore"):
        for start in range(mine.start, mine.stop, batch_size):
            some = slice(start, min(start + batch_size, mine.stop))
            y = split.y[some]
            output = forward(net, split.x[some]).output
            correct = loss.correct(output, y)
            weight = float(weight_of(loss, y))
            total += weight * float(loss(output, y))
            weights += weight
            hits += math.nan if correct is None else float(correct)
            judged += float(loss.judged(y) if hasattr(loss, "judged") else len(y))
    total, hits, weights, judged = comm.sum(np.array([total, hits, weights, judged])).tolist()
    return total / (weights or math.nan), hits / (judged or math.nan)


def check_training_loss(net: Graph, split: Split, loss: Loss) -> None:
    """Raise an error unless a loss gives all that training asks for, tried on the first samples."""
    check_loss(loss, "value", "gradient", "correct")
    if not len(split):
        raise ValueError("expected samples to train on, found none")
    x, y = split.x[:2], split.y[:2]
    with np.errstate(all="ignore"):
        tape = forward(net, x)
        output_error(tape, loss, y)
        value, hits = loss(tape.output, y), loss.correct(tape.output, y)
    for name, found in (("the value", value), ("correct(output, y)", 0 if hits is None else hits)):
        if np.shape(found) != ():
            raise ValueError(f"expected {name} of {loss!r} as one number, found the shape {np.shape(found)}")
