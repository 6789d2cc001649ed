"""The implicit step ``d = (AᵀA + I/τ_θ)⁻¹ Aᵀ δ`` (E5–E7), exactly and by conjugate gradients.

A solver is anything callable as ``solver(A, delta, tau_theta) -> d`` with a linear map ``A`` (see
:mod:`minprox.linear_map`), ``delta (..., rows, n_out)``, a float ``tau_theta`` and ``d (..., cols, n_out)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.backend import array_module, cg
from minprox.linear_map import LinearMap

Array = Any


class Explicit:
    """The plain gradient ``d = Aᵀ δ``: no implicit step at all, whatever τ_θ.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Explicit()
    Explicit()
    """

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return A.T @ delta  # ∇_θ J = Aᵀ δ  (P1)

    def __repr__(self) -> str:
        return "Explicit()"


class Exact:
    """The exact step, through the smaller of the two Gram matrices.

    Parameters
    ----------
    form : {"auto", "primal", "dual"}
        ``"primal"`` solves the ``cols × cols`` system (E6), ``"dual"`` the ``rows × rows`` one (E7).

    Raises
    ------
    ValueError
        If ``form`` is none of these.
    TypeError
        At a call, if the layer has no patch matrix.

    Notes
    -----
    .. math:: (A^TA + I/\\tau_\\theta)^{-1} A^T \\delta = A^T (AA^T + I/\\tau_\\theta)^{-1} \\delta

    The Gram matrix of a dense layer is summed and inverted in float64 also where the data are float32.
    In float64 one step of iterative refinement makes both forms agree to the last digits.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> mp.Exact()(A, delta, tau_theta=1.0)  # 3·2 / (3² + 1)
    array([[0.6]])
    """

    def __init__(self, form: str = "auto") -> None:
        if form not in ("auto", "primal", "dual"):
            raise ValueError(f'Exact: expected form "auto", "primal" or "dual", found {form!r}')
        self.form = form

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        if self.chosen(A) == "dual":
            W = inverse_shifted(A.gram(), 1 / tau_theta)  # (A Aᵀ + I/τ_θ)⁻¹
            d = A.T @ apply(W, delta)  # d = Aᵀ (A Aᵀ + I/τ_θ)⁻¹ δ  (E7)
        else:
            W = inverse_shifted(A.T.gram(), 1 / tau_theta)  # (AᵀA + I/τ_θ)⁻¹
            d = apply(W, A.T @ delta)  # d = (AᵀA + I/τ_θ)⁻¹ Aᵀ δ  (E6)
        return self.refined(A, delta, tau_theta, W, d) if d.dtype == W.dtype else d

    def refined(self, A: LinearMap, delta: Array, tau_theta: float, W: Array, d: Array) -> Array:
        """Add ``(AᵀA + I/τ_θ)⁻¹ r`` for the residual ``r`` of ``d``, through the form at hand."""
        r = A.T @ (delta - A @ d) - d / tau_theta
        if self.chosen(A) == "primal":
            return d + W @ r
        return d + tau_theta * (r - A.T @ (W @ (A @ r)))  # M⁻¹ = τ_θ (I − Aᵀ W A)  (Woodbury)

    def chosen(self, A: LinearMap, delta: Any = None) -> str:
        """Return the form that is used for this map."""
        rows, cols = A.shape
        return self.form if self.form != "auto" else "dual" if rows <= cols else "primal"

    def __repr__(self) -> str:
        return f"Exact({'' if self.form == 'auto' else repr(self.form)})"


class CG:
    """Conjugate gradients on ``vec(θ)``, started at zero, matrix-free: SciPy's or CuPy's ``cg``.

    Parameters
    ----------
    iterations : int
        Number ``n`` of the paper's "cg n".

    Raises
    ------
    ValueError
        If ``iterations`` is not a positive integer.

    Notes
    -----
    Each iteration takes one forward and one adjoint pass of the layer, ``v ↦ Aᵀ(A v) + v/τ_θ``.

    References
    ----------
    Hestenes and Stiefel, Methods of Conjugate Gradients for Solving Linear Systems, 1952.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.CG(3)
    CG(3)
    """

    def __init__(self, iterations: int = 3) -> None:
        self.iterations = check_iterations("CG", iterations)

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return self.solve(A, delta, tau_theta)[0]

    def solve(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int]:
        """Return the step and the number of iterations done."""
        b = A.T @ delta

        def matvec(v: Array) -> Array:
            v = v.reshape(b.shape)
            return (A.T @ (A @ v) + v / tau_theta).ravel()  # (AᵀA + I/τ_θ) v

        d, done = cg(matvec, b.ravel(), self.iterations)
        return d.reshape(b.shape), done

    def __repr__(self) -> str:
        return f"CG({self.iterations})"


class BlockCG:
    """Conjugate gradients for each column of θ by itself, all columns side by side.

    The matrix is the same for every output column, so that each can take its own step lengths
    within the same matrix products: at least as accurate as :class:`CG` for the same ``iterations``.

    Parameters
    ----------
    iterations : int
    form : {"auto", "primal", "dual"}
        The coordinates: ``d`` itself, with products by ``A`` and ``Aᵀ``, or ``d = Aᵀ c`` with the
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

    width = 256  # columns that iterate together: their vectors stay in the cache

    def __init__(self, iterations: int = 3, form: str = "auto") -> None:
        self.iterations = check_iterations("BlockCG", iterations)
        if form not in ("auto", "primal", "dual"):
            raise ValueError(f'BlockCG: expected form "auto", "primal" or "dual", found {form!r}')
        self.form = form

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return self.solve(A, delta, tau_theta)[0]

    def solve(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int]:
        """Return the step and the number of iterations done (the most of any column)."""
        if self.chosen(A, delta) == "primal":
            return self.iterate(lambda p: A.T @ (A @ p), None, A.T @ delta, tau_theta)
        K = A.gram(delta.dtype)
        xp = array_module(delta)
        c, done = xp.empty_like(delta), 0
        for start in range(0, delta.shape[-1], self.width):
            columns = (..., slice(start, start + self.width))
            c[columns], n = self.iterate(None, K, xp.ascontiguousarray(delta[columns]), tau_theta)
            done = max(done, n)
        return A.T @ c, done

    def iterate(self, normal: Any, K: Any, r: Array, tau_theta: float) -> tuple[Array, int]:
        """Run the recursion; ``normal`` is ``p ↦ AᵀA p`` (primal), ``K`` the Gram matrix (dual)."""
        xp = array_module(r)
        if K is not None:
            noise = float(np.finfo(r.dtype).eps) * xp.linalg.norm(K, axis=(-2, -1), keepdims=True)

        def square(r: Array, Gr: Array) -> Array:
            rho = inner(r, Gr)  # ⟨r, G r⟩; below the rounding errors of K it counts as zero
            return rho if K is None else xp.where(rho > noise * inner(r, r), rho, 0)

        x = xp.zeros_like(r)
        p, Gr = r, r if K is None else K @ r
        Gp, rho = Gr, square(r, Gr)
        for n in range(self.iterations):
            if not rho.any():  # every residual is exactly zero
                return x, n
            q = (normal(p) if K is None else Gp) + p / tau_theta  # M p
            alpha = divide(rho, inner(Gp, q))
            x, r = x + alpha * p, r - alpha * q
            if n + 1 < self.iterations:
                Gr = r if K is None else K @ r
                new = square(r, Gr)
                beta = divide(new, rho)
                p, Gp, rho = r + beta * p, Gr + beta * Gp, new
        return x, self.iterations

    def chosen(self, A: LinearMap, delta: Array) -> str:
        """Return the form that is used: the one with fewer multiplications."""
        if self.form != "auto":
            return self.form
        (rows, cols), n = A.shape, delta.shape[-1]
        primal = self.iterations * 2 * rows * cols * n
        dual = rows * rows * cols / 2 + self.iterations * rows * rows * n
        return "dual" if rows <= cols and dual < primal else "primal"

    def __repr__(self) -> str:
        return f"BlockCG({self.iterations}{'' if self.form == 'auto' else f', {self.form!r}'})"


