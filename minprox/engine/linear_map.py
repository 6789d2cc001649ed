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

from typing import Any

from minprox.engine.row_shares import RowShares
from minprox.ground.arguments import flag
from minprox.ground.backend import array_module
from minprox.ground.doors import matrix
from minprox.ground.products import multiply
from minprox.ground.rooms import room, room_like

Array = Any


class LinearMap(RowShares):
    """Base of all linear maps: a subclass gives ``@``, ``adjoint`` and, for exact solves, ``matrix``.

    Attributes
    ----------
    shape : tuple of int
        ``(rows, cols)`` of one group.
    dtype : dtype
        That of the input ``a``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> class Difference(mp.LinearMap):  # (A θ)_i = θ_{i+1} − θ_i
    ...     shape, dtype = (2, 3), np.dtype("float64")
    ...     def __matmul__(self, theta):
    ...         return theta[1:] - theta[:-1]
    ...     def adjoint(self, delta):
    ...         zero = np.zeros((1, delta.shape[1]))
    ...         return np.concatenate([zero, delta]) - np.concatenate([delta, zero])
    >>> A, delta = Difference(), np.array([[1.0], [2.0]])
    >>> round(mp.check_step(A, delta, 1.0, mp.CG(2)(A, delta, 1.0)), 6)
    0.0
    """

    shape: tuple[int, int]
    dtype: Any

    def __matmul__(self, theta: Array) -> Array:
        """``A θ``: the transfer, forward."""
        raise NotImplementedError

    def adjoint(self, delta: Array) -> Array:
        """Compute ``Aᵀ δ``; written ``A.T @ delta``.

        Parameters
        ----------
        delta : array, shape (..., rows, n_out)

        Returns
        -------
        array, shape (..., cols, n_out)
            One of its own, to which the caller may write.
        """
        raise NotImplementedError

    def matrix(self) -> Array:
        """Return ``A`` itself, of shape ``(..., rows, cols)``; raise TypeError where it is matrix-free."""
        raise TypeError(
            f"an exact step needs the matrix of {type(self).__name__}, which has none: "
            "give the class a method matrix(), or use CG or BlockCG"
        )

    @property
    def matrix_free(self) -> bool:
        """Whether the map has no :meth:`matrix`."""
        return type(self).matrix is LinearMap.matrix

    @property
    def gram_cost(self) -> float:
        """Multiplications that :meth:`gram` takes; infinite where the map is matrix-free."""
        return float("inf")

    @property
    def normal_cost(self) -> float:
        """Multiplications that :meth:`normal` takes at most; infinite where the map is matrix-free."""
        return float("inf")

    def normal_diagonal(self) -> Array | None:
        """Return the diagonal of ``AᵀA``, shape (cols,), where that is all of it; else None."""
        return None

    def gram(self, dtype: Any = "float64") -> Array:
        """Compute ``A Aᵀ``.

        Parameters
        ----------
        dtype : {"float64", "float32"}
            In which it is summed.

        Returns
        -------
        array, shape (..., rows, rows)
        """
        return product(self.matrix(), dtype)

    def normal(self, dtype: Any = "float64") -> Array:
        """Compute ``Aᵀ A``; written ``A.T.gram()``.

        Parameters
        ----------
        dtype : {"float64", "float32"}
            In which it is summed.

        Returns
        -------
        array, shape (..., cols, cols)
        """
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

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A = mp.DenseMap(np.array([[2.0, 3.0]]), bias=True)
    >>> A.matrix(), A.gram()
    (array([[2., 3., 1.]]), array([[14.]]))
    """

    def __init__(self, a: Array, bias: bool) -> None:
        matrix("a of DenseMap", a)
        bias = flag("bias of DenseMap", bias)
        self.a, self.bias = a, bias
        self.shape = (a.shape[0], a.shape[1] + bias)
        self.dtype = a.dtype

    def __matmul__(self, theta: Array) -> Array:
        if not self.bias:
            return multiply(self.a, theta)
        z = multiply(self.a, theta[:-1])
        z += theta[-1]
        return z

    def adjoint(self, delta: Array) -> Array:
        xp = array_module(self.a, delta)
        if not self.bias:
            return multiply(self.a.T, delta)
        d = room(delta, (self.shape[1], delta.shape[1]), xp.result_type(self.a, delta))
        multiply(self.a.T, delta, out=d[:-1])
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


def transpose(matrix: Array) -> Array:
    """Transpose the last two axes."""
    return matrix.swapaxes(-1, -2)


def product(matrix: Array, dtype: Any) -> Array:
    """``B Bᵀ`` of a matrix (or a batch of them), summed in the given dtype.

    In float32 a Gram matrix loses a shift 1/τ_θ that is below 6e-8 of its largest eigenvalue, so the
    exact step asks for float64. A matrix times its own transpose costs half the arithmetic of
    another product (BLAS ``syrk``), which pays for that.
    """
    matrix = converted(matrix, dtype)
    return matrix @ transpose(matrix)


def converted(matrix: Array, dtype: Any) -> Array:
    """Return a matrix in a dtype: itself, or a copy in memory that is used again."""
    if matrix.dtype == dtype:
        return matrix
    copy = room_like(matrix, dtype, matrix.shape)
    copy[...] = matrix
    return copy


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
