"""The squared error, for regression: the loss whose last block is a linear solve."""

from __future__ import annotations

from typing import Any

from minprox.engine.losses.base import Loss
from minprox.engine.losses.targets import targets_like

Array = Any


class SquaredError(Loss):
    """``L = 1/(2N) Σ ‖z − y‖²``, half the mean over the batch of the squared distance.

    Its curvature ``1/N`` makes the last block a linear solve, and its tangent a division (T2).

    Raises
    ------
    ValueError
        At a call, if output and target differ in shape.
    TypeError
        At a call, if the targets are no real numbers.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> float(mp.SquaredError()(np.zeros((2, 3)), np.ones((2, 3))))
    1.5
    """

    @staticmethod
    def curvature(y: Array) -> float:
        """Return ``c`` of the Hessian ``c I`` with respect to the output: ``1/N``.

        Parameters
        ----------
        y : array, shape (N, ...)
        """
        return 1 / len(y)

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array."""
        return ((output - targets_like("SquaredError", output, y)) ** 2).sum() / (2 * len(y))

    def gradient(self, output: Array, y: Array) -> Array:
        """Return ``∂L/∂output = (z − y)/N``.

        Parameters
        ----------
        output, y : array, shape (N, ...)

        Returns
        -------
        array, shape (N, ...)
        """
        return (output - targets_like("SquaredError", output, y)) / len(y)

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        """Return the change of the gradient along a motion, ``ż/N`` (T2)."""
        return motion / len(y)  # δ̇ = ż/N  (T2)
