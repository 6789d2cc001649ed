"""What a transfer is: ``z = φ(θ, a)``, linear in θ, and so a linear map ``A(a)`` for the solvers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers.base import Array, Layer
from minprox.engine.linear_map import LinearMap, TransferMap
from minprox.engine.tangent_map import Difference
from minprox.ground.arguments import one_of, whole
from minprox.ground.backend import array_module, asarray


class Transfer(Layer):
    """Base class of the transfers: ``z = φ(θ, a)``, linear in θ for fixed ``a`` (section 1).

    A transfer of your own gives :meth:`forward`, :meth:`adjoint_input` and :meth:`adjoint_theta`;
    every solver but :class:`minprox.Exact` then works, matrix-free, and with :meth:`matrix`
    that one does too.

    Parameters
    ----------
    theta_shape : tuple of int
        ``(cols, n_out)``. Column ``o`` of θ makes channel ``o`` of ``z``, the axis ``channel_axis`` (1, of
        ``z (N, n_out, ...)``, unless the class says otherwise), and no other.
    fan_in : int, optional
        Inputs that one output sees, which scales the initial θ; ``cols`` without the bias if not given.
    bias : bool
        Whether the last row of θ is a bias.
    groups : int
        Number of groups of consecutive output channels which share a matrix ``A``.
    init : {"uniform", "he", "glorot"}
        Uniform in ``±1/√fan_in`` (the paper's; biases too), normal with variance ``2/fan_in``, or
        uniform in ``±√(6/(fan_in + fan_out))``, these two with biases 0.
    fan_out : int, optional
        Outputs that one input reaches; ``n_out`` if not given.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, section 2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> class Scale(mp.Transfer):  # z_i = θ_i a_i
    ...     def forward(self, theta, a):
    ...         return a * theta[0]
    ...     def adjoint_input(self, theta, a, delta):
    ...         return delta * theta[0]
    ...     def adjoint_theta(self, a, delta):
    ...         return (a * delta).sum(axis=0)[None]
    >>> mp.check_layer(Scale(theta_shape=(1, 4)), (4,))
    """

    arity = 1
    channel_axis = 1  # the axis of z that the columns of θ make; −1 for sequences
    theta: Array | None = None

    def __init__(
        self,
        theta_shape: tuple[int, int],
        fan_in: int | None = None,
        bias: bool = False,
        groups: int = 1,
        init: str = "uniform",
        fan_out: int | None = None,
    ) -> None:
        one_of("init", init, ("uniform", "he", "glorot"))
        groups = whole("groups", groups)
        if theta_shape[1] % groups:
            raise ValueError(f"{theta_shape[1]} output channels do not divide into {groups} groups")
        self.theta_shape = theta_shape
        self.has_bias, self.groups, self.init = bool(bias), groups, init
        self.fan_in = fan_in or theta_shape[0] - self.has_bias
        self.fan_out = fan_out or theta_shape[1]

    def forward(self, theta: Array, a: Array) -> Array:
        """Compute ``z = φ(θ, a)``.

        Parameters
        ----------
        theta : array, shape (cols, n_out)
        a : array, shape (N, *input_shape)

        Returns
        -------
        array, shape (N, n_out, ...)
        """
        raise NotImplementedError(f"{self!r} has no forward(theta, a)")

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        """Compute ``(∂φ/∂a)ᵀ δ``.

        Parameters
        ----------
        theta : array, shape (cols, n_out)
        a : array, shape (N, *input_shape)
        delta : array, shape (N, n_out, ...)

        Returns
        -------
        array, shape (N, *input_shape)
        """
        raise NotImplementedError(f"{self!r} has no adjoint_input(theta, a, delta)")

    def adjoint_theta(self, a: Array, delta: Array) -> Array:
        """Compute ``(∂φ/∂θ)ᵀ δ = Aᵀ δ``.

        Parameters
        ----------
        a : array, shape (N, *input_shape)
        delta : array, shape (N, n_out, ...)

        Returns
        -------
        array, shape (cols, n_out)
        """
        raise NotImplementedError(f"{self!r} has no adjoint_theta(a, delta)")

    def matrix(self, a: Array) -> Array:
        """Compute the matrix ``A(a)``.

        Parameters
        ----------
        a : array, shape (N, *input_shape)

        Returns
        -------
        array, shape (rows, cols), or (groups, rows, cols) for several groups
            Its rows run over ``(sample, output position)``, or as :meth:`rows` says; a column
            of ones for the bias is included.

        Raises
        ------
        TypeError
            If the layer is matrix-free.
        """
        raise TypeError(
            f"an exact step needs the patch matrix of {self!r}, which has none: "
            "give the class a method matrix(a), or use CG or BlockCG"
        )

    def linear_map(self, a: Array) -> LinearMap:
        """Return ``A(a)`` as a linear map.

        Parameters
        ----------
        a : array, shape (N, *input_shape)

        Returns
        -------
        LinearMap
            Of shape ``(rows, cols)``.
        """
        return TransferMap(self, a)

    def tangent_map(self, a_dot: Array) -> LinearMap:
        """Return ``Ȧ = A(ȧ)`` with zeros for the ones of the bias: how ``A(a)`` changes with ``a`` (T3).

        Parameters
        ----------
        a_dot : array, shape (N, *input_shape)

        Returns
        -------
        LinearMap
            Of shape ``(rows, cols)``.
        """
        still = array_module(a_dot).zeros_like(a_dot)
        return Difference(self.linear_map(a_dot), self.linear_map(still))  # A(ȧ) − A(0), φ being affine in a

    def trial(self, *inputs: Array) -> Array:
        return self.forward(np.zeros(self.theta_shape), *inputs)

    def rows(self, z: Array) -> Array:
        """Lay out ``z`` as the rows of ``A θ``.

        Parameters
        ----------
        z : array, shape (N, n_out, ...)

        Returns
        -------
        array, shape (N·positions, n_out), split into groups
        """
        xp = array_module(z)
        return self.split(xp.moveaxis(z, self.channel_axis, -1).reshape(-1, self.theta_shape[1]))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        """Undo :meth:`rows`.

        Parameters
        ----------
        rows : array, shape (N·positions, n_out), split into groups
        z_shape : tuple of int
            ``(N, n_out, ...)``.

        Returns
        -------
        array, shape (N, n_out, ...)
        """
        xp = array_module(rows)
        places = [n for axis, n in enumerate(z_shape) if axis != self.channel_axis % len(z_shape)]
        return xp.moveaxis(self.join(rows).reshape(*places, self.theta_shape[1]), -1, self.channel_axis)

    def split(self, columns: Array) -> Array:
        """Split the columns into groups, where there are several.

        Parameters
        ----------
        columns : array, shape (n, n_out)

        Returns
        -------
        array, shape (n, n_out) or (groups, n, n_out / groups)
        """
        if self.groups == 1:
            return columns
        return columns.reshape(len(columns), self.groups, -1).swapaxes(0, 1)

    def join(self, columns: Array) -> Array:
        """Undo :meth:`split`.

        Parameters
        ----------
        columns : array, shape (n, n_out) or (groups, n, n_out / groups)

        Returns
        -------
        array, shape (n, n_out)
        """
        if self.groups == 1:
            return columns
        return columns.swapaxes(0, 1).reshape(columns.shape[1], -1)

    def initialise(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw θ, unless the layer has one already from another net."""
        if self.theta is None:
            self.theta = asarray(self.draw(rng), dtype=dtype)
        elif self.theta.dtype != dtype:
            raise ValueError(
                f"{self!r} already has parameters of dtype {self.theta.dtype}, "
                f"but the net is built with dtype {np.dtype(dtype)}"
            )

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw an initial θ in float64, by the rule ``init``."""
        if self.init == "he":
            theta = rng.standard_normal(self.theta_shape) * (2 / self.fan_in) ** 0.5
        else:
            spread = 6 / (self.fan_in + self.fan_out) if self.init == "glorot" else 1 / self.fan_in
            theta = rng.uniform(-(spread**0.5), spread**0.5, self.theta_shape)
        if self.has_bias and self.init != "uniform":
            theta[-1] = 0
        return theta

    @property
    def weight(self) -> Array | None:
        """θ without its bias row, a view; None before a net is built."""
        return self.theta[:-1] if self.has_bias and self.theta is not None else self.theta

    @property
    def bias(self) -> Array | None:
        """The bias row of θ, a view; None if there is none."""
        return self.theta[-1] if self.has_bias and self.theta is not None else None
