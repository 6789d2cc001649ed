"""What a penalty is: a convex function with a proximal map and a conjugate."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from minprox.ground.arguments import number
from minprox.ground.backend import array_module
from minprox.ground.doors import floats

Array = Any


class Penalty:
    """Base of the penalties: a convex function Ω of an array, which may take the value ``+inf``.

    All of them are frozen dataclasses, so that they print, compare and pickle. What they return stays where
    their argument is, and nothing is fetched from a GPU.

    Notes
    -----
    Where Ω or its conjugate is infinite outside a set, that set counts as closed up to rounding: a
    relative ``√eps`` of the dtype.

    References
    ----------
    Parikh and Boyd, Proximal Algorithms, Foundations and Trends in Optimization 1(3), 2014.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> penalty = mp.prox.L1(0.5)
    >>> penalty.prox(np.array([-2.0, 0.3, 1.0]), tau=1.0)
    array([-1.5,  0. ,  0.5])
    >>> isinstance(penalty, mp.prox.Penalty)
    True
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in ("__call__", "prox", "conjugate"):
            if name in vars(cls):
                setattr(cls, name, entered(vars(cls)[name]))

    def __call__(self, u: Array) -> Array:
        """Return ``Ω(u)``, a scalar array."""
        raise NotImplementedError(f"{type(self).__name__} has no value")

    def prox(self, v: Array, tau: float) -> Array:
        """Return ``prox_{τΩ}(v) = argmin_u Ω(u) + ‖u − v‖²/(2τ)``  (E4).

        Parameters
        ----------
        v : array, of any shape
            For :class:`GroupL1` and :class:`Nuclear`, and for a :class:`Simplex` with an axis, a matrix.
        tau : float
            τ ≥ 0; for 0, the limit: ``v`` itself, or its projection onto the set where Ω is finite.

        Returns
        -------
        array, of the shape and dtype of ``v``

        Raises
        ------
        ValueError
            If τ or the shape does not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} has no proximal map")

    def conjugate(self, w: Array) -> Array:
        """Return ``Ω*(w) = sup_u ⟨w, u⟩ − Ω(u)``, a scalar array.

        Parameters
        ----------
        w : array, shape as for :meth:`prox`

        Returns
        -------
        array, shape ()
        """
        raise NotImplementedError(f"{type(self).__name__} has no conjugate")

    def prox_conjugate(self, v: Array, sigma: float) -> Array:
        """Return ``prox_{σΩ*}(v)``, by Moreau's identity.

        Parameters
        ----------
        v : array, shape as for :meth:`prox`
        sigma : float
            σ > 0.

        Returns
        -------
        array, of the shape and dtype of ``v``

        Raises
        ------
        ValueError
            If σ is not positive.
        """
        sigma = number("sigma", sigma, above=0)
        floats("v", v)
        return v - sigma * self.prox(v / sigma, 1 / sigma)  # v = prox_{σΩ*}(v) + σ prox_{Ω/σ}(v/σ)


def entered(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a part of a penalty that takes floating-point arrays with entries alone."""
    name = list(signature(function).parameters)[1]

    @wraps(function)
    def checked(self: Penalty, array: Array, *rest: Any, **options: Any) -> Array:
        if type(array) is not np.ndarray or array.dtype.kind != "f" or not array.size:  # a stream has many
            floats(name, array)
            if not array.size:
                raise ValueError(f"{name}: expected an array with entries, found the shape {array.shape}")
        return function(self, array, *rest, **options)

    return checked


def step(value: Any, name: str = "tau") -> float:
    """Return a step size, or raise ValueError unless it is a finite number of at least 0."""
    if type(value) is float and 0 <= value < math.inf:  # a stream takes a million of them
        return value
    return number(name, value, least=0)


def strength(penalty: Any, *names: str) -> None:
    """Check the weights λ of a penalty."""
    for name in names:
        value = getattr(penalty, name)
        object.__setattr__(penalty, name, number(f"{name} of {type(penalty).__name__}", value, least=0))


def soft(v: Array, t: float) -> Array:
    """Soft thresholding, ``sign(v) max(|v| − t, 0)``."""
    xp = array_module(v)
    return xp.sign(v) * xp.maximum(abs(v) - t, 0)


def indicator(inside: Array, like: Array) -> Array:
    """Return 0 where a condition holds and ``inf`` elsewhere, as a scalar of the dtype of ``like``."""
    return array_module(inside).where(inside, 0.0, math.inf).astype(like.dtype)


def rounding(like: Array) -> float:
    """Return the relative error up to which a set counts as closed: ``√eps``."""
    return float(np.finfo(like.dtype).eps) ** 0.5
