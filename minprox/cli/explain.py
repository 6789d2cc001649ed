"""``minprox explain``: a formula of the paper, and the code that is the formula."""

from __future__ import annotations

import click

from minprox import formulas
from minprox.cli.options import echo


@click.command()
@click.argument("label", required=False)
def explain(label: str | None) -> None:
    """Show a formula of the paper by its label, and the code that implements it.

    Without a LABEL, list the labels.

    \b
    Examples:
      minprox explain
      minprox explain E6
    """
    if label is None:
        width = max(map(len, formulas.FORMULAS))
        for label, formula in formulas.FORMULAS.items():
            echo(f"{label:<{width}}  {formula.title}")
        return
    echo(str(formulas.explain(label)))
