"""What an experiment came to, as a table."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Iterable, Sequence

from minprox.experiments.paper import Experiment, short
from minprox.experiments.results import Result, results
from minprox.learning.history import History


def table(experiment: Experiment, folder: str | os.PathLike[str]) -> str:
    """Return what an experiment came to as a table.

    Parameters
    ----------
    experiment : Experiment
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
    return losses(experiment, found) if experiment.steps else measures(experiment, found)


def losses(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return the final training losses, methods by step sizes."""
    steps = sorted({r.step for r in found if r.step is not None})
    rows = [["τ of BackProp, τ_θ of ProxProp", *map(short, steps)]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        if mine:
            rows.append([run.label, *(cell([r for r in mine if r.step == step]) for step in steps)])
    return layout(rows)


def measures(experiment: Experiment, found: Sequence[Result]) -> str:
    """Return losses, accuracies and times, a row for each method."""
    rows = [["method", "runs", "τ", "τ_θ", "training loss", "validation", "test", "seconds"]]
    for key, run in experiment.methods.items():
        mine = [r for r in found if r.method == key]
        ended = [r.history for r in mine if r.history.status != "running"]
        if not mine:
            continue

        def median(measure: Callable[[History], float], unit: str, of: list[History] = ended) -> str:
            usable = [value for value in map(measure, of) if math.isfinite(value)]
            return unit.format(statistics.median(usable)) if usable else "–"

        settings = mine[0].settings
        rows.append(
            [
                run.label,
                f"{len(mine)}",
                f"{settings['tau']:g}",
                "–" if settings["tau_theta"] is None else f"{settings['tau_theta']:g}",
                cell(mine),
                median(lambda h: 100 * h.validation_accuracy[-1], "{:.1f} %"),
                median(lambda h: 100 * h.test_accuracy, "{:.1f} %"),
                median(lambda h: h.seconds[-1], "{:.1f}"),
            ]
        )
    return layout(rows)


def final(found: Sequence[Result]) -> tuple[float | None, int, int]:
    """Return the median of the final losses (None if there is none), how many diverged, of how many."""
    known = [r.final_loss for r in found if not math.isnan(r.final_loss)]
    if not known:
        return None, 0, 0
    return statistics.median(known), sum(map(math.isinf, known)), len(known)


def cell(found: Sequence[Result]) -> str:
    """Return the final loss of runs that differ in the seed alone, as text."""
    value, diverged, count = final(found)
    if value is None:
        return "unfinished" if found else "–"
    share = "" if count == 1 or not diverged else f" {diverged}/{count}"
    if math.isinf(value):
        return "diverged" + share
    return number(value) + (f" ({diverged}/{count} diverged)" if diverged else "")


def number(value: float) -> str:
    """Return a loss with two digits."""
    if value and not 1e-3 <= value < 1000:
        return f"{value:.1e}"
    return f"{value:#.2g}".rstrip(".") if value < 99.5 else f"{value:.0f}"


def layout(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of text as a table whose first row is the head."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            word.rjust(width) if place else word.ljust(width)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
