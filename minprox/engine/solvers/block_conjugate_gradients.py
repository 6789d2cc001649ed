"""The implicit step by ``n`` iterations of conjugate gradients for each column of θ by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.doors import check_system
from minprox.engine.linear_map import LinearMap
from minprox.engine.solvers.normal_product import normal_product, product_costs
from minprox.ground.arguments import one_of, whole
from minprox.ground.backend import array_module, at_once

Array = Any


class BlockCG:
    """Conjugate gradients for each column of θ by itself, all columns side by side.

    The matrix is the same for every output column, so that each can take its own step lengths
    within the same matrix products: at least as accurate as :class:`CG` for the same ``iterations``.

    Parameters
    ----------
    form : {"auto", "primal", "dual"}
        The coordinates: ``d`` itself, with products by ``AᵀA``, or ``d = Aᵀ c`` with the
        inner products of the Gram matrix ``K = A Aᵀ``, the same iterates; ``"auto"`` takes the cheaper,
        and never the dual where ``K`` is singular for its shape (``rows > cols``), since there the
        rounding of ``K`` halves the digits that the iteration can reach.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With ``r = Aᵀρ``, ``p = Aᵀπ``: ``⟨r, r⟩ = ρᵀKρ`` and ``M p = Aᵀ(Kπ + π/τ_θ)``. So with
    ``G = I`` (primal) or ``G = K`` (dual) both are one recursion in the inner product ``⟨u, G v⟩``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> mp.BlockCG(1)(A, delta, tau_theta=1.0)
    array([[0.6]])
    """

    width = 500  # columns that iterate together: their vectors stay in the cache (on a GPU all of them do)

    def __init__(self, iterations: int = 3, form: str = "auto") -> None:
        self.iterations = whole("iterations of BlockCG", iterations)
        self.form = one_of("form of BlockCG", form, ("auto", "primal", "dual"))

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return self.run(A, delta, tau_theta)[0]

    def solve(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int]:
        """Return the step and the number of iterations done: until every residual is exactly zero.

        Parameters
        ----------
        A, delta, tau_theta
            As for :class:`minprox.CG`.

        Returns
        -------
        d : array, shape (..., cols, n_out)
        done : int
        """
        d, squares = self.run(A, delta, tau_theta)
        return d, max(sum(bool(rho.any()) for rho in rhos) for rhos in squares)

    def run(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, list[list[Array]]]:
        """Return the step, and of each block of columns the squares ``ρ`` before every iteration.

        No entry of an array is looked at, which would make a GPU wait: what is zero counts as zero
        by ``divide``, and a column that has converged stays where it is.
        """
        check_system(A, delta, tau_theta)
        xp, s = array_module(delta), 1 / float(tau_theta)
        if self.chosen(A, delta) == "primal":
            normal, b = normal_product(A, delta, self.iterations), A.T @ delta
            size = largest(b)
            d, rhos = self.iterate(lambda p, _: normal(p) + s * p, lambda r: r, b / size)
            return size * d, [rhos]
        K, delta = A.gram(delta.dtype), A.gathered(delta)
        size = largest(delta)
        noise = float(np.finfo(K.dtype).eps) * xp.linalg.norm(K, axis=(-2, -1), keepdims=True)
        c, squares, width = xp.empty_like(delta), [], at_once(delta, self.width)
        for start in range(0, delta.shape[-1], width):
            columns = (..., slice(start, start + width))
            x, rhos = self.iterate(lambda p, Kp: Kp + s * p, lambda r: K @ r, delta[columns] / size, noise)
            c[columns] = size * x
            squares.append(rhos)
        return A.T @ A.here(c), squares

    def iterate(self, M: Any, G: Any, r: Array, noise: Array | None = None) -> tuple[Array, list[Array]]:
        """Run the recursion from zero, with ``M(p, G p)`` the system and ``G`` the inner product.

        A square ``⟨r, G r⟩`` below ``noise ‖r‖²``, the rounding errors of ``G``, counts as zero.
        """
        xp = array_module(r)

        def square(r: Array, Gr: Array) -> Array:
            rho = inner(r, Gr)  # ρ = ⟨r, G r⟩
            if noise is None:
                return rho
            return xp.where(rho < noise * (r * r).sum(axis=-2, keepdims=True), 0, rho)  # NaN stays NaN

        x, p, Gr = xp.zeros_like(r), r, G(r)
        Gp, rhos = Gr, [square(r, Gr)]
        for n in range(1, self.iterations + 1):
            rho, q = rhos[-1], M(p, Gp)
            alpha = divide(rho, inner(Gp, q))  # α = ⟨r, G r⟩ / ⟨p, G M p⟩
            x = x + alpha * p
            if n == self.iterations:
                break
            r = r - alpha * q
            Gr = G(r)
            rhos.append(square(r, Gr))
            beta = divide(rhos[-1], rho)  # β = ⟨r₊, G r₊⟩ / ⟨r, G r⟩
            p, Gp = r + beta * p, Gr + beta * Gp
        return x, rhos

    def chosen(self, A: LinearMap, delta: Array) -> str:
        """Return the form that is used: the one with fewer multiplications."""
        if self.form != "auto":
            return self.form
        (rows, cols), n = A.shape, delta.shape[-1]
        primal = min(product_costs(A, n, self.iterations))
        dual = A.gram_cost / A.processes + self.iterations * rows * rows * n
        return "dual" if rows <= cols and dual < primal else "primal"

    def __repr__(self) -> str:
        return f"BlockCG({self.iterations}{'' if self.form == 'auto' else f', {self.form!r}'})"


def largest(u: Array) -> Array:
    """Return the largest absolute value, 1 for none: ``u`` over it has no square that underflows."""
    size = array_module(u).maximum(u.max(), -u.min())
    return array_module(u).where(size > 0, size, 1)


def inner(u: Array, v: Array) -> Array:
    """Return the inner product of each pair of columns, shape ``(..., 1, n)``, summed in float64.

    A float32 sum down a long column loses enough digits to spoil the step lengths.
    """
    return (u * v).sum(axis=-2, keepdims=True, dtype="float64").astype(u.dtype)


def divide(u: Array, v: Array) -> Array:
    """Return ``u / v``, and 0 where ``v`` is 0: a column that has converged stays where it is."""
    xp = array_module(u, v)
    return xp.where(v == 0, 0, u) / xp.where(v == 0, 1, v)
