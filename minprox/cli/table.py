"""``minprox table``: what an experiment came to."""

from __future__ import annotations

from pathlib import Path

import click

from minprox.cli.options import Place, echo, experiment_in, plugin_option, told


@click.command()
@click.argument("places", nargs=-1, required=True, type=Place(), metavar="EXPERIMENT...")
@plugin_option
def table(places: tuple[Path, ...]) -> None:
    """Print the table of an experiment, and what its runs say of its claims.

    EXPERIMENT is the folder that `minprox run` filled, which may still be growing; or a name, like x1,
    and then the folder, runs/NAME if not given.

    \b
    Examples:
      minprox table runs/x1-quick
      minprox table x1 runs/x1-quick
    """
    found = experiment_in(places)
    if found is None:
        raise ValueError(f"{places[0]}: expected the name or the folder of an experiment, found none")
    echo(told(*found))
