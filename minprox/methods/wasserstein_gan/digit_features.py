"""Features of digits, by a small classifier that is trained here: what a Fréchet distance compares."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from minprox.datasets import digits
from minprox.engine.graph import Graph
from minprox.engine.layers import Linear, Tanh
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import forward
from minprox.engine.sequential import Sequential
from minprox.ground.backend import use
from minprox.learning.optimizers import Adam
from minprox.learning.training_runs import train
from minprox.methods.wasserstein_gan.doors import door
from minprox.methods.wasserstein_gan.measures import frechet

EPOCHS, FEATURES = 30, 24


@door
def digit_distance(samples: Any) -> float:
    """Return the Fréchet distance of images to the digits, in the features of a classifier (W10).

    Parameters
    ----------
    samples : array, shape (n, 1, 8, 8) or (n, 64)
        On the host, with pixels in [0, 1] as ``mp.datasets.digits`` has them.

    Returns
    -------
    float
        For the 24 features in front of the last layer of a net 64-64-24-10 with tanh, which is trained on the
        1,297 digits, once in a process, with a fixed seed. A few hundred samples or more: 500 digits that
        nobody has trained on are some 0.5 away.

    Raises
    ------
    ValueError
        If a sample has not 64 pixels.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> data, noise = mp.datasets.digits(), np.random.default_rng(0).uniform(size=(300, 64))
    >>> digit_distance(data.test.x) < digit_distance(noise) / 5
    True
    """
    if samples.ndim < 2 or samples[:1].size != 64:
        raise ValueError(f"samples: expected the shape (n, 64) or (n, 1, 8, 8), found {samples.shape}")
    return frechet(features(samples), reference())


def features(images: Any) -> np.ndarray:
    """Return what stands in front of the classifier's last layer."""
    with use("numpy"):
        return forward(classifier(), np.asarray(images, "float32").reshape(len(images), 64)).a[-1]


def classes(images: Any) -> np.ndarray:
    """Return which digit the classifier takes each image for."""
    with use("numpy"):
        output = forward(classifier(), np.asarray(images, "float32").reshape(len(images), 64)).output
    return output.argmax(axis=1)


@lru_cache(1)
def reference() -> np.ndarray:
    """Return the features of the training part."""
    with use("numpy"):
        return features(digits().train.x)


@lru_cache(1)
def classifier() -> Graph:
    """Train the classifier, the same in every process."""
    with use("numpy"):
        layers = Linear(64, 64), Tanh(), Linear(64, FEATURES), Tanh(), Linear(FEATURES, 10)
        net = Sequential(*layers, seed=0)
        train(net, digits(), CrossEntropy(), Adam(net, lr=2e-3), epochs=EPOCHS, batch_size=50, progress=False)
    return net
