"""What a training run records: one row for each epoch, and how the run ended."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from typing import Any

from minprox.ground.arguments import one_of, whole
from minprox.ground.schemas import check_columns, column, counting, durations, fields, maybe, real
from minprox.learning.rows import STATUSES, Rows, counted, measured, read_record

COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "batch_loss",
    "seconds",
)
FORMAT = "minprox history 1"
FIELDS = {
    **dict.fromkeys(COLUMNS, column),
    **{"epoch": counting, "seconds": durations, "test_loss": real, "test_accuracy": real},
    **{"status": lambda name, value: one_of(name, value, STATUSES), "diverged_at": maybe(whole)},
}


@dataclass
class History(Rows):
    """The record of a training run; its length is the number of epochs that are done.

    Attributes
    ----------
    epoch : list of int
        0, 1, 2, …; 0 is before the first step, so that the curves of several runs share their start.
    train_loss, train_accuracy : list of float
        Over the whole training set, with the parameters at the end of the epoch.
    validation_loss, validation_accuracy : list of float
        The same over the validation set; accuracies are fractions, NaN where the loss has none.
    batch_loss : list of float
        Mean loss of the mini-batches of the epoch, each measured before its step; NaN in epoch 0.
    seconds : list of float
        Training time since the start of the run; evaluation and checkpoints are not counted.
    status : {"running", "finished", "diverged", "stopped"}
        ``"stopped"`` by a callback.
    diverged_at : int or None
        The epoch in which a loss became NaN or infinite.
    test_loss, test_accuracy : float
        With the parameters at the end of the run; NaN before.

    Examples
    --------
    >>> history = History()
    >>> history.append(epoch=1, train_loss=2.0, train_accuracy=0.5, validation_loss=2.5,
    ...                validation_accuracy=0.25, batch_loss=2.25, seconds=0.1)
    >>> history
    History(1 epoch, running, train_loss=2, validation_accuracy=0.25)
    >>> history.train_loss
    [2.0]
    """

    epoch: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    status: str = "running"
    diverged_at: int | None = None
    test_loss: float = math.nan
    test_accuracy: float = math.nan
    unit = "epoch"
    FORMAT = FORMAT

    def names(self) -> tuple[str, ...]:
        return COLUMNS

    def append(self, **row: float) -> None:
        """Record an epoch: one value for each column.

        Parameters
        ----------
        **row : float
            By the names of the columns.

        Raises
        ------
        TypeError
            If a column is missing, or there is none of this name, or a value is no number.
        ValueError
            If the epoch is not the one behind the last.
        """
        if set(row) != set(COLUMNS):
            raise TypeError(f"expected one value for each of {COLUMNS}, found {tuple(row)}")
        found: dict[str, float] = {"epoch": whole("epoch", row["epoch"], least=0)}
        if self.epoch[-1:] not in ([], [found["epoch"] - 1]):
            raise ValueError(
                f"epoch: expected {self.epoch[-1] + 1} behind {self.epoch[-1]}, found {found['epoch']}"
            )
        found |= {name: measured(name, row[name]) for name in COLUMNS[1:]}
        for name in COLUMNS:  # all of them, or none
            getattr(self, name).append(found[name])

    def conclude(self, **ends: float) -> None:
        self.test_loss, self.test_accuracy = ends["test_loss"], ends["test_accuracy"]

    def reopen(self) -> None:
        self.status, self.test_loss, self.test_accuracy = "running", math.nan, math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the columns and the rest as a dictionary of lists, numbers and strings."""
        values = {f.name: getattr(self, f.name) for f in fields_of(self)}
        return {name: list(v) if isinstance(v, list) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """Make a history of what :meth:`to_dict` returned; None stands for NaN.

        Parameters
        ----------
        values : dict

        Raises
        ------
        ValueError
            If a column is missing or has another length than the others, the epochs are not 1, 2, … (with
            a 0 before them or not), or the status is unknown.
        """
        found = fields("a history", values, FIELDS)
        columns = {name: found[name] for name in COLUMNS}
        check_columns("epoch", columns, found["status"], found["diverged_at"])
        return cls(**found)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Read a history from the JSON file that :meth:`save` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        History
            With NaN where the file has ``null``.

        Raises
        ------
        ValueError
            If the file is no history, or a damaged one.
        OSError
            If it cannot be read.
        """
        return read_record(path, {FORMAT: cls})[0]

    def __repr__(self) -> str:
        ended = f"diverged in epoch {self.diverged_at}" if self.diverged_at else self.status
        parts = [counted(len(self), "epoch"), ended]
        if self.epoch:
            parts.append(f"train_loss={self.train_loss[-1]:.4g}")
            parts.append(f"validation_accuracy={self.validation_accuracy[-1]:.4g}")
        if not math.isnan(self.test_accuracy):
            parts.append(f"test_accuracy={self.test_accuracy:.4g}")
        return f"History({', '.join(parts)})"
