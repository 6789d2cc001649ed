"""The demo: BackProp and ProxProp on the digits, each tuned by the same rule on the same grid."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minprox.experiments.folder import execute
from minprox.experiments.outcome import ending
from minprox.experiments.runs import Run
from minprox.ground.blas import limit_blas_threads
from minprox.ground.files import locked
from minprox.ground.text import aligned
from minprox.learning.history import History

GRID = 0.01, 0.03, 0.1, 0.3, 1.0  # for τ of BackProp and, as in the paper's second experiment, τ_θ
BASE = Run(data="digits", architecture="mlp", optimizer="nesterov", epochs=50, batch_size=200)


def backprop_candidates(base: Run = BASE) -> list[Run]:
    """Return BackProp at every step size τ of the grid."""
    return [replace(base, label=f"BackProp, τ = {tau:g}", method="backprop", tau=tau) for tau in GRID]


def proxprop_candidates(base: Run = BASE) -> list[Run]:
    """Return exact ProxProp with τ = 1, as in the paper, at every τ_θ of the grid."""
    shared = replace(base, tau=1.0, method="proxprop", solver="exact", tau_theta=1.0)
    return [replace(shared, label=f"ProxProp exact, τ_θ = {t:g}", tau_theta=t) for t in GRID]


def inexact(exact: Run) -> list[Run]:
    """Return the same ProxProp with 3, 5 and 10 iterations of CG in the place of the exact solve."""
    return [replace(exact, label=f"ProxProp cg{n}", solver=f"cg{n}") for n in (3, 5, 10)]


@dataclass(frozen=True)
class Demo:
    """The outcome of the demo.

    Attributes
    ----------
    tuning : dict of str to History
        The candidates by their labels.
    compared : list of (Run, History)
        BackProp and exact ProxProp at their best, and the inexact ProxProps.
    """

    tuning: dict[str, History]
    compared: list[tuple[Run, History]]

    def histories(self) -> dict[str, History]:
        """Return what the figure shows: the compared histories by their labels."""
        return {run.label: history for run, history in self.compared}


def demo(
    out: str | os.PathLike[str],
    epochs: int = BASE.epochs,
    seed: int = 0,
    resume: bool = True,
    progress: bool | None = None,
    backend: str | None = None,
    tf32: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Demo:
    """Run the demo, each run into its own folder below ``out``.

    All runs start at the same parameters and see the same mini-batches, and all use one BLAS
    thread, which for products of this size is about as fast as two and does not mind other programs.

    Parameters
    ----------
    out : str or path-like
    epochs, seed : int
    resume : bool
        Whether runs that the folder holds already are kept, and one that was interrupted goes on.
    progress : bool, optional
        See :func:`minprox.train`.
    backend, tf32
        See :func:`minprox.experiments.execute`.
    say : callable
        Gets a line of text as soon as a run is done.

    Returns
    -------
    Demo

    Raises
    ------
    ValueError
        If the folder holds a demo with other settings.

    Notes
    -----
    What is best for one seed need not suit another. Measured over the seeds 0 to 4: exact ProxProp with
    τ_θ = 1 ended at a training loss below 2e-6 three times and above 1 twice, and with τ_θ = 0.1 always
    near 5e-5; BackProp with τ = 0.1 ended between 6e-5 and 7e-4.
    """
    out, base = Path(out), replace(BASE, epochs=epochs, seed=seed)
    with locked(out, make=True):
        return tuned_and_compared(
            out, base, say, resume=resume, progress=progress, backend=backend, tf32=tf32
        )


def tuned_and_compared(out: Path, base: Run, say: Callable[[str], None], **options: Any) -> Demo:
    """Run the demo in a folder that no other process works in; see :func:`demo`."""
    tuning: dict[str, History] = {}

    def go(run: Run, name: str) -> History:
        with limit_blas_threads(1):
            history = execute(run, out / name, **options)
        say(f"  {run.label:<28}{ending(run, history, ['train_loss'])}")
        return history

    def tune(candidates: list[Run], label: str) -> tuple[Run, History]:
        found = [go(run, name_of(run)) for run in candidates]
        tuning.update({run.label: history for run, history in zip(candidates, found, strict=True)})
        best = min(range(len(found)), key=lambda i: final_loss(found[i]))
        say(f"  → {candidates[best].label}{edge(best, len(found))}")
        return replace(candidates[best], label=label), found[best]

    values = ", ".join(f"{value:g}" for value in GRID)
    say(f"Tuning BackProp: τ from {values}; the lowest final training loss wins")
    backprop = tune(backprop_candidates(base), "BackProp")
    say(f"Tuning ProxProp (exact, τ = 1): τ_θ from {values}; the same rule")
    exact = tune(proxprop_candidates(base), "ProxProp exact")
    say(f"ProxProp with truncated CG, at τ_θ = {exact[0].tau_theta:g}, the choice for the exact solve")
    rest = [(run, go(run, name_of(run))) for run in inexact(exact[0])]
    return Demo(tuning, [backprop, *rest, exact])


def name_of(run: Run) -> str:
    """Return the name of the folder of a run."""
    field = run.step.field
    parts = [run.method, run.solver, field.replace("_", "-"), f"{getattr(run, field):g}"]
    return "-".join(part for part in parts if part)


def final_loss(history: History) -> float:
    """Return the training loss at the end, infinite for a run that diverged."""
    return history.last("train_loss")


def edge(best: int, size: int) -> str:
    """Tell if the winner stands at an end of the grid, so that a wider grid might hold a better one."""
    if best not in (0, size - 1):
        return ""
    return f" (the {'largest' if best else 'smallest'} value of the grid: one beyond it might do better)"


def title(demo: Demo) -> str:
    """Return the title of the figure: what all runs share."""
    run = demo.compared[0][0]
    return (
        f"Digits, MLP 64-400-100-400-10, Nesterov momentum {run.momentum:g}, "
        f"batch size {run.batch_size}, seed {run.seed}"
    )


def caption(demo: Demo) -> str:
    """Return the caption of the figure: how the step sizes were chosen."""
    backprop, exact = demo.compared[0][0], demo.compared[-1][0]
    values = ", ".join(f"{value:g}" for value in GRID)
    return (
        f"BackProp: τ = {backprop.tau:g}, the best of {values}. ProxProp: τ = 1 and "
        f"τ_θ = {exact.tau_theta:g}, the best of the same values for the exact solve.\n"
        "Both by the training loss after the last epoch. "
        "Same initial parameters and mini-batches for all, one BLAS thread."
    )


def table(demo: Demo) -> str:
    """Return the compared runs as a table."""
    rows = [("method", "τ", "τ_θ", "training loss", "validation", "test", "seconds")]
    for run, h in demo.compared:
        loss = f"diverged ({h.diverged_at})" if h.diverged_at else f"{h.train_loss[-1]:.2e}"
        rows.append(
            (
                run.label,
                f"{run.tau:g}",
                "–" if run.tau_theta is None else f"{run.tau_theta:g}",
                loss,
                f"{100 * h.validation_accuracy[-1]:.1f} %",
                f"{100 * h.test_accuracy:.1f} %",
                f"{h.seconds[-1]:.1f}",
            )
        )
    return aligned(rows, range(1, len(rows[0])))


def verdict(demo: Demo, validation_size: int, test_size: int) -> str:
    """Return what the table says, whoever wins."""
    first, others = demo.compared[0], demo.compared[1:]
    measures: list[tuple[str, str, Callable[[History], float], Callable[[float], str]]] = [
        ("Training loss", "lowest", final_loss, lambda v: f"{v:.2e}"),
        ("Validation accuracy", "highest", lambda h: -h.validation_accuracy[-1], percent),
        ("Test accuracy", "highest", lambda h: -h.test_accuracy, percent),
        ("Training time", "shortest", lambda h: h.seconds[-1], lambda v: f"{v:.2f} s"),
    ]
    lines = []
    for name, kind, measure, show in measures:
        rival = min(others, key=lambda pair: measure(pair[1]))
        ranked = sorted([first, rival], key=lambda pair: measure(pair[1]))
        (best, value), (next_, other) = [(run.label, measure(h)) for run, h in ranked]
        if value == other:
            lines.append(f"{name}: {best} and {next_} share the {kind}, {show(value)}.")
        else:
            lines.append(f"{name}: {best} has the {kind}, {show(value)}; {next_} has {show(other)}.")
    errors = [
        100 * math.sqrt(p * (1 - p) / n)
        for p, n in (
            (first[1].validation_accuracy[-1], validation_size),
            (first[1].test_accuracy, test_size),
        )
    ]
    lines.append(
        f"One run each, and another --seed moves every number: one standard error of an accuracy is "
        f"{errors[0]:.1f} points on the {validation_size} validation digits and {errors[1]:.1f} on the "
        f"{test_size} test digits. τ and τ_θ were chosen for this seed, and can fail with another one."
    )
    return "\n".join(lines)


def percent(value: float) -> str:
    """Return a negated fraction in percent."""
    return f"{-100 * value:.1f} %"
