"""The function ``train``: a net, data, a loss, an optimiser and a direction; resumed and kept (section 5)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from minprox.engine.columns_apart import ColumnsApart
from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop
from minprox.ground.arguments import whole
from minprox.ground.files import check_folder, check_writable
from minprox.ground.mpi_communicator import taken
from minprox.ground.seeds import seed as check_seed
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.doors import door, functions
from minprox.learning.endings import endings_told
from minprox.learning.evaluation import check_training_loss
from minprox.learning.history import History
from minprox.learning.loop import carry_on, take_up
from minprox.learning.optimizer import Optimizer
from minprox.learning.training import Callback, Dataset, Direction, Training


@door
def train(
    net: Graph,
    data: Dataset,
    loss: Loss,
    optimizer: Optimizer,
    direction: Direction = backprop,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    callbacks: Iterable[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
    comm: Any = None,
) -> History:
    """Train a net in mini-batches and record every epoch.

    Parameters
    ----------
    net : Graph
        Its parameters are updated in place.
    optimizer : Optimizer
        Made for this net.
    direction : callable
        ``direction(net, tape, loss, y)`` returns what the optimiser gets in the place of a gradient:
        :func:`minprox.backprop`, or
        ``functools.partial(minprox.proxprop, tau_theta=0.05, solver=minprox.CG(3))``. Where it has an
        attribute ``epoch``, that is set to 0, 1, …; its ``state``, a dict of lists of arrays, is kept.
    epochs : int
        How many in all, those before a resumption included.
    batch_size : int
        Samples in a mini-batch; the last one of an epoch holds what is left.
    seed : int
        Of the order of the samples and of the dropout masks: with the epoch (and the number of the
        batch) it fixes both, so that they do not depend on what happened before.
    callbacks : iterable of callable
        Each is called as ``callback(net, history)`` after every epoch; the run stops if one returns True. One
        with a method ``batch(net, loss, x, y, seed)`` may also replace each mini-batch before its step,
        as :class:`minprox.methods.AdversarialTraining` does.
    checkpoint : path-like, optional
        Where to write the state after every epoch; the former file is replaced in one go.
    resume : bool
        Whether to go on from ``checkpoint``, if that file exists. A run that was killed at any
        moment then ends with the same bits as one that was not, but for the measured seconds; one
        that diverged, or that a callback stopped, is returned as it ended.
    progress : bool, optional
        Whether to show a bar on stderr; None means: if that is a terminal.
    comm : communicator, optional
        Of processes that all make this call, each with a net, data and optimiser of its own that are made
        alike: they share each mini-batch, take the same steps as one process up to rounding, and
        return the same history. Process 0 alone reads and writes the checkpoint, which any number of
        processes may take up.

    Returns
    -------
    History
        Also where the run diverged: a loss that becomes NaN or infinite ends the run, and is a
        result, ``history.status == "diverged"``; a warning says so where the data are not finite. It is
        also ``optimizer.history``, as far as it goes, where Ctrl-C or an error ends the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range or belongs to another net, the loss lacks what
        :class:`minprox.Loss` names, the checkpoint is damaged or was written with other settings, or
        several processes share what cannot be shared or is not alike.
    OSError
        If the checkpoint cannot be read or written.

    Notes
    -----
    The seconds count the steps alone; evaluation, callbacks and checkpoints are left out. Within an
    epoch nothing is fetched from a GPU: the losses are summed where they are computed, in float64, and a
    run that diverges comes to the end of its epoch before that is noticed.

    Examples
    --------
    >>> import functools
    >>> import minprox as mp
    >>> net = mp.Sequential(mp.Linear(2, 20), mp.ReLU(), mp.Linear(20, 3), seed=0)
    >>> implicit = functools.partial(mp.proxprop, tau_theta=0.1, solver=mp.Exact())
    >>> history = mp.train(net, mp.datasets.blobs(), mp.CrossEntropy(), mp.SGD(net, lr=1.0), implicit,
    ...                    epochs=3, batch_size=50)
    >>> len(history), history.status, history.train_loss[-1] < history.train_loss[0]
    (3, 'finished', True)
    """
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    seed = check_seed("seed", seed)
    if optimizer.net is not net:
        raise ValueError("the optimizer was made for another net than the one to be trained")
    check_training_loss(net, data.train, loss)
    if checkpoint is not None and any(isinstance(layer, ColumnsApart) for layer in net.transfers):
        raise ValueError(
            "checkpoint: expected none for a net whose columns lie apart, of which each process has its own; "
            "mp.save_parameters keeps those of each in a file of its own"
        )
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the path of a checkpoint, found none")
    callbacks, comm = functions("callbacks", callbacks), taken(comm)
    course = Training(net, data, loss, optimizer, direction, batch_size, seed, callbacks, comm)
    history, store = History(), None
    if checkpoint is not None:
        comm.first(partial(check_folder, checkpoint))
        store = Checkpoint(checkpoint, course.identity())
        if resume and comm.first(partial(os.path.exists, checkpoint)):
            history = take_up(course, store, History)
    if len(history) > epochs:
        raise ValueError(
            f"expected epochs to be at least the {len(history)} of the checkpoint, found {epochs}"
        )
    optimizer.history = history
    if not history.over(epochs):
        if checkpoint is not None:
            comm.first(partial(check_writable, checkpoint))
        wishes = [partial(callback, net, history) for callback in callbacks]
        with endings_told(history, data.train, comm):
            carry_on(course, history, epochs, store=store, callbacks=wishes, progress=progress)
    return history
