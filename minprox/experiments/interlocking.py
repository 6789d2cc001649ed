"""Interlocking back-propagation as data: pairs of digits, a residual net, a Transformer (I1 to I3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from minprox.experiments.claims import Claim
from minprox.experiments.experiment import Experiment
from minprox.experiments.measures import Measure
from minprox.experiments.records import Records
from minprox.experiments.runs import Run
from minprox.methods.pipeline import step_time

HORIZONS = {"local": 1, "pairwise": 2, "threewise": 3, "endtoend": 9}
NAMES = {"local": "local, N = 1", "pairwise": "pairwise, N = 2", "threewise": "three-wise, N = 3",
         "endtoend": "end-to-end, N = K"}  # fmt: skip
ACCURACY = "test_accuracy"


def family(base: Run) -> dict[str, Run]:
    """Return the same run with each horizon."""
    return {
        key: replace(base, method="interlocking", options={"horizon": N}, label=NAMES[key])
        for key, N in HORIZONS.items()
    }


def modules_of(run: Run) -> int:
    """Return how many modules a run's net has."""
    sizes = {"dense-modules": 5, "transformer-modules": 4, "resnet-modules": 3 if run.data == "digits" else 6}
    return sizes[str(run.architecture)]


def pipeline(run: Run) -> Measure:
    """Return the time on a device for each module, in epochs of end-to-end learning (I3)."""
    K, N = modules_of(run), dict(run.options)["horizon"]
    share = step_time(K, min(N, K)) / step_time(K, K)
    return Measure("simulated time (epochs end-to-end)", factor=share, column="epoch")


def gain(column: str, first: str, second: str, factor: float = 1.0) -> Callable[[Records], float]:
    """Return a function: by how much the last value of one method is above that of another."""
    return lambda records: factor * (records.last(column, first) - records.last(column, second))


def worst_gain(records: Records) -> float:
    """Return by how many points the worse of pairwise and three-wise is ahead of local learning."""
    return min(gain(ACCURACY, key, "local", 100)(records) for key in ("pairwise", "threewise"))


def perplexity_ratio(first: str, second: str) -> Callable[[Records], float]:
    """Return a function: the last validation perplexity of one method over that of another."""
    return lambda records: math.exp(gain("validation_loss", first, second)(records))


def catching_up(column: str, modules: int, sign: float) -> Callable[[Records], float]:
    """Return how much of end-to-end's simulated time pairwise learning takes to its last value."""

    def value(records: Records) -> float:
        target = sign * records.last(column, "endtoend")
        history, total = records.history("pairwise"), records.history("endtoend")
        values = zip(history.epoch, getattr(history, column), strict=True)
        reached = next((epoch for epoch, v in values if sign * v >= target), math.inf)
        return reached * step_time(modules, 2) / (total.epoch[-1] * step_time(modules, modules))

    return value


DIGITS = Run(
    data="digit-sums", architecture="dense-modules", optimizer="sgd", momentum=0.9, tau=0.02,
    epochs=20, batch_size=50, method="interlocking",
)  # fmt: skip
IMAGES = Run(
    data="cifar10", architecture="resnet-modules", optimizer="adam", tau=1e-3, epochs=30, batch_size=100,
    method="interlocking",
)  # fmt: skip
NUMBERS = Run(
    data="number-names", architecture="transformer-modules", optimizer="adam", tau=3e-3, epochs=20,
    batch_size=50, method="interlocking",
)  # fmt: skip

