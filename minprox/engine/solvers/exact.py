"""The explicit step (P1), and the exact implicit one in its primal and dual form (E6, E7)."""

from __future__ import annotations

from typing import Any

from numpy.linalg import LinAlgError

from minprox.engine.linear_map import LinearMap, transpose
from minprox.ground.arguments import one_of
from minprox.ground.backend import array_module

Array = Any

SMALL = 64  # rows of a triangular matrix that is inverted as a whole


class Explicit:
    """The plain gradient ``d = Aᵀ δ`` (P1): no implicit step at all, whatever τ_θ.

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
    In float64 one step of iterative refinement makes both forms agree to the last digits. In float32
    the rounding of products by ``Aᵀ`` remains: it counts where ``A`` has a lower rank than its shape
    tells and τ_θ is large (some percent at τ_θ = 50 for 50 random samples of rank 5 to 20).

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
        diagonal = A.normal_diagonal()
        if diagonal is not None:  # of AᵀA, which has nothing else: an embedding's
            return (A.T @ delta) / (diagonal + 1 / tau_theta)[..., None]  # (E6)
        if self.chosen(A) == "dual":
            W = inverse_shifted(A.gram(), 1 / tau_theta)  # (A Aᵀ + I/τ_θ)⁻¹
            if A.shape[1] >= delta.shape[-1]:
                d = A.T @ apply(W, delta)  # d = Aᵀ (A Aᵀ + I/τ_θ)⁻¹ δ  (E7)
            else:
                d = transpose(apply(W, A.matrix())) @ delta  # the same, W applied where it costs less
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


def inverse_shifted(gram: Array, shift: float) -> Array:
    """Return ``(gram + shift I)⁻¹``, batched: one product with it serves all columns of δ at once.

    It is ``L⁻ᵀ L⁻¹`` with Cholesky's factor ``L``; where rounding leaves none, since the shift is below
    1e-16 of the largest eigenvalue, it is what elimination gives.
    """
    xp, M = array_module(gram), shifted_gram(gram, shift)
    try:
        V = lower_inverse(xp.linalg.cholesky(M))
    except LinAlgError:
        return xp.linalg.inv(M)
    return transpose(V) @ V


def lower_inverse(L: Array) -> Array:
    """Return the inverse of lower triangular matrices by halves, so that most of it is products.

    ``[[P, 0], [Q, R]]⁻¹ = [[P⁻¹, 0], [−R⁻¹ Q P⁻¹, R⁻¹]]``
    """
    xp, n = array_module(L), L.shape[-1]
    if n <= SMALL:
        return xp.linalg.inv(L)
    h, V = n // 2, xp.zeros_like(L)
    V[..., :h, :h], V[..., h:, h:] = lower_inverse(L[..., :h, :h]), lower_inverse(L[..., h:, h:])
    V[..., h:, :h] = -V[..., h:, h:] @ (L[..., h:, :h] @ V[..., :h, :h])
    return V


def shifted_gram(gram: Array, shift: float) -> Array:
    """Return ``gram + shift I``, batched."""
    shifted = gram.copy()
    shifted.reshape(*gram.shape[:-2], -1)[..., :: gram.shape[-1] + 1] += shift  # a view of the diagonals
    return shifted


def apply(W: Array, b: Array) -> Array:
    """Return ``W b`` in the dtype of ``b``."""
    return W.astype(b.dtype, copy=False) @ b
