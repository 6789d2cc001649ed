"""``minprox exercise``: give out an exercise."""

from __future__ import annotations

from pathlib import Path

import click

from minprox import exercises
from minprox.cli.options import Place, echo


@click.command()
@click.argument("number", required=False)
@click.option(
    "--folder",
    type=Place(file_okay=False),
    default=Path(),
    help="Where to write it, the current folder if not given.",
)
def exercise(number: str | None, folder: Path) -> None:
    """Write the file of an exercise, to be filled in; without a NUMBER, list them all.

    The number is that of the tutorial. A file that is there already stays as it is. Fill in the functions
    and ask `minprox check FILE` as often as you like.

    \b
    Example:
      minprox exercise 05
    """
    if number is None:
        for known in exercises.NUMBERS:
            echo(f"{known}  {exercises.exercise(known).title}")
        return
    path = exercises.give(number, folder)
    echo(f"{path}: fill it in, and ask minprox check {path}")
