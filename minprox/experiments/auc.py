"""Rankings as data: SPAUC and what it is compared with, on digits, a table and streams (S1 to S12)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from minprox.experiments.claims import Claim
from minprox.experiments.experiment import Experiment
from minprox.experiments.rankings import Ranking
from minprox.experiments.records import Records

PUBLISHED = ("spauc", "spam", "solam")
LABELS = {
    "spauc": "SPAUC",
    "implicit": "SPAUC, implicit",
    "spam": "SPAM",
    "pairs": "SGD on pairs",
    "solam": "SOLAM",
    "closed": "closed form of what was seen",
}
PANELS = (("examples", "auc"), ("seconds", "auc"), ("examples", "gap"))
NOTE = "η of each method: the smallest of 0.01, 0.03, …, 10 with nearly the best AUC on held-out examples."


def methods(task: str, **settings: object) -> dict[str, Ranking]:
    """Return every method on one task; SOLAM with the step rule that it was published with."""
    rules = {"solam": "power"}
    return {
        key: Ranking(label=label, task=task, method=key, rule=rules.get(key, "inverse"), **settings)  # type: ignore[arg-type]
        for key, label in LABELS.items()
    }


def short_of(reference: str, method: str) -> Callable[[Records], float]:
    """Return a function: by how much the last AUC of a method stays below that of another."""
    return lambda records: records.last("auc", reference) - records.last("auc", method)


def apart(records: Records) -> float:
    """Return how far the last AUCs of the three published methods lie apart."""
    values = [records.last("auc", key) for key in PUBLISHED]
    return max(values) - min(values)


def needed(column: str, others: tuple[str, ...]) -> Callable[[Records], float]:
    """Return a function: what SPAUC needs until it is within 0.01 of the closed form, over what others do."""

    def value(records: Records) -> float:
        target = records.last("auc", "closed") - 0.01

        def until(method: str) -> float:
            history = records.history(method)
            passed = zip(history.column(column), history.column("auc"), strict=True)
            return next((x for x, score in passed if score >= target), math.inf)

        own = until("spauc")
        return own / min(until(key) for key in others) if math.isfinite(own) else math.inf

    return value


def slope(method: str) -> Callable[[Records], float]:
    """Return a function: the slope of log gap over log examples, by least squares, from 250 examples on."""

    def value(records: Records) -> float:
        history = records.history(method)
        t, gap = np.array(history.column("examples")), np.array(history.column("gap"))
        late = t >= 250
        return float(np.polyfit(np.log(t[late]), np.log(gap[late]), 1)[0])

    return value


def claims(seeds: int) -> tuple[Claim, ...]:
    """Return what the paper says of AUC and speed, for an experiment with so many seeds."""
    return (
        Claim(
            sentence="SPAUC ends at the AUC of the closed form.",
            quantity="by how much its AUC stays below",
            value=short_of("closed", "spauc"),
            holds=lambda gap: gap < 0.005,
            form="{:.4f}",
            paper=False,
            seeds=seeds,
        ),
        Claim(
            sentence="In AUC the three published methods tie: SPAUC, SPAM and SOLAM.",
            quantity="how far their last AUCs lie apart",
            value=apart,
            holds=lambda gap: gap < 0.01,
            form="{:.4f}",
            seeds=seeds,
        ),
        Claim(
            sentence="SPAUC comes near the closed form (0.01) after fewer examples than SPAM and SOLAM.",
            quantity="its examples over those of the quicker of the two",
            value=needed("examples", ("spam", "solam")),
            holds=lambda ratio: ratio <= 1,
            seeds=seeds,
        ),
        Claim(
            sentence="It comes near the closed form in less time than SPAM and SOLAM.",
            quantity="its seconds over those of the quicker of the two",
            value=needed("seconds", ("spam", "solam")),
            holds=lambda ratio: ratio <= 1,
            seeds=seeds,
        ),
    )


def table(name: str, title: str, task: str) -> Experiment:
    """Return the comparison on a table: 20 random splits, some 15 passes."""
    return Experiment(
        name=name,
        title=f"AUC from a stream of examples: {title}",
        methods=methods(task),
        seeds=tuple(range(20)),
        panels=PANELS,
        note=NOTE,
        claims=claims(20),
        blas_threads=1,
        presets={"quick": {"marks": 23}},
    )


EIGHT = table("auc", "digits, 8 against the others", "eight")
HALVES = table("auc-halves", "digits, 0 to 4 against 5 to 9", "halves")
ODD = table("auc-odd", "digits, odd against even", "odd")
CANCER = table("auc-cancer", "the breast cancer data", "cancer")

STREAM = Experiment(
    name="auc-stream",
    title="AUC from a stream: a million examples of two normal classes, one of them rare",
    methods=methods("stream", marks=61, lam=1e-4),
    panels=PANELS,
    note=NOTE,
    claims=(
        *claims(1),
        Claim(
            sentence="The stream is never held: 10⁶ examples pass in at most 300 MB of memory.",
            quantity="the largest peak of a process, in MB",
            value=lambda records: max(records.last("memory", key) for key in ("spauc", "implicit")),
            holds=lambda megabytes: megabytes <= 300,
            form="{:.0f}",
            paper=False,
        ),
    ),
    blas_threads=1,
    presets={"quick": {"marks": 35}},
)

FAST = Ranking(task="balanced", rule="growth", lam=0.05, marks=42)
RATE = Experiment(
    name="auc-rate",
    title="SPAUC with the steps of the fast rate, on two normal classes",
    methods={
        "spauc": replace(FAST, label="SPAUC", method="spauc"),
        "implicit": replace(FAST, label="SPAUC, implicit", method="implicit"),
    },
    seeds=tuple(range(8)),
    panels=(("examples", "gap"), ("examples", "auc")),
    claims=(
        Claim(
            sentence="The objective comes to its minimum like 1/t.",
            quantity="slope of its logarithm over that of t",
            value=slope("spauc"),
            holds=lambda value: -1.5 <= value <= -0.8,
            form="{:.2f}",
            seeds=8,
        ),
        Claim(
            sentence="So it does with implicit steps.",
            quantity="slope of its logarithm over that of t",
            value=slope("implicit"),
            holds=lambda value: -1.5 <= value <= -0.8,
            form="{:.2f}",
            paper=False,
            seeds=8,
        ),
    ),
    blas_threads=1,
    presets={"quick": {"marks": 35}},
)


def useless(method: str) -> Callable[[Records], float]:
    """Return a function: how many step sizes of a method diverge or end above where they began."""

    def value(records: Records) -> float:
        steps = records.steps(method)
        start = records.last("start", "implicit", steps[0])
        return float(sum(not records.last("gap", method, step) < start for step in steps))

    return value


CONSTANT = Ranking(task="eight", rule="constant", marks=23)
STEPS = Experiment(
    name="auc-steps",
    title="Explicit and implicit steps of SPAUC over the step size",
    methods={
        "spauc": replace(CONSTANT, label="explicit", method="spauc"),
        "implicit": replace(CONSTANT, label="implicit", method="implicit"),
    },
    steps=(0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e4),
    seeds=tuple(range(5)),
    columns=("gap", "auc"),
    note="Constant steps, about one pass over the digits, averaged.",
    claims=(
        Claim(
            sentence="Explicit steps from some size on end above where they began.",
            quantity="of nine step sizes",
            value=useless("spauc"),
            holds=lambda count: count >= 3,
            form="{:.0f}",
            paper=False,
            seeds=5,
        ),
        Claim(
            sentence="Implicit steps of no size do.",
            quantity="of nine step sizes",
            value=useless("implicit"),
            holds=lambda count: count == 0,
            form="{:.0f}",
            paper=False,
            seeds=5,
        ),
    ),
    blas_threads=1,
    presets={"quick": {"marks": 20}},
)

AUC = (EIGHT, HALVES, ODD, CANCER, STREAM, RATE, STEPS)
