"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from minprox import experiments
from minprox.ground.doors import path
from minprox.ground.plugins import load_plugin
from minprox.ground.text import escaped


def echo(text: str, nl: bool = True) -> None:
    """Print a text, in which labels, names of processors and the like may be of foreign origin."""
    click.echo(escaped(text), nl=nl)


class Place(click.Path):
    """A path as :class:`pathlib.Path`, with a name that a file can have and a terminal can show."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or tell what is wrong with it."""
        try:
            path("value", value)
        except ValueError as error:
            self.fail(str(error).removeprefix("value: "), param, ctx)
        return super().convert(value, param, ctx)


class Named(click.Choice):
    """A choice of the names that a table has at the moment, those that a plugin has added among them."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        super().__init__(list(table))

    @property
    def choices(self) -> tuple[str, ...]:
        """The names."""
        return tuple(self.table)

    @choices.setter
    def choices(self, names: Any) -> None:
        pass  # the table has them


class Naming(click.Option):
    """An option whose help ends with the names that its table has at the moment."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return flags and help."""
        words, kind = self.help, self.type
        assert isinstance(kind, click.Choice)
        self.help = f"{words}: {', '.join(kind.choices)}."
        try:
            return super().get_help_record(ctx)
        finally:
            self.help = words


def load(context: click.Context, option: click.Parameter, paths: tuple[Path, ...]) -> None:
    """Load the files of an option, before the other ones are looked at."""
    for place in paths:
        load_plugin(place)


plugin_option = click.option(
    "--plugin",
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=load,
    type=Place(dir_okay=False),
    metavar="FILE",
    help="A file of Python that adds methods, nets, data or experiments; may be given more than once.",
)


def told(experiment: experiments.Experiment, folder: Path) -> str:
    """Return what an experiment came to: its table with a note, and the verdict on its claims."""
    table, verdict = experiments.table(experiment, folder), experiments.verdict(experiment, folder)
    parts = table, experiment.note, verdict
    return "\n\n".join(part for part in parts if part)


def experiment_in(places: tuple[Path, ...]) -> tuple[experiments.Experiment, Path] | None:
    """Return the experiment that places name, and its folder; None if they are the folders of runs."""
    name, first = str(places[0]), places[0]
    if (first / "config.json").exists():
        return None
    if len(places) == 1 and (first / "experiment.json").exists():
        return experiments.recall(first), first
    if name not in experiments.EXPERIMENTS:
        if len(places) == 2 and (places[1] / "experiment.json").exists():
            return experiments.recall(places[1]), places[1]
        return None
    if len(places) > 2:
        raise ValueError(f"expected one folder with the runs of {name}, found {len(places) - 1}")
    folder = places[1] if len(places) == 2 else Path("runs", name)
    filled = experiments.recall(folder) if (folder / "experiment.json").exists() else None
    return filled if filled and filled.name == name else experiments.EXPERIMENTS[name], folder


def backend_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--backend`` and ``--tf32``: where to compute, which is no part of what is computed."""
    command = click.option(
        "--tf32",
        is_flag=True,
        help="Let a GPU round the factors of float32 products to TF32: faster, with 10 bits.",
    )(command)
    return click.option(
        "--backend",
        type=click.Choice(("numpy", "cupy")),
        default="numpy",
        show_default=True,
        help="Where to compute; cupy needs a CUDA GPU.",
    )(command)
