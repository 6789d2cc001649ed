"""One run of an experiment, as its folder holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


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
        """Return the last value of a column, or a measure of the end.

        Parameters
        ----------
        worst : float
            What stands for a run that diverged.

        Returns
        -------
        float
            NaN if the run goes on.
        """
        if self.history.status == "running":
            return math.nan
        if self.history.diverged_at is not None:
            return worst
        value = getattr(self.history, column)
        return value[-1] if isinstance(value, list) else value

    @property
    def final_loss(self) -> float:
        """The training loss after the last epoch; infinite if the run diverged, NaN if it goes on."""
        return self.last("train_loss")
