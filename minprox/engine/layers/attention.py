"""Softmax and attention: how the places of a sequence look at each other, without parameters of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers.activations import Activation
from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module
from minprox.ground.doors import door


def softmax(z: Array) -> Array:
    """``e^z / Σ e^z`` along the last axis."""
    e = array_module(z).exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_adjoint(delta: Array, p: Array) -> Array:
    """``(∂p/∂z)ᵀ δ = p ∘ (δ − ⟨p, δ⟩)``; the matrix is symmetric, so it is its tangent too."""
    return p * (delta - (p * delta).sum(axis=-1, keepdims=True))


def softmax_bend(delta: Array, motion: Array, p: Array) -> Array:
    """How ``softmax_adjoint(δ, p)`` changes as ``p`` moves (T3)."""
    inner = (p * delta).sum(axis=-1, keepdims=True)
    return motion * (delta - inner) - p * (motion * delta).sum(axis=-1, keepdims=True)


class Softmax(Activation):
    """``p = e^z / Σ e^z`` along the last axis.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Softmax().forward(np.log(np.array([[1.0, 3.0]])))
    array([[0.25, 0.75]])
    """

    def forward(self, z: Array) -> Array:
        return softmax(z)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return softmax_adjoint(delta, a)

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        return softmax_bend(delta, softmax_adjoint(motion, a), a)


class Multiply(Layer):
    """The product of two inputs of one shape, entry for entry.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Multiply().forward(np.array([[2.0]]), np.array([[3.0]]))
    array([[6.]])
    """

    arity = 2

    def forward(self, *inputs: Array) -> Array:
        a, b = inputs
        return a * b

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> tuple[Array, Array]:
        a, b = inputs
        return delta * b, delta * a

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        (a, b), (a_dot, b_dot) = inputs, motion
        return a_dot * b + a * b_dot

    def bend(self, delta: Array, motion: Array, output: Array, *inputs: Array) -> tuple[Array, Array]:
        a_dot, b_dot = motion
        return delta * b_dot, delta * a_dot

    def output_shape(self, *shapes: Shape) -> Shape:
        one, other = shapes
        if one is not None and other is not None and one != other:
            raise ValueError(f"expected inputs of one shape, found {one} and {other}")
        return one if one is not None else other


class Attention(Layer):
    """Multi-head attention of queries, keys and values, each ``(N, T, features)``.

    Parameters
    ----------
    heads : int
        Divides the features; each head looks with its own share of them.
    causal : bool
        Whether a place sees only itself and what stands before it.

    Raises
    ------
    ValueError
        If ``heads`` is no positive integer; at a call on symbols, if the inputs do not fit.

    Notes
    -----
    Of each head ``P = softmax(Q Kᵀ/√k)`` and the output ``P V``; bilinear, so a layer without parameters:
    the dense layers before and behind it hold them.

    References
    ----------
    Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((5, 16))
    >>> q, k, v = (mp.Linear(16, 16)(x) for _ in range(3))
    >>> mp.Attention(heads=4, causal=True)(q, k, v).shape
    (5, 16)
    """

    arity = 3

    @door
    def __init__(self, heads: int = 1, causal: bool = False) -> None:
        self.heads, self.causal = whole("heads", heads), bool(causal)

    def forward(self, *inputs: Array) -> Array:
        q, k, v = map(self.split, inputs)
        return self.join(self.weights(q, k) @ v)  # P V

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> tuple[Array, ...]:
        q, k, v = map(self.split, inputs)
        p, delta = self.weights(q, k), self.split(delta)
        scores = softmax_adjoint(delta @ turned(v), p) * scale(q)
        back = scores @ k, turned(scores) @ q, turned(p) @ delta
        return tuple(map(self.join, back))

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        (q, k, v), (dq, dk, dv) = map(self.split, inputs), map(self.split, motion)
        p = self.weights(q, k)
        return self.join(moved_weights(p, q, k, dq, dk) @ v + p @ dv)

    def bend(self, delta: Array, motion: Array, output: Array, *inputs: Array) -> tuple[Array, ...]:
        (q, k, v), (dq, dk, dv) = map(self.split, inputs), map(self.split, motion)
        p, delta = self.weights(q, k), self.split(delta)
        p_dot, error, error_dot = moved_weights(p, q, k, dq, dk), delta @ turned(v), delta @ turned(dv)
        scores = softmax_adjoint(error, p) * scale(q)
        scores_dot = (softmax_bend(error, p_dot, p) + softmax_adjoint(error_dot, p)) * scale(q)
        back = (
            scores_dot @ k + scores @ dk,
            turned(scores_dot) @ q + turned(scores) @ dq,
            turned(p_dot) @ delta,
        )
        return tuple(map(self.join, back))

    def weights(self, q: Array, k: Array) -> Array:
        """``P = softmax(Q Kᵀ/√k)``, with zeros for what a place must not see."""
        xp, scores = array_module(q, k), q @ turned(k) * scale(q)
        if self.causal:
            later = xp.arange(k.shape[-2]) > xp.arange(q.shape[-2])[:, None]
            scores = xp.where(later, -np.inf, scores)
        return softmax(scores)

    def split(self, a: Array) -> Array:
        """``(N, T, features) → (N, heads, T, features / heads)``."""
        return a.reshape(*a.shape[:2], self.heads, a.shape[2] // self.heads).swapaxes(1, 2)

    def join(self, a: Array) -> Array:
        """Undo :meth:`split`."""
        a = a.swapaxes(1, 2)
        return a.reshape(*a.shape[:2], a.shape[2] * a.shape[3])

    def output_shape(self, *shapes: Shape) -> Shape:
        for shape in shapes:
            if shape is not None and (len(shape) != 2 or (shape[1] is not None and shape[1] % self.heads)):
                raise ValueError(
                    f"expected samples (T, features) with a multiple of {self.heads} features, found {shape}"
                )
        q, k, v = shapes
        if k is not None and v is not None and None not in (*k, *v) and k[0] != v[0]:
            raise ValueError(f"expected as many keys as values, found {k} and {v}")
        if q is not None and k is not None and None not in (q[1], k[1]) and q[1] != k[1]:
            raise ValueError(f"expected keys as long as the queries, found {q} and {k}")
        return (None if q is None else q[0], None if v is None else v[1])

    def __repr__(self) -> str:
        return f"Attention({self.heads}{', causal=True' if self.causal else ''})"


def moved_weights(p: Array, q: Array, k: Array, dq: Array, dk: Array) -> Array:
    """How ``P`` changes as queries and keys move."""
    return softmax_adjoint((dq @ turned(k) + q @ turned(dk)) * scale(q), p)


def turned(matrix: Array) -> Array:
    """The transpose of the last two axes."""
    return matrix.swapaxes(-1, -2)


def scale(q: Any) -> float:
    """``1/√k`` for queries of ``k`` features."""
    return float(q.shape[-1]) ** -0.5
