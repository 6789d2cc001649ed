"""Activations ``σ(z) = z g(z)`` with a gate ``g`` that closes as ``z → −∞``.

They are computed in float64, whatever the dtype: in float32, the gate would lose its last digits to the
rounding of an exponent, and vanish where ``z g(z)`` does not.
"""

from __future__ import annotations

from minprox.engine.layers.activations import Activation
from minprox.engine.layers.base import Array
from minprox.ground.backend import array_module


class Gate(Activation):
    """Base of the gated activations: ``gate(z)`` with its two derivatives, on float64."""

    def gate(self, z: Array) -> tuple[Array, Array]:
        """Return ``g(z)`` and ``g'(z)``."""
        raise NotImplementedError

    def gate_bend(self, z: Array) -> Array:
        """Return ``g''(z)``."""
        raise NotImplementedError

    def forward(self, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        return (x * self.gate(x)[0]).astype(z.dtype, copy=False)  # σ = z g

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        g, slope = self.gate(x)
        return delta * (g + x * slope).astype(z.dtype, copy=False)  # σ' = g + z g'

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        curvature = 2 * self.gate(x)[1] + x * self.gate_bend(x)  # σ'' = 2 g' + z g''
        return delta * motion * curvature.astype(z.dtype, copy=False)


class SiLU(Gate):
    """``σ(z) = z / (1 + e⁻ᶻ)``, also called Swish.

    References
    ----------
    Elfwing et al., Sigmoid-weighted linear units, Neural Networks 107, 2018.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.SiLU().forward(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """

    def gate(self, z: Array) -> tuple[Array, Array]:
        s = logistic(z)
        return s, s * logistic(-z)  # g = s, g' = s (1 − s)

    def gate_bend(self, z: Array) -> Array:
        s = logistic(z)
        return s * logistic(-z) * (1 - 2 * s)  # g'' = s (1 − s) (1 − 2 s)


class Mish(Gate):
    """``σ(z) = z tanh(log(1 + eᶻ))``.

    References
    ----------
    Misra, Mish: A self regularized non-monotonic activation function, arXiv:1908.08681.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Mish().forward(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """

    def gate(self, z: Array) -> tuple[Array, Array]:
        xp = array_module(z)
        g = xp.tanh(xp.logaddexp(z, xp.zeros_like(z)))
        return g, (1 - g * g) * logistic(z)

    def gate_bend(self, z: Array) -> Array:
        g, slope = self.gate(z)
        return slope * (logistic(-z) - 2 * g * logistic(z))  # g'' = g' (1 − s − 2 g s)


def logistic(z: Array) -> Array:
    """``1 / (1 + e⁻ᶻ)``, without overflow and to full relative accuracy at both ends."""
    xp = array_module(z)
    e = xp.exp(-abs(z))
    return xp.where(z >= 0, 1, e) / (1 + e)