INTERLOCKING = Experiment(
    name="interlocking",
    title="Interlocking back-propagation: the sum of two digits, five modules",
    methods=family(DIGITS),
    seeds=tuple(range(8)),
    panels=(("epoch", "train_loss"), ("epoch", "validation_accuracy"), ("pipeline", "validation_accuracy")),
    axes={"pipeline": pipeline},
    presets={"quick": {"epochs": 10}},
    claims=(
        Claim(
            sentence="End-to-end learning is ahead of local learning in accuracy.",
            quantity="points of test accuracy by which it is ahead",
            value=gain(ACCURACY, "endtoend", "local", 100),
            holds=lambda points: points >= 1.5,
            form="{:.1f}",
            seeds=8,
        ),
        Claim(
            sentence="Pairwise and three-wise learning are not behind local learning.",
            quantity="points of test accuracy by which the worse of the two is ahead",
            value=worst_gain,
            holds=lambda points: points >= -0.5,
            form="{:.1f}",
            seeds=8,
        ),
        Claim(
            sentence="A further horizon lowers the training loss: from local to pairwise to end-to-end.",
            quantity="the larger ratio of a last training loss to the one before it",
            value=lambda r: max(
                r.last("train_loss", "pairwise") / r.last("train_loss", "local"),
                r.last("train_loss", "endtoend") / r.last("train_loss", "pairwise"),
            ),
            holds=lambda ratio: ratio < 1,
            seeds=8,
        ),
        Claim(
            sentence="On a device for each module pairwise learning has end-to-end's accuracy in less time.",
            quantity="its share of end-to-end's simulated time",
            value=catching_up("validation_accuracy", 5, 1.0),
            holds=lambda share: share < 1,
            seeds=8,
        ),
    ),
)

RESNET = Experiment(
    name="interlocking-resnet",
    title="Interlocking back-propagation: a residual net with batch normalisation",
    methods=family(IMAGES),
    seeds=(0, 1, 2),
    panels=(("epoch", "train_loss"), ("epoch", "validation_accuracy"), ("pipeline", "validation_accuracy")),
    axes={"pipeline": pipeline},
    presets={
        "quick": {"data": "digits", "epochs": 5, "batch_size": 50},
        "small": {"train_samples": 2500, "epochs": 4},
    },
    claims=(
        Claim(
            sentence="End-to-end learning is ahead of local learning in accuracy.",
            quantity="points of test accuracy by which it is ahead",
            value=gain(ACCURACY, "endtoend", "local", 100),
            holds=lambda points: points > 0,
            form="{:.1f}",
            seeds=3,
        ),
        Claim(
            sentence="Pairwise and three-wise learning are not behind local learning.",
            quantity="points of test accuracy by which the worse of the two is ahead",
            value=worst_gain,
            holds=lambda points: points >= -0.5,
            form="{:.1f}",
            seeds=3,
        ),
    ),
)

TRANSFORMER = Experiment(
    name="interlocking-transformer",
    title="Interlocking back-propagation: a Transformer reads number names",
    methods=family(NUMBERS),
    seeds=(0, 1, 2),
    panels=(("epoch", "train_loss"), ("epoch", "validation_loss"), ("pipeline", "validation_loss")),
    axes={"pipeline": pipeline},
    presets={"quick": {"epochs": 3, "train_samples": 1000}},
    claims=(
        Claim(
            sentence="End-to-end learning ends at the lowest perplexity of held-out numbers.",
            quantity="the largest ratio of its validation perplexity to that of another horizon",
            value=lambda r: max(
                perplexity_ratio("endtoend", key)(r) for key in ("local", "pairwise", "threewise")
            ),
            holds=lambda ratio: ratio < 1,
            form="{:.3f}",
            seeds=3,
        ),
        Claim(
            sentence="Pairwise learning is ahead of local learning in perplexity.",
            quantity="its validation perplexity over that of local learning",
            value=perplexity_ratio("pairwise", "local"),
            holds=lambda ratio: ratio < 1,
            form="{:.3f}",
            seeds=3,
        ),
        Claim(
            sentence="On a device for each module pairwise learning has its perplexity in less time.",
            quantity="its share of end-to-end's simulated time",
            value=catching_up("validation_loss", 4, -1.0),
            holds=lambda share: share < 1,
            seeds=3,
        ),
    ),
)
