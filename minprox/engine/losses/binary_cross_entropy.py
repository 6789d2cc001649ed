"""Binary cross-entropy on logits, for two classes or for labels that do not exclude each other."""

from __future__ import annotations

from math import prod
from typing import Any

from minprox.engine.layers.activations import logistic
from minprox.engine.losses.base import Loss
from minprox.engine.losses.targets import targets_like
from minprox.ground.backend import array_module, on_host

Array = Any


class BinaryCrossEntropy(Loss):
    """Cross-entropy of independent yes-or-no outputs, given as logits.

    Raises
    ------
    ValueError
        At a call, if the shapes do not match or a target is outside [0, 1]. On a GPU, which a look at the
        targets would stop, such a target makes the loss and its gradient NaN, and :meth:`correct` raises the
        error.
    TypeError
        At a call, if the targets are no real numbers.

    Notes
    -----
    With ``p = 1/(1 + e⁻ᶻ)`` and targets ``y`` in [0, 1], ``L = −1/N Σ y log p + (1 − y) log(1 − p)`` over all
    outputs of ``N`` samples, and ``∂L/∂z = (p − y)/N``. Labels ``(N,)`` will do for an output ``(N, 1)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> loss = mp.BinaryCrossEntropy()
    >>> round(float(loss(np.array([[0.0], [1000.0]]), np.array([0, 1]))), 4)  # log 2, and nothing
    0.3466
    """

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array."""
        xp, y = array_module(output, y), self.targets(output, y)
        yes = xp.where(y > 0, xp.logaddexp(-output, xp.zeros_like(output)), 0)  # −log p
        no = xp.where(y < 1, xp.logaddexp(output, xp.zeros_like(output)), 0)  # −log(1 − p)
        return (y * yes + (1 - y) * no).sum() / len(y)

    def gradient(self, output: Array, y: Array) -> Array:
        """Return ``∂L/∂output``.

        Parameters
        ----------
        output, y : array, shape (N, ...)

        Returns
        -------
        array, shape (N, ...)
        """
        y = self.targets(output, y)
        return ((1 - y) * logistic(output) - y * logistic(-output)) / len(
            y
        )  # (p − y)/N, without cancellation

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        y = self.targets(output, y)
        return logistic(output) * logistic(-output) * motion / len(y)  # p (1 − p)/N

    def correct(self, output: Array, y: Array) -> Array:
        """Return the number of samples all of whose outputs are on the side of their targets.

        Parameters
        ----------
        output, y : array, shape (N, ...)

        Returns
        -------
        array, shape ()
        """
        targets = self.targets(output, y)
        right = (output > 0) == (targets > 0.5)
        check_range(y)
        return right.reshape(len(y), prod(right.shape[1:])).all(axis=1).sum()

    def targets(self, output: Array, y: Array) -> Array:
        """Return the targets in the output's shape and dtype, NaN where they are out of range."""
        array_module(output, y)
        if y.ndim == 1 and output.shape == (len(y), 1):
            y = y[:, None]
        y = targets_like("BinaryCrossEntropy", output, y)
        if on_host(y):
            check_range(y)
        return array_module(y).where((y >= 0) & (y <= 1), y, float("nan"))


def check_range(y: Array) -> None:
    """Raise ValueError unless every target lies in [0, 1]; this looks at the targets."""
    if y.size and not (y.min() >= 0 and y.max() <= 1):
        raise ValueError(
            "BinaryCrossEntropy: expected targets in [0, 1], "
            f"found targets from {float(y.min()):g} to {float(y.max()):g}"
        )
