"""One curve for several seeds: their median, and the range between them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from minprox.experiments import Measure, Run
from minprox.figures.style import look
from minprox.learning.rows import Rows


def band(
    panel: Any,
    x: str,
    y: str,
    histories: Sequence[Rows],
    place: int,
    measure: Measure,
    factor: float = 1.0,
    colour: Any = None,
) -> Any:
    """Draw the median over the seeds, and the range between them, over x times a factor; return the line.

    It may end at a cross. The colour is that of the place, if not given.
    """
    across, middle, low, high = over_seeds(histories, x, y, measure)
    across = [factor * u for u in across]
    shown = [
        (u, v)
        for u, v in zip(across, middle, strict=True)
        if math.isfinite(v) and (v > 0 or not measure.logarithmic)
    ]
    us, vs = [u for u, _ in shown], [v for _, v in shown]
    style = look(place, len(shown)) | ({} if colour is None else {"color": colour})
    (line,) = panel.plot(us, vs, **style)
    if len(histories) > 1:
        ok = [math.isfinite(a) and math.isfinite(b) for a, b in zip(low, high, strict=True)]
        panel.fill_between(across, low, high, where=ok, color=style["color"], alpha=0.15, linewidth=0)
    if sum(h.diverged_at is not None for h in histories) * 2 >= len(histories) and shown:
        cross = {"marker": "X", "markersize": 11, "markeredgecolor": "white", "clip_on": False}
        panel.plot(us[-1:], vs[-1:], color=style["color"], zorder=5, **cross)
    return line


def ended(label: str, histories: Sequence[Rows]) -> str:
    """Return the label of a curve, with what it says of runs that diverged."""
    diverged = [h for h in histories if h.diverged_at is not None]
    if not diverged:
        return label
    if len(histories) == 1:
        return f"{label} (diverged in {diverged[0].unit} {diverged[0].diverged_at})"
    return f"{label} ({len(diverged)} of {len(histories)} diverged)"


def over_seeds(
    histories: Sequence[Rows], x: str, y: str, measure: Measure | None = None
) -> tuple[list[float], ...]:
    """Return x (its median), and median, lowest and highest y, for each epoch that all have reached.

    A run that has diverged counts as the worst from there on.
    """
    measure = measure or Run.MEASURES[y]
    factor, worst = measure.factor, measure.worst
    going_on = [len(h) for h in histories if h.diverged_at is None]
    last = min(going_on) if going_on else max(map(len, histories))
    by_unit = [dict(zip(h.column(h.unit), h.rows(), strict=True)) for h in histories]
    first = max((min(rows, default=0) for rows in by_unit), default=0)  # some start at 0, some at 1
    columns: tuple[list[float], ...] = ([], [], [], [])
    for unit in range(int(first), last + 1):
        there = [(h, rows[unit]) for h, rows in zip(histories, by_unit, strict=True) if unit in rows]
        if not there:
            continue
        values = [factor * row[y] for _, row in there]
        ends = [h.diverged_at is not None and unit >= h.diverged_at for h, _ in there]
        values = [worst if end or math.isnan(v) else v for v, end in zip(values, ends, strict=True)]
        values += [worst] * (len(histories) - len(there))
        row = (statistics.median(row[x] for _, row in there), statistics.median(values))
        for column, value in zip(columns, (*row, min(values), max(values)), strict=True):
            column.append(value)
    return columns
