"""What an experiment came to, as a table."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterable, Sequence

from minprox.experiments.doors import door
from minprox.experiments.experiment import Experiment, short
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure
from minprox.experiments.outcome import Result
from minprox.experiments.results import results
from minprox.ground.text import aligned


@door
def table(experiment: Experiment, folder: str | os.PathLike[str]) -> str:
    """Return what an experiment came to as a table.

    Parameters
    ----------
    folder : str or path-like
        Filled by :func:`run`, which may still be at work.

    Returns
    -------
    str
        A row for each method, and where step sizes are compared a column for each of them. Of several
        seeds it shows the median, with diverged runs as the worst, and how many diverged.

    Raises
    ------
    ValueError
        If the folder holds no such runs, or damaged files.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import X1, quick, run, table
    >>> part = quick(X1).select(methods=["exact"], epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     histories = run(part, folder)
    ...     lines = table(part, folder).splitlines()
    >>> lines[2].startswith("ProxProp exact")
    True
    """
    found = results(experiment, folder)
    return by_steps(experiment, found) if experiment.steps else by_methods(experiment, found)


@door
def verdict(experiment: Experiment, folder: str | os.PathLike[str]) -> str:
    """Return what the records say of the claims of an experiment, a paragraph for each.

    Parameters
    ----------
    folder : str or path-like
        As for :func:`table`.

    Returns
    -------
    str
        Empty if there are no claims.

    Raises
    ------
    ValueError
        As for :func:`table`.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import X1, quick, run, verdict
    >>> part = quick(X1).select(methods=["exact"], epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     histories = run(part, folder)
    ...     lines = verdict(part, folder).splitlines()
    >>> lines[1]
    '  → cannot be told, backprop was not run'
    """
    found = results(experiment, folder)
    return "\n".join(
        f"{claim.sentence}{'' if claim.paper else ' (seen here)'}\n  → {claim.decide(found).text()}"
        for claim in experiment.claims
    )


def by_steps(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return the final measure that decides, methods by step sizes."""
    steps = sorted({r.step for r in found if r.step is not None})
    rows = [[step_words(experiment), *map(short, steps)]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        if mine:
            column = experiment.columns[0] if experiment.columns else ""
            cells = (cell(run, [r for r in mine if r.step == step], column) for step in steps)
            rows.append([run.label, *cells])
    return aligned(rows, range(1, len(rows[0])))


def step_words(experiment: Experiment) -> str:
    """Return whose step sizes are compared: τ of BackProp, τ_θ of ProxProp."""
    steps = [run.step for run in experiment.methods.values() if run.step is not None]
    return ", ".join(dict.fromkeys(f"{step.symbol} of {step.method}" for step in steps))


def by_methods(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return settings and final measures, a row for each method."""
    columns = experiment.columns or experiment.kind.TABLE or found[0].history.names()[1:]
    symbols = experiment.kind.SETTINGS
    heads = [measure.head or measure.label for measure in map(experiment.kind.measure, columns)]
    rows = [["method", "runs", *symbols.values(), *heads]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        if not mine:
            continue
        values = [mine[0].settings.get(name) for name in symbols]
        settings = ["–" if value is None else f"{value:g}" for value in values]
        middle = averaged if experiment.mean else median
        rest = [
            middle(run.measure(column), [r.last(column, math.nan) for r in mine]) for column in columns[1:]
        ]
        first = cell(run, mine, columns[0])
        if experiment.mean and first[0].isdigit():
            first = averaged(run.measure(columns[0]), [r.last(columns[0], math.nan) for r in mine])
        rows.append([run.label, f"{len(mine)}", *settings, first, *rest])
    return aligned(rows, range(1, len(rows[0])))


def median(measure: Measure, values: Iterable[float]) -> str:
    """Return the median of what is finite, or mean and deviation where a measure wants them, as text."""
    usable = [value for value in values if math.isfinite(value)]
    if measure.spread and len(usable) > 1:
        return f"{measure.text(statistics.mean(usable))} ± {measure.text(statistics.stdev(usable))}"
    return measure.text(statistics.median(usable)) if usable else "–"


def averaged(measure: Measure, values: Iterable[float]) -> str:
    """Return mean ± standard deviation of what is finite, as text."""
    usable = [value for value in values if math.isfinite(value)]
    if len(usable) < 2:
        return median(measure, usable)
    return f"{measure.text(statistics.mean(usable))} ± {measure.text(statistics.stdev(usable))}"


def final(
    found: Sequence[Result], column: str = "train_loss", worst: float = math.inf
) -> tuple[float | None, int, int]:
    """Return the median of a final measure (None if there is none), how many diverged, of how many."""
    known = [value for r in found if not math.isnan(value := r.last(column, worst))]
    if not known:
        return None, 0, 0
    return statistics.median(known), sum(value == worst for value in known), len(known)


def deciding(run: Kind, found: Sequence[Result]) -> str:
    """Return the column that decides: the first one of the tables, or of the records."""
    return run.TABLE[0] if run.TABLE else found[0].history.names()[1]


def cell(run: Kind, found: Sequence[Result], column: str = "") -> str:
    """Return the final measure of runs that differ in the seed alone, as text."""
    if not found:
        return "–"
    column = column or deciding(run, found)
    measure = run.measure(column)
    value, diverged, count = final(found, column, measure.worst)
    if value is None:
        return "unfinished"
    share = "" if count == 1 or not diverged else f" {diverged}/{count}"
    if value == measure.worst:
        return "diverged" + share
    if measure.spread and not diverged:
        return median(measure, [r.last(column, math.nan) for r in found])
    text = number(value) if measure.logarithmic else measure.text(value)
    return text + (f" ({diverged}/{count} diverged)" if diverged else "")


def number(value: float) -> str:
    """Return a loss with two digits."""
    if value and not 1e-3 <= value < 1000:
        return f"{value:.1e}"
    return f"{value:#.2g}".rstrip(".") if value < 99.5 else f"{value:.0f}"
