"""Activations ``a = σ(z)``, elementwise: the adjoint of each is ``δ ↦ σ'(z) δ``."""

from __future__ import annotations

from minprox.engine.layers.base import Array, Layer, Shape
from minprox.ground.arguments import number
from minprox.ground.backend import array_module
from minprox.ground.parallel import in_parts


class Activation(Layer):
    """Base of the elementwise layers: ``forward(z)`` and ``adjoint(delta, a, z)``."""

    arity = 1

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        return self.adjoint(motion, output, *inputs)  # ȧ = σ'(z) ż: a diagonal is its own transpose  (T1)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return shape


class Elementwise(Activation):
    """Base of activations without a state, each entry by itself: threads share the entries among them."""

    def __init_subclass__(cls) -> None:
        for name in {"forward", "adjoint", "bend"} & set(vars(cls)):
            setattr(cls, name, in_parts(vars(cls)[name]))
        super().__init_subclass__()


class ReLU(Elementwise):
    """``σ(z) = max(z, 0)``, with ``σ'(0) = 0``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.ReLU().forward(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    bends = False

    def forward(self, z: Array, out: Array | None = None) -> Array:
        return array_module(z).maximum(z, 0, out=out)

    def adjoint(self, delta: Array, a: Array, z: Array, out: Array | None = None) -> Array:
        return array_module(z).multiply(delta, z > 0, out=out)


class LeakyReLU(Elementwise):
    """``σ(z) = z`` where ``z > 0``, ``slope · z`` elsewhere.

    Parameters
    ----------
    slope : float
        Slope for negative ``z``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.LeakyReLU(0.1).forward(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    bends = False

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope of LeakyReLU", slope)

    def forward(self, z: Array) -> Array:
        xp = array_module(z)
        return xp.maximum(z, 0) + self.slope * xp.minimum(z, 0)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * (z > 0) + self.slope * (delta * (z <= 0))

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope})"


class Tanh(Elementwise):
    """``σ(z) = tanh z``, ``σ' = 1/cosh² z``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Tanh().forward(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """

    def forward(self, z: Array, out: Array | None = None) -> Array:
        return array_module(z).tanh(z, out=out)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * tanh_slope(z)  # which 1 − σ² loses where σ is 1

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        return -2 * a * tanh_slope(z) * motion * delta  # σ'' = −2 σ σ'


class Sigmoid(Elementwise):
    """``σ(z) = 1 / (1 + e⁻ᶻ)``, ``σ' = σ(z) σ(−z)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Sigmoid().forward(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """

    def forward(self, z: Array) -> Array:
        return logistic(z)

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * logistic_slope(z)

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        return -array_module(z).tanh(z / 2) * logistic_slope(z) * motion * delta  # σ'' = σ' (1 − 2σ)


class Softplus(Elementwise):
    """``σ(z) = log(1 + eᶻ)``, whose derivative is the sigmoid.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.Softplus().forward(np.array([-800.0, 0.0, 8.0])).round(4)
    array([0.    , 0.6931, 8.0003])
    """

    def forward(self, z: Array) -> Array:
        xp = array_module(z)
        return xp.maximum(z, 0) + xp.log1p(xp.exp(-abs(z)))

    def adjoint(self, delta: Array, a: Array, z: Array) -> Array:
        return delta * logistic(z)

    def bend(self, delta: Array, motion: Array, a: Array, z: Array) -> Array:
        return logistic_slope(z) * motion * delta


def logistic(z: Array) -> Array:
    """``1 / (1 + e⁻ᶻ)``, without overflow and to full relative accuracy at both ends."""
    xp = array_module(z)
    return xp.exp(xp.minimum(z, 0)) / (1 + xp.exp(-abs(z)))


def logistic_slope(z: Array) -> Array:
    """``eᶻ / (1 + eᶻ)²``, its derivative, as accurate."""
    e = array_module(z).exp(-abs(z))  # the slope is even
    return e / (1 + e) ** 2


def tanh_slope(z: Array) -> Array:
    """``1 / cosh² z``, without overflow."""
    e = array_module(z).exp(-abs(z))
    return (2 * e / (1 + e * e)) ** 2
