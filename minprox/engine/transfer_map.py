"""The linear map of a matrix-free transfer, made from its forward and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.linear_map import Array, LinearMap


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

    @property
    def matrix_free(self) -> bool:
        return not self.layer.has_matrix
