"""A net being trained: epochs of mini-batches, and what is measured after each (section 5)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import Loss
from minprox.engine.losses.base import weight_of
from minprox.engine.passes import backprop, forward
from minprox.engine.tape import Tape
from minprox.ground.array_files import most_for
from minprox.ground.backend import synchronise
from minprox.ground.communicators import ALONE, Communicator
from minprox.ground.doors import misfit
from minprox.learning.alike import check_shared, parted
from minprox.learning.batches import attending, mini_batches, prepared
from minprox.learning.devices import double, finite
from minprox.learning.evaluation import evaluate
from minprox.learning.history import History
from minprox.learning.identity import appearance, describe, differences, settings_of
from minprox.learning.loop import Course, Row
from minprox.learning.net_state import check_training, contents, put_training, training_arrays
from minprox.learning.optimizer import Optimizer
from minprox.learning.rows import Rows

Array = Any
Dataset = Any  # three parts: train, validation, test; see minprox.datasets
Split = Any  # one of them: x and y, of one length
Direction = Callable[[Graph, Tape, Loss, Array], Sequence[Array]]
Callback = Callable[[Graph, History], Any]


class Training(Course):
    """A net being trained, an epoch of mini-batches after the other, with the arguments of ``train``."""

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
        comm: Communicator = ALONE,
    ) -> None:
        super().__init__()
        self.net, self.data, self.loss, self.optimizer = net, data, loss, optimizer
        self.direction, self.batch_size, self.seed = direction, batch_size, seed
        self.attending, self.comm = attending(callbacks), comm
        self.parts = -(-len(data.train) // batch_size)
        self.most = most_for([*net.parameters, *net.memory])
        self.start = contents(optimizer), appearance(net, loss, direction)
        if comm.size > 1:
            check_shared(comm, self.identity(), direction, self.attending)
            self.take_up(comm.tell(self.arrays()))

    def first(self) -> Row:
        return self.measures() | {"batch_loss": math.nan}

    def advance(self, epoch: int) -> Row:
        start = clock(self.net)
        batch_loss = self.steps(epoch)
        seconds = self.comm.tell(clock(self.net) - start)
        self.meet()
        return self.measures() | {"batch_loss": batch_loss, "seconds": seconds}

    def steps(self, epoch: int) -> float:
        """Step through all mini-batches and return their mean loss, which is fetched once, at the end."""
        net, loss, split, comm = self.net, self.loss, self.data.train, self.comm
        among = {"comm": comm} if comm.size > 1 else {}
        self.optimizer.epoch = epoch - 1  # a schedule counts from 0
        if hasattr(self.direction, "epoch"):
            self.direction.epoch = epoch - 1
        total, weights = 0.0, 0
        with np.errstate(all="ignore"):
            for number, (x, y) in enumerate(mini_batches(split, self.batch_size, [self.seed, epoch], comm)):
                seed = [self.seed, epoch, number]
                x, y = prepared(self.attending, net, loss, x, y, seed)
                tape = forward(net, x, training=True, seed=seed, comm=comm)
                if len(y):  # of a small batch, a process may have no share
                    weight = weight_of(loss, y)
                    total, weights = total + weight * double(loss(tape.output, y), y), weights + weight
                try:
                    directions = self.direction(net, tape, loss, y, **among)
                except np.linalg.LinAlgError:
                    if not comm.any(not all(finite(value) for value in (*tape.values, *net.parameters))):
                        raise  # the system is at fault, not the values
                    return math.nan
                except TypeError:
                    misfit("direction", self.direction, "net", "tape", "loss", "y")
                    raise
                self.optimizer.step(directions)
                self.tick()
            total, weights = comm.sum(np.array([float(total), float(weights)]))
            return float(total / weights)

    def meet(self) -> None:
        """Let all processes go on from the state of process 0, if theirs is the same but for rounding."""
        if self.comm.size > 1:
            first, mine = self.comm.tell(self.arrays()), self.arrays()
            if self.comm.any(parted(first, mine)):
                raise ValueError(
                    "the processes have come to different parameters, by more than rounding: expected a net "
                    "and a direction that draw nothing at random but by the generator that they are given"
                )
            self.take_up(first)

    def measures(self) -> Row:
        """Return loss and accuracy over the training and the validation set."""
        train_loss, train_accuracy = evaluate(self.net, self.data.train, self.loss, comm=self.comm)
        loss, accuracy = evaluate(self.net, self.data.validation, self.loss, comm=self.comm)
        row = {"train_loss": train_loss, "train_accuracy": train_accuracy}
        return row | {"validation_loss": loss, "validation_accuracy": accuracy}

    def last(self) -> Row:
        test_loss, test_accuracy = evaluate(self.net, self.data.test, self.loss, comm=self.comm)
        return {"test_loss": test_loss, "test_accuracy": test_accuracy}

    def diverged(self, row: Row) -> bool:
        return not (math.isfinite(row["batch_loss"]) and math.isfinite(row["train_loss"]))

    def arrays(self) -> dict[str, Array]:
        contents, words = self.start
        if changed := differences(words, appearance(self.net, self.loss, self.direction)):
            raise ValueError(f"a checkpoint cannot keep what was changed in the run: {'; '.join(changed)}")
        return training_arrays(self.net, self.optimizer, self.direction, contents)

    def agree(self, arrays: dict[str, np.ndarray], record: Rows) -> None:
        check_training(self.net, self.optimizer, self.direction, arrays)
        steps, least = int(arrays["steps_done"]), len(record) * self.parts
        if type(self.optimizer).step is Optimizer.step and record.status != "diverged" and steps < least:
            raise ValueError(
                f"steps_done: expected at least {least} after {len(record)} epochs, found {steps}"
            )

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
