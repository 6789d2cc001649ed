"""The limit of explicit steps, measured: the largest curvature that a step along a linear direction meets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop
from minprox.engine.products import hessian_product, unpack
from minprox.engine.tape import Tape
from minprox.ground.arguments import number
from minprox.ground.backend import to_numpy
from minprox.ground.doors import function
from minprox.ground.seeds import generator
from minprox.paper.preconditioner import Direction, root

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


RESTARTS = 50  # of Lanczos, some twenty products each


@dataclass(frozen=True)
class Sharpness:
    """The largest curvature that a step meets, and where it lies.

    Attributes
    ----------
    value : float
        ``λ_max(M^{-1/2} H M^{-1/2})`` (T6); Λ itself for the gradient (T5).
    vector : list of array
        The motion of the parameters along which two neighbours part fastest, aligned with ``net.parameters``.
    shares : list of float
        What each layer holds of the squared length of the leading eigenvector; they sum to 1.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.theory.Sharpness(4.0, [], [0.2, 0.8]).limit
    0.5
    """

    value: float
    vector: list[Array]
    shares: list[float]

    @property
    def limit(self) -> float:
        """``2/value``: shorter steps are stable near this point; infinite where nothing curves upwards."""
        return 2 / self.value if self.value > 0 else float("inf")


@door(direction=function)
def sharpness(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    direction: Direction = backprop,
    *,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> Sharpness:
    """Measure the curvature that limits the steps along a direction: ``τ < 2/λ_max`` (T5, T6).

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`minprox.hessian_product`.
    direction : callable
        Linear in the gradient, ``M⁻¹ ∇J`` with a symmetric positive definite ``M`` made of blocks, one for
        each θ_l: :func:`minprox.backprop`, ``functools.partial(minprox.proxprop, tau_theta=0.05)`` with exact
        solves, or whatever has a method ``root(net, tape, loss, y)`` that returns ``R`` with
        ``R Rᵀ = M⁻¹`` as a linear operator of SciPy on packed parameters.
    tolerance : float
        Relative accuracy of the eigenvalue.
    seed : int
        Of the vector that Lanczos starts from.

    Raises
    ------
    ValueError
        If parameters or outputs of the net are not finite, or the eigenvalue is not found.
    TypeError
        If the direction is not known to be linear in the gradient, as with CG, or the net has no tangent.

    Notes
    -----
    ``M`` is that of the tape: that it changes along the motion, times the gradient, is left out, which
    vanishes at a minimum.

    References
    ----------
    Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability, ICLR 2021.

    Examples
    --------
    >>> import functools
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y, loss = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1]), mp.CrossEntropy()
    >>> explicit = mp.theory.sharpness(net, mp.forward(net, x), loss, y)
    >>> implicit = functools.partial(mp.proxprop, tau_theta=1.0)
    >>> mp.theory.sharpness(net, mp.forward(net, x), loss, y, implicit).limit > explicit.limit
    True
    """
    if not all(np.isfinite(to_numpy(array)).all() for array in (tape.output, *net.parameters)):
        raise ValueError(
            "sharpness: expected a net with finite parameters and outputs, found NaN or infinity"
        )
    H = hessian_product(net, tape, loss, y)
    R = root(net, tape, loss, y, direction)
    value, w = leading(
        R.T @ H @ R, number("tolerance", tolerance, above=0), seed
    )  # M^{-1/2} H M^{-1/2}  (T6)
    parts = np.split(w, np.cumsum([theta.size for theta in net.parameters])[:-1])
    return Sharpness(value, unpack(R @ w, net), [float(part @ part) for part in parts])


def leading(S: LinearOperator, tolerance: float, seed: int) -> tuple[float, np.ndarray]:
    """Return the largest eigenvalue of a symmetric operator with its unit eigenvector (T5).

    Where Lanczos does not tell it to a part of its own size, as where a far larger negative one stands
    beside it, the tolerance is a part of the largest modulus.
    """
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import ArpackNoConvergence, aslinearoperator, eigsh

    n = S.shape[0]
    if n < 20:  # Lanczos wants room
        values, vectors = np.linalg.eigh(S @ np.eye(n))
        return float(values[-1]), vectors[:, -1]
    start = generator(seed).standard_normal(n)
    options = {"k": 1, "v0": start, "tol": tolerance, "maxiter": RESTARTS}
    try:
        (value,), vectors = eigsh(S, which="LA", **options)  # λ_max, by Lanczos  (T5)
    except ArpackNoConvergence:
        try:
            radius = float(abs(eigsh(S, which="LM", **options | {"tol": 0.01}, return_eigenvectors=False)[0]))
            shifted = S + aslinearoperator(radius * eye_array(n))
            (value,), vectors = eigsh(shifted, which="LM", ncv=min(n - 1, 80), **options)
        except ArpackNoConvergence as error:
            raise ValueError(
                f"sharpness: Lanczos finds no leading eigenvalue to {tolerance:g} in {RESTARTS} restarts; "
                "try a larger tolerance"
            ) from error
        value -= radius
    return float(value), vectors[:, 0]
