"""Step rules η_t, and the weights of the iterates in an average."""

from __future__ import annotations

import math
from dataclasses import dataclass

from minprox.ground.arguments import number


class StepRule:
    """Base of the step rules: η_t of the example t = 1, 2, …, and the weight of ``w_t`` in the average.

    A rule of your own is a subclass with ``__call__(t)``.

    Examples
    --------
    >>> class Halves(StepRule):
    ...     def __call__(self, t):
    ...         return 0.5 ** (t // 1000)
    >>> Halves()(2000), Halves().weight(2000)
    (0.25, 1.0)
    """

    def __call__(self, t: int) -> float:
        """Return η_t."""
        raise NotImplementedError(f"{type(self).__name__} has no step sizes")

    def weight(self, t: int) -> float:
        """Return the weight of ``w_t``: all the same."""
        return 1.0


def length(rule: StepRule, t: int) -> float:
    """Return the step of a rule at an example, or raise ValueError where a rule of one's own gives none."""
    eta = rule(t)
    if type(eta) is float and 0 < eta < math.inf:  # a stream takes a million of them
        return eta
    return number(f"the step at example {t}", eta, least=0)


@dataclass(frozen=True)
class Constant(StepRule):
    """``η_t = η``.

    Parameters
    ----------
    eta : float
        Above 0.

    Raises
    ------
    ValueError
        If it is not positive.

    Examples
    --------
    >>> Constant(0.5)(7)
    0.5
    """

    eta: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "eta", number("eta of Constant", self.eta, above=0))

    def __call__(self, t: int) -> float:
        return self.eta


@dataclass(frozen=True)
class Inverse(StepRule):
    """``η_t = 2/(μt + 1)``, the rule of the paper's experiments, with μ from 10⁻⁷ to 10⁻²·⁵.

    Parameters
    ----------
    mu : float
        μ ≥ 0.
    eta : float
        What stands for the 2: it suits examples whose norms are about 1; divide it by their mean square.

    Raises
    ------
    ValueError
        If one of them is out of its range.

    References
    ----------
    Lei and Ying, Stochastic Proximal AUC Maximization, JMLR 22, 2021, section 5.

    Examples
    --------
    >>> Inverse(0.25)(4)
    1.0
    """

    mu: float
    eta: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", number("mu of Inverse", self.mu, least=0))
        object.__setattr__(self, "eta", number("eta of Inverse", self.eta, above=0))

    def __call__(self, t: int) -> float:
        return self.eta / (self.mu * t + 1)  # η_t = 2/(μt + 1)  (S6)


@dataclass(frozen=True)
class Power(StepRule):
    """``η_t = η₁ t^{−θ}``; for a convex objective the theory wants θ above ½.

    Parameters
    ----------
    eta : float
        η₁, above 0.
    theta : float
        θ ≥ 0.

    Raises
    ------
    ValueError
        If one of them is out of its range.

    References
    ----------
    Lei and Ying, as for :class:`Inverse`, section 3.

    Examples
    --------
    >>> Power(1.0, 0.5)(4)
    0.5
    """

    eta: float
    theta: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "eta", number("eta of Power", self.eta, above=0))
        object.__setattr__(self, "theta", number("theta of Power", self.theta, least=0))

    def __call__(self, t: int) -> float:
        return self.eta * t**-self.theta  # η_t = η₁ t^{−θ}  (S6)


@dataclass(frozen=True)
class Growth(StepRule):
    """``η_t = 2/(σ_φ t + 2σ_f + σ_φ t₁)``, with weights ``t + t₁ + 1``: the fast rate 1/t.

    Parameters
    ----------
    sigma_phi : float
        σ_φ > 0: how fast the objective φ = f + Ω grows around its minimum; its strong convexity will do.
    sigma_f : float
        σ_f ≥ 0: the strong convexity of f alone.
    t1 : float
        t₁ ≥ 0: how late the rule starts; the first step is about ``2/(σ_φ t₁)``.

    Raises
    ------
    ValueError
        If one of them is out of its range.

    References
    ----------
    Lei and Ying, as for :class:`Inverse`, section 3.

    Examples
    --------
    >>> rule = Growth(0.5, t1=3)
    >>> rule(1), rule.weight(1)
    (1.0, 5.0)
    """

    sigma_phi: float
    sigma_f: float = 0.0
    t1: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma_phi", number("sigma_phi of Growth", self.sigma_phi, above=0))
        for name in ("sigma_f", "t1"):
            object.__setattr__(self, name, number(f"{name} of Growth", getattr(self, name), least=0))

    def __call__(self, t: int) -> float:
        return 2 / (self.sigma_phi * (t + self.t1) + 2 * self.sigma_f)  # 2/(σ_φ t + 2σ_f + σ_φ t₁)  (S6)

    def weight(self, t: int) -> float:
        return t + self.t1 + 1  # (S7)
