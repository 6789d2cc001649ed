"""The implicit step of a layer for any right-hand side, which a penalty on the whole net needs (E6)."""

from __future__ import annotations

from typing import Any

from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.plan import LayerPlan, over
from minprox.engine.solvers import NewtonCG
from minprox.ground.backend import array_module


def implicit_step(layer: LayerPlan, A: LinearMap, delta: Array, g: Array) -> Array:
    """Return ``d = (c AᵀA + I/τ_θ)⁻¹ (Aᵀ δ + g)`` by the solver of a layer, whichever it is (E6).

    A solver knows right-hand sides ``Bᵀ β`` only. So half of the shift becomes rows of the map: with
    ``τ = 2 c τ_θ``, ``B = [A; I/√τ]`` and ``β = [δ; √τ g]/c`` the step is ``(BᵀB + I/τ)⁻¹ Bᵀ β``.

    That of a layer which faces a loss is no linear solve; ``g`` is a linear term of its problem.
    """
    if isinstance(layer.solver, NewtonCG):
        return layer.solver.plus(g)(A, delta, layer.tau_theta)
    tau, xp = 2 * layer.c * layer.tau_theta, array_module(delta, g)
    beta = xp.concatenate([over(delta, layer.c), tau**0.5 * over(g, layer.c)], axis=-2)
    return layer.solver(Extended(A, tau**-0.5), beta, tau)


class Extended(LinearMap):
    """``[A; f I]``: a map with a multiple of the identity below it."""

    def __init__(self, A: LinearMap, f: float) -> None:
        self.A, self.f, self.dtype = A, f, A.dtype
        self.shape = (A.shape[0] + A.shape[1], A.shape[1])

    def __matmul__(self, theta: Array) -> Array:
        return array_module(theta).concatenate([self.A @ theta, self.f * theta], axis=-2)

    def adjoint(self, delta: Array) -> Array:
        rows = self.A.shape[0]
        return self.A.T @ delta[..., :rows, :] + self.f * delta[..., rows:, :]

    @property
    def normal_cost(self) -> float:
        return self.A.normal_cost

    def normal(self, dtype: Any = "float64") -> Array:
        normal = self.A.T.gram(dtype)
        return normal + self.f**2 * array_module(normal).eye(self.shape[1], dtype=normal.dtype)  # AᵀA + f² I
