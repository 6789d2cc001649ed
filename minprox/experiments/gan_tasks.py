"""What generators learn here: nets, data, and what samples are measured by, each task by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.datasets import Gaussians, digits, mnist
from minprox.engine.graph import Graph
from minprox.engine.layers import (
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Input,
    Layer,
    LeakyReLU,
    Linear,
    Reshape,
    Sigmoid,
    Upsample2d,
)
from minprox.engine.sequential import Sequential
from minprox.ground.backend import to_numpy
from minprox.methods.wasserstein_gan.digit_features import classes, digit_distance
from minprox.methods.wasserstein_gan.measures import modes, sliced_w2

SLOPE = 0.2  # of the LeakyReLU
REFERENCE = 10**6  # seed of the points that samples are compared with


@dataclass(frozen=True)
class GANTask:
    """A task: how its two nets are built, its data, and its measures.

    Parameters
    ----------
    generator, critic : callable
        Called with the name of an initialisation, as of :class:`minprox.Transfer`, return their layers.
    data : callable
        Called with ``folder=…`` where data are fetched; returns an array of samples, or ``draw(n, rng)``.
    measures : callable
        ``measures(data, samples)`` returns numbers by name.
    """

    generator: Callable[[str], list[Any]]
    critic: Callable[[str], list[Any]]
    data: Callable[..., Any]
    measures: Callable[[Any, np.ndarray], dict[str, float]]

    def nets(self, seed: int, dtype: str, init: str = "uniform") -> tuple[Graph, Graph]:
        """Return generator and critic, with parameters drawn from a seed."""
        return (
            Sequential(*self.generator(init), seed=2 * seed, dtype=dtype),
            Sequential(*self.critic(init), seed=2 * seed + 1, dtype=dtype),
        )


def dense(*widths: int, init: str) -> list[Layer]:
    """Return dense layers with a LeakyReLU between every two."""
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [Linear(n_in, n_out, init=init), LeakyReLU(SLOPE)]
    return layers[:-1]


def of_gaussians(draw: Any, samples: np.ndarray) -> dict[str, float]:
    """Return modes covered, fraction on a mode (three standard deviations) and sliced distance."""
    if not np.isfinite(samples).all():
        return dict.fromkeys(("modes", "on_mode", "sliced_w2"), np.nan)
    clouds, real = draw.__self__, draw(len(samples), np.random.default_rng(REFERENCE))
    found = modes(samples, clouds.centres, 3 * clouds.spread)
    return found | {"sliced_w2": sliced_w2(samples.astype("float64"), real)}


def of_digits(data: Any, samples: np.ndarray) -> dict[str, float]:
    """Return the Fréchet distance, and how many digits come with a tenth of their due."""
    if not np.isfinite(samples).all():
        return {"frechet": np.nan, "classes": np.nan}
    counts = np.bincount(classes(samples), minlength=10)
    return {"frechet": digit_distance(samples), "classes": float((counts >= len(samples) / 100).sum())}


def of_images(data: Any, samples: np.ndarray) -> dict[str, float]:
    """Return the sliced distance to the first images of the data."""
    if not np.isfinite(samples).all():
        return {"sliced_w2": np.nan}
    real = to_numpy(data[: len(samples)])
    return {"sliced_w2": sliced_w2(samples.astype("float64"), real.astype("float64"))}


def small_images(init: str) -> list[Any]:
    """Return the layers of a generator of 8×8 pixels: two transposed convolutions."""
    return [
        *(Input((16,)), Linear(16, 128, init=init), Reshape(32, 2, 2), LeakyReLU(SLOPE)),
        *(ConvTranspose2d(32, 16, 4, stride=2, padding=1, init=init), LeakyReLU(SLOPE)),
        *(ConvTranspose2d(16, 1, 4, stride=2, padding=1, init=init), Sigmoid()),
    ]


def larger_images(init: str) -> list[Any]:
    """Return the layers of a generator of 28×28 pixels: a transposed convolution, and upsampling."""
    return [
        *(Input((32,)), Linear(32, 32 * 49, init=init), Reshape(32, 7, 7), LeakyReLU(SLOPE)),
        *(ConvTranspose2d(32, 16, 4, stride=2, padding=1, init=init), LeakyReLU(SLOPE)),
        *(Upsample2d(2), Conv2d(16, 1, 3, padding=1, init=init), Sigmoid()),
    ]


def judge(*widths: int) -> Callable[[str], list[Any]]:
    """Return a function that returns the layers of a dense critic of images."""
    return lambda init: [Flatten(), *dense(*widths, 1, init=init)]


def digit_images() -> Any:
    """Return the training part of the digits as images."""
    return digits(flatten=False).train.x


def mnist_images(folder: Any = None) -> Any:
    """Return the training part of MNIST."""
    return mnist(folder).train.x


RING, GRID = Gaussians.ring(), Gaussians.grid()


def plane(clouds: Gaussians) -> GANTask:
    """Return the task of a mixture in the plane."""
    return GANTask(
        generator=lambda init: [Input((8,)), *dense(8, 64, 64, 2, init=init)],
        critic=lambda init: dense(2, 64, 64, 1, init=init),
        data=lambda: clouds.draw,
        measures=of_gaussians,
    )


#: Every task by its name; one of your own is one more entry.
GAN_TASKS: dict[str, GANTask] = {
    "ring": plane(RING),
    "grid": plane(GRID),
    "digits": GANTask(small_images, judge(64, 128, 64), digit_images, of_digits),
    "mnist": GANTask(larger_images, judge(784, 128, 64), mnist_images, of_images),
}
