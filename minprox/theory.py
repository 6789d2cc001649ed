"""What the propositions say, as functions that measure it (paper, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.arguments import per_layer
from minprox.backend import array_module, to_numpy
from minprox.graph import Graph
from minprox.layers.base import Array
from minprox.linear_map import LinearMap, transpose
from minprox.passes import errors, proxprop
from minprox.solvers import Exact
from minprox.tape import Tape


def angle(gradient: Array, direction: Array) -> float:
    """Return the angle α between a gradient and a step, in radians (P3).

    Parameters
    ----------
    gradient, direction : array
        Of one shape.

    Returns
    -------
    float
        In [0, π]; below π/2 for a descent direction.

    Raises
    ------
    ValueError
        If the shapes differ or one of the two is zero.

    Notes
    -----
    ``α = 2 arctan(‖u − v‖ / ‖u + v‖)`` of the unit vectors, which keeps its digits near 0.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> round(mp.theory.angle(np.array([1.0, 0.0]), np.array([1.0, 1.0])), 4)  # π/4
    0.7854
    """
    u, v = (to_numpy(w).astype(float).ravel() for w in (gradient, direction))
    if gradient.shape != direction.shape or not u.any() or not v.any():
        raise ValueError(
            "angle: expected two arrays of one shape that are not zero, "
            f"found shapes {gradient.shape} and {direction.shape}"
        )
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    return float(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


def angle_bound(kappa: float) -> float:
    """Return the largest angle that P3 allows for a condition number κ, in radians.

    Notes
    -----
    ``cos α ≥ 2√κ/(1 + κ)`` (Kantorovich), that is ``α ≤ π/2 − 2 arctan(1/√κ)``.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.theory.angle_bound(1.0)
    0.0
    """
    if not kappa >= 1:
        raise ValueError(f"angle_bound: a condition number is at least 1, found {kappa!r}")
    return float(np.pi / 2 - 2 * np.arctan(kappa**-0.5))


def spectrum(A: LinearMap) -> np.ndarray:
    """Return the eigenvalues of ``AᵀA``, ascending, shape ``(..., cols)``; zeros included."""
    rows, cols = A.shape
    small = A.gram() if rows <= cols else A.T.gram()
    values = np.maximum(np.linalg.eigvalsh(to_numpy(small)), 0)
    zeros = np.zeros((*values.shape[:-1], max(0, cols - rows)))
    return np.concatenate([zeros, values], axis=-1)


def condition(A: LinearMap, tau_theta: float) -> float:
    """Return ``cond(M)`` of ``M = AᵀA + I/τ_θ`` (of the worst group, where there are several).

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A = mp.DenseMap(np.diag([1.0, 3.0]), bias=False)
    >>> round(mp.theory.condition(A, tau_theta=1.0), 6)  # (9 + 1) / (1 + 1)
    5.0
    """
    values = spectrum(A) + 1 / tau_theta
    return float(values.max() / values.min())


def condition_bound(A: LinearMap, tau_theta: float) -> float:
    """Return the bound ``1 + τ_θ ‖A‖²`` of ``cond(M)`` (P3)."""
    return float(1 + tau_theta * spectrum(A).max())


def largest_stable_step(eigenvalues: Any) -> float:
    """Return ``2/λ_max``: beyond it explicit steps on ``½‖Aθ − b‖²`` diverge (E2, P5).

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
    """Return ``1 − τλ``, by which an explicit step multiplies the error along an eigenvector (P5)."""
    return 1 - tau * np.asarray(eigenvalue)


def implicit_factor(eigenvalue: Any, tau_theta: float) -> Any:
    """Return ``1/(1 + τ_θ λ)``, in (0, 1], by which an implicit step multiplies that error (P5)."""
    return 1 / (1 + tau_theta * np.asarray(eigenvalue))


def small_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``d/τ_θ`` for ``τ_θ → 0``: the gradient ``Aᵀ δ`` (P3)."""
    return A.T @ delta


def large_step_limit(A: LinearMap, delta: Array) -> Array:
    """Return the limit of ``A d`` for ``τ_θ → ∞``: the projection of δ onto the range of ``A`` (P3)."""
    xp = array_module(delta)
    U, s, _ = xp.linalg.svd(A.matrix(), full_matrices=False)
    U = U * (s > s.max() * max(A.shape) * float(np.finfo(s.dtype).eps))[..., None, :]
    return U @ (transpose(U) @ delta)


def subproblem(A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
    """Return the value of (E5) at ``θ = θ^k − d`` for τ = 1: ``½‖A d − δ‖² + ‖d‖²/(2τ_θ)``.

    The implicit step minimises it; at ``d = 0`` it is ``½‖δ‖²`` (P5).
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
    """

    angle: float
    bound: float
    kappa: float
    slope: float


def descent(
    net: Graph,
    tape: Tape,
    loss: Any,
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
    taus = per_layer("tau_theta", tau_theta, net)
    steps = proxprop(net, tape, loss, y, tau_theta, solver)
    found: list[Any] = [None] * len(steps)
    for l, A, delta in errors(net, tape, loss, y):
        gradient = net.transfers[l].join(A.T @ delta)
        kappa = 1.0 if l in net.last_transfers else condition(A, float(taus[l]))
        zero = not gradient.any()
        found[l] = Descent(
            0.0 if zero or l in net.last_transfers else angle(gradient, steps[l]),
            angle_bound(kappa),
            kappa,
            float((gradient * steps[l]).sum()),
        )
    return found
