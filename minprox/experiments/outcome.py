"""One run of an experiment, as its folder holds it, and how it ended in a line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minprox.experiments.kinds import Kind
from minprox.learning.rows import counted


@dataclass(frozen=True)
class Result:
    """One run of an experiment, as its folder holds it.

    Attributes
    ----------
    method : str
        One of ``experiment.methods``.
    seed : int
    step : float or None
        The step size, τ of BackProp or τ_θ of ProxProp say, where the experiment compares step sizes.
    settings : dict of str to JSON value
        What ``config.json`` says of the run.
    history : History
        Or the record of another kind of run.
    data_name : str
        What the data are called, where that is not what the settings say.

    Examples
    --------
    >>> import minprox as mp
    >>> history = mp.History(status="diverged", diverged_at=3)
    >>> Result("backprop", 0, 0.5, {}, history).last("train_loss")
    inf
    """

    method: str
    seed: int
    step: float | None
    settings: dict[str, Any]
    history: Any
    data_name: str = ""

    def last(self, column: str, worst: float = math.inf) -> float:
        """Return the last value of a column, or a measure of the end: ``history.last``.

        Parameters
        ----------
        column, worst
            As for ``Rows.last``.

        Returns
        -------
        float
            NaN if the run goes on.
        """
        return self.history.last(column, worst)

    @property
    def final_loss(self) -> float:
        """The training loss after the last epoch; infinite if the run diverged, NaN if it goes on."""
        return self.last("train_loss")


def ending(run: Kind, history: Any, columns: Iterable[str] | None = None) -> str:
    """Return how a run ended, in one line: these columns, or those of its tables."""
    if history.status == "diverged":
        return f"diverged in {run.UNIT} {history.diverged_at}"
    names = [name for name in columns or run.TABLE or history.names()[1:] if name != "seconds"]
    first, *rest = (
        f"{run.measure(name).label.removesuffix(' (%)')} {run.measure(name).text(history.last(name))}"
        for name in names
    )
    time = f"after {counted(len(history), run.UNIT)} ({history.column('seconds')[-1]:.1f} s)"
    return ", ".join([f"{first} {time}", *rest])
