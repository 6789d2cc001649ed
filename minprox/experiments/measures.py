"""How the columns of records are shown: labels, units, formats, and which end is the worse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Measure:
    """How a column of a record is shown.

    Parameters
    ----------
    label : str
        At an axis, with its unit.
    form : str
        A format for tables.
    factor : float
        What values are multiplied with before they are shown.
    logarithmic : bool
        Whether its axis is.
    higher : bool
        Whether higher is better: a run that diverged counts as the worst.
    head : str
        Above its column in tables; the label if not given.
    spread : bool
        Whether tables show the mean and the standard deviation over seeds, not the median.
    column : str
        The column that it shows, where that is another one than its name says.

    Examples
    --------
    >>> Measure("test accuracy (%)", "{:.1f} %", 100, higher=True).text(0.125)
    '12.5 %'
    """

    label: str
    form: str = "{:.3g}"
    factor: float = 1.0
    logarithmic: bool = False
    higher: bool = False
    head: str = ""
    spread: bool = False
    column: str = ""

    def text(self, value: float) -> str:
        """Return a value as tables show it."""
        return self.form.format(self.factor * value)

    @property
    def worst(self) -> float:
        """The worst value there is."""
        return -math.inf if self.higher else math.inf


class Step(NamedTuple):
    """The step size that a comparison of step sizes varies.

    Parameters
    ----------
    field : str
        Of the run.
    symbol : str
    method : str
        Whose step size it is, as people call it.

    Examples
    --------
    >>> from minprox.experiments import Run
    >>> Run(method="proxprop").step
    Step(field='tau_theta', symbol='τ_θ', method='ProxProp')
    """

    field: str
    symbol: str
    method: str


SECONDS = Measure("time (s)", "{:.1f}", head="seconds")


def accuracy(part: str) -> Measure:
    """Return how an accuracy is shown, which is a fraction in the records."""
    return Measure(f"{part} accuracy (%)", "{:.1f} %", 100, higher=True, head=part)


#: The columns of a training run.
TRAINING = {
    "train_loss": Measure("training loss", "{:.3g}", logarithmic=True),
    "train_accuracy": accuracy("training"),
    "validation_loss": Measure("validation loss", "{:.3g}", logarithmic=True),
    "validation_accuracy": accuracy("validation"),
    "test_loss": Measure("test loss", "{:.3g}", logarithmic=True),
    "test_accuracy": accuracy("test"),
    "batch_loss": Measure("loss of the mini-batches", "{:.3g}", logarithmic=True),
    "seconds": Measure("training time (s)", "{:.1f}", head="seconds"),
}
