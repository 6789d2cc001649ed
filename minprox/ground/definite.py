"""Systems of symmetric positive definite matrices on the host, by LAPACK: Cholesky's method.

All take batches, and give NaN for a matrix that is not definite, as far as its digits tell.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from minprox.ground.blas import lapack, one_blas_thread

SMALL = 1000  # rows of a matrix for which a second thread does not pay


def solution(matrices: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``M⁻¹ b``.

    Parameters
    ----------
    matrices : ndarray, shape (..., n, n)
        They are overwritten.
    b : ndarray, shape (..., n, columns)
    """
    (posv,), x = functions(matrices, "posv"), np.empty(b.shape, matrices.dtype)
    with threads_for(matrices):
        for i in np.ndindex(matrices.shape[:-2]):
            _, x[i], failed = posv(matrices[i].T, b[i], lower=True, overwrite_a=True)
            if failed:
                x[i] = np.nan
    return x


def inverse(matrices: np.ndarray) -> np.ndarray:
    """Return ``M⁻¹``, exactly symmetric; the matrices are overwritten."""
    (potrf, potri), W = functions(matrices, "potrf", "potri"), np.empty_like(matrices)
    with threads_for(matrices):
        for i in np.ndindex(matrices.shape[:-2]):
            L, failed = potrf(matrices[i].T, lower=True, overwrite_a=True)  # with zeros above
            half, _ = potri(L, lower=True, overwrite_c=True)
            W[i] = np.nan if failed else half + half.T
            np.einsum("ii->i", W[i])[...] /= 2
    return W


def functions(matrices: np.ndarray, *names: str) -> Any:
    """Return functions of LAPACK for the dtype of matrices."""
    return lapack().get_lapack_funcs(names, (matrices,))


def threads_for(matrices: np.ndarray) -> AbstractContextManager[None]:
    """Hold BLAS at one thread where a second one does not pay."""
    return one_blas_thread() if matrices.shape[-1] < SMALL else nullcontext()
