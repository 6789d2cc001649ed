"""The implicit step by ``n`` iterations of conjugate gradients on all of θ at once, ``vec(θ)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minprox.engine.doors import check_system
from minprox.engine.linear_map import LinearMap
from minprox.engine.solvers.normal_product import normal_product
from minprox.ground.arguments import whole
from minprox.ground.backend import array_module, companion

Array = Any


class CG:
    """Conjugate gradients on ``vec(θ)``, started at zero: SciPy's or CuPy's ``cg``.

    Each iteration takes one product ``v ↦ AᵀA v + v/τ_θ``: a forward and an adjoint pass of the layer, or,
    where a layer's ``AᵀA`` costs less than all those passes, as a convolution's does, one by that matrix.

    Parameters
    ----------
    iterations : int
        Number ``n`` of the paper's "cg n".

    Raises
    ------
    ValueError
        If ``iterations`` is not a positive integer.

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
        self.iterations = whole("iterations of CG", iterations)

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        return self.solve(A, delta, tau_theta)[0]

    def solve(self, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int]:
        """Return the step and the number of iterations done.

        Parameters
        ----------
        delta : array, shape (..., rows, n_out)

        Returns
        -------
        d : array, shape (..., cols, n_out)
        done : int
        """
        check_system(A, delta, tau_theta)
        b, normal = A.T @ delta, normal_product(A, delta, self.iterations)

        def matvec(v: Array) -> Array:
            v = v.reshape(b.shape)
            return (normal(v) + v / float(tau_theta)).ravel()  # (AᵀA + I/τ_θ) v

        d, done = cg(matvec, b.ravel(), self.iterations)
        return d.reshape(b.shape), done

    def __repr__(self) -> str:
        return f"CG({self.iterations})"


def cg(matvec: Callable[[Array], Array], b: Array, iterations: int, rtol: float = 0.0) -> tuple[Array, int]:
    """Run that many iterations of SciPy's or CuPy's ``cg`` from zero on the vector ``b``.

    It stops earlier only where the residual is ``rtol`` times as large as ``b``, or vanishes to the last
    representable digit, and looks at its norm after each iteration. Returns the solution and the number of
    iterations done.
    """
    xp, linalg = array_module(b), companion(b, "sparse.linalg")
    size = abs(b).max()
    if size == 0:  # NaN goes on
        return xp.zeros_like(b), 0
    done: list[None] = []
    operator = linalg.LinearOperator((b.size, b.size), matvec=matvec, dtype=b.dtype)
    x, _ = linalg.cg(
        operator,
        b / size,  # so that no scale of b can underflow in a square
        rtol=rtol,
        atol=float(np.finfo(b.dtype).tiny / np.finfo(b.dtype).eps) ** 0.5,
        maxiter=iterations,
        callback=lambda _: done.append(None),
    )
    return x * size, len(done)
