"""What is said of a run that ended otherwise than it should: broke off, or diverged on broken data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minprox.ground.backend import array_module
from minprox.ground.communicators import ALONE, Communicator
from minprox.learning.history import History

Split = Any  # x and y, of one length; see minprox.datasets


@contextmanager
def endings_told(history: History, split: Split, comm: Communicator = ALONE) -> Iterator[None]:
    """Say where the history of a run that breaks off is, and warn where one diverges on broken data."""
    try:
        yield
    except BaseException as error:
        n = len(history)
        error.add_note(
            f"training broke off in epoch {n + 1}: the history of the {n} whole epoch{'s' * (n != 1)} "
            "before is optimizer.history, and the net is as the last step left it"
        )
        raise
    if history.diverged_at is not None and comm.rank == 0:
        warn_of_data(split, history.diverged_at)


def warn_of_data(split: Split, epoch: int) -> None:
    """Warn where a run has diverged and the data it was trained on are not finite."""
    for name, values in (("inputs", split.x), ("targets", split.y)):
        if values.dtype.kind != "f":
            continue
        finite = array_module(values).isfinite(values.reshape(len(values), -1)).all(axis=1)
        if wrong := len(values) - int(finite.sum()):
            warnings.warn(
                f"diverged in epoch {epoch}: {wrong:,} of the {len(values):,} training {name} "
                f"{'holds' if wrong == 1 else 'hold'} NaN or infinite numbers",
                RuntimeWarning,
                stacklevel=6,
            )
