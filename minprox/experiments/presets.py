"""The paper's experiments in other sizes: for a laptop, and for a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from minprox.experiments.doors import door
from minprox.experiments.experiment import Experiment

# The same on the 1,297 digits of 8×8 pixels in the package: less than a minute on two cores each.
# "mlp" is the paper's with hidden layers a tenth as wide, "paper-convnet" the paper's own.
QUICK: dict[str, dict[str, Any]] = {
    "x1": {"data": "digits", "architecture": "mlp", "epochs": 20, "batch_size": 100},
    "x2": {"data": "digits", "architecture": "mlp", "epochs": 10, "batch_size": 100},
    "x3": {"data": "digits", "architecture": "paper-convnet", "epochs": 10, "batch_size": 50},
}
# CIFAR-10 on a laptop: the first 10,000 training images, and the MLP with hidden layers a tenth as wide.
SMALL: dict[str, dict[str, Any]] = {
    "x1": {"architecture": "mlp", "train_samples": 10_000, "epochs": 30},
    "x2": {"architecture": "mlp", "train_samples": 10_000, "epochs": 30},
    "x3": {"train_samples": 10_000, "epochs": 10},
}


PAPER = {name: {"quick": QUICK[name], "small": SMALL[name]} for name in QUICK}


@door
def quick(experiment: Experiment) -> Experiment:
    """Return one of the paper's experiments in a size that needs no download and less than a minute.

    Parameters
    ----------
    experiment : Experiment
        :data:`X1`, :data:`X2` or :data:`X3`.

    Returns
    -------
    Experiment
        With the same methods and step sizes, and one BLAS thread for each process. The step sizes are those
        of the paper's batches of 500 and not rescaled: for batches of ``500 k`` the same steps would have
        τ and τ_θ replaced by ``k τ`` and ``τ_θ/k``. Tables on the command line and figures say so.

    Examples
    --------
    >>> from minprox.experiments import X1
    >>> run = quick(X1).runs["seed-0/cg3"]
    >>> run.data, run.architecture, run.tau_theta
    ('digits', 'mlp', 0.05)
    """
    return resized(experiment, "quick")


@door
def small(experiment: Experiment) -> Experiment:
    """Return one of the paper's experiments on CIFAR-10 in a size for a laptop.

    Parameters
    ----------
    experiment : Experiment
        :data:`X1`, :data:`X2` or :data:`X3`.

    Returns
    -------
    Experiment
        With the same methods and step sizes on 10,000 training images, the MLP with hidden layers a
        tenth as wide, fewer epochs, and one BLAS thread for each process.

    Examples
    --------
    >>> from minprox.experiments import X2
    >>> run = small(X2).runs["seed-0/cg3-tau-theta-0.05"]
    >>> run.data, run.architecture, run.train_samples
    ('cifar10', 'mlp', 10000)
    """
    return resized(experiment, "small")


def resized(experiment: Experiment, preset: str) -> Experiment:
    """Return the experiment in the sizes of a preset, or raise ValueError if it has none of that name."""
    if preset not in experiment.presets:
        words = ", ".join(["paper", *experiment.presets])
        raise ValueError(f"preset: {experiment.name} has {words}, found {preset!r}")
    changes = dict(experiment.presets[preset])
    methods = {key: replace(run, **changes) for key, run in experiment.methods.items()}
    note = "\n".join(filter(None, (experiment.note, rescaling(experiment, changes))))
    return replace(experiment, methods=methods, preset=preset, blas_threads=1, note=note)


BATCHES = {
    "batch_size": "Step sizes are those",
    "samples": "τ_θ is that",
}  # the second where the batch is full


def rescaling(experiment: Experiment, changes: dict[str, Any]) -> str:
    """Return the sentence that a preset with another batch size does not follow the batch rule, or nothing.

    δ is a mean over the batch and AᵀA a sum, so that the same τ and τ_θ are another step (E6).
    """
    said = []
    for name, subject in BATCHES.items():
        now = changes.get(name)
        before: list[Any] = sorted({getattr(run, name, now) for run in experiment.methods.values()} - {now})
        if now is not None and before:
            sizes = " and ".join(map(str, before))
            said.append(f"{subject} for batches of {sizes}, not rescaled to batches of {now}.")
    return " ".join(said)


PRESETS: dict[str, Callable[[Experiment], Experiment]] = {
    "paper": lambda experiment: experiment,
    "small": small,
    "quick": quick,
}
