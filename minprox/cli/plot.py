"""``minprox plot``: a figure of runs, or of an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from minprox import figures
from minprox.cli.options import Place, echo, experiment_in, plugin_option, told
from minprox.ground.files import check_folder


@click.command()
@click.argument("runs", nargs=-1, required=True, type=Place(), metavar="RUN...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=Place(dir_okay=False),
    metavar="FILE",
    help=f"The figure; the ending decides the format: {', '.join(figures.ENDINGS)}.",
)
@click.option("--title", default="", help="Above the figure.  [default: for an experiment, what was run]")
@plugin_option
def plot(runs: tuple[Path, ...], output: Path, title: str) -> None:
    """Draw the convergence of runs, or the figure of an experiment.

    Each RUN is a folder that `minprox train` filled, or one with such folders in it; it may still be
    growing. Drawn are the training loss over epochs and time, and the validation accuracy; runs that
    differ in the seed alone are one curve, their median, with a band from the lowest to the highest.

    For an experiment, give the folder that `minprox run` filled, or its name, like x1, and then the
    folder, runs/NAME if not given. Its table and the verdict on its claims are printed, too.

    \b
    Examples:
      minprox plot runs/explicit runs/cg3 -o comparison.svg
      minprox plot runs/x1-quick -o x1.png
    """
    figures.check_ending(output)  # before the work, not after it
    check_folder(output)
    if (found := experiment_in(runs)) is None:
        figure = figures.convergence(runs, title)
    else:
        echo(told(*found))
        figure = figures.experiment(*found, title)
    figures.save(figure, output)
    echo(f"Figure: {output}")
