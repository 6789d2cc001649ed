"""Products with the Hessian and with the Gauss–Newton matrix, as linear operators for SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.tangent import Linearised
from minprox.engine.tape import Tape
from minprox.ground.arguments import refuse
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.doors import numbers


@door
def hessian_product(net: Graph, tape: Tape, loss: Loss, y: Array) -> Any:
    """Return the Hessian of ``J`` as a linear operator: ``H @ v`` is one tangent pass.

    Parameters
    ----------
    tape : Tape
        Of a forward pass of this net, with the parameters as they are now.
    loss : Loss
        With a ``tangent``.
    y : array, shape (N, ...)

    Returns
    -------
    scipy.sparse.linalg.LinearOperator
        Of shape ``(n, n)`` for ``n`` parameters, laid out as by :func:`minprox.pack`: NumPy vectors, also
        where the net lives on a GPU.

    Raises
    ------
    ValueError, TypeError
        As for :func:`minprox.tangent`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from scipy.sparse.linalg import eigsh
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> H = mp.hessian_product(net, mp.forward(net, x), mp.CrossEntropy(), y)
    >>> H.shape, bool(eigsh(H, k=1, which="LA", return_eigenvectors=False) > 0)
    ((67, 67), True)
    """
    return operator(Linearised(net, tape, loss, y))


@door
def gauss_newton_product(net: Graph, tape: Tape, loss: Loss, y: Array) -> Any:
    """Return the Gauss–Newton matrix ``Jᵀ ∂²L J`` as a linear operator (T4).

    It is the Hessian without the terms in which an error δ stands undotted, and positive semidefinite
    for a convex loss.

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`hessian_product`; the layers need no ``bend``.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator
        As of :func:`hessian_product`.

    Raises
    ------
    ValueError, TypeError
        As for :func:`minprox.tangent`.

    References
    ----------
    Schraudolph, Fast Curvature Matrix-Vector Products for Second-Order Gradient Descent, Neural
    Computation 14, 2002.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> G = mp.gauss_newton_product(net, mp.forward(net, x), mp.CrossEntropy(), y)
    >>> v = np.ones(67)
    >>> bool(v @ (G @ v) >= 0)
    True
    """
    return operator(Linearised(net, tape, loss, y, curved=False))


def operator(linearised: Linearised) -> Any:
    """Return ``v ↦ d/dε ∇J(θ + ε v)`` as a symmetric operator on vectors."""
    from scipy.sparse.linalg import LinearOperator

    net = linearised.net

    def matvec(v: np.ndarray) -> np.ndarray:
        return pack(linearised.along(unpack(v, net)))

    n = sum(theta.size for theta in net.parameters)
    return LinearOperator((n, n), matvec=matvec, rmatvec=matvec, dtype=net.dtype)


@door
def pack(arrays: Sequence[Array]) -> np.ndarray:
    """Lay a list of arrays out as one NumPy vector, the first array first, each by rows.

    Parameters
    ----------
    arrays : list of array
        Of any shapes: gradients, steps, parameters.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If there is no array.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.pack([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([1., 2., 3.])
    """
    if not arrays:
        refuse("arrays", "one array or more", arrays)
    return np.concatenate([to_numpy(array).ravel() for array in arrays])


@door(vector=numbers)
def unpack(vector: np.ndarray, net: Graph) -> list[Array]:
    """Undo :func:`pack`: cut a vector into arrays aligned with the parameters of a net.

    Parameters
    ----------
    vector : ndarray, shape (n,)
        A column ``(n, 1)`` will do as well.

    Returns
    -------
    list of array
        Of the shapes and the dtype of ``net.parameters``, on their backend.

    Raises
    ------
    ValueError
        If the vector has not as many entries as the net has parameters.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 2), seed=0)
    >>> mp.unpack(np.arange(4.0), net)
    [array([[0., 1.],
           [2., 3.]], dtype=float32)]
    """
    thetas = net.parameters
    n = sum(theta.size for theta in thetas)
    if np.size(vector) != n:
        raise ValueError(
            f"unpack: expected a vector of {n} entries, one for each parameter, found {np.size(vector)}"
        )
    parts = np.split(np.ravel(vector), np.cumsum([theta.size for theta in thetas])[:-1])
    return [
        array_module(theta).asarray(part.reshape(theta.shape), dtype=theta.dtype)
        for part, theta in zip(parts, thetas, strict=True)
    ]
