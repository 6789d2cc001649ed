"""``minprox data``: fetch a data set and check it."""

from __future__ import annotations

from pathlib import Path

import click

from minprox.cli.options import Place, echo
from minprox.datasets.cifar import locate_cifar10
from minprox.datasets.mnist_files import FASHION_MNIST, locate_mnist, unpacked
from minprox.experiments.parts import FETCHED

OFFICIAL = "official MD5, shapes and labels"


@click.command()
@click.argument("name", type=click.Choice(list(FETCHED)), metavar="NAME")
@click.option(
    "--data",
    "--data-folder",
    "folder",
    type=Place(file_okay=False),
    help="Where the data lie or shall be put.  [default: MINPROX_DATA, or the cache folder of this system]",
)
def data(name: str, folder: Path | None) -> None:
    """Fetch the data set NAME if it is not there, check it, and tell where it is.

    NAME is cifar10 (170 MB), mnist (12 MB) or fashion-mnist (31 MB). Nothing is downloaded twice, and
    without internet you may put the files into the folder yourself.

    \b
    Examples:
      minprox data cifar10
      minprox data mnist --data data
    """
    if name == "cifar10":
        place = locate_cifar10(folder)
        checked = "shapes and labels; the files were extracted before" if place.is_dir() else OFFICIAL
    else:
        place = locate_mnist(folder, FASHION_MNIST) if name == "fashion-mnist" else locate_mnist(folder)
        apart = any(unpacked(place / name) for name in FASHION_MNIST.md5)
        checked = "shapes and labels; files were unpacked before" if apart else OFFICIAL
    found = FETCHED[name](folder)
    shape = "×".join(map(str, found.input_shape))
    echo(f"{found.name}, complete: images of {shape} in {len(found.classes)} classes")
    echo(f"Where:      {place}")
    echo(f"Checked:    {checked}")
    for part in ("train", "validation", "test"):
        echo(f"{part.capitalize() + ':':<12}{len(getattr(found, part)):>6,} images")
    echo(f"By:         {found.source}")
