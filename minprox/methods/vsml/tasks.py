"""Synthetic tasks to meta-train on: Gaussian classes behind a fresh linear mix."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.memory import check_room
from minprox.methods.vsml.doors import door

Array = Any


@door
def gaussian_tasks(
    rng: np.random.Generator, N: int, T: int, inputs: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw tasks: in each, classes are normals of unit variance about means that are normal, too.

    What is seen of ``μ_y + ε`` is a random linear mix, so that no input has a meaning that could be learned
    across tasks; its entries have unit variance, over all tasks.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of everything that is drawn.
    N, T : int
        Tasks, and examples of each.
    inputs, classes : int
        Of each task.

    Returns
    -------
    x : numpy.ndarray, shape (N, T, inputs)
    y : numpy.ndarray, shape (N, T)

    Examples
    --------
    >>> x, y = gaussian_tasks(np.random.default_rng(0), 400, 5, 8, 3)
    >>> x.shape, y.shape, bool(0.9 < x.var() < 1.1)
    ((400, 5, 8), (400, 5), True)
    """
    check_room("x", (N, max(T, classes, inputs), inputs))
    y = rng.integers(0, classes, (N, T))
    means = rng.standard_normal((N, classes, inputs))
    mix = rng.standard_normal((N, inputs, inputs)) / (2 * inputs) ** 0.5
    seen = np.take_along_axis(means, y[..., None], axis=1) + rng.standard_normal((N, T, inputs))
    return seen @ mix, y
