"""``minprox check``: is an exercise solved?"""

from __future__ import annotations

from pathlib import Path

import click

from minprox import exercises
from minprox.cli.options import Place, echo


@click.command()
@click.argument("file", type=Place(), metavar="EXERCISE_FILE")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for the whole file.",
)
@click.pass_context
def check(context: click.Context, file: Path, timeout: float) -> None:
    """Check an exercise: which functions satisfy their identities, and what is wrong with the others.

    EXERCISE_FILE is one of the files in tutorials/exercises, filled in; it may have another name. It is
    executed, in a process of its own with a time limit. Every function is called on random problems, and
    its answers are put into identities that a right answer satisfies. Typical mistakes are told by name.

    The exit code is 0 if all functions pass, 1 if one fails or is not yet written, and 2 if the file
    is no exercise or its code raises an exception.

    \b
    Example:
      minprox check tutorials/exercises/ex05_proxprop.py
    """
    report = exercises.check(file, timeout)
    echo(report.printed, nl=bool(report.printed) and not report.printed.endswith("\n"))
    echo(str(report))
    if report.exit_code == 2:
        raise click.ClickException(report.exception)
    context.exit(report.exit_code)
