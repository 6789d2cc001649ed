"""Implicit steps through a Transformer and a residual net: Adam and SGD, on gradients and on implicit steps.

Each of the four is tuned by one rule: of three step sizes the one that ends with the lowest validation loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.experiment import Experiment
from minprox.experiments.records import Records
from minprox.experiments.runs import Run

VALIDATION = "validation_loss"
SIZES = "abc"  # from the smallest of the three step sizes to the largest


def tuned(base: Run, adam: tuple[float, ...], sgd: tuple[float, ...], proximal: tuple[float, ...]) -> dict:
    """Return the four methods at three step sizes: τ, or with SGD on implicit steps, where τ = 1, τ_θ."""
    by_adam = replace(base, optimizer="adam", momentum=None)
    by_sgd = replace(base, optimizer="nesterov", momentum=0.9)
    implicit: dict[str, Any] = {"method": "proxprop", "solver": "exact"}
    runs: dict[str, Run] = {}
    for size, tau, step, tau_theta in zip(SIZES, adam, sgd, proximal, strict=True):
        runs[f"adam_{size}"] = replace(by_adam, tau=tau, label=f"Adam, τ = {tau:g}")
        runs[f"adamprox_{size}"] = replace(
            by_adam, tau=tau, tau_theta=1.0, label=f"Adam on implicit steps, τ = {tau:g}", **implicit
        )
        runs[f"sgd_{size}"] = replace(by_sgd, tau=step, label=f"SGD, τ = {step:g}")
        label = f"SGD on implicit steps, τ_θ = {tau_theta:g}"
        runs[f"sgdprox_{size}"] = replace(by_sgd, tau=1.0, tau_theta=tau_theta, label=label, **implicit)
    return runs


def best(records: Records, method: str, column: str = VALIDATION) -> float:
    """Return the last value of a column at the step size that ends with the lowest validation loss."""
    keys = [f"{method}_{size}" for size in SIZES]
    return records.last(column, min(keys, key=lambda key: records.last(VALIDATION, key)))


def ratio(first: str, second: str, column: str = VALIDATION) -> Callable[[Records], float]:
    """Return a function: the best of one method over the best of another."""
    return lambda records: best(records, first, column) / best(records, second, column)


def in_time(first: str, second: str) -> Callable[[Records], float]:
    """Return the share of one method's seconds in which another, at its best, has its last training loss."""

    def value(records: Records) -> float:
        keys = [[f"{method}_{size}" for size in SIZES] for method in (first, second)]
        ours, theirs = (min(part, key=lambda key: records.last(VALIDATION, key)) for part in keys)
        target, history = records.last("train_loss", theirs), records.history(ours)
        passed = zip(history.seconds, history.train_loss, strict=True)
        return next((s for s, loss in passed if loss <= target), math.inf) / records.last("seconds", theirs)

    return value


def claims(seeds: int) -> tuple[Claim, ...]:
    """Return what one expects from the paper, which tried neither of these nets."""
    return (
        Claim(
            sentence="SGD on implicit steps ends at a lower validation loss than SGD on gradients.",
            quantity="its best validation loss over the other's",
            value=ratio("sgdprox", "sgd"),
            holds=lambda r: r < 1,
            seeds=seeds,
            paper=False,
        ),
        Claim(
            sentence="Adam on implicit steps ends at a lower validation loss than Adam on gradients.",
            quantity="its best validation loss over the other's",
            value=ratio("adamprox", "adam"),
            holds=lambda r: r < 1,
            seeds=seeds,
            paper=False,
        ),
        Claim(
            sentence="SGD on implicit steps ends below Adam on gradients in training loss.",
            quantity="its training loss over the other's, each at its best",
            value=ratio("sgdprox", "adam", "train_loss"),
            holds=lambda r: r < 1,
            seeds=seeds,
            paper=False,
        ),
        Claim(
            sentence="SGD on implicit steps has the last training loss of SGD on gradients in less time.",
            quantity="its share of the other's seconds",
            value=in_time("sgdprox", "sgd"),
            holds=lambda share: share < 1,
            seeds=seeds,
            paper=False,
        ),
    )


PANELS = (("epoch", "train_loss"), ("seconds", "train_loss"), ("epoch", VALIDATION))

PROXPROP_TRANSFORMER = Experiment(
    name="proxprop-transformer",
    title="Implicit steps through a Transformer that reads number names",
    methods=tuned(
        Run(data="number-names", architecture="transformer", epochs=15, batch_size=50),
        adam=(3e-3, 1e-2, 3e-2),
        sgd=(0.03, 0.1, 0.3),
        proximal=(0.05, 0.25, 1.25),
    ),
    seeds=(0, 1, 2),
    panels=PANELS,
    presets={"quick": {"train_samples": 500, "epochs": 3}, "small": {"train_samples": 1000, "epochs": 8}},
    claims=claims(3),
)

PROXPROP_RESNET = Experiment(
    name="proxprop-resnet",
    title="Implicit steps through a residual net with batch normalisation",
    methods=tuned(
        Run(data="cifar10", architecture="resnet", epochs=30, batch_size=100),
        adam=(1e-3, 3e-3, 1e-2),
        sgd=(0.03, 0.1, 0.3),
        proximal=(0.05, 0.5, 5.0),
    ),
    seeds=(0, 1, 2),
    panels=PANELS,
    presets={
        "quick": {"data": "digits", "epochs": 4, "batch_size": 100},
        "small": {"train_samples": 5000, "epochs": 6},
    },
    claims=claims(3),
)
