"""Activations ``σ(z) = z g(z)`` with a gate ``g`` that closes as ``z → −∞``.

They are computed in float64, whatever the dtype: in float32, the gate would lose its last digits to the
rounding of an exponent, and vanish where ``z g(z)`` does not.
"""

from __future__ import annotations

from math import pi, sqrt

from minprox.engine.layers.activations import Elementwise, logistic
from minprox.engine.layers.base import Array
from minprox.ground.arguments import one_of
from minprox.ground.backend import array_module, companion


class Gate(Elementwise):
    """Base of the gated activations: ``g`` and its derivatives, on float64."""

    def gate(self, z: Array) -> Array:
        """Return ``g(z)``."""
        raise NotImplementedError

    def gate_slope(self, z: Array, g: Array) -> Array:
        """Return ``g'(z)``."""
        raise NotImplementedError

    def gate_bend(self, z: Array, g: Array, slope: Array) -> Array:
        """Return ``g''(z)``."""
        raise NotImplementedError

    def forward(self, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        return (x * self.gate(x)).astype(z.dtype, copy=False)  # σ = z g

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        g = self.gate(x)
        return delta * (g + x * self.gate_slope(x, g)).astype(z.dtype, copy=False)  # σ' = g + z g'

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        x = z.astype("float64", copy=False)
        g = self.gate(x)
        slope = self.gate_slope(x, g)
        curvature = 2 * slope + x * self.gate_bend(x, g, slope)  # σ'' = 2 g' + z g''
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

    def gate(self, z: Array) -> Array:
        return logistic(z)

    def gate_slope(self, z: Array, g: Array) -> Array:
        return g * (1 - g)

    def gate_bend(self, z: Array, g: Array, slope: Array) -> Array:
        return slope * (1 - 2 * g)


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

    def gate(self, z: Array) -> Array:
        xp = array_module(z)
        n = xp.exp(xp.minimum(z, 20))  # beyond, g is 1
        return n * (n + 2) / (n * (n + 2) + 2)  # tanh log (1 + n) = ((1 + n)² − 1)/((1 + n)² + 1)

    def gate_slope(self, z: Array, g: Array) -> Array:
        return (1 - g * g) * logistic(z)

    def gate_bend(self, z: Array, g: Array, slope: Array) -> Array:
        return slope * (logistic(-z) - 2 * g * logistic(z))


class GELU(Gate):
    """``σ(z) = z Φ(z)`` with Φ the distribution function of the standard normal.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        With ``"tanh"``, ``(1 + tanh(√(2/π) (z + 0.044715 z³)))/2`` stands for Φ, as in GPT-2.

    Raises
    ------
    ValueError
        If ``approximate`` is something else.

    References
    ----------
    Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> z = np.array([-1.0, 0.0, 1.0])
    >>> mp.GELU().forward(z).round(4), mp.GELU("tanh").forward(z).round(4)
    (array([-0.1587,  0.    ,  0.8413]), array([-0.1588,  0.    ,  0.8412]))
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = one_of("approximate of GELU", approximate, ("none", "tanh"))

    def gate(self, z: Array) -> Array:
        return logistic(2 * cubic(z)[0]) if self.approximate == "tanh" else companion(z, "special").ndtr(z)

    def gate_slope(self, z: Array, g: Array) -> Array:
        if self.approximate == "tanh":
            return 2 * cubic(z)[1] * g * (1 - g)
        xp = array_module(z)
        return xp.exp(-(xp.clip(z, -100, 100) ** 2) / 2) / sqrt(2 * pi)  # Φ' = e^{−z²/2}/√(2π)

    def gate_bend(self, z: Array, g: Array, slope: Array) -> Array:
        if self.approximate == "tanh":
            _, du, ddu = cubic(z)
            return 2 * g * (1 - g) * (ddu + 2 * (1 - 2 * g) * du * du)
        return -z * slope

    def __repr__(self) -> str:
        return f"GELU({'' if self.approximate == 'none' else repr(self.approximate)})"


def cubic(z: Array) -> tuple[Array, Array, Array]:
    """``u = √(2/π) (z + 0.044715 z³)``, u' and u''."""
    z = array_module(z).clip(z, -100, 100)  # whose cube is finite, and there g is 0 or 1
    c, k = sqrt(2 / pi), 0.044715
    return c * z * (1 + k * z * z), c * (1 + 3 * k * z * z), 6 * c * k * z
