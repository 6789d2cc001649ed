"""Mixtures of narrow Gaussians, of which one sees at a glance what a generator has missed."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.arguments import number, whole
from minprox.ground.doors import door, matrix


class Gaussians:
    """Round normal clouds of one width, all as likely.

    Parameters
    ----------
    centres : array, shape (modes, features)
    spread : float
        Standard deviation of a cloud in every direction.

    Raises
    ------
    ValueError
        If the centres are no matrix, or the spread is negative.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> ring = mp.datasets.Gaussians.ring(modes=8)
    >>> ring.centres.shape, ring.draw(5, np.random.default_rng(0)).shape
    ((8, 2), (5, 2))
    """

    @door(centres=matrix)
    def __init__(self, centres: Any, spread: float = 0.05) -> None:
        self.centres, self.spread = centres, number("spread", spread, least=0)

    @classmethod
    def ring(cls, modes: int = 8, radius: float = 1.0, spread: float = 0.05) -> Gaussians:
        """Put the centres on a circle, evenly spaced.

        Parameters
        ----------
        modes, radius, spread
            How many clouds, the radius of the circle, and as for the class.
        """
        angle = 2 * np.pi * np.arange(whole("modes", modes)) / modes
        radius = number("radius", radius, above=0)
        return cls(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), spread)

    @classmethod
    def grid(cls, side: int = 5, width: float = 2.0, spread: float = 0.05) -> Gaussians:
        """Put the centres on a square grid around the origin.

        Parameters
        ----------
        side, width, spread
            How many clouds in a row, the width of the square, and as for the class.
        """
        line = np.linspace(-0.5, 0.5, whole("side", side, least=2)) * number("width", width, above=0)
        return cls(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), spread)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points.

        Parameters
        ----------
        n, rng
            How many, and what they are drawn from.

        Returns
        -------
        array, shape (n, features), float64
        """
        chosen = rng.integers(0, len(self.centres), n)
        return self.centres[chosen] + self.spread * rng.standard_normal((n, self.centres.shape[1]))

    def __repr__(self) -> str:
        modes, features = self.centres.shape
        return f"Gaussians({modes} modes in {features} dimensions, spread={self.spread:g})"
