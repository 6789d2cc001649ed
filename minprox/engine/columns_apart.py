"""A transfer whose θ is split by output columns: each process holds some, and solves for them alone."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array, Shape
from minprox.engine.layers.conv import Convolution
from minprox.engine.layers.linear import Linear
from minprox.engine.layers.transfer import Transfer
from minprox.engine.linear_map import LinearMap
from minprox.ground.arguments import refuse
from minprox.ground.mpi_communicator import taken

DRAWN = 2**22  # entries of θ that are drawn at a time, so that no process ever holds all of it


class ColumnsApart(Transfer):
    """A dense layer or a convolution whose output columns lie on several processes, θ with them.

    Each column of ``d`` is a system of its own with the same matrix, ``(AᵀA + I/τ_θ) d_j = Aᵀδ_j``, so the
    processes tell each other nothing in the solve, by any solver. They gather ``z`` in the forward pass, and
    sum ``(∂φ/∂a)ᵀ δ`` in the reverse sweep: each sees the whole batch and holds its columns of θ only. Steps
    are those of one process, but for :class:`minprox.CG`, which takes the columns of each for one vector.

    Parameters
    ----------
    layer : Linear, Conv1d or Conv2d
        With one group. It is not used otherwise.
    comm : communicator
        Of the processes that split it, each of which makes its net alike; with one process, the layer itself.

    Raises
    ------
    ValueError
        If there are more processes than columns, or the layer has several groups.
    TypeError
        If it is another layer.

    Examples
    --------
    >>> import minprox as mp
    >>> def shape(comm):
    ...     hidden = mp.ColumnsApart(mp.Linear(64, 200), comm)
    ...     net = mp.Sequential(hidden, mp.ReLU(), mp.Linear(200, 10), seed=0)
    ...     return [theta.shape for theta in net.parameters]
    >>> mp.simulated(3, shape)
    [[(65, 67), (201, 10)], [(65, 67), (201, 10)], [(65, 66), (201, 10)]]
    """

    def __init__(self, layer: Transfer, comm: Any) -> None:
        if not isinstance(layer, (Linear, Convolution)):
            refuse("layer", "a Linear or a convolution, whose columns can lie apart", layer)
        self.layer, self.comm = layer, taken(comm)
        cols, n_out = layer.theta_shape
        if layer.groups > 1 or n_out < self.comm.size:
            found = f"{layer.groups} groups" if layer.groups > 1 else f"{n_out} columns"
            raise ValueError(
                f"layer: expected one group, and a column or more for each of {self.comm.size} processes, "
                f"found {found} of {layer!r}"
            )
        self.mine = self.comm.share(n_out)
        self.counts = self.comm.counts(self.mine.stop - self.mine.start)
        super().__init__(
            (cols, self.counts[self.comm.rank]), layer.fan_in, layer.has_bias, 1, layer.init, layer.fan_out
        )
        self.part = copy(layer)  # the layer with the columns of this process
        self.part.theta_shape = self.theta_shape
        setattr(self.part, "n_out" if isinstance(layer, Linear) else "out_channels", self.theta_shape[1])
        self.channel_axis, self.input_shape = layer.channel_axis, layer.input_shape
        if layer.theta is not None:
            self.theta = layer.theta[:, self.mine]

    def forward(self, theta: Array, a: Array) -> Array:
        return self.gathered(self.part.forward(theta, a))  # z = [A θ_1, …, A θ_P]

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        error = self.part.adjoint_input(theta, a, self.own(delta))
        return self.comm.sum_into(error)  # Σ_r (∂φ_r/∂a)ᵀ δ_r

    def linear_map(self, a: Array) -> LinearMap:
        return self.part.linear_map(a)

    def tangent_map(self, a_dot: Array) -> LinearMap:
        return self.part.tangent_map(a_dot)

    def rows(self, z: Array) -> Array:
        return self.part.rows(self.own(z))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        shape = list(z_shape)
        shape[self.channel_axis] = self.theta_shape[1]
        return self.gathered(self.part.unrows(rows, tuple(shape)))

    def own(self, z: Array) -> Array:
        """Return the columns of this process of what has the shape of ``z``."""
        return z[..., self.mine] if self.channel_axis == -1 else z[:, self.mine]

    def gathered(self, z: Array) -> Array:
        """Return the columns of all processes."""
        return self.comm.gather(z, self.channel_axis, self.counts)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        (cols, n_out), parts = self.layer.theta_shape, []
        step, block = max(1, DRAWN // n_out), copy(self.layer)  # rows that are drawn one after the other
        for start in range(0, cols, step):
            stop = min(start + step, cols)
            block.theta_shape = (stop - start, n_out)
            block.has_bias = self.layer.has_bias and stop == cols
            parts.append(block.draw(rng)[:, self.mine])
        return np.concatenate(parts)

    def whole_theta(self) -> Array:
        """Return θ with the columns of all processes, which all ask for at the same time.

        Returns
        -------
        array, shape (cols, n_out)
        """
        return self.comm.gather(self.theta, -1, self.counts)

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.layer.output_shape(*shapes)

    def __repr__(self) -> str:
        return f"ColumnsApart({self.layer!r}, {self.comm.size} processes)"
