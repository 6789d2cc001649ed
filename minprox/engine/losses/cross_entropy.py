"""Softmax cross-entropy, for classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.losses.base import Loss
from minprox.ground.arguments import number
from minprox.ground.backend import array_module, on_host

Array = Any


class CrossEntropy(Loss):
    """Softmax cross-entropy with integer labels.

    Parameters
    ----------
    label_smoothing : float
        Weight, in [0, 1), of the uniform distribution in the target.

    Raises
    ------
    ValueError
        If ``label_smoothing`` is out of range; at a call, if the shapes do not match or a label is
        out of range. On a GPU, which a look at the labels would stop, such a label makes the loss and its
        gradient NaN, and :meth:`correct` raises the error.
    TypeError
        At a call, if the labels are no integers.

    Notes
    -----
    With ``p = softmax(z)`` and the target ``t`` (one-hot, smoothed) of each of ``N`` samples,
    ``L = −1/N Σ t·log p`` and ``∂L/∂z = (p − t)/N``. An output of −∞ is a class with ``p = 0``: it costs
    nothing where its ``t`` is 0, and makes the loss infinite elsewhere: with label smoothing, always.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> loss = mp.CrossEntropy()
    >>> round(float(loss(np.zeros((2, 4)), np.array([0, 3]))), 4)  # log 4
    1.3863
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = number("label_smoothing", label_smoothing, least=0, below=1)

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array, of ``output (N, classes)`` for the labels ``y (N,)``.

        Of sequences, ``(N, T, classes)`` and ``(N, T)``, it is the mean over all places.
        """
        log_p, target = self.compare(output, y)
        return -(target * array_module(output).where(target > 0, log_p, 0)).sum() / y.size  # 0 log 0 = 0

    def gradient(self, output: Array, y: Array) -> Array:
        """Return ``∂L/∂output``.

        Parameters
        ----------
        output : array, shape (N, classes), or (N, T, classes) for sequences
        y : array, shape (N,) or (N, T)

        Returns
        -------
        array, shape (N, classes) or (N, T, classes)
        """
        log_p, target = self.compare(output, y)
        return (array_module(output).exp(log_p) - target) / y.size

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        """Return the change of the gradient along a motion: ``p (ż − ⟨p, ż⟩)/N`` (T2)."""
        log_p, _ = self.compare(output, y)
        p = array_module(output).exp(log_p)
        return p * (motion - (p * motion).sum(axis=-1, keepdims=True)) / y.size

    def correct(self, output: Array, y: Array) -> Array:
        """Return the number of samples whose largest output is that of the label.

        A sequence counts by the share of its places.

        Parameters
        ----------
        output, y
            As for :meth:`gradient`.

        Returns
        -------
        array, shape ()
        """
        array_module(output, y)
        check_range(output, y)
        hits = (output.argmax(axis=-1) == y).sum()
        return hits if y.ndim == 1 else hits * (len(y) / y.size)

    def compare(self, output: Array, y: Array) -> tuple[Array, Array]:
        """Return ``log softmax(output)`` and the target distribution."""
        xp = array_module(output, y)
        check_labels(output, y)
        if on_host(y):
            check_range(output, y)
        classes = output.shape[-1]
        one_hot = (y[..., None] == xp.arange(classes)).astype(output.dtype)
        target = (1 - self.label_smoothing) * one_hot + self.label_smoothing / classes
        return log_softmax(output), xp.where(((y >= 0) & (y < classes))[..., None], target, float("nan"))

    def __repr__(self) -> str:
        return f"CrossEntropy({f'label_smoothing={self.label_smoothing}' if self.label_smoothing else ''})"


def log_softmax(z: Array) -> Array:
    """Return ``log p`` of each row; −inf where ``z`` is, or lies further below the largest than floats go."""
    xp, lowest = array_module(z), -float(np.finfo(z.dtype).max) / 2
    half = z / 2 - z.max(axis=-1, keepdims=True) / 2  # no difference of two floats is too large for that
    shifted = xp.where(half < lowest, -float("inf"), 2 * xp.maximum(half, lowest))
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def check_labels(output: Array, y: Array) -> None:
    """Raise a clear error unless ``y`` holds one integer for each row of the output."""
    if output.ndim not in (2, 3):
        raise ValueError(f"CrossEntropy: expected an output of shape (N, classes), found {output.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"CrossEntropy: expected integer labels, found dtype {y.dtype}")
    if y.shape != output.shape[:-1]:
        raise ValueError(
            f"CrossEntropy: expected labels of shape {output.shape[:-1]}, one for each "
            f"{'sample' if output.ndim == 2 else 'place'}, found {y.shape}"
        )


def check_range(output: Array, y: Array) -> None:
    """Raise ValueError unless every label is a class; this looks at the labels."""
    if y.size and not (y.min() >= 0 and y.max() < output.shape[-1]):
        raise ValueError(
            f"CrossEntropy: expected labels from 0 to {output.shape[-1] - 1}, "
            f"found labels from {int(y.min())} to {int(y.max())}"
        )
