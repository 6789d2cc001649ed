"""The linear map ``A`` of a transfer at its input: ``φ(θ, a) = A(a) θ`` (paper, section 1).

A solver sees every layer as such a map, with ``A.shape == (rows, cols)``::

    A @ theta    (rows, n_out)    φ(θ, a)          one row for each output position of each sample
    A.T @ delta  (cols, n_out)    (∂φ/∂θ)ᵀ δ
    A.gram()     (rows, rows)     A Aᵀ
    A.T.gram()   (cols, cols)     Aᵀ A

A transfer in ``groups`` groups (a depthwise convolution, say) has one ``A`` for each group; then all
of these have a leading axis of that length, and ``n_out`` counts the columns of one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.backend import array_module

Array = Any


class LinearMap:
    """Base of all linear maps: a subclass gives ``@``, ``adjoint`` and, for exact solves, ``matrix``.

    Attributes
    ----------
    shape : tuple of int
        ``(rows, cols)`` of one group.
    dtype : dtype
        That of the input ``a``.
    """

    shape: tuple[int, int]
    dtype: Any

    def __matmul__(self, theta: Array) -> Array:
        """``A θ``: the transfer, forward."""
        raise NotImplementedError

    def adjoint(self, delta: Array) -> Array:
        """``Aᵀ δ``; written ``A.T @ delta``."""
        raise NotImplementedError

    def matrix(self) -> Array:
        """``A`` itself, of shape ``(..., rows, cols)``."""
        raise NotImplementedError

    @property
    def gram_cost(self) -> float:
        """Multiplications that :meth:`gram` takes; infinite where the map is matrix-free."""
        return float("inf")

    @property
    def normal_cost(self) -> float:
        """Multiplications that :meth:`normal` takes; infinite where the map is matrix-free."""
        return float("inf")

    def gram(self, dtype: Any = "float64") -> Array:
        """``A Aᵀ``, of shape ``(..., rows, rows)``, summed in the given dtype."""
        return product(self.matrix(), dtype)

    def normal(self, dtype: Any = "float64") -> Array:
        """``Aᵀ A``, of shape ``(..., cols, cols)``; written ``A.T.gram()``."""
        return product(transpose(self.matrix()), dtype)

    @property
    def T(self) -> Adjoint:
        """The adjoint ``Aᵀ``."""
        return Adjoint(self)


class Adjoint:
    """``Aᵀ`` of a linear map ``A``."""

    def __init__(self, A: LinearMap) -> None:
        self.T = A
        self.shape = A.shape[::-1]

    def __matmul__(self, delta: Array) -> Array:
        return self.T.adjoint(delta)

    def gram(self, dtype: Any = "float64") -> Array:
        """``Aᵀ A``."""
        return self.T.normal(dtype)


class DenseMap(LinearMap):
    """``A = [a, 1]`` of a dense layer, without ever writing down the column of ones.

    Parameters
    ----------
    a : array, shape (N, n_in)
        The input of the layer.
    bias : bool
        Whether ``A`` has the column of ones.
    """

    def __init__(self, a: Array, bias: bool) -> None:
        self.a, self.bias = a, bias
        self.shape = (a.shape[0], a.shape[1] + bias)
        self.dtype = a.dtype

    def __matmul__(self, theta: Array) -> Array:
        if not self.bias:
            return self.a @ theta
        z = self.a @ theta[:-1]
        z += theta[-1]
        return z

    def adjoint(self, delta: Array) -> Array:
        xp = array_module(self.a, delta)
        if not self.bias:
            return self.a.T @ delta
        d = xp.empty((self.shape[1], delta.shape[1]), xp.result_type(self.a, delta))
        xp.matmul(self.a.T, delta, out=d[:-1])
        d[-1] = delta.sum(axis=0)
        return d

    def matrix(self) -> Array:
        xp = array_module(self.a)
        ones = xp.ones((self.shape[0], int(self.bias)), self.dtype)
        return xp.concatenate([self.a, ones], axis=1)

    @property
    def gram_cost(self) -> float:
        return self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return self.shape[0] * self.shape[1] ** 2 / 2

    def gram(self, dtype: Any = "float64") -> Array:
        gram = product(self.a, dtype)
        gram += int(self.bias)  # a aᵀ + 1 1ᵀ
        return gram

    def normal(self, dtype: Any = "float64") -> Array:
        return bordered(product(self.a.T, dtype), self.a.sum(axis=0, dtype=dtype), self)


class TransferMap(LinearMap):
    """The matrix-free map of any transfer, from its forward and its adjoint with respect to θ.

    Parameters
    ----------
    layer : Transfer
    a : array, shape (N, ...)
        The input of the layer.
    """

    def __init__(self, layer: Any, a: Array) -> None:
        self.layer, self.a = layer, a
        cols, n_out = layer.theta_shape
        self.z_shape = (len(a), *layer.output_shape(a.shape[1:]))
        self.shape = (int(np.prod(self.z_shape)) // n_out, cols)
        self.dtype = a.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.layer.rows(self.layer.forward(self.layer.join(theta), self.a))

    def adjoint(self, delta: Array) -> Array:
        return self.layer.split(self.layer.adjoint_theta(self.a, self.layer.unrows(delta, self.z_shape)))

    def matrix(self) -> Array:
        return self.layer.matrix(self.a)


class StackedMap(LinearMap):
    """The map of a layer used at several places: the rows of its maps, one below the other.

    Parameters
    ----------
    maps : sequence of LinearMap
        One for each place, all with the same number of columns.
    """

    def __init__(self, maps: Sequence[LinearMap]) -> None:
        self.maps = maps
        self.shape = (sum(A.shape[0] for A in maps), maps[0].shape[1])
        self.dtype = maps[0].dtype

    def __matmul__(self, theta: Array) -> Array:
        return stack([A @ theta for A in self.maps])

    def adjoint(self, delta: Array) -> Array:
        ends = np.cumsum([A.shape[0] for A in self.maps])
        parts = (delta[..., end - A.shape[0] : end, :] for A, end in zip(self.maps, ends, strict=True))
        return sum(A.T @ part for A, part in zip(self.maps, parts, strict=True))

    def matrix(self) -> Array:
        return stack([A.matrix() for A in self.maps])

    @property
    def gram_cost(self) -> float:
        return float("inf") if np.isinf(self.normal_cost) else self.shape[0] ** 2 * self.shape[1] / 2

    @property
    def normal_cost(self) -> float:
        return sum(A.normal_cost for A in self.maps)

    def normal(self, dtype: Any = "float64") -> Array:
        return sum(A.T.gram(dtype) for A in self.maps)  # Aᵀ A = Σ A_iᵀ A_i


def stack(rows: Sequence[Array]) -> Array:
    """Put matrices (or batches of them) below each other; a single one is passed through."""
    return rows[0] if len(rows) == 1 else array_module(*rows).concatenate(rows, axis=-2)


def transpose(matrix: Array) -> Array:
    """Transpose the last two axes."""
    return matrix.swapaxes(-1, -2)


def product(matrix: Array, dtype: Any) -> Array:
    """``B Bᵀ`` of a matrix (or a batch of them), summed in the given dtype.

    In float32 a Gram matrix loses a shift 1/τ_θ that is below 6e-8 of its largest eigenvalue, so the
    exact step asks for float64. A matrix times its own transpose costs half the arithmetic of
    another product (BLAS ``syrk``), which pays for that.
    """
    matrix = matrix.astype(dtype, copy=False)
    return matrix @ transpose(matrix)


def bordered(normal: Array, sums: Array, A: LinearMap) -> Array:
    """``AᵀA`` from that without the column of ones: a border of column sums, and their number."""
    if normal.shape[-1] == A.shape[1]:
        return normal
    xp = array_module(normal)
    full = xp.empty((*normal.shape[:-2], A.shape[1], A.shape[1]), normal.dtype)
    full[..., :-1, :-1] = normal
    full[..., :-1, -1] = full[..., -1, :-1] = sums
    full[..., -1, -1] = A.shape[0]
    return full
