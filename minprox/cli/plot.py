"""``minprox plot``: a figure of runs."""

from __future__ import annotations

from pathlib import Path

import click

from minprox import figures
from minprox.files import check_folder


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
@click.option("--title", default="", help="Above the panels.")
def plot(runs: tuple[Path, ...], output: Path, title: str) -> None:
    """Draw the convergence of runs: training loss over epochs and time, validation accuracy.

    Each RUN is a folder that `minprox train` or `minprox demo` filled; it may still be growing.

    \b
    Example:
      minprox plot runs/explicit runs/cg3 -o comparison.svg
    """
    figures.check_ending(output)  # before the work, not after it
    check_folder(output)
    figures.save(figures.convergence(runs, title), output)
    click.echo(f"Figure: {output}")
