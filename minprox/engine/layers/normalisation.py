"""Normalisation without parameters: over the features of a place, or over the batch; ``Scale`` follows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from minprox.engine.layers.activations import Activation
from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import number, whole
from minprox.ground.backend import array_module, asarray, moved
from minprox.ground.communicators import Communicator
from minprox.ground.memory import check_room

Mean = Callable[[Array], Array]  # over some axes, which stay


def normalised(a: Array, mean: Mean, eps: float) -> tuple[Array, Array]:
    """Return ``(a − μ)/s`` and ``1/s``, ``s² = σ² + ε``, with mean μ and variance σ² as the mean is taken."""
    centred = a - mean(a)
    inverse = (mean(centred * centred) + eps) ** -0.5
    return centred * inverse, inverse


def normalised_adjoint(delta: Array, output: Array, inverse: Array, mean: Mean) -> Array:
    """``(δ − mean(δ) − â mean(δ â)) / s``: δ without what the normalisation takes out."""
    return (delta - mean(delta) - output * mean(delta * output)) * inverse


def normalised_bend(delta: Array, motion: Array, output: Array, inverse: Array, mean: Mean) -> Array:
    """How :func:`normalised_adjoint` of a fixed δ changes as ``a`` moves (T3)."""
    moved = normalised_adjoint(motion, output, inverse, mean)  # the change of â: the matrix is symmetric
    shrink = -inverse * mean(motion * output)  # that of 1/s, divided by it
    still = delta - mean(delta) - output * mean(delta * output)
    return inverse * (shrink * still - moved * mean(delta * output) - output * mean(delta * moved))


class LayerNorm(Activation):
    """``â = (a − μ)/√(σ² + ε)`` with mean and variance over the last axis; no parameters.

    Parameters
    ----------
    eps : float
        ε > 0.

    Raises
    ------
    ValueError
        If ``eps`` is not positive.

    Notes
    -----
    The usual gain and bias are :class:`minprox.Scale`, a transfer, whose step can be implicit.

    References
    ----------
    Ba, Kiros and Hinton, Layer Normalization, arXiv:1607.06450.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.LayerNorm().forward(np.array([[1.0, 3.0]])).round(3)
    array([[-1.,  1.]])
    """

    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = number("eps", eps, above=0)

    def forward(self, a: Array) -> Array:
        return normalised(a, feature_mean, self.eps)[0]

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return normalised_adjoint(delta, output, normalised(a, feature_mean, self.eps)[1], feature_mean)

    def bend(self, delta: Array, motion: Array, output: Array, a: Array) -> Array:
        return normalised_bend(delta, motion, output, normalised(a, feature_mean, self.eps)[1], feature_mean)

    def __repr__(self) -> str:
        return f"LayerNorm({'' if self.eps == 1e-5 else f'eps={self.eps}'})"


class BatchNorm(Layer):
    """``â = (a − μ)/√(σ² + ε)`` for each channel (axis 1), without parameters.

    In training mean and variance are those of the mini-batch, and running averages of them are kept in
    ``memory``; in evaluation they are those averages.

    Parameters
    ----------
    momentum : float
        Weight, in (0, 1], of the newest batch in the running averages.
    eps : float
        ε > 0.

    Attributes
    ----------
    memory : dict of str to array
        ``mean`` and ``variance``, of shape (channels,), the variance divided by ``n − 1``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The usual gain and bias are :class:`minprox.Scale`. A statistic of the batch ties its samples together:
    the loss is no mean of terms of one sample each, and the rows of ``A`` behind it are no longer
    independent, as the paper has them. The implicit step (E6) takes the activations as they are, so it
    is computed as always, and repeats of a batch, or parts of it, are no longer the same problem.

    References
    ----------
    Ioffe and Szegedy, Batch Normalization, ICML 2015.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.BatchNorm(1), dtype="float64")
    >>> x = np.array([[1.0], [3.0]])
    >>> mp.forward(net, x, training=True).output.ravel().round(3)
    array([-1.,  1.])
    >>> net.nodes[1].layer.memory["mean"], mp.forward(net, x).output.ravel().round(3)
    (array([0.2]), array([0.763, 2.67 ]))
    """

    arity, bends = 1, False

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        if not 0 < number("momentum", momentum) <= 1:
            raise ValueError(f"momentum: expected a number in (0, 1], found {momentum!r}")
        self.channels, self.momentum = whole("channels", channels), float(momentum)
        check_room("the memory of BatchNorm", (2, self.channels))
        self.eps = number("eps", eps, above=0)
        start = {"mean": np.zeros(channels), "variance": np.ones(channels)}
        self.memory: dict[str, Array] = {name: asarray(values) for name, values in start.items()}

    def forward(self, a: Array) -> Array:
        mean, inverse = self.kept(a)
        return (a - mean) * inverse

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta * self.kept(a)[1]

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return motion * self.kept(motion)[1]

    def kept(self, a: Array) -> tuple[Array, Array]:
        """Return the running mean and ``1/√(σ² + ε)``, laid along the channels of ``a``."""
        shape, home = (1, -1, *(1,) * (a.ndim - 2)), array_module(a).__name__
        mean, variance = (moved(self.memory[name], home).reshape(shape) for name in ("mean", "variance"))
        return mean.astype(a.dtype), ((variance + self.eps) ** -0.5).astype(a.dtype)

    def sample(self, rng: np.random.Generator, *inputs: Array) -> Layer:
        (a,) = inputs
        axes, count = axes_of(a), a.size // a.shape[1]
        self.keep(a.mean(axis=axes), a.var(axis=axes), count)
        return BatchStatistics(self.eps)

    def sample_apart(self, rng: np.random.Generator, comm: Communicator, *inputs: Array) -> Layer:
        (a,) = inputs
        count = sum(comm.counts(a.size // a.shape[1]))
        mean = partial(mean_of_all, comm, max(count, 1))
        centre = mean(a)
        self.keep(centre.ravel(), mean((a - centre) ** 2).ravel(), count)
        return BatchStatistics(self.eps, mean)

    def keep(self, mean: Array, variance: Array, count: int) -> None:
        """Take the statistics of a batch, of so many values for each channel, into the running averages."""
        if count < 2:
            raise ValueError(
                f"{self!r}: expected two or more values for each channel in training, found {count}"
            )
        m, found = self.momentum, {"mean": mean, "variance": variance * (count / (count - 1))}
        for name, old in self.memory.items():
            old = moved(old, array_module(mean).__name__)
            self.memory[name] = (1 - m) * old + m * found[name]  # in float64: averages of many batches

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is not None and (not shape or shape[0] not in (None, self.channels)):
            raise ValueError(f"expected samples with {self.channels} channels, found the shape {shape}")
        return shape

    def __repr__(self) -> str:
        return f"BatchNorm({self.channels})"


class BatchStatistics(Activation):
    """A BatchNorm as it acts in training: normalisation over the batch at hand."""

    def __init__(self, eps: float, mean: Mean | None = None) -> None:
        self.eps, self.mean = eps, mean or batch_mean

    def forward(self, a: Array) -> Array:
        return normalised(a, self.mean, self.eps)[0]

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return normalised_adjoint(delta, output, normalised(a, self.mean, self.eps)[1], self.mean)

    def bend(self, delta: Array, motion: Array, output: Array, a: Array) -> Array:
        return normalised_bend(delta, motion, output, normalised(a, self.mean, self.eps)[1], self.mean)


def feature_mean(b: Array) -> Array:
    """Return the mean over the last axis, which stays."""
    return b.mean(axis=-1, keepdims=True)


def batch_mean(b: Array) -> Array:
    """Return the mean over all axes but that of the channels; the axes stay."""
    return b.mean(axis=axes_of(b), keepdims=True)


def mean_of_all(comm: Communicator, count: int, b: Array) -> Array:
    """Return what :func:`batch_mean` does, of ``count`` values that several processes hold."""
    return comm.sum(b.sum(axis=axes_of(b), keepdims=True)) / count


def axes_of(a: Array) -> tuple[int, ...]:
    """Return all axes but that of the channels."""
    return tuple(axis for axis in range(a.ndim) if axis != 1)
