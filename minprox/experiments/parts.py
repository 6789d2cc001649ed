"""What a run is made of, by name: data sets and solvers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from minprox import datasets
from minprox.datasets import Dataset, Split
from minprox.engine.plan import Solver
from minprox.engine.solvers import CG, BlockCG, Exact, Explicit

# Fetched at the first use; their loaders take the folder of the data too.
FETCHED: dict[str, Callable[..., Dataset]] = {
    "cifar10": datasets.cifar10,
    "mnist": datasets.mnist,
    "fashion-mnist": datasets.fashion_mnist,
}
# name: (loader of vectors, loader of images or None); each is called with dtype=…
DATA: dict[str, tuple[Callable[..., Dataset], Callable[..., Dataset] | None]] = {
    "digits": (datasets.digits, partial(datasets.digits, flatten=False)),
    "spirals": (datasets.two_spirals, None),
    "blobs": (datasets.blobs, None),
    "digit-sums": (datasets.digit_sums, None),
    "number-names": (datasets.number_names, None),
    **{name: (partial(loader, flatten=True), loader) for name, loader in FETCHED.items()},
}


def load_data(
    name: str,
    images: bool,
    dtype: str,
    samples: int | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Return a data set by its name, as vectors or as images, with the first training samples or all."""
    as_vectors, as_images = DATA[name]
    loader = as_images if images and as_images else as_vectors
    if folder is not None:
        if name not in FETCHED:
            raise ValueError(f"data folder: only {', '.join(FETCHED)} lie in one, found {name!r}")
        loader = partial(loader, folder=folder)
    return shortened(loader(dtype=dtype), samples)


def shortened(data: Dataset, samples: int | None) -> Dataset:
    """Return the data with the first so many training samples only, or as they are."""
    if samples is None:
        return data
    if samples > len(data.train):
        raise ValueError(f"train_samples: {data.name} has {len(data.train)} to train on, found {samples}")
    return replace(data, train=Split(data.train.x[:samples], data.train.y[:samples]))


def parse_solver(name: str) -> Solver:
    """Return the solver that a text like ``"exact"``, ``"cg3"`` or ``"blockcg5"`` names.

    Returns
    -------
    callable
        What :func:`minprox.proxprop` takes as ``solver``.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> parse_solver("cg3"), parse_solver("exact")
    (CG(3), Exact())
    """
    if name in ("exact", "explicit"):
        return Exact() if name == "exact" else Explicit()
    match = re.fullmatch(r"(cg|blockcg)([1-9][0-9]*)", name)
    if not match:
        raise ValueError(
            "solver: expected exact, explicit, or cg or blockcg with a number of iterations "
            f"like cg3, found {name!r}"
        )
    return (CG if match[1] == "cg" else BlockCG)(int(match[2]))
