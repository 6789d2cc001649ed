"""Huber's loss, for regression with outliers."""

from __future__ import annotations

from typing import Any

from minprox.engine.losses.base import Loss
from minprox.engine.losses.targets import targets_like
from minprox.ground.arguments import number
from minprox.ground.backend import array_module

Array = Any


class Huber(Loss):
    """Squared error near the target, absolute error far from it.

    Parameters
    ----------
    threshold : float
        κ > 0, where the one becomes the other.

    Raises
    ------
    ValueError
        If κ is not a positive finite number; at a call, if output and target differ in shape.
    TypeError
        At a call, if the targets are no real numbers.

    Notes
    -----
    ``L = 1/N Σ h(z − y)`` over all outputs of ``N`` samples, with ``h(r) = r²/2`` for ``|r| ≤ κ`` and
    ``κ (|r| − κ/2)`` beyond.

    References
    ----------
    Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> float(mp.Huber()(np.array([[0.0, 3.0]]), np.array([[1.0, 0.0]])))  # 1/2 + 5/2
    3.0
    """

    def __init__(self, threshold: float = 1.0) -> None:
        self.threshold = number("threshold of Huber", threshold, above=0)

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array."""
        r = abs(output - targets_like("Huber", output, y))
        q = array_module(r).minimum(r, self.threshold)
        return (q * (r - q / 2)).sum() / len(y)  # h(r) = q (|r| − q/2), q = min(|r|, κ)

    def gradient(self, output: Array, y: Array) -> Array:
        """Return ``∂L/∂output = max(−κ, min(z − y, κ))/N``.

        Parameters
        ----------
        output, y : array, shape (N, ...)

        Returns
        -------
        array, shape (N, ...)
        """
        r = output - targets_like("Huber", output, y)
        return r.clip(-self.threshold, self.threshold) / len(y)

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        r = output - targets_like("Huber", output, y)
        return motion * (abs(r) <= self.threshold) / len(y)

    def __repr__(self) -> str:
        return f"Huber({'' if self.threshold == 1 else self.threshold})"
