"""The explicit step (P1), and the exact implicit one in its primal and dual form (E6, E7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.doors import check_system
from minprox.engine.linear_map import LinearMap, transpose
from minprox.ground.arguments import number, one_of
from minprox.ground.backend import array_module, cholesky, on_host
from minprox.ground.definite import inverse, solution

Array = Any

REFINEMENTS = 2  # each divides the error by 1e16 over the condition number, as far as there are digits
ROUNDING = 64  # units of rounding of its trace that a Gram matrix may be off, so that it stays definite
LOSS = 1e-5  # of float32 digits that a step may lose before its products are taken in float64


class Explicit:
    """The plain gradient ``d = Aᵀ δ`` (P1): no implicit step at all, whatever τ_θ.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.Explicit()
    Explicit()
    """

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        number("tau_theta", tau_theta, least=0)
        check_system(A, delta)
        return A.T @ delta  # ∇_θ J = Aᵀ δ  (P1)

    def __repr__(self) -> str:
        return "Explicit()"


class Exact:
    """The exact step, through the smaller of the two Gram matrices.

    .. math:: (A^TA + I/\\tau_\\theta)^{-1} A^T \\delta = A^T (AA^T + I/\\tau_\\theta)^{-1} \\delta

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
    Gram matrices are summed and inverted in float64. Up to ``τ_θ ‖A‖² = 1e12`` the relative residual stays
    below 1e-9 in float64 and below 1e-3 in float32, whatever form and rank; a shift ``1/τ_θ`` below 1e-14 of
    the trace of the Gram matrix acts as if it were that large. What the rounding of ``Aᵀδ`` adds where ``A``
    maps to zero, the primal form multiplies by τ_θ, and no residual shows it.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> mp.Exact()(A, delta, tau_theta=1.0)  # 3·2 / (3² + 1)
    array([[0.6]])
    """

    def __init__(self, form: str = "auto") -> None:
        self.form = one_of("form of Exact", form, ("auto", "primal", "dual"))

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        check_system(A, delta, tau_theta)
        diagonal = A.normal_diagonal()
        if diagonal is not None:  # of AᵀA, which has nothing else: an embedding's
            return (A.T @ delta) / (diagonal + 1 / float(tau_theta))[..., None]  # (E6)
        return (primal if self.chosen(A) == "primal" else dual)(A, delta, float(tau_theta))

    def chosen(self, A: LinearMap, delta: Any = None) -> str:
        """Return the form that is used for this map."""
        rows, cols = A.shape
        return self.form if self.form != "auto" else "dual" if rows <= cols else "primal"

    def __repr__(self) -> str:
        return f"Exact({'' if self.form == 'auto' else repr(self.form)})"


def primal(A: LinearMap, delta: Array, tau_theta: float) -> Array:
    """Solve ``(AᵀA + I/τ_θ) d = Aᵀ δ`` (E6)."""
    gram = A.T.gram()
    if delta.dtype != gram.dtype:  # the rounding of Aᵀδ outweighs what a refinement would mend
        d = solve_shifted(gram, 1 / tau_theta, A.T @ delta)  # (AᵀA + I/τ_θ) d = Aᵀ δ  (E6)
        return d.astype(delta.dtype)
    W = inverse_shifted(gram, 1 / tau_theta)  # (AᵀA + I/τ_θ)⁻¹
    d = W @ (A.T @ delta)  # d = (AᵀA + I/τ_θ)⁻¹ Aᵀ δ  (E6)
    for _ in range(REFINEMENTS):
        d = d + W @ (A.T @ (delta - A @ d) - d / tau_theta)
    return d


def dual(A: LinearMap, delta: Array, tau_theta: float) -> Array:
    """Solve ``(A Aᵀ + I/τ_θ) c = δ``, and return ``d = Aᵀ c`` (E7).

    Where ``Aᵀ`` maps to zero, ``c`` is as large as ``τ_θ δ``, and all of that must cancel in ``Aᵀ c``.
    A correction ``e`` of ``c`` is small there, and so are the errors of ``Aᵀ e``.
    """
    K = A.gram()
    W = inverse_shifted(K, 1 / tau_theta)  # (A Aᵀ + I/τ_θ)⁻¹
    if delta.dtype != W.dtype:
        return rounded_dual(A, delta, K, W, tau_theta)
    W = A.here(W)  # of rows that lie apart, those of this process
    c = W @ A.gathered(delta)
    d = A.T @ c  # d = Aᵀ (A Aᵀ + I/τ_θ)⁻¹ δ  (E7)
    for _ in range(REFINEMENTS):
        e = W @ A.gathered(delta - A @ d - c / tau_theta)
        c, d = c + e, d + A.T @ e
    return d


def rounded_dual(A: LinearMap, delta: Array, K: Array, W: Array, tau_theta: float) -> Array:
    """The same in float32: ``d = (AᵀW) δ`` by float64, where too much cancels in ``Aᵀ (W δ)``."""
    careful = cancels(K, W, tau_theta, delta.dtype)
    V, delta = A.here(W if careful else W.astype(delta.dtype)), A.gathered(delta)
    if careful or A.shape[1] < delta.shape[-1]:  # for many columns of δ this costs less, too
        return A.shared_product((A.T @ V).astype(delta.dtype, copy=False), delta)
    return A.T @ (V @ delta)


def cancels(K: Array, W: Array, tau_theta: float, dtype: Any) -> bool:
    """Tell whether the rounding of ``Aᵀ W`` in this dtype may exceed its share of ``‖AᵀW‖``.

    The share is ``√rows · 1e-5``, since the errors of a row sum up like a random walk. A GPU would have to
    stop to tell, so there the answer is yes.
    """
    if not on_host(W):
        return True
    eps, size = float(np.finfo(dtype).eps), (W * W).sum(axis=(-2, -1))
    rounding = trace(K) * size * eps**2 / W.shape[-1]  # ‖A‖² ‖W‖² ε² / rows
    return bool((rounding > LOSS**2 * (trace(W) - size / tau_theta)).any())  # ‖AᵀW‖² = tr W − ‖W‖²/τ_θ


def inverse_shifted(gram: Array, shift: Any) -> Array:
    """Return ``(gram + shift I)⁻¹``, batched: one product with it serves all columns of δ at once.

    Cholesky's method. A shift that the rounding errors of ``gram`` outweigh, so that there may be no factor
    ``L``, is raised to them; what is not finite gives NaN.
    """
    shifted = shifted_gram(gram, definite(gram, shift))
    if on_host(gram):
        return inverse(shifted)
    V = array_module(gram).linalg.inv(cholesky(shifted))
    return transpose(V) @ V  # L⁻ᵀ L⁻¹


def solve_shifted(gram: Array, shift: Any, b: Array) -> Array:
    """Return ``(gram + shift I)⁻¹ b`` for a single b: less work than the inverse, which a GPU prefers."""
    if not on_host(gram):
        return inverse_shifted(gram, shift) @ b
    return solution(shifted_gram(gram, definite(gram, shift)), b)


def definite(gram: Array, shift: Any) -> Array:
    """Return the shift, raised so that the rounding errors of ``gram`` do not outweigh it."""
    xp, least = array_module(gram), ROUNDING * float(np.finfo(gram.dtype).eps) * trace(gram)
    return xp.where(least < float("inf"), xp.maximum(least, shift), float("nan"))[..., None]


def shifted_gram(gram: Array, shift: Any) -> Array:
    """Return ``gram + shift I``, batched."""
    shifted = gram.copy()
    shifted.reshape(*gram.shape[:-2], -1)[..., :: gram.shape[-1] + 1] += shift  # a view of the diagonals
    return shifted


def trace(matrix: Array) -> Array:
    """Return the trace of each matrix of a batch."""
    return array_module(matrix).trace(matrix, axis1=-2, axis2=-1)
