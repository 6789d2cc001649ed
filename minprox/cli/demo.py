"""``minprox demo``: the comparison to start with."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from minprox import datasets, figures
from minprox.cli.options import Place, backend_options, echo
from minprox.experiments import demo as experiment
from minprox.ground.reading import check_regular


@click.command()
@click.option(
    "--out",
    type=Place(file_okay=False),
    default=Path("runs/demo"),
    show_default=True,
    help="Folder for the figure and the runs.",
)
@click.option(
    "--epochs", type=int, default=experiment.BASE.epochs, show_default=True, help="Epochs of each run."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of parameters and mini-batches.")
@click.option("--fresh", is_flag=True, help="Run again what the folder holds already.")
@backend_options
def demo(out: Path, epochs: int, seed: int, fresh: bool, backend: str, tf32: bool) -> None:
    """Compare BackProp with ProxProp on 1,797 handwritten digits.

    An MLP with the shape of the paper's is trained with Nesterov momentum by explicit steps
    (BackProp) and by implicit steps (ProxProp), solved exactly and by 3, 5 and 10 iterations of
    conjugate gradients. All start at the same parameters and see the same mini-batches. BackProp's
    τ and ProxProp's τ_θ are chosen from the same five values by the same rule, the lowest training
    loss after the last epoch; every run made for that is kept.

    Runs that the folder holds already are not run again, and one that was interrupted goes on.

    \b
    Examples:
      minprox demo
      minprox demo --seed 1 --out runs/demo-seed-1
    """
    start, paths = time.perf_counter(), [out / f"convergence{ending}" for ending in (".png", ".svg")]
    for path in filter(os.path.lexists, paths):
        check_regular(path, os.lstat(path))
        if not (out / experiment.name_of(experiment.backprop_candidates()[0])).exists():
            raise ValueError(f"{path}: expected the figure of a demo to draw anew, found another file")
    result = experiment.demo(out, epochs, seed, resume=not fresh, backend=backend, tf32=tf32, say=echo)
    figure = figures.convergence(result.histories(), experiment.title(result), experiment.caption(result))
    for path in paths:
        figures.save(figure, path)
    data = datasets.digits()
    echo(f"\n{experiment.table(result)}\n")
    echo(experiment.verdict(result, len(data.validation), len(data.test)))
    echo(f"\nFigure: {paths[0]} and {paths[1].name}")
    echo(f"Runs:   {out}/*/ (configuration, environment, history as JSON and CSV, checkpoint)")
    echo(f"Done in {time.perf_counter() - start:.0f} s.")
