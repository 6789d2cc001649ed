"""``minprox train``: one run into its folder."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from minprox.cli.options import Named, Naming, Place, backend_options, echo, plugin_option
from minprox.experiments import ACTIVATIONS, DATA, LOSSES, NETS, Run, execute
from minprox.experiments.outcome import ending
from minprox.experiments.runs import DTYPES, OPTIMIZERS
from minprox.ground.blas import blas_threads, limit_blas_threads
from minprox.ground.communicators import ALONE
from minprox.ground.mpi import crew
from minprox.methods import METHODS


def assignments(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, Any]:
    """Read texts like lam=0.1: numbers, true and false as such, all else as a text."""
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise click.BadParameter(f"expected NAME=VALUE, found {text!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


@click.command()
@click.option("--data", type=Named(DATA), default="digits", show_default=True, help="Data set.")
@click.option(
    "--data-folder",
    type=Place(file_okay=False),
    help="Where cifar10, mnist or fashion-mnist lies or shall be put.  [default: MINPROX_DATA, or the "
    "cache folder of this system]",
)
@click.option(
    "--architecture",
    default="mlp",
    show_default=True,
    metavar="NET",
    help=f"Widths of the layers like 64-200-10, or one of: {', '.join(NETS)} "
    "(mlp has the hidden layers 400-100-400, a tenth of paper-mlp's).",
)
@click.option("--activation", type=Named(ACTIVATIONS), help="σ, of nets that read one.  [default: relu]")
@click.option("--loss", type=Named(LOSSES), default="cross-entropy", show_default=True, help="L.")
@click.option(
    "--method",
    type=Named(METHODS),
    default="proxprop",
    show_default=True,
    metavar="METHOD",
    cls=Naming,
    help="Explicit steps by the gradient, implicit steps, or what a plugin adds",
)
@click.option(
    "--set",
    "options",
    multiple=True,
    callback=assignments,
    metavar="NAME=VALUE",
    help="What else the method reads; may be given more than once.",
)
@click.option(
    "--solver",
    metavar="SOLVER",
    help="How ProxProp solves for a step: exact, cg3, blockcg3 (any number of iterations; blockcg "
    "lets every column of θ iterate by itself), or explicit.  [default: exact]",
)
@click.option(
    "--tau",
    type=float,
    help="Step size τ > 0.  [default: 1 for proxprop, 0.05 for backprop, 0.001 with adam]",
)
@click.option(
    "--tau-theta",
    type=float,
    help="Proximal step size τ_θ > 0 of ProxProp: the larger, the further an implicit step goes.  "
    "[default: 0.05]",
)
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    default="nesterov",
    show_default=True,
    help="What makes a step of the direction, be it a gradient or an implicit one.",
)
@click.option("--momentum", type=float, help="Of nesterov and sgd.  [default: 0.95 for nesterov, 0 for sgd]")
@click.option(
    "--weight-decay",
    type=float,
    default=0.0,
    show_default=True,
    help="λ: adds λθ, of adamw beside the direction.",
)
@click.option("--epochs", type=int, default=20, show_default=True, help="Epochs in all.")
@click.option("--batch-size", type=int, default=50, show_default=True, help="Samples in a mini-batch.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of parameters and mini-batches.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Precision.")
@click.option("--label", default="", help="Name in figures.  [default: the method and its solver]")
@click.option(
    "--out",
    type=Place(file_okay=False),
    default=Path("runs/train"),
    show_default=True,
    help="Folder of this run.",
)
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
@backend_options
@plugin_option
def train(
    out: Path, resume: bool, data_folder: Path | None, backend: str, tf32: bool, **settings: Any
) -> None:
    """Train one net on one data set, and keep its records in a folder.

    The folder gets config.json, environment.json, history.json, history.csv and, after every
    epoch, checkpoint.npz. A run that was interrupted goes on with --resume and ends with the same
    bits as one that was not (on the other backend: with the same results up to rounding); with a larger
    --epochs, a finished run goes on for longer. A run whose loss becomes NaN or infinite is recorded as
    diverged, which is a result and no error.

    Under mpirun, several processes share every mini-batch, and take the steps that one would take; a run
    may go on with another number of them.

    \b
    Examples:
      minprox train --method backprop --tau 0.05 --out runs/explicit
      minprox train --solver cg3 --tau-theta 0.05 --out runs/cg3
      minprox train --architecture convnet --optimizer adam --tau-theta 1 --out runs/conv
      minprox plot runs/explicit runs/cg3 -o comparison.png
      mpirun -n 4 minprox train --batch-size 500 --out runs/shared
    """
    others = crew()
    comm = others.comm if others else ALONE
    if not resume and comm.first((out / "config.json").exists):
        raise ValueError(f"{out} holds a run already: add --resume to go on with it, or choose another --out")
    if resume and not comm.first((out / "config.json").exists):
        raise ValueError(f"{out} holds no run to go on with: leave --resume out, or correct --out")
    run = Run(**settings)
    place: dict[str, Any] = {"data_folder": data_folder, "backend": backend, "tf32": tf32}
    if others:
        others.take_device(backend)
    with limit_blas_threads(min(blas_threads() or 1, others.threads)) if others else nullcontext():
        history = execute(run, out, resume=resume, new=not resume, comm=comm, **place)
    echo(f"{run.label}: {ending(run, history)}")
    echo(f"Records in {out}")
