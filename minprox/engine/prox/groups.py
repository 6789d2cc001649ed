"""Penalties that see entries together: rows or columns, a sum, singular values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.linalg import LinAlgError

from minprox.engine.prox.base import Penalty, indicator, rounding, soft, step, strength
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import array_module
from minprox.ground.doors import floats

Array = Any


@dataclass(frozen=True)
class GroupL1(Penalty):
    """``Ω(u) = λ Σ_g ‖u_g‖`` over the rows or the columns of a matrix, which makes whole groups vanish.

    Of a θ, a row holds what leaves one input of the layer, a column what enters one output.

    Parameters
    ----------
    lam : float
        λ ≥ 0.
    groups : {"rows", "columns"}

    Raises
    ------
    ValueError
        If λ is negative or not finite, or the groups are neither; at a call, if there is no matrix.

    References
    ----------
    Yuan and Lin, Model selection and estimation in regression with grouped variables, JRSS B 68, 2006.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.GroupL1(1.0).prox(np.array([[3.0, 4.0], [0.6, -0.3]]), tau=2.5)
    array([[ 1.5,  2. ],
           [ 0. , -0. ]])
    """

    lam: float
    groups: str = "rows"

    def __post_init__(self) -> None:
        strength(self, "lam")
        one_of("groups of GroupL1", self.groups, ("rows", "columns"))

    def norms(self, u: Array) -> Array:
        """Return the norm of each group.

        Parameters
        ----------
        u : array, shape (rows, columns)

        Returns
        -------
        array, shape (rows, 1) or (1, columns)

        Raises
        ------
        ValueError
            If there is no matrix.
        """
        check_matrix(self, u)
        axis = 1 if self.groups == "rows" else 0
        return array_module(u).sqrt((u * u).sum(axis=axis, keepdims=True))

    def __call__(self, u: Array) -> Array:
        return self.lam * self.norms(u).sum()

    def prox(self, v: Array, tau: float) -> Array:
        xp, norms = array_module(v), self.norms(v)
        shorter = xp.maximum(norms - step(tau) * self.lam, 0)
        return v * (shorter / xp.where(norms > 0, norms, 1))  # max(1 − τλ/‖v_g‖, 0) v_g

    def conjugate(self, w: Array) -> Array:
        return indicator(self.norms(w).max() <= self.lam * (1 + rounding(w)), w)  # 0 where ‖w_g‖ ≤ λ


@dataclass(frozen=True)
class Simplex(Penalty):
    """``Ω(u) = 0`` where no entry is negative and they sum up to a total, ``inf`` elsewhere.

    Parameters
    ----------
    total : float
        Above 0.
    axis : {None, 0, 1}
        The sum of all entries, or of a matrix of each column (0) or each row (1).

    Raises
    ------
    ValueError
        If the total is not positive or there is no such axis; at a call, if there is no matrix.

    References
    ----------
    Duchi et al., Efficient projections onto the ℓ1-ball for learning in high dimensions, ICML 2008.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.Simplex().prox(np.array([0.5, 1.0, -3.0]), tau=1.0)
    array([0.25, 0.75, 0.  ])
    """

    total: float = 1.0
    axis: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", number("total of Simplex", self.total, above=0))
        if self.axis is not None:
            object.__setattr__(self, "axis", whole("axis of Simplex", self.axis, least=0, most=1))

    def groups(self, u: Array) -> Array:
        """Return the entries that are summed together as rows.

        Parameters
        ----------
        u : array, of any shape, with an axis a matrix

        Returns
        -------
        array, shape (groups, entries)

        Raises
        ------
        ValueError
            If there is an axis and no matrix.
        """
        if self.axis is None:
            return u.reshape(1, -1)
        check_matrix(self, u)
        return u.T if self.axis == 0 else u

    def __call__(self, u: Array) -> Array:
        rows, slack = self.groups(u), self.total * rounding(u)
        return indicator((rows >= 0).all() & (abs(rows.sum(axis=1) - self.total) <= slack).all(), u)

    def prox(self, v: Array, tau: float) -> Array:
        step(tau)
        xp, rows = array_module(v), self.groups(v)
        falling = -xp.sort(-rows, axis=1)
        sums = xp.cumsum(falling, axis=1, dtype="float64") - self.total
        t = (sums / xp.arange(1, rows.shape[1] + 1)).max(axis=1, keepdims=True).astype(v.dtype)
        projected = xp.maximum(rows - t, 0)  # max(v_i − t, 0), with t so that they sum up to the total
        return projected.T if self.axis == 0 else projected.reshape(v.shape)

    def conjugate(self, w: Array) -> Array:
        return self.total * self.groups(w).max(axis=1).sum()  # total · max(w_i)


@dataclass(frozen=True)
class Nuclear(Penalty):
    """``Ω(u) = λ Σ σ_i(u)``, the sum of the singular values of a matrix, which lowers its rank.

    Parameters
    ----------
    lam : float
        λ ≥ 0.

    Raises
    ------
    ValueError
        If λ is negative or not finite; at a call, if there is no matrix.

    References
    ----------
    Cai, Candès and Shen, A singular value thresholding algorithm for matrix completion, SIAM Journal on
    Optimization 20(4), 2010.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.Nuclear(1.0).prox(np.diag([3.0, 0.5]), tau=1.0)
    array([[2., 0.],
           [0., 0.]])
    """

    lam: float

    def __post_init__(self) -> None:
        strength(self, "lam")

    def __call__(self, u: Array) -> Array:
        _, s, _ = singular(self, u)
        return self.lam * s.sum()

    def prox(self, v: Array, tau: float) -> Array:
        U, s, Vt = singular(self, v)
        return (U * soft(s, step(tau) * self.lam)) @ Vt  # the singular values get thresholds

    def conjugate(self, w: Array) -> Array:
        _, s, _ = singular(self, w)
        return indicator(s.max() <= self.lam * (1 + rounding(w)), w)  # 0 where σ_i ≤ λ


def singular(penalty: Penalty, u: Array) -> tuple[Array, Array, Array]:
    """Return the singular value decomposition; of a matrix with NaN or ``inf`` it is NaN."""
    check_matrix(penalty, u)
    xp = array_module(u)
    try:
        return xp.linalg.svd(u, full_matrices=False)
    except LinAlgError:
        if xp.isfinite(u).all():
            raise
        U, s, Vt = xp.linalg.svd(xp.zeros_like(u), full_matrices=False)
        return U, s + float("nan"), Vt


def check_matrix(penalty: Any, u: Array) -> None:
    """Raise ValueError unless an array is a matrix."""
    floats("the argument of " + type(penalty).__name__, u)
    if u.ndim != 2:
        raise ValueError(f"{type(penalty).__name__}: expected a matrix, found an array of shape {u.shape}")
