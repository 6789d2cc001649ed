"""A least-squares problem as stiff as one likes, to watch steps diverge or hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minprox.datasets.base import generator
from minprox.ground.arguments import number, shown, whole

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Quadratic:
    """The quadratic ½‖Aθ - b‖² with its minimiser and the eigenvalues of AᵀA.

    Parameters
    ----------
    A : ndarray, shape (rows, cols), float64
        The matrix.
    b : ndarray, shape (rows, columns), float64
        The right-hand sides, one in each column.
    solution : ndarray, shape (cols, columns), float64
        The one θ that minimises the quadratic.
    spectrum : ndarray, shape (cols,), float64
        The eigenvalues of AᵀA, largest first.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.datasets.ridge(6, 4, condition=100)
    Quadratic(A=(6, 4), b=(6, 1), condition=100)
    """

    A: Float
    b: Float
    solution: Float
    spectrum: Float

    def value(self, theta: NDArray[Any]) -> float:
        """Return ½‖Aθ - b‖².

        Parameters
        ----------
        theta : ndarray, shape (cols, columns)
            Where to evaluate.

        Returns
        -------
        float
            The value, summed over the columns.

        Raises
        ------
        ValueError
            If ``theta`` does not have the shape of the solution.

        Examples
        --------
        >>> import minprox as mp
        >>> quadratic = mp.datasets.ridge(6, 4)
        >>> bool(quadratic.value(quadratic.solution) < 1e-25)
        True
        """
        return 0.5 * float(np.sum(self._residual(theta) ** 2))

    def gradient(self, theta: NDArray[Any]) -> Float:
        """Return the gradient Aᵀ(Aθ - b).

        Parameters
        ----------
        theta : ndarray, shape (cols, columns)
            Where to evaluate.

        Returns
        -------
        ndarray, shape (cols, columns), float64
            The gradient.

        Raises
        ------
        ValueError
            If ``theta`` does not have the shape of the solution.

        Examples
        --------
        >>> import minprox as mp
        >>> quadratic = mp.datasets.ridge(6, 4)
        >>> quadratic.gradient(0 * quadratic.solution).shape
        (4, 1)
        """
        return self.A.T @ self._residual(theta)

    def _residual(self, theta: NDArray[Any]) -> Float:
        if np.shape(theta) != self.solution.shape:
            raise ValueError(f"theta must have the shape {self.solution.shape}, found {np.shape(theta)}")
        return self.A @ theta - self.b

    def __repr__(self) -> str:
        condition = self.spectrum[0] / self.spectrum[-1]
        return f"Quadratic(A={self.A.shape}, b={self.b.shape}, condition={condition:.6g})"


def ridge(
    rows: int,
    cols: int,
    eigenvalues: Sequence[float] | Float | None = None,
    condition: float | None = None,
    columns: int = 1,
    noise: float = 0.0,
    seed: int = 0,
) -> Quadratic:
    """Make a least-squares problem ½‖Aθ - b‖² whose AᵀA has the eigenvalues that you give.

    Its proximal step is a ridge regression, and an explicit step diverges on it as soon as it is
    longer than 2/λ for the largest eigenvalue λ.

    Parameters
    ----------
    rows, cols : int
        The shape of ``A``; at least as many rows as columns, so that there is one minimiser.
    eigenvalues : sequence of float, length cols, optional
        The eigenvalues of AᵀA, all positive, in any order.
    condition : float, optional
        In the place of ``eigenvalues``: space them geometrically from 1 down to ``1 / condition``.
        Without either, the condition is 10⁴.
    columns : int
        Number of right-hand sides; θ has the shape ``(cols, columns)``.
    noise : float
        Standard deviation of the normal noise on ``b``, so that no θ fits it exactly.
    seed : int
        Seed of all that is random here.

    Returns
    -------
    Quadratic
        The problem in float64, with its minimiser.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is out of range, or both ``eigenvalues`` and ``condition`` are given.

    Notes
    -----
    With the eigenvalues Λ on a diagonal, A = U √Λ Vᵀ for random U and V with orthonormal columns;
    the minimiser is V Λ^(-1/2) Uᵀ b.

    Examples
    --------
    >>> import minprox as mp
    >>> quadratic = mp.datasets.ridge(5, 3, eigenvalues=[1, 100, 10])
    >>> quadratic.spectrum
    array([100.,  10.,   1.])
    """
    cols = whole("cols", cols, 1)
    rows = whole("rows", rows, cols)
    columns = whole("columns", columns, 1)
    noise = number("noise", noise, least=0)
    spectrum = _spectrum(cols, eigenvalues, condition)
    rng = generator(seed)
    U = np.linalg.qr(rng.normal(size=(rows, cols))).Q
    V = np.linalg.qr(rng.normal(size=(cols, cols))).Q
    root = np.sqrt(spectrum)
    A = (U * root) @ V.T
    b = A @ rng.normal(size=(cols, columns)) + noise * rng.normal(size=(rows, columns))
    solution = (V / root) @ (U.T @ b)
    return Quadratic(A, b, solution, spectrum)


def _spectrum(cols: int, eigenvalues: Sequence[float] | Float | None, condition: float | None) -> Float:
    """Return the wanted eigenvalues, largest first."""
    if eigenvalues is None:
        condition = number("condition", 1e4 if condition is None else condition, least=1)
        return np.geomspace(1, 1 / condition, cols)
    if condition is not None:
        raise ValueError("give either eigenvalues or condition, found both")
    try:
        spectrum = np.array(eigenvalues, dtype="float64")
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            f"eigenvalues must be a sequence of real numbers, found {shown(eigenvalues)}"
        ) from None
    if spectrum.shape != (cols,):
        raise ValueError(
            f"eigenvalues must hold one number for each of the {cols} columns of A, "
            f"found shape {spectrum.shape}"
        )
    bad = spectrum[~((spectrum > 0) & np.isfinite(spectrum))]
    if bad.size:
        raise ValueError(f"eigenvalues must be positive and finite, found {bad[0]:g}")
    return np.sort(spectrum)[::-1].copy()
