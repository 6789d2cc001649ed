"""``minprox plot``: a figure of runs, or of an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from minprox import experiments, figures
from minprox.cli.options import told
from minprox.ground.files import check_folder


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"The figure; the ending decides the format: {', '.join(figures.ENDINGS)}.",
)
@click.option("--title", default="", help="Above the figure.  [default: for an experiment, what was run]")
def plot(runs: tuple[Path, ...], output: Path, title: str) -> None:
    """Draw the convergence of runs, or the figure of an experiment.

    Each RUN is a folder that `minprox train` filled, or one with such folders in it; it may still be
    growing. Drawn are the training loss over epochs and time, and the validation accuracy; runs that
    differ in the seed alone are one curve, their median, with a band from the lowest to the highest.

    For an experiment of the paper, give its name (x1, x2 or x3) in the place of the first RUN, and
    then the folder that `minprox run` filled, runs/NAME if not given.

    \b
    Examples:
      minprox plot runs/explicit runs/cg3 -o comparison.svg
      minprox plot x1 runs/x1-quick -o x1.png
    """
    figures.check_ending(output)  # before the work, not after it
    check_folder(output)
    name = str(runs[0])
    if name in experiments.EXPERIMENTS and not (runs[0] / "config.json").exists():
        if len(runs) > 2:
            raise ValueError(f"expected one folder with the runs of {name}, found {len(runs) - 1}")
        chosen, folder = experiments.EXPERIMENTS[name], runs[1] if len(runs) == 2 else Path("runs", name)
        click.echo(told(chosen, folder))
        figure = figures.experiment(chosen, folder, title)
    else:
        figure = figures.convergence(runs, title)
    figures.save(figure, output)
    click.echo(f"Figure: {output}")
