"""How the map of a transfer changes as its input moves: ``Ȧ = A(ȧ)``, with zeros for the ones of the bias."""

from __future__ import annotations

from copy import copy
from typing import Any

from minprox.engine.linear_map import Array, LinearMap
from minprox.ground.backend import array_module


def without_ones(A: Any) -> LinearMap:
    """Return a map that has a column of ones for the bias with zeros in their place.

    Parameters
    ----------
    A : DenseMap or PatchMap
        Or any other that lays out its columns by ``A.bias``.
    """
    if not A.bias:
        return A
    bare = copy(A)
    bare.bias, bare.shape = False, (A.shape[0], A.shape[1] - 1)
    return ZeroRow(bare)


class ZeroRow(LinearMap):
    """A map that has no column for the bias, given one of zeros.

    Parameters
    ----------
    A : LinearMap
    """

    def __init__(self, A: LinearMap) -> None:
        self.A, self.dtype = A, A.dtype
        self.shape = (A.shape[0], A.shape[1] + 1)

    def __matmul__(self, theta: Array) -> Array:
        return self.A @ theta[..., :-1, :]

    def adjoint(self, delta: Array) -> Array:
        xp, d = array_module(delta), self.A.T @ delta
        return xp.concatenate([d, xp.zeros_like(d[..., :1, :])], axis=-2)


class Difference(LinearMap):
    """``A − B`` of two maps of one shape.

    Parameters
    ----------
    A, B : LinearMap
    """

    def __init__(self, A: LinearMap, B: LinearMap) -> None:
        self.A, self.B, self.shape, self.dtype = A, B, A.shape, A.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.A @ theta - self.B @ theta

    def adjoint(self, delta: Array) -> Array:
        return self.A.T @ delta - self.B.T @ delta
