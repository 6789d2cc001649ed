"""What a transfer is: ``z = φ(θ, a)``, linear in θ, and so a linear map ``A(a)`` for the solvers."""

from __future__ import annotations

import numpy as np

from minprox.engine.layers.base import Array
from minprox.engine.layers.theta import Parametric
from minprox.engine.linear_map import LinearMap
from minprox.engine.tangent_map import Difference
from minprox.engine.transfer_map import TransferMap
from minprox.ground.backend import array_module


class Transfer(Parametric):
    """Base class of the transfers: ``z = φ(θ, a)``, linear in θ for fixed ``a`` (section 1).

    A transfer of your own gives :meth:`adjoint_input`, and one thing more, in either of two ways.
    Matrix-free, it gives :meth:`forward` and :meth:`adjoint_theta`, from which its linear map is made; every
    solver but :class:`minprox.Exact` then works, and with :meth:`matrix` that one does too. Or it gives
    :meth:`linear_map`, from which ``forward``, ``adjoint_theta`` and ``matrix`` are made, and
    :meth:`output_shape` where ``A`` has several rows for a sample.

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

    def forward(self, theta: Array, a: Array) -> Array:
        """Compute ``z = φ(θ, a)``: by default ``A θ``, with the linear map.

        Parameters
        ----------
        theta : array, shape (cols, n_out)
        a : array, shape (N, *input_shape)

        Returns
        -------
        array, shape (N, n_out, ...)
        """
        A = self.given_map(a, "forward(theta, a)")
        z_shape = (len(a), *self.output_shape(a.shape[1:]))  # type: ignore[misc]
        return self.unrows(A @ self.split(theta), z_shape)  # z = A θ

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
        """Compute ``(∂φ/∂θ)ᵀ δ = Aᵀ δ``: by default with the linear map.

        Parameters
        ----------
        a : array, shape (N, *input_shape)
        delta : array, shape (N, n_out, ...)

        Returns
        -------
        array, shape (cols, n_out)
        """
        return self.join(self.given_map(a, "adjoint_theta(a, delta)").T @ self.rows(delta))  # Aᵀ δ

    def matrix(self, a: Array) -> Array:
        """Compute the matrix ``A(a)``: by default that of the linear map.

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
        A = self.linear_map(a)
        if A.matrix_free:
            raise TypeError(
                f"an exact step needs the patch matrix of {self!r}, which has none: "
                "give the class a method matrix(a), or use CG or BlockCG"
            )
        return A.matrix()

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

    @property
    def has_matrix(self) -> bool:
        """Whether the class gives :meth:`matrix` itself."""
        return type(self).matrix is not Transfer.matrix

    def given_map(self, a: Array, missing: str) -> LinearMap:
        """Return the linear map that the class gives, or raise NotImplementedError where it gives none."""
        if type(self).linear_map is Transfer.linear_map:
            raise NotImplementedError(f"{self!r} has no {missing}")
        return self.linear_map(a)

    def trial(self, *inputs: Array) -> Array:
        if type(self).forward is not Transfer.forward:
            return self.forward(np.zeros(self.theta_shape), *inputs)
        (a,) = inputs
        rows, n_out = self.given_map(a, "forward(theta, a)").shape[0], self.theta_shape[1]
        if rows != len(a):
            raise NotImplementedError(
                f"{self!r} has {rows} rows for a sample: give the class a method output_shape(shape)"
            )
        return np.zeros((rows, n_out))

    def rows(self, z: Array) -> Array:
        """Lay out ``z`` as the rows of ``A θ``.

        Parameters
        ----------
        z : array, shape (N, n_out, ...)

        Returns
        -------
        array, shape (N·positions, n_out), split into groups
        """
        if z.ndim == 2:
            return self.split(z)
        xp = array_module(z)
        return self.split(xp.moveaxis(z, self.channel_axis, -1).reshape(-1, self.theta_shape[1]))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        """Undo :meth:`rows`.

        Parameters
        ----------
        rows : array, shape (N·positions, n_out), split into groups
        z_shape : tuple of int

        Returns
        -------
        array, of the shape ``z_shape``
        """
        if len(z_shape) == 2:
            return self.join(rows)
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
        return columns.reshape(len(columns), self.groups, columns.shape[1] // self.groups).swapaxes(0, 1)

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
        return columns.swapaxes(0, 1).reshape(columns.shape[1], self.groups * columns.shape[2])
