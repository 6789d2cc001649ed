"""Activations that level off smoothly: at ``−∞`` (ELU, SELU), or at both ends and slowly (Softsign)."""

from __future__ import annotations

from minprox.engine.layers.activations import Elementwise
from minprox.engine.layers.base import Array
from minprox.ground.arguments import number
from minprox.ground.backend import array_module


class ELU(Elementwise):
    """``σ(z) = z`` where ``z > 0``, ``α (eᶻ − 1)`` elsewhere.

    Parameters
    ----------
    alpha : float
        α > 0; only with 1 is the derivative continuous.

    Raises
    ------
    ValueError
        If α is not a positive finite number.

    References
    ----------
    Clevert et al., Fast and accurate deep network learning by exponential linear units, ICLR 2016.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.ELU().forward(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("alpha of ELU", alpha, above=0)

    def forward(self, z: Array) -> Array:
        xp = array_module(z)
        return xp.maximum(z, 0) + self.alpha * xp.expm1(xp.minimum(z, 0))

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        xp, alpha = array_module(z), self.alpha
        return alpha * (delta * xp.exp(xp.minimum(z, 0))) + (1 - alpha) * (delta * (z > 0))  # σ' = α eᶻ or 1

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        xp = array_module(z)
        return xp.where(z > 0, 0, self.alpha * xp.exp(xp.minimum(z, 0))) * motion * delta  # σ'' = 0 or α eᶻ

    def __repr__(self) -> str:
        return f"ELU({'' if self.alpha == 1 else self.alpha})"


class SELU(Elementwise):
    """``σ(z) = λ ELU_α(z)`` with λ and α that keep mean 0 and variance 1.

    λ = 1.0507… and α = 1.6733… make (0, 1) a fixed point of mean and variance from layer to layer, if the
    weights are independent with mean 0 and variance 1/fan_in.

    References
    ----------
    Klambauer et al., Self-normalizing neural networks, NeurIPS 2017.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.SELU().forward(np.array([-1.0, 2.0])).round(4)
    array([-1.1113,  2.1014])
    """

    scale, inner = 1.0507009873554804934193349852946, ELU(1.6732632423543772848170429916717)

    def forward(self, z: Array) -> Array:
        return self.scale * self.inner.forward(z)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return self.scale * self.inner.adjoint(delta, a, z)

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        return self.scale * self.inner.bend(delta, motion, a, z)


class Softsign(Elementwise):
    """``σ(z) = z / (1 + |z|)``, ``σ' = 1 / (1 + |z|)²``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Softsign().forward(np.array([-3.0, 0.0, 1.0]))
    array([-0.75,  0.  ,  0.5 ])
    """

    def forward(self, z: Array) -> Array:
        return z / (1 + abs(z))

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (1 / (1 + abs(z))) ** 2

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        sign = array_module(z).sign(z)
        return -2 * sign * (1 / (1 + abs(z))) ** 3 * motion * delta  # σ'' = −2 sign(z) / (1 + |z|)³
