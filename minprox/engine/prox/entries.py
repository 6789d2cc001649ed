"""Penalties that take each entry by itself: L1, squared L2, both, and bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from minprox.engine.prox.base import Penalty, indicator, rounding, soft, step, strength
from minprox.ground.arguments import number
from minprox.ground.backend import array_module

Array = Any


@dataclass(frozen=True)
class L1(Penalty):
    """``Ω(u) = λ Σ |u_i|``, whose proximal map (E4), soft thresholding, makes entries vanish.

    Parameters
    ----------
    lam : float
        λ ≥ 0.

    Raises
    ------
    ValueError
        If λ is negative or not finite.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> float(mp.prox.L1(0.5)(np.array([-2.0, 3.0])))
    2.5
    """

    lam: float

    def __post_init__(self) -> None:
        strength(self, "lam")

    def __call__(self, u: Array) -> Array:
        return self.lam * abs(u).sum()

    def prox(self, v: Array, tau: float) -> Array:
        return soft(v, step(tau) * self.lam)  # sign(v) max(|v| − τλ, 0)  (E4)

    def conjugate(self, w: Array) -> Array:
        return indicator(abs(w).max() <= self.lam * (1 + rounding(w)), w)  # 0 where |w_i| ≤ λ


@dataclass(frozen=True)
class L2Squared(Penalty):
    """``Ω(u) = λ ‖u‖²``, without a factor ½.

    Parameters
    ----------
    lam : float
        λ ≥ 0.

    Raises
    ------
    ValueError
        If λ is negative or not finite.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.L2Squared(0.5).prox(np.array([2.0, -3.0]), tau=1.0)
    array([ 1. , -1.5])
    """

    lam: float

    def __post_init__(self) -> None:
        strength(self, "lam")

    def __call__(self, u: Array) -> Array:
        return self.lam * (u * u).sum()

    def prox(self, v: Array, tau: float) -> Array:
        return v / (1 + 2 * step(tau) * self.lam)  # v / (1 + 2τλ)

    def conjugate(self, w: Array) -> Array:
        return quarter(w, self.lam)  # ‖w‖² / (4λ)


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """``Ω(u) = λ₁ Σ |u_i| + λ₂ ‖u‖²``.

    Parameters
    ----------
    lam1, lam2 : float
        λ₁, λ₂ ≥ 0.

    Raises
    ------
    ValueError
        If one of them is negative or not finite.

    References
    ----------
    Zou and Hastie, Regularization and variable selection via the elastic net, JRSS B 67, 2005.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.ElasticNet(1.0, 0.5).prox(np.array([2.0, -4.0, 0.5]), tau=1.0)
    array([ 0.5, -1.5,  0. ])
    """

    lam1: float
    lam2: float

    def __post_init__(self) -> None:
        strength(self, "lam1", "lam2")

    def __call__(self, u: Array) -> Array:
        return self.lam1 * abs(u).sum() + self.lam2 * (u * u).sum()

    def prox(self, v: Array, tau: float) -> Array:
        tau = step(tau)
        return soft(v, tau * self.lam1) / (1 + 2 * tau * self.lam2)  # first the threshold, then the factor

    def conjugate(self, w: Array) -> Array:
        beyond = abs(w) - self.lam1 * (1 + rounding(w))
        return quarter(array_module(w).maximum(beyond, 0), self.lam2)  # Σ max(|w_i| − λ₁, 0)² / (4λ₂)


@dataclass(frozen=True)
class Box(Penalty):
    """``Ω(u) = 0`` where ``low ≤ u_i ≤ high`` for all entries, ``inf`` elsewhere.

    Parameters
    ----------
    low, high : float
        They may be infinite.

    Raises
    ------
    ValueError
        Unless ``low ≤ high``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.Box(-1, 1).prox(np.array([2.0, 0.5, -7.0]), tau=1.0)  # the same for every τ
    array([ 1. ,  0.5, -1. ])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        low, high = (bound(f"{name} of Box", getattr(self, name)) for name in ("low", "high"))
        if not (low <= high and low < math.inf and high > -math.inf):
            raise ValueError(f"Box: expected low ≤ high, found low={self.low!r} and high={self.high!r}")

    def __call__(self, u: Array) -> Array:
        return indicator(((u >= self.low) & (u <= self.high)).all(), u)

    def prox(self, v: Array, tau: float) -> Array:
        step(tau)
        return array_module(v).clip(v, self.low, self.high)  # the nearest point

    def conjugate(self, w: Array) -> Array:
        xp = array_module(w)
        corner = xp.where(w > 0, self.high, xp.where(w < 0, self.low, 0.0)).astype(w.dtype)
        return (corner * w).sum()  # Σ max(low·w_i, high·w_i)


@dataclass(frozen=True)
class NonNegative(Box):
    """``Ω(u) = 0`` where no entry is negative, ``inf`` elsewhere.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.prox.NonNegative().prox(np.array([2.0, -7.0]), tau=1.0)
    array([2., 0.])
    """

    low: float = field(default=0.0, init=False, repr=False)
    high: float = field(default=math.inf, init=False, repr=False)


def quarter(w: Array, lam: float) -> Array:
    """Return ``‖w‖²/(4λ)``; for λ = 0 the limit, 0 at zero and ``inf`` elsewhere."""
    return (w * w).sum() / (4 * lam) if lam else indicator((w == 0).all(), w)


def bound(name: str, value: Any) -> float:
    """Return a bound, a number or an infinity."""
    return value if isinstance(value, float) and math.isinf(value) else number(name, value)
