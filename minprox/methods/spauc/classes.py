"""Shares and means of the two classes, and the second moment of a difference of two examples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minprox.ground.arguments import wrong
from minprox.ground.backend import array_module
from minprox.ground.doors import door
from minprox.methods.spauc.streams import checked

Array = Any


class Moments(NamedTuple):
    """The shares of two classes, their means, and the second moment of a difference.

    Parameters
    ----------
    p : float
        Share of the positive class.
    u, v : array, shape (features,)
        Means of the positive and of the negative class.
    S : array, shape (features, features)
        ``E[(x − x')(x − x')ᵀ] = Σ₊ + Σ₋ + (u−v)(u−v)ᵀ`` of an example x of the positive and x' of the
        negative class.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.spauc.moments(np.array([[3.0], [1.0], [2.0], [0.0]]), np.array([1, 1, -1, -1]))
    Moments(p=0.5, u=array([2.]), v=array([1.]), S=array([[3.]]))
    """

    p: float
    u: Array
    v: Array
    S: Array


def table(name: str, value: Any) -> None:
    """Raise an error unless this is a matrix, sparse or not."""
    if len(getattr(value, "shape", ())) != 2:
        raise wrong(name, "a matrix (n, features)", value)


@door(x=table)
def moments(x: Array, y: Array, classes: tuple[Any, Any] = (-1, 1)) -> Moments:
    """Measure the moments of examples.

    Parameters
    ----------
    x : array or sparse matrix, shape (n, features)
    y : array, shape (n,)
    classes : tuple
        The labels of the negative and of the positive class.

    Returns
    -------
    Moments
        In float64.

    Raises
    ------
    ValueError
        If an example is not as expected, or a class is empty.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.spauc.moments(np.array([[3.0], [1.0], [2.0]]), np.array([1, 1, 0]), classes=(0, 1)).u
    array([2.])
    """
    x, positive = checked(x, y, x.shape[-1], classes)
    dense = x.toarray() if hasattr(x, "toarray") else x
    xp, found = array_module(dense), []
    for label, chosen in zip(classes, (~positive, positive), strict=True):
        if not chosen.any():
            raise ValueError(f"expected examples of both classes, found none with the label {label!r}")
        those = dense[xp.asarray(np.flatnonzero(chosen))]
        mean = those.mean(axis=0)
        found.append((mean, (those - mean).T @ (those - mean) / len(those)))
    (v, below), (u, above) = found
    return Moments(float(positive.mean()), u, v, above + below + xp.outer(u - v, u - v))
