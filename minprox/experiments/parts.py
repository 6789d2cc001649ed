"""What a run is made of, by name: data sets, losses and solvers; tables that one's own are added to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from minprox import datasets
from minprox.datasets import Dataset, Split
from minprox.engine.losses import BinaryCrossEntropy, CrossEntropy, Huber, SquaredError
from minprox.engine.plan import Solver
from minprox.engine.solvers import CG, BlockCG, Exact, Explicit
from minprox.ground.arguments import shown
from minprox.ground.backend import asarray, to_numpy
from minprox.ground.doors import text

# Fetched at the first use; their loaders take the folder of the data too.
FETCHED: dict[str, Callable[..., Dataset]] = {
    "cifar10": datasets.cifar10,
    "mnist": datasets.mnist,
    "fashion-mnist": datasets.fashion_mnist,
}


@dataclass(frozen=True)
class DataSource:
    """Where a data set comes from, as vectors and as images.

    Parameters
    ----------
    vectors : Dataset, or callable
        The data, or a loader that is called with ``dtype=…`` and returns them; images are made flat for
        nets that read vectors.
    images : callable, optional
        The same as images of shape (channels, height, width), if that is another loader.

    Examples
    --------
    >>> import minprox as mp
    >>> from minprox.experiments import DATA, DataSource, Run
    >>> DATA["easy"] = DataSource(mp.datasets.blobs(n=60))
    >>> Run(data="easy", architecture="2-8-3").data
    'easy'
    >>> del DATA["easy"]
    """

    vectors: Dataset | Callable[..., Dataset]
    images: Callable[..., Dataset] | None = None

    @property
    def shows_images(self) -> bool:
        """Whether there are images."""
        return self.images is not None or (
            isinstance(self.vectors, Dataset) and len(self.vectors.input_shape) == 3
        )

    def load(self, images: bool | None, dtype: str, **place: Any) -> Dataset:
        """Return the data.

        Parameters
        ----------
        images : bool or None
            Whether as images; None for as they are.
        dtype : {"float32", "float64"}
        **place
            ``folder`` for a loader that takes one.

        Returns
        -------
        Dataset
            Of this dtype, on the backend of the moment.
        """
        source = self.vectors if self.images is None or images is False else self.images
        data = cast(source, dtype) if isinstance(source, Dataset) else source(dtype=dtype, **place)
        return flat(data) if images is False else data


#: Every data set by its name; one of your own is one more entry, a :class:`DataSource`.
DATA: dict[str, DataSource] = {
    "digits": DataSource(datasets.digits, partial(datasets.digits, flatten=False)),
    "spirals": DataSource(datasets.two_spirals),
    "blobs": DataSource(datasets.blobs),
    "digit-sums": DataSource(datasets.digit_sums),
    "number-names": DataSource(datasets.number_names),
    **{name: DataSource(partial(loader, flatten=True), loader) for name, loader in FETCHED.items()},
}
#: Every loss by its name; one of your own is one more entry.
LOSSES: dict[str, Callable[[], Any]] = {
    "cross-entropy": CrossEntropy,
    "squared-error": SquaredError,
    "huber": Huber,
    "binary-cross-entropy": BinaryCrossEntropy,
}


def load_data(
    name: Any,
    images: bool | None,
    dtype: str,
    samples: int | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Return a data set by its name, or one's own, with the first training samples or all."""
    if folder is not None and name not in FETCHED:
        raise ValueError(f"data folder: only {', '.join(FETCHED)} lie in one, found {name!r}")
    place = {} if folder is None else {"folder": folder}
    return shortened(source_of(name).load(images, dtype, **place), samples)


def source_of(data: Any) -> DataSource:
    """Return the source that a name, or a data set, stands for."""
    return DATA[data] if isinstance(data, str) else DataSource(data)


def cast(data: Dataset, dtype: str) -> Dataset:
    """Return data on the backend of the moment, all but labels in this dtype."""

    def placed(split: Split) -> Split:
        x, y = (asarray(to_numpy(array)) for array in (split.x, split.y))
        targets = y if data.classes else y.astype(dtype).reshape(len(y), -1)  # one column for each output
        return Split(x.astype(dtype), targets)

    train, validation, test = map(placed, (data.train, data.validation, data.test))
    return replace(data, train=train, validation=validation, test=test)


def flat(data: Dataset) -> Dataset:
    """Return data with every example as a vector."""
    if len(data.input_shape) == 1:
        return data

    def placed(split: Split) -> Split:
        return Split(split.x.reshape(len(split), -1), split.y)

    train, validation, test = map(placed, (data.train, data.validation, data.test))
    return replace(data, train=train, validation=validation, test=test)


def shortened(data: Dataset, samples: int | None) -> Dataset:
    """Return the data with the first so many training samples only, or as they are."""
    if samples is None:
        return data
    if samples > len(data.train):
        raise ValueError(f"train_samples: {data.name} has {len(data.train)} to train on, found {samples}")
    return replace(data, train=Split(data.train.x[:samples], data.train.y[:samples]))


def named_solver(solver: Any) -> Any:
    """Return the name of a solver that has one, else the solver; raise TypeError if it is none."""
    if solver is None or isinstance(solver, str):
        return solver
    if not callable(solver):
        raise TypeError(f"solver: expected a name, or solver(A, delta, tau_theta) to call, found {solver!r}")
    name = re.sub(r"[()]", "", repr(solver)).lower()
    try:
        return name if repr(parse_solver(name)) == repr(solver) else solver
    except ValueError:
        return solver


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
    text("solver", name)
    if name in ("exact", "explicit"):
        return Exact() if name == "exact" else Explicit()
    match = re.fullmatch(r"(cg|blockcg)([1-9][0-9]*)", name)
    if not match:
        raise ValueError(
            "solver: expected exact, explicit, or cg or blockcg with a number of iterations "
            f"like cg3, found {shown(name)}"
        )
    return (CG if match[1] == "cg" else BlockCG)(int(match[2]))
