"""What the paper on the Wasserstein proximal claims, and the numbers that decide it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from operator import truediv
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.records import MissingRecord, Records

SEEDS = (0, 1, 2, 3, 4)


def gain(column: str, method: str, other: str) -> Callable[[Records], float]:
    """Return a function: by how much a method ends higher than another."""
    return lambda records: records.last(column, method) - records.last(column, other)


def midway(records: Records) -> float:
    """Return by how much more samples lie on a mode, with five steps and the term, after 1,000 iterations."""
    values = []
    for method in ("five_prox", "one"):
        history = records.history(method)
        found = dict(zip(history.iteration, history.on_mode, strict=True))
        if 1000 not in found:
            raise MissingRecord(f"{method} was not measured after 1,000 outer iterations")
        values.append(found[1000])
    return values[0] - values[1]


def over(column: str, method: str, other: str) -> Callable[[Records], float]:
    """Return a function: what a method ends with, over what another one does."""
    return lambda records: records.last(column, method) / records.last(column, other)


def at_equal_time(
    column: str, method: str, other: str, between: Callable[[float, float], float] = truediv
) -> Callable[[Records], float]:
    """Return a function: a column of a method over that of another, when the quicker one has ended."""

    def value(records: Records) -> float:
        mine, others = records.history(method), records.history(other)
        end = min(mine.column("seconds")[-1], others.column("seconds")[-1])
        return between(last_until(mine, column, end), last_until(others, column, end))

    return value


def points(fraction: float, other: float) -> float:
    """Return by how many points of a hundred a fraction is above another."""
    return 100 * (fraction - other)


def last_until(history: Any, column: str, end: float) -> float:
    """Return the last value of a column that was measured until a time."""
    passed = zip(history.column("seconds"), history.column(column), strict=True)
    return [value for seconds, value in passed if seconds <= end][-1]


def matched(column: str, worse: str = "five", better: str = "five_prox") -> Claim:
    """Return the paper's claim: several steps do better with the term than without."""
    return Claim(
        sentence="Five steps of the generator do better with the proximal term than without it.",
        quantity="final distance to the data with it over that without",
        value=over(column, better, worse),
        holds=lambda ratio: ratio < 1,
        form="{:.2f}",
        seeds=len(SEEDS),
    )


def at_the_same_iteration(column: str) -> Claim:
    """Return the paper's claim: it does better than one step, iteration by iteration."""
    return Claim(
        sentence="After as many outer iterations they come nearer to the data than one step does.",
        quantity="final distance over that of ℓ = 1",
        value=over(column, "five_prox", "one"),
        holds=lambda ratio: ratio < 1,
        form="{:.2f}",
        seeds=len(SEEDS),
    )


def at_the_same_time(column: str) -> Claim:
    """Return the paper's claim: it does better than one step, second by second."""
    return Claim(
        sentence="After as many seconds, too.",
        quantity="distance over that of ℓ = 1, when the quicker run has ended",
        value=at_equal_time(column, "five_prox", "one"),
        holds=lambda ratio: ratio < 1,
        form="{:.2f}",
        seeds=len(SEEDS),
    )


# A sentence of ours, not of the paper, for the records to decide.
seen = partial(Claim, form="{:.0f}", paper=False, seeds=len(SEEDS))


def spread(values: list[float]) -> float:
    """Return the largest value over the smallest."""
    return max(values) / min(values) if min(values) > 0 else math.inf