@dataclass(frozen=True)
class Report:
    """What a solver did in one layer.

    Attributes
    ----------
    solver : str
    form : str
        ``"primal"``, ``"dual"``, or empty where the solver has no such choice.
    iterations : int or None
        Done by an iterative solver; None for others.
    residual : float
        ``‖M d − Aᵀδ‖ / ‖Aᵀδ‖``, 0 where ``Aᵀδ`` vanishes, and for an explicit step, which solves nothing.
    """

    solver: str
    form: str
    iterations: int | None
    residual: float

    @classmethod
    def of(
        cls, solver: Any, A: LinearMap, delta: Array, tau_theta: float, d: Array, done: int | None
    ) -> Report:
        """Measure the residual of a step ``d`` and note how it was found."""
        if isinstance(solver, Explicit):
            return cls(repr(solver), "", None, 0.0)
        form = getattr(solver, "chosen", None)
        return cls(
            repr(solver),
            form(A, delta) if form else "",
            done,
            relative_residual(A, delta, tau_theta, d),
        )


def run(solver: Any, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int | None]:
    """Return the step of any solver, and its iterations where it counts them."""
    if hasattr(solver, "solve"):
        return solver.solve(A, delta, tau_theta)
    return solver(A, delta, tau_theta), None


def relative_residual(A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
    """Return ``‖(AᵀA + I/τ_θ) d − Aᵀδ‖ / ‖Aᵀδ‖``, and 0 where ``Aᵀδ`` vanishes."""
    norm = array_module(d).linalg.norm
    gradient = A.T @ delta
    residual = norm(A.T @ (A @ d) + d / tau_theta - gradient)
    return float(residual / norm(gradient)) if gradient.any() else 0.0


def inverse_shifted(gram: Array, shift: float) -> Array:
    """Return ``(gram + shift I)⁻¹``, batched: one product with it serves all columns of δ at once."""
    xp = array_module(gram)
    return xp.linalg.inv(gram + shift * xp.eye(gram.shape[-1], dtype=gram.dtype))


def apply(W: Array, b: Array) -> Array:
    """Return ``W b`` in the dtype of ``b``."""
    return W.astype(b.dtype, copy=False) @ b


def inner(u: Array, v: Array) -> Array:
    """Return the inner product of each pair of columns, shape ``(..., 1, n)``."""
    return (u * v).sum(axis=-2, keepdims=True)


def divide(u: Array, v: Array) -> Array:
    """Return ``u / v``, and 0 where ``v`` is 0: a column that has converged stays where it is."""
    xp = array_module(u, v)
    return xp.where(v == 0, 0, u / xp.where(v == 0, 1, v))


def check_iterations(name: str, iterations: Any) -> int:
    """Return the number of iterations, or raise ValueError if it is no positive integer."""
    if not isinstance(iterations, (int, np.integer)) or isinstance(iterations, bool) or iterations < 1:
        raise ValueError(f"{name}: iterations must be a positive integer, found {iterations!r}")
    return int(iterations)
