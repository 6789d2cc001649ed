"""What a claim is decided by: the results of one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minprox.experiments.outcome import Result


class MissingRecord(LookupError):
    """A record that a claim speaks of is not there, or has not come to its end.

    Examples
    --------
    >>> Records([]).last("train_loss", "exact")
    Traceback (most recent call last):
    minprox.experiments.records.MissingRecord: exact was not run
    """


@dataclass(frozen=True)
class Records:
    """What one seed of an experiment came to: the results that a claim is decided by.

    Parameters
    ----------
    found : sequence of Result
        Of one seed.

    Examples
    --------
    >>> import minprox as mp
    >>> from minprox.experiments import Result
    >>> history = mp.History(status="finished", train_loss=[2.0, 0.5])
    >>> records = Records([Result("exact", 0, None, {}, history)])
    >>> records.last("train_loss", "exact")
    0.5
    """

    found: Sequence[Result]

    def result(self, method: str, step: float | None = None) -> Result:
        """Return a run that has come to its end.

        Parameters
        ----------
        method : str
            One of ``experiment.methods``.
        step : float, optional
            Where the experiment compares step sizes.

        Raises
        ------
        MissingRecord
            If there is none.
        """
        name = method if step is None else f"{method} at {step:g}"
        for result in self.found:
            if (result.method, result.step) == (method, step):
                if result.history.status == "running":
                    raise MissingRecord(f"{name} has not come to its end")
                return result
        raise MissingRecord(f"{name} was not run")

    def history(self, method: str, step: float | None = None) -> Any:
        """Return the record of a run that has come to its end.

        Parameters
        ----------
        method, step
            As for :meth:`result`.

        Returns
        -------
        History
            Or the record of another kind of run.
        """
        return self.result(method, step).history

    def last(self, column: str, method: str, step: float | None = None) -> float:
        """Return the last value of a column, or a measure of the end; infinite if the run diverged."""
        return self.result(method, step).last(column)

    def steps(self, method: str) -> list[float]:
        """Return the step sizes at which a method was run, from small to large.

        Returns
        -------
        list of float

        Raises
        ------
        MissingRecord
            If there is none.
        """
        steps = sorted(r.step for r in self.found if r.method == method and r.step is not None)
        if not steps:
            raise MissingRecord(f"{method} was not run")
        return steps
