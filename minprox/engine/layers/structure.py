"""Layers that reshape, join or mask: Flatten, Add, Concat, Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minprox.engine.layers.activations import Activation
from minprox.engine.layers.axes import changed, sample_axis
from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import number
from minprox.ground.backend import array_module
from minprox.ground.communicators import Communicator


class Flatten(Layer):
    """Lay the features of a sample out in one row: ``(N, c, h, w) → (N, c·h·w)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Flatten().forward(np.zeros((5, 3, 8, 8))).shape
    (5, 192)
    """

    arity = 1
    bends = False

    def forward(self, a: Array) -> Array:
        return a.reshape(len(a), prod(a.shape[1:]))

    def tangent(self, motion: Array, output: Array, a: Array) -> Array:
        return self.forward(motion)

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta.reshape(a.shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape is None or None in shape:
            return (None,)
        return (int(np.prod(shape)),)  # type: ignore[arg-type]


class Add(Layer):
    """The sum of two or more inputs of one shape, as in a residual net.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((8,))
    >>> h = mp.Add()(x, mp.ReLU()(mp.Linear(8, 8)(x)))
    >>> net = mp.Graph(x, mp.Linear(8, 2)(h))
    """

    bends = False

    def forward(self, *inputs: Array) -> Array:
        return sum(inputs[1:], inputs[0])

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(*motion) if len(inputs) > 1 else motion

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> Array:
        return (delta,) * len(inputs)

    def output_shape(self, *shapes: Shape) -> Shape:
        known = [shape for shape in shapes if shape is not None]
        for shape in known:
            if not alike(shape, known[0]):
                raise ValueError(f"expected inputs of one shape, found {known[0]} and {shape}")
        return known[0] if known else None


class Concat(Layer):
    """The features of several inputs, side by side.

    Parameters
    ----------
    axis : int
        Of the arrays: 1, columns or channels of images, if not given; −1, the features, for sequences.

    Raises
    ------
    ValueError
        If it is that of the batch.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((8, 4, 4))
    >>> mp.Concat()(x, mp.Conv2d(8, 16, 1)(x)).shape
    (24, 4, 4)
    """

    bends = False

    def __init__(self, axis: int = 1) -> None:
        self.axis = sample_axis("Concat", axis)

    def forward(self, *inputs: Array) -> Array:
        return array_module(*inputs).concatenate(inputs, axis=self.axis)

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.forward(*motion) if len(inputs) > 1 else motion

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> Array:
        ends = np.cumsum([a.shape[self.axis] for a in inputs])
        along = array_module(delta).moveaxis(delta, self.axis, 0)
        parts = (along[end - a.shape[self.axis] : end] for a, end in zip(inputs, ends, strict=True))
        return tuple(array_module(delta).moveaxis(part, 0, self.axis) for part in parts)

    def output_shape(self, *shapes: Shape) -> Shape:
        if any(shape is None for shape in shapes):
            return None
        known = [shape for shape in shapes if shape is not None]
        for shape in known:
            changed(shape, self.axis, lambda n: n)  # says where there is no such axis
        extents = [shape[self.place(shape)] for shape in known]
        others = [without(shape, self.place(shape)) for shape in known]
        for shape, rest in zip(known[1:], others[1:], strict=True):
            if not alike(rest, others[0]):
                raise ValueError(
                    f"expected inputs alike but along axis {self.axis}, found {known[0]} and {shape}"
                )
        total = None if None in extents else sum(n for n in extents if n is not None)
        place = self.place(known[0])
        return (*known[0][:place], total, *known[0][place + 1 :])

    def place(self, shape: Sequence[int | None]) -> int:
        """Return where the axis stands in the shape of a sample."""
        return self.axis - 1 if self.axis > 0 else self.axis + len(shape)

    def __repr__(self) -> str:
        return f"Concat({'' if self.axis == 1 else f'axis={self.axis}'})"


class Dropout(Activation):
    """In training, set each entry to 0 with probability ``p`` and divide the others by ``1 − p``.

    In evaluation it is the identity. The mask of a training pass is drawn anew for each pass, from the
    ``seed`` that :func:`minprox.forward` is given, so the same seed gives the same mask; NumPy draws it
    on every backend, and it is then copied to where the input lives.

    Parameters
    ----------
    p : float
        Probability, in [0, 1).

    Raises
    ------
    ValueError
        If ``p`` is outside [0, 1).

    References
    ----------
    Srivastava et al., Dropout, JMLR 15, 2014.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net, x = mp.Sequential(mp.Dropout(0.5)), np.ones((1, 6), "float32")
    >>> mp.forward(net, x).output, mp.forward(net, x, training=True, seed=1).output
    (array([[1., 1., 1., 1., 1., 1.]], dtype=float32), array([[0., 2., 2., 2., 0., 0.]], dtype=float32))
    """

    bends = False

    def __init__(self, p: float = 0.5) -> None:
        self.p = number("p of Dropout", p, least=0, below=1)

    def forward(self, a: Array) -> Array:
        return a

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta

    def sample(self, rng: np.random.Generator, *inputs: Array) -> Layer:
        (a,) = inputs
        return self.mask(rng, a, 0, len(a))

    def sample_apart(self, rng: np.random.Generator, comm: Communicator, *inputs: Array) -> Layer:
        (a,) = inputs
        return self.mask(rng, a, *comm.place(len(a)))

    def mask(self, rng: np.random.Generator, a: Array, start: int, N: int) -> Layer:
        """Draw the mask of ``N`` samples, and take that of those in ``a``, which begin at ``start``."""
        kept = rng.random((N, *a.shape[1:]), dtype=np.float32)[start : start + len(a)] >= self.p
        return Mask(array_module(a).asarray(kept / (1 - self.p), dtype=a.dtype))

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Mask(Activation):
    """Multiplication by a fixed array: a Dropout whose mask is drawn."""

    bends = False

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def forward(self, a: Array) -> Array:
        return a * self.mask

    def adjoint(self, delta: Array, output: Array, a: Array) -> Array:
        return delta * self.mask


def without(shape: tuple[int | None, ...], place: int) -> tuple[int | None, ...]:
    """Return a shape but for one extent."""
    return shape[:place] + shape[place + 1 :]


def alike(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    """Whether two shapes agree wherever both are known."""
    return len(one) == len(other) and all(
        m == n or m is None or n is None for m, n in zip(one, other, strict=True)
    )
