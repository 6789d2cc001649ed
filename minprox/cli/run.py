"""``minprox run``: the experiments of the paper."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from minprox import experiments
from minprox.cli.options import Named, Place, backend_options, echo, plugin_option, told
from minprox.experiments.presets import PRESETS
from minprox.ground.environment import cores


def listed(kind: Callable[[str], Any], what: str) -> Callable[..., list[Any] | None]:
    """Return a callback that reads a list with commas."""

    def read(context: click.Context, option: click.Parameter, text: str | None) -> list[Any] | None:
        if text is None:
            return None
        try:
            return [kind(part.strip()) for part in text.split(",") if part.strip()]
        except ValueError:
            raise click.BadParameter(f"expected {what}, found {text!r}") from None

    return read


@click.command()
@click.argument("name", type=Named(experiments.EXPERIMENTS), metavar="EXPERIMENT")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="paper",
    show_default=True,
    help="The paper's own settings; small: 10,000 images of CIFAR-10; quick: the digits, below a minute, "
    "with step sizes that are not rescaled to smaller batches.",
)
@click.option(
    "--methods", callback=listed(str, "names"), metavar="LIST", help="Like backprop,cg3.  [default: all]"
)
@click.option("--epochs", type=int, help="Of each run.  [default: those of the preset]")
@click.option(
    "--seeds",
    callback=listed(int, "whole numbers like 0,1,2"),
    metavar="LIST",
    help="Of parameters and mini-batches.  [default: those of the experiment]",
)
@click.option(
    "--tau-theta",
    callback=listed(float, "numbers like 0.05,0.5"),
    metavar="LIST",
    help="Step sizes of x2: τ_θ of ProxProp, τ of BackProp.  [default: the paper's nine]",
)
@click.option(
    "--data-folder",
    type=Place(file_okay=False),
    help="Where CIFAR-10 lies or shall be put.  [default: MINPROX_DATA, or the cache folder of this system]",
)
@click.option(
    "--data-name",
    help="What figures call the data, where they are no exact copy of the official ones.",
)
@click.option(
    "--out",
    type=Place(file_okay=False),
    help="Folder of the experiment.  [default: runs/x1, or runs/x1-quick]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs at the same time, each in a process of its own, that share the cores.",
)
@click.option("--fresh", is_flag=True, help="Run again what the folder holds already.")
@backend_options
@plugin_option
def run(
    name: str,
    preset: str,
    methods: list[str] | None,
    epochs: int | None,
    seeds: list[int] | None,
    tau_theta: list[float] | None,
    data_folder: Path | None,
    data_name: str | None,
    out: Path | None,
    jobs: int,
    fresh: bool,
    backend: str,
    tf32: bool,
) -> None:
    """Run an experiment of the paper, each run into a folder of its own.

    \b
    x1  exact and inexact solves: BackProp, cg3, cg5, cg10 and exact ProxProp on an MLP
    x2  stability for larger steps: the same net at nine step sizes, also with cg1
    x3  first-order oracle: Adam on gradients and on implicit steps, on a ConvNet;
        x3-steps: the same over τ_θ, to tell why the exact step trails
    sharpness  what limits explicit and implicit steps, measured along their runs
    double-backprop  a penalty on the gradient by the input, against attacks
    auc  SPAUC and others rank examples of two classes; -halves, -odd, -cancer, -stream: other data;
         auc-rate, auc-steps: its convergence, and explicit against implicit steps
    gan  a generator with a proximal term on its samples, on a ring; -fast, -he: other settings,
         -losses: other critics, -grid, -digits, -mnist: other data
    interlocking  modules that learn from a loss a few modules on; -resnet, -transformer: other nets
    vsml  a meta-trained cell meets real digits; -training: how it was trained; -proxprop: that by
          implicit steps; -clone: a learned rule

    You may stop at any time: the same command goes on where it stopped, and what is finished is not
    run again. A run whose loss becomes NaN or infinite is a result: "diverged". At the end stand a table,
    and what the runs say of the paper's claims: that one holds or not, or that it cannot be told.

    \b
    Examples:
      minprox run x1 --preset quick
      minprox run x2 --preset quick --jobs 2 --methods backprop,cg1,exact --epochs 5
      minprox plot x2 runs/x2-quick -o x2.png
    """
    chosen = PRESETS[preset](experiments.EXPERIMENTS[name]).select(methods, epochs, seeds, tau_theta)
    out = out or Path("runs", name if preset == "paper" else f"{name}-{preset}")
    jobs = min(jobs, len(chosen.runs))
    threads = chosen.blas_threads or max(1, cores() // jobs)
    echo(f"{chosen.title}; preset {preset}, {len(chosen.runs)} runs into {out}")
    try:
        with experiments.Processes(jobs) if jobs > 1 else nullcontext() as pool:
            experiments.run(
                chosen,
                out,
                pool,
                resume=not fresh,
                threads=threads,
                data_folder=data_folder,
                data_name=data_name,
                backend=backend,
                tf32=tf32,
                say=echo,
            )
    except BrokenExecutor:
        raise click.ClickException(
            "a process was killed, perhaps for want of memory; the same command goes on, --jobs 1 needs least"
        ) from None
    echo(f"\n{told(chosen, out)}\n")
    echo(f"Figure: minprox plot {name} {out} -o {name}.png")
