"""The training loop: mini-batches, a history, callbacks, checkpoints and resuming (section 5)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, forward
from minprox.engine.tape import Tape
from minprox.ground.arguments import whole
from minprox.ground.array_files import most_for
from minprox.ground.backend import synchronise
from minprox.ground.doors import misfit
from minprox.ground.files import check_folder, check_writable
from minprox.learning.batches import attending, mini_batches, prepared
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.devices import double, finite
from minprox.learning.doors import door
from minprox.learning.endings import endings_told
from minprox.learning.evaluation import check_training_loss, evaluate, weight_of
from minprox.learning.history import History
from minprox.learning.identity import appearance, describe, differences, settings_of
from minprox.learning.loop import Course, Row, carry_on, take_up
from minprox.learning.net_state import contents, put_training, training_arrays
from minprox.learning.optimizer import Optimizer

Array = Any
Dataset = Any  # three parts: train, validation, test; see minprox.datasets
Split = Any  # one of them: x and y, of one length
Direction = Callable[[Graph, Tape, Loss, Array], Sequence[Array]]
Callback = Callable[[Graph, History], Any]


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
        :class:`minprox.Loss` names, or the checkpoint is damaged or was written with other settings.
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
    seed = whole("seed", seed, least=0)
    if optimizer.net is not net:
        raise ValueError("the optimizer was made for another net than the one to be trained")
    check_training_loss(net, data.train, loss)
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the path of a checkpoint, found none")
    callbacks = list(callbacks)
    course = Training(net, data, loss, optimizer, direction, batch_size, seed, callbacks)
    history, store = History(), None
    if checkpoint is not None:
        check_folder(checkpoint)
        store = Checkpoint(checkpoint, course.identity())
        if resume and os.path.exists(checkpoint):
            history = take_up(course, store, History)
    if len(history) > epochs:
        raise ValueError(
            f"expected epochs to be at least the {len(history)} of the checkpoint, found {epochs}"
        )
    optimizer.history = history
    if not history.over(epochs):
        if checkpoint is not None:
            check_writable(checkpoint)
        wishes = [partial(callback, net, history) for callback in callbacks]
        with endings_told(history, data.train):
            carry_on(course, history, epochs, store=store, callbacks=wishes, progress=progress)
    return history


class Training(Course):
    """A net being trained, an epoch of mini-batches after the other, with the arguments of :func:`train`."""

    part = "batch"

    def __init__(
        self,
        net: Graph,
        data: Dataset,
        loss: Loss,
        optimizer: Optimizer,
        direction: Direction = backprop,
        batch_size: int = 50,
        seed: int = 0,
        callbacks: Iterable[Any] = (),
    ) -> None:
        super().__init__()
        self.net, self.data, self.loss, self.optimizer = net, data, loss, optimizer
        self.direction, self.batch_size, self.seed = direction, batch_size, seed
        self.attending = attending(callbacks)
        self.parts = -(-len(data.train) // batch_size)
        self.most = most_for([*net.parameters, *net.memory])
        self.start = contents(optimizer), appearance(net, loss, direction)

    def first(self) -> Row:
        return self.measures() | {"batch_loss": math.nan}

    def advance(self, epoch: int) -> Row:
        start = clock(self.net)
        batch_loss = self.steps(epoch)
        seconds = clock(self.net) - start
        return self.measures() | {"batch_loss": batch_loss, "seconds": seconds}

    def steps(self, epoch: int) -> float:
        """Step through all mini-batches and return their mean loss, which is fetched once, at the end."""
        net, loss, split = self.net, self.loss, self.data.train
        self.optimizer.epoch = epoch - 1  # a schedule counts from 0
        if hasattr(self.direction, "epoch"):
            self.direction.epoch = epoch - 1
        total, weights = 0.0, 0
        with np.errstate(all="ignore"):
            for number, (x, y) in enumerate(mini_batches(split, self.batch_size, [self.seed, epoch])):
                seed = [self.seed, epoch, number]
                x, y = prepared(self.attending, net, loss, x, y, seed)
                tape = forward(net, x, training=True, seed=seed)
                weight = weight_of(loss, y)
                total, weights = total + weight * double(loss(tape.output, y), y), weights + weight
                try:
                    directions = self.direction(net, tape, loss, y)
                except np.linalg.LinAlgError:
                    if all(finite(value) for value in (*tape.values, *net.parameters)):
                        raise  # the system is at fault, not the values
                    return math.nan
                except TypeError:
                    misfit("direction", self.direction, "net", "tape", "loss", "y")
                    raise
                self.optimizer.step(directions)
                self.tick()
            return float(total / weights)

    def measures(self) -> Row:
        """Return loss and accuracy over the training and the validation set."""
        train_loss, train_accuracy = evaluate(self.net, self.data.train, self.loss)
        loss, accuracy = evaluate(self.net, self.data.validation, self.loss)
        row = {"train_loss": train_loss, "train_accuracy": train_accuracy}
        return row | {"validation_loss": loss, "validation_accuracy": accuracy}

    def last(self) -> Row:
        test_loss, test_accuracy = evaluate(self.net, self.data.test, self.loss)
        return {"test_loss": test_loss, "test_accuracy": test_accuracy}

    def diverged(self, row: Row) -> bool:
        return not (math.isfinite(row["batch_loss"]) and math.isfinite(row["train_loss"]))

    def arrays(self) -> dict[str, Array]:
        contents, words = self.start
        if changed := differences(words, appearance(self.net, self.loss, self.direction)):
            raise ValueError(f"a checkpoint cannot keep what was changed in the run: {'; '.join(changed)}")
        return training_arrays(self.net, self.optimizer, self.direction, contents)

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        put_training(self.net, self.optimizer, self.direction, arrays)

    def identity(self) -> dict[str, Any]:
        net, data, loss = self.net, self.data, self.loss
        settings = settings_of(net, data, loss, self.optimizer, self.direction, self.batch_size, self.seed)
        return settings | ({"batches": describe(self.attending)} if self.attending else {})


def clock(net: Graph) -> float:
    """Return the time in seconds after everything that the net's device was asked for is done."""
    synchronise(net.parameters[0])
    return time.perf_counter()
