"""Softmax cross-entropy, for classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.losses.base import Loss
from minprox.ground.arguments import number, shown, whole
from minprox.ground.backend import array_module, on_host, to_numpy
from minprox.ground.doors import floats

Array = Any


class CrossEntropy(Loss):
    """Softmax cross-entropy with integer labels.

    Parameters
    ----------
    label_smoothing : float
        Weight, in [0, 1), of the uniform distribution in the target.
    class_weights : array_like, shape (classes,), optional
        What each class counts, ≥ 0 and not all 0.
    ignore_index : int, optional
        The label of samples, or places of sequences, that do not count at all. It need not be a class; in a
        :class:`minprox.datasets.Dataset` it is one more class than the net has outputs.

    Raises
    ------
    ValueError
        If an argument is out of range; at a call, if the shapes do not match or a label is
        out of range. On a GPU, which a look at the labels would stop, such a label makes the loss and its
        gradient NaN, and :meth:`correct` raises the error.
    TypeError
        At a call, if the labels are no integers.

    Notes
    -----
    With ``p = softmax(z)`` and the target ``t`` (one-hot, smoothed) of each of ``N`` samples,
    ``L = −1/N Σ t·log p`` and ``∂L/∂z = (p − t)/N``. An output of −∞ is a class with ``p = 0``: it costs
    nothing where its ``t`` is 0, and makes the loss infinite elsewhere: with label smoothing, always.

    With class weights ``w``, ``w ∘ t`` stands for ``t`` and ``W = Σ w_y`` for ``N``, as in PyTorch:
    ``L = −1/W Σ (w ∘ t)·log p`` and ``∂L/∂z = (⟨w, t⟩ p − w ∘ t)/W``, over the samples that are not ignored.
    Where nothing in a batch counts, both are 0 (in PyTorch NaN), so that it changes nothing.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> loss = mp.CrossEntropy()
    >>> round(float(loss(np.zeros((2, 4)), np.array([0, 3]))), 4)  # log 4
    1.3863
    """

    def __init__(
        self, label_smoothing: float = 0.0, class_weights: Any = None, ignore_index: int | None = None
    ) -> None:
        self.label_smoothing = number("label_smoothing", label_smoothing, least=0, below=1)
        self.class_weights = None if class_weights is None else checked_weights(class_weights)
        self.ignore_index = None if ignore_index is None else whole("ignore_index", ignore_index, -(2**31))

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array, of ``output (N, classes)`` for the labels ``y (N,)``.

        Of sequences, ``(N, T, classes)`` and ``(N, T)``, it is the mean over all places.
        """
        log_p, target, total = self.compare(output, y)
        return -(target * array_module(output).where(target > 0, log_p, 0)).sum() / total  # 0 log 0 = 0

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
        log_p, target, total = self.compare(output, y)
        return (self.mass(target) * array_module(output).exp(log_p) - target) / total

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        """Return the change of the gradient along a motion: ``p (ż − ⟨p, ż⟩)/N`` (T2)."""
        log_p, target, total = self.compare(output, y)
        p = array_module(output).exp(log_p)
        return self.mass(target) * p * (motion - (p * motion).sum(axis=-1, keepdims=True)) / total

    def correct(self, output: Array, y: Array) -> Array:
        """Return the number of samples whose largest output is that of the label.

        A sequence counts by the share of its places; with ``ignore_index``, places are counted.

        Parameters
        ----------
        output, y
            As for :meth:`gradient`.

        Returns
        -------
        array, shape ()
        """
        array_module(output, y)
        check_labels(output, y)
        self.check_range(output, y)
        hits = output.argmax(axis=-1) == y
        if self.ignore_index is not None:
            return (hits & (y != self.ignore_index)).sum()
        return hits.sum() if y.ndim == 1 else hits.sum() * (len(y) / y.size)

    def weight(self, y: Array) -> Any:
        if self.class_weights is None:
            return self.judged(y)
        xp, last = array_module(y), len(self.class_weights) - 1
        w = xp.asarray(self.class_weights)[xp.clip(y, 0, last)]  # w_y
        return (w if self.ignore_index is None else w * (y != self.ignore_index)).sum()

    def judged(self, y: Array) -> Any:
        return len(y) if self.ignore_index is None else (y != self.ignore_index).sum()

    def compare(self, output: Array, y: Array) -> tuple[Array, Array, Any]:
        """Return ``log softmax(output)``, the target distribution, and by what their product is divided."""
        xp = array_module(output, y)
        check_labels(output, y)
        if on_host(y):
            self.check_range(output, y)
        classes = output.shape[-1]
        one_hot = (y[..., None] == xp.arange(classes)).astype(output.dtype)
        target = (1 - self.label_smoothing) * one_hot + self.label_smoothing / classes
        if self.class_weights is not None:
            if len(self.class_weights) != classes:
                raise ValueError(
                    f"CrossEntropy: expected {len(self.class_weights)} classes, one for each of the class "
                    f"weights, found an output of shape {output.shape}"
                )
            target = target * xp.asarray(self.class_weights, dtype=output.dtype)  # w ∘ t
        target = xp.where(((y >= 0) & (y < classes))[..., None], target, float("nan"))
        if self.ignore_index is not None:
            target = xp.where((y == self.ignore_index)[..., None], 0, target)
        if self.plain:
            return log_softmax(output), target, y.size
        total = self.weight(y).astype(output.dtype)
        return log_softmax(output), target, total + (total == 0)

    @property
    def plain(self) -> bool:
        """Whether each sample counts once."""
        return self.class_weights is None and self.ignore_index is None

    def mass(self, target: Array) -> Any:
        """Return ``⟨w, t⟩`` of each sample: 1 where nothing is weighted."""
        return 1 if self.plain else target.sum(axis=-1, keepdims=True)

    def check_range(self, output: Array, y: Array) -> None:
        """Raise ValueError unless every label is a class or ignored; this looks at the labels."""
        if self.ignore_index is not None:
            y = array_module(y).where(y == self.ignore_index, 0, y)
        if y.size and not (y.min() >= 0 and y.max() < output.shape[-1]):
            raise ValueError(
                f"CrossEntropy: expected labels from 0 to {output.shape[-1] - 1}, "
                f"found labels from {int(y.min())} to {int(y.max())}"
            )

    def __repr__(self) -> str:
        options = {
            "label_smoothing": self.label_smoothing or None,
            "class_weights": self.class_weights and list(self.class_weights),
            "ignore_index": self.ignore_index,
        }
        told = [f"{name}={value!r}" for name, value in options.items() if value is not None]
        return f"CrossEntropy({', '.join(told)})"


