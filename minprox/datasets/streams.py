"""An endless stream of two normal classes, of which one may be rare, with all that theory wants to know."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minprox.datasets.base import generator
from minprox.ground.arguments import number, whole
from minprox.ground.seeds import seed

Float = NDArray[np.float64]
CHUNK = 1000  # examples that are drawn together; any of these pieces can be drawn by itself


@dataclass(frozen=True)
class TwoNormals:
    """Two normal classes with one covariance; features of different scales, with norms of about 1.

    Parameters
    ----------
    share : float
        p of the positive class, between 0 and 1.
    distance : float
        Of the class means, in standard deviations.
    condition : float
        Ratio of the largest to the smallest standard deviation of a feature.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import minprox as mp
    >>> stream = mp.datasets.TwoNormals(features=3, share=0.1)
    >>> x, y = next(stream.examples())
    >>> x.shape, sorted(set(y.tolist()))
    ((1000, 3), [-1, 1])
    >>> round(stream.best_auc, 4)
    0.9214
    """

    features: int = 50
    share: float = 0.05
    distance: float = 2.0
    condition: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole("features", self.features)
        number("share", self.share, above=0, below=1)
        number("distance", self.distance, least=0)
        number("condition", self.condition, least=1)
        seed("seed", self.seed)

    @property
    def scale(self) -> Float:
        """Standard deviations of the features, whose squares sum up to 1."""
        scale = np.logspace(0, -math.log10(self.condition), self.features)
        return scale / np.linalg.norm(scale)

    @property
    def shift(self) -> Float:
        """Mean of the positive class; that of the negative class is 0."""
        direction = generator(self.seed).standard_normal(self.features)
        return self.scale * direction * self.distance / np.linalg.norm(direction)

    @property
    def second_moment(self) -> Float:
        """``E[(x − x')(x − x')ᵀ]`` of examples of the two classes."""
        return 2 * np.diag(self.scale**2) + np.outer(self.shift, self.shift)

    @property
    def best_auc(self) -> float:
        """The AUC of the best score, ``Φ(distance/√2)``."""
        return (1 + math.erf(self.distance / 2)) / 2

    def examples(self, start: int = 0, part: int = 0) -> Iterator[tuple[Float, NDArray[Any]]]:
        """Draw examples without end, a thousand at a time.

        Parameters
        ----------
        start : int
            How many to leave out.
        part : int
            Another one is another sample of the same distribution, to test on.

        Yields
        ------
        x : ndarray, shape (n, features)
        y : ndarray, shape (n,)
            Labels -1 and 1.
        """
        piece, skipped = divmod(whole("start", start, least=0), CHUNK)
        scale, shift = self.scale, self.shift
        while True:
            rng = np.random.default_rng([self.seed, part, piece])
            y = np.where(rng.uniform(size=CHUNK) < self.share, 1, -1)
            x = scale * rng.standard_normal((CHUNK, self.features)) + (y == 1)[:, None] * shift
            yield x[skipped:], y[skipped:]
            piece, skipped = piece + 1, 0
