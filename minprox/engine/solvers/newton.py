"""The proximal map of a layer that faces a loss which is no quadratic, by Newton's method (E4)."""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.engine.doors import check_system
from minprox.engine.linear_map import LinearMap
from minprox.engine.solvers.conjugate_gradients import cg
from minprox.ground.backend import array_module

if TYPE_CHECKING:
    from minprox.engine.layers import Transfer
    from minprox.engine.losses import Loss

Array = Any

ITERATIONS, INNER, HALVINGS = 50, 500, 40
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


class NewtonCG:
    """The implicit step of a layer that faces the loss: ``d = θ − argmin_u L_y(A u) + ‖u − θ‖²/(2τ_θ)``.

    Newton's method, each of whose systems ``Aᵀ ∂²L A + I/τ_θ`` is solved by conjugate gradients as far as it
    pays, with a line search. For a convex loss the problem is strongly convex, and a handful of iterations
    lead to its only solution. A certificate tells how near that is: :meth:`residual`.

    Parameters
    ----------
    loss : Loss
        With a value and a ``tangent``.
    y, output : array, shapes (N, ...)
        Targets, and the output of the net, which is that of the layer, at θ.
    layer : Transfer
        Which lays outputs out as rows, and holds θ.
    decay : float
        λ ≥ 0 of another term ``λ/2 ‖u‖²``.

    Notes
    -----
    It stops where the norm of the optimality condition is 1e-10 of its first value (1e-5 in float32), or
    where rounding allows no more. Norms are looked at, for which a GPU has to wait.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from minprox.engine.solvers import NewtonCG
    >>> net = mp.Sequential(mp.Linear(1, 2, bias=False), seed=0, dtype="float64")
    >>> x, y, loss = np.array([[2.0]]), np.array([0]), mp.CrossEntropy()
    >>> ((_, A, delta),) = mp.errors(net, mp.forward(net, x), loss, y)
    >>> solver = NewtonCG(loss, y, mp.forward(net, x).output, net.transfers[0])
    >>> d = solver(A, delta, 100.0)
    >>> bool(np.abs(d).max() < 100 * np.abs(A.T @ delta).max())  # shorter than the explicit step
    True
    >>> solver.residual(A, delta, 100.0, d) < 1e-10
    True
    """

    def __init__(self, loss: Loss, y: Array, output: Array, layer: Transfer, decay: float = 0.0) -> None:
        self.loss, self.y, self.output, self.layer, self.decay = loss, y, output, layer, decay
        self.g: Any = 0.0

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return self.solve(A, delta, tau_theta)[0]

    def solve(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int]:
        """Return the step and the number of Newton's iterations.

        Parameters
        ----------
        delta : array, shape (..., rows, n_out)
            ``∂L/∂z`` at θ.

        Returns
        -------
        d : array, shape (..., cols, n_out)
        done : int
        """
        check_system(A, delta, tau_theta)
        s = 1 / float(tau_theta) + self.decay
        d = array_module(delta).zeros_like(A.T @ delta)
        r = self.condition(A, tau_theta, d)
        start = size = norm(r)
        if not math.isfinite(start):
            return d + r, 0
        for done in range(ITERATIONS):
            if not size > TOLERANCE.get(str(d.dtype), 1e-5) * start:
                return d, done
            z, shape = self.moved(A, d), r.shape

            def product(v: Array, z: Array = z, shape: Any = shape) -> Array:
                v = v.reshape(shape)
                bent = self.loss.tangent(z, self.y, self.layer.unrows(A @ v, z.shape))
                return (A.T @ self.layer.rows(bent) + s * v).ravel()  # (Aᵀ ∂²L A + I/τ_θ) v

            p = cg(product, r.ravel(), INNER, rtol=min(0.1, size / start))[0].reshape(shape)
            longer = self.searched(A, tau_theta, d, p, r)
            found = self.condition(A, tau_theta, longer)
            if not norm(found) < size and size < 1e-2 * start:
                return d, done  # as far as rounding allows
            d, r, size = longer, found, norm(found)
        return d, ITERATIONS

    def condition(self, A: LinearMap, tau_theta: float, d: Array) -> Array:
        """Return ``Aᵀ ∇L_y(A(θ − d)) + λ(θ − d) − d/τ_θ``, which vanishes at the solution."""
        delta = self.layer.rows(self.loss.gradient(self.moved(A, d), self.y))
        u = self.layer.split(self.layer.theta) - d
        return A.T @ delta + self.decay * u + self.g - d / float(tau_theta)

    def moved(self, A: LinearMap, d: Array) -> Array:
        """Return the output of the layer after the step, ``A(θ − d)``."""
        return self.output - self.layer.unrows(A @ d, self.output.shape)

    def value(self, A: LinearMap, tau_theta: float, d: Array) -> float:
        """Return what is minimised."""
        u = self.layer.split(self.layer.theta) - d
        terms = self.decay / 2 * u * u + d * d / (2 * float(tau_theta)) - self.g * d
        return float(self.loss(self.moved(A, d), self.y)) + float(terms.sum(dtype="float64"))

    def searched(self, A: LinearMap, tau_theta: float, d: Array, p: Array, r: Array) -> Array:
        """Return ``d + t p`` that is low enough (Armijo), t = 1, 1/2, …; ``r`` is the negative gradient."""
        slope = float((r * p).sum(dtype="float64"))
        if not slope > 0:  # where the loss is not convex
            p, slope = r * float(tau_theta), float((r * r).sum(dtype="float64")) * float(tau_theta)
        before, t = self.value(A, tau_theta, d), 1.0
        noise = 8 * float(np.finfo(d.dtype).eps) * abs(before)
        for _ in range(HALVINGS):
            if self.value(A, tau_theta, d + t * p) <= before - 1e-4 * t * slope + noise:
                break
            t /= 2
        return d + t * p

    def residual(self, A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
        """Return the certificate: the norm of the optimality condition, over that at ``d = 0``.

        Parameters
        ----------
        A, delta, tau_theta, d
            As for :func:`minprox.check_step`.

        Returns
        -------
        float
            0 for the solution, 1 for no step at all.
        """
        check_system(A, delta, tau_theta, d)
        zero = array_module(d).zeros_like(d)
        start = norm(self.condition(A, tau_theta, zero))
        return norm(self.condition(A, tau_theta, d)) / start if start else 0.0

    def plus(self, g: Array) -> NewtonCG:
        """Return the same solver with ``− ⟨g, d⟩`` in the problem: a term of J that is taken as linear.

        Parameters
        ----------
        g : array, shape (..., cols, n_out)
            Its gradient.

        Returns
        -------
        NewtonCG
            A copy.
        """
        other = copy(self)
        other.g = g
        return other

    def __repr__(self) -> str:
        return "NewtonCG()"


def norm(u: Array) -> float:
    """Return the norm of all entries, without squares that underflow."""
    size = abs(u).max()
    if size == 0:
        return 0.0
    return float(size) * float(array_module(u).linalg.norm((u / size).ravel()))