def log_softmax(z: Array) -> Array:
    """Return ``log p`` of each row; −inf where ``z`` is, or lies further below the largest than floats go."""
    xp, lowest = array_module(z), -float(np.finfo(z.dtype).max) / 2
    half = z / 2 - z.max(axis=-1, keepdims=True) / 2  # no difference of two floats is too large for that
    shifted = xp.where(half < lowest, -float("inf"), 2 * xp.maximum(half, lowest))
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def check_labels(output: Array, y: Array) -> None:
    """Raise a clear error unless ``y`` holds one integer for each row of the output."""
    floats("output", output)
    if output.ndim not in (2, 3):
        raise ValueError(f"CrossEntropy: expected an output of shape (N, classes), found {output.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"CrossEntropy: expected integer labels, found dtype {y.dtype}")
    if y.shape != output.shape[:-1]:
        raise ValueError(
            f"CrossEntropy: expected labels of shape {output.shape[:-1]}, one for each "
            f"{'sample' if output.ndim == 2 else 'place'}, found {y.shape}"
        )


def checked_weights(values: Any) -> tuple[float, ...]:
    """Return the weights of the classes as plain numbers, or raise ValueError."""
    listed = to_numpy(values).tolist()
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"class_weights: expected one number for each class, found {shown(values)}")
    weights = tuple(number("class_weights", value, least=0) for value in listed)
    if not any(weights):
        raise ValueError(f"class_weights: expected one above 0 at least, found {shown(values)}")
    return weights
