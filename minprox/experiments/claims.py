"""Claims as data: a sentence, a number that the records of each seed give, and when it holds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from minprox.experiments.outcome import Result
from minprox.experiments.records import MissingRecord, Records

HOLDS, FAILS, MIXED, UNKNOWN = "holds", "does not hold", "holds in part", "cannot be told"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence about an experiment that its records decide.

    Parameters
    ----------
    quantity : str
        What the number is, in words.
    value : callable
        ``value(records)`` returns the number for the :class:`Records` of one seed.
    holds : callable
        ``holds(number)`` tells whether the sentence is true.
    form : str
        How the number is written.
    paper : bool
        Whether the paper says so; otherwise it was seen here.
    seeds : int
        How many seeds it takes to tell.
    mean : bool
        Whether the sentence is about the mean over seeds: it holds, or does not, if all of the 95 % interval
        says so.

    Examples
    --------
    >>> faster = Claim(
    ...     sentence="The exact step ends lower.",
    ...     quantity="its last training loss over that of BackProp",
    ...     value=lambda r: r.last("train_loss", "exact") / r.last("train_loss", "backprop"),
    ...     holds=lambda ratio: ratio < 1,
    ... )
    >>> faster.decide([]).verdict
    'cannot be told'
    """

    sentence: str
    quantity: str
    value: Callable[[Records], float]
    holds: Callable[[float], bool]
    form: str = "{:.3g}"
    paper: bool = True
    seeds: int = 1
    mean: bool = False

    def decide(self, found: Iterable[Result]) -> Finding:
        """Return what the records of all seeds say of the claim.

        Parameters
        ----------
        found : iterable of Result
        """
        by_seed: dict[int, list[Result]] = {}
        for result in found:
            by_seed.setdefault(result.seed, []).append(result)
        values, missing = {}, []
        for seed, results in sorted(by_seed.items()):
            try:
                values[seed] = float(self.value(Records(results)))
            except ZeroDivisionError:  # a loss of exactly zero
                values[seed] = math.nan
            except MissingRecord as error:
                missing.append(str(error))
        return Finding(self, values, missing[0] if missing else "" if by_seed else "nothing was run")


@dataclass(frozen=True)
class Finding:
    """A claim with the number of every seed, and whether it holds.

    Attributes
    ----------
    claim : Claim
    values : dict of int to float
        By the seed.
    missing : str
        Which record is missing in a seed that has no value.

    Examples
    --------
    >>> claim = Claim(sentence="It falls.", quantity="its slope", value=lambda r: 0.0, holds=lambda v: v < 0)
    >>> Finding(claim, {0: -1.0, 1: -3.0}).text()
    'holds; its slope: -2 (median of 2 seeds, -3 to -1)'
    """

    claim: Claim
    values: dict[int, float] = field(default_factory=dict)
    missing: str = ""

    @property
    def median(self) -> float:
        """The median over the seeds, NaN without any."""
        return statistics.median(self.values.values()) if self.values else math.nan

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest number of a seed."""
        values = self.values.values()
        return (min(values), max(values)) if values else (math.nan, math.nan)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean over the seeds, by Student's t; NaN for less than two."""
        from scipy.special import stdtrit  # here, since an import of minprox shall not bring SciPy

        n = len(self.values)
        if n < 2 or not all(map(math.isfinite, self.values.values())):
            return (math.nan, math.nan)
        half = stdtrit(n - 1, 0.975) * statistics.stdev(self.values.values()) / math.sqrt(n)
        centre = statistics.fmean(self.values.values())
        return (centre - half, centre + half)

    @property
    def agreeing(self) -> int:
        """In how many seeds the claim holds."""
        return sum(bool(self.claim.holds(value)) for value in self.values.values() if not math.isnan(value))

    @property
    def verdict(self) -> str:
        """One of ``"holds"``, ``"does not hold"``, ``"holds in part"`` and ``"cannot be told"``."""
        known = [value for value in self.values.values() if not math.isnan(value)]
        if len(known) < max(1, self.claim.seeds):
            return UNKNOWN
        if self.claim.mean:
            if math.isnan(self.interval[0]):
                return UNKNOWN
            ends = {bool(self.claim.holds(end)) for end in self.interval}
            return UNKNOWN if len(ends) == 2 else HOLDS if ends == {True} else FAILS
        return HOLDS if self.agreeing == len(known) else MIXED if self.agreeing else FAILS

    def text(self) -> str:
        """Return the verdict with its number, in a line."""
        show, (low, high) = self.claim.form.format, self.range
        number = "" if math.isnan(self.median) else f"{self.claim.quantity}: {show(self.median)}"
        if self.claim.mean and not math.isnan(self.interval[0]):
            low, high = self.interval
            number = f"{self.claim.quantity}: {show((low + high) / 2)}"
            number += f" (mean of {len(self.values)} seeds, 95 % interval {show(low)} to {show(high)})"
        elif len(self.values) > 1:
            number += f" (median of {len(self.values)} seeds, {show(low)} to {show(high)})"
        if self.verdict == UNKNOWN:
            why = "as the interval says both"
            if len(self.values) < (least := max(self.claim.seeds, 1 + self.claim.mean)):
                why = f"{len(self.values)} of the {least} seeds that it takes"
            why = self.missing or why
            return f"cannot be told, {why}" + (f"; {number}" if number else "")
        if self.verdict == MIXED:
            return f"holds in {self.agreeing} of {len(self.values)} seeds; {number}"
        return f"{self.verdict}; {number}"
