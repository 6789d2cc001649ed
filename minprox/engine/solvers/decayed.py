"""Weight decay within the proximal step: (E5) with ``λ/2 ‖θ‖²``, so that the steps rest at the optimum."""

from __future__ import annotations

from typing import Any

from minprox.engine.linear_map import LinearMap
from minprox.engine.solvers.exact import Exact
from minprox.engine.solvers.report import Recorded
from minprox.engine.stacked_map import StackedMap, stack
from minprox.ground.backend import array_module

Array = Any


class Decayed:
    """A solver of (E5) with the term ``λ/2 ‖θ‖²``: ``d = (AᵀA + (λ + 1/τ_θ) I)⁻¹ (Aᵀ δ + λ θ)``.

    It vanishes where ``Aᵀδ + λθ`` does, whatever solver and τ_θ: at the optimum of ``J + λ/2 ‖θ‖²``.

    Parameters
    ----------
    solver : callable
        Of the step without the term.
    theta : array, shape (..., cols, n_out)
        θ as it is now.
    decay : float
        λ ≥ 0.
    """

    def __init__(self, solver: Any, theta: Array, decay: float) -> None:
        self.solver, self.theta, self.decay = solver, theta, decay

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        theta, decay = self.theta, self.decay
        solver = self.solver.solver if isinstance(self.solver, Recorded) else self.solver
        if isinstance(solver, Exact):  # in its smaller form: d = s θ + (AᵀA + I/τ')⁻¹ Aᵀ (δ − s A θ)
            tau = tau_theta / (1 + decay * tau_theta)  # 1/τ' = λ + 1/τ_θ
            shrink = decay * tau  # s = λ τ'
            return shrink * theta + self.solver(A, delta - shrink * (A @ theta), tau)
        root = decay**0.5  # [A; √λ I]ᵀ [A; √λ I] = AᵀA + λ I, and [A; √λ I]ᵀ [δ; √λ θ] = Aᵀδ + λθ
        return self.solver(StackedMap([A, Ridge(root, theta)]), stack([delta, root * theta]), tau_theta)


class Ridge(LinearMap):
    """``r I``, the rows that weight decay puts below ``A``.

    Parameters
    ----------
    root : float
    theta : array, shape (..., cols, n_out)
        What it is multiplied by.
    """

    normal_cost = 0.0

    def __init__(self, root: float, theta: Array) -> None:
        self.root, self.theta = root, theta
        self.shape, self.dtype = (theta.shape[-2], theta.shape[-2]), theta.dtype

    def __matmul__(self, theta: Array) -> Array:
        return self.root * theta

    def adjoint(self, delta: Array) -> Array:
        return self.root * delta

    def matrix(self) -> Array:
        xp, shape = array_module(self.theta), (*self.theta.shape[:-2], *self.shape)
        return xp.broadcast_to(xp.eye(self.shape[0], dtype=self.dtype) * self.root, shape)

    def normal(self, dtype: Any = "float64") -> Array:
        return self.root**2 * array_module(self.theta).eye(self.shape[0], dtype=dtype)

    def normal_diagonal(self) -> Array:
        return self.root**2 * array_module(self.theta).ones(self.shape[0], self.dtype)
