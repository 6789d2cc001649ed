"""What the propositions say, as functions that measure it (paper, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap, transpose
from minprox.engine.losses import Loss
from minprox.engine.passes import proxprop
from minprox.engine.plan import plan
from minprox.engine.reverse import errors
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape
from minprox.ground.backend import array_module
from minprox.paper.conditioning import angle, angle_bound, condition, condition_bound, spectrum
from minprox.paper.preconditioner import root
from minprox.paper.sharpness import Sharpness, sharpness
from minprox.paper.watch import SharpnessWatch

__all__ = [
    "angle",
    "angle_bound",
    "spectrum",
    "condition",
    "condition_bound",
    "largest_stable_step",
    "explicit_factor",
    "implicit_factor",
    "small_step_limit",
    "large_step_limit",
    "subproblem",
    "Descent",
    "descent",
    "Sharpness",
    "SharpnessWatch",
    "sharpness",
    "root",
]


def largest_stable_step(eigenvalues: Any) -> float:
    """Return ``2/λ_max``: beyond it explicit steps on ``½‖Aθ − b‖²`` diverge (E2, P5).

    Parameters
    ----------
    eigenvalues : array_like
        Of ``AᵀA``, in any shape.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If none of them is positive.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.theory.largest_stable_step([0.1, 4.0])
    0.5
    """
    largest = float(np.max(eigenvalues))
    if not largest > 0:
        raise ValueError(f"largest_stable_step: expected a positive eigenvalue, found {largest}")
    return 2 / largest


def explicit_factor(eigenvalue: Any, tau: float) -> Any:
    """Return ``1 − τλ``, by which an explicit step multiplies the error along an eigenvector (P5).

    Parameters
    ----------
    eigenvalue : float or array_like
        λ ≥ 0, in any shape.
    tau : float
        Step size τ.

    Returns
    -------
    float or ndarray
        Of the same shape; beyond ±1 the error grows.

    Examples
    --------
    >>> import minprox as mp
    >>> float(mp.theory.explicit_factor(4.0, tau=1.0))
    -3.0
    """
    return 1 - tau * np.asarray(eigenvalue)


def implicit_factor(eigenvalue: Any, tau_theta: float) -> Any:
    """Return ``1/(1 + τ_θ λ)``, in (0, 1], by which an implicit step multiplies that error (P5).

    Parameters
    ----------
    eigenvalue : float or array_like
        λ ≥ 0, in any shape.
    tau_theta : float
        Proximal step size τ_θ > 0.

    Returns
    -------
    float or ndarray
        Of the same shape.

    Examples
    --------
    >>> import minprox as mp
    >>> float(mp.theory.implicit_factor(4.0, tau_theta=1.0))
    0.2
    """
    return 1 / (1 + tau_theta * np.asarray(eigenvalue))


def small_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``d/τ_θ`` for ``τ_θ → 0``: the gradient ``Aᵀ δ`` (P3).

    Parameters
    ----------
    A : LinearMap
    delta : array, shape (..., rows, n_out)

    Returns
    -------
    array, shape (..., cols, n_out)

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> mp.theory.small_step_limit(A, delta), mp.Exact()(A, delta, 1e-9) / 1e-9
    (array([[6.]]), array([[5.99999995]]))
    """
    return A.T @ delta


def large_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``A d`` for ``τ_θ → ∞``: the projection of δ onto the range of ``A`` (P3).

    Parameters
    ----------
    A : LinearMap
    delta : array, shape (..., rows, n_out)

    Returns
    -------
    array, shape (..., rows, n_out)

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A = mp.DenseMap(np.array([[1.0], [0.0]]), bias=False)
    >>> mp.theory.large_step_limit(A, np.array([[2.0], [5.0]]))
    array([[2.],
           [0.]])
    """
    xp = array_module(delta)
    U, s, _ = xp.linalg.svd(A.matrix(), full_matrices=False)
    U = U * (s > s.max() * max(A.shape) * float(np.finfo(s.dtype).eps))[..., None, :]
    return U @ (transpose(U) @ delta)


def subproblem(A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
    """Return the value of (E5) at ``θ = θ^k − d`` for τ = 1: ``½‖A d − δ‖² + ‖d‖²/(2τ_θ)``.

    The implicit step minimises it; at ``d = 0`` it is ``½‖δ‖²`` (P5).

    Parameters
    ----------
    A : LinearMap
    delta : array, shape (..., rows, n_out)
    tau_theta : float
        τ_θ > 0.
    d : array, shape (..., cols, n_out)

    Returns
    -------
    float

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> mp.theory.subproblem(A, delta, 1.0, 0 * delta)
    2.0
    >>> round(mp.theory.subproblem(A, delta, 1.0, mp.Exact()(A, delta, 1.0)), 6)
    0.2
    """
    residual = A @ d - delta
    return float((residual * residual).sum() / 2 + (d * d).sum() / (2 * tau_theta))


@dataclass(frozen=True)
class Descent:
    """How the step of one layer stands to its gradient (P3).

    Attributes
    ----------
    angle : float
        Between ``∇_{θ_l} J`` and ``d_l``, in radians; 0 where the gradient vanishes.
    bound : float
        The largest angle that ``kappa`` allows.
    kappa : float
        ``cond(M_l)``.
    slope : float
        ``⟨∇_{θ_l} J, d_l⟩``.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.theory.Descent(angle=0.5, bound=0.64, kappa=4.0, slope=0.1).angle < mp.theory.angle_bound(4.0)
    True
    """

    angle: float
    bound: float
    kappa: float
    slope: float


def descent(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solver: Any = Exact(),  # noqa: B008
) -> list[Descent]:
    """Measure P3 in every layer of a net: angle, bound, condition number, slope.

    Parameters
    ----------
    net, tape, loss, y, tau_theta, solver
        As for :func:`minprox.proxprop`.

    Returns
    -------
    list of Descent
        Aligned with ``net.parameters``; the explicit last layer has angle 0 and κ = 1.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Proposition 2 and its proof.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> found = mp.theory.descent(net, mp.forward(net, x), mp.CrossEntropy(), y, tau_theta=1.0)
    >>> all(layer.angle <= layer.bound for layer in found)
    True
    """
    layers = plan(net, loss, y, tau_theta, solver)
    steps = proxprop(net, tape, loss, y, tau_theta, solver)
    found: list[Any] = [None] * len(steps)
    for l, A, delta in errors(net, tape, loss, y):
        gradient = net.transfers[l].join(A.T @ delta)
        kappa = 1.0 if layers[l].explicit else condition(A, layers[l].tau_theta)
        zero = not gradient.any()
        found[l] = Descent(
            0.0 if zero or layers[l].explicit else angle(gradient, steps[l]),
            angle_bound(kappa),
            kappa,
            float((gradient * steps[l]).sum()),  # ⟨∇_{θ_l} J, d_l⟩ > 0  (P3)
        )
    return found
