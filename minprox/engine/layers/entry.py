"""What a layer takes when it is called on arrays: floating-point numbers, in shapes that fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from minprox.ground.backend import array_module
from minprox.ground.doors import floats

Array = Any
STRANGE = np.ma.MaskedArray, np.matrix, np.recarray  # kinds of arrays that mean something else


def entered(forward: Callable[..., Array]) -> Callable[..., Array]:
    """Return a forward that takes floating-point arrays alone, and explains why others do not fit.

    Integers, texts or dates would give here an error and there something else than the same numbers as
    floats. Shapes are looked at where something went wrong: a net has checked them before.
    """

    @wraps(forward)
    def checked(self: Any, *arrays: Array, **options: Any) -> Array:
        try:
            shape = self.__dict__.get("theta_shape")
            for a in arrays:
                strange = type(a) is not np.ndarray and isinstance(a, STRANGE)
                if strange or a.dtype.kind != "f" or not a.ndim or (not a.size and 0 in a.shape[1:]):
                    break
            else:
                if shape is None or arrays[0].shape == shape:
                    return forward(self, *arrays, **options)
        except NotImplementedError:
            raise
        except Exception:
            if not getattr(self, "lacks_forward", False):
                check_arrays(self, arrays)
                raise
        if getattr(self, "lacks_forward", False):
            return forward(self, *arrays, **options)  # which says so
        return check_arrays(self, arrays)  # which raises an error

    return checked


def check_arrays(layer: Any, arrays: tuple[Array, ...]) -> None:
    """Raise an error unless a layer can take these, the first one being its θ if it has one."""
    shape = getattr(layer, "theta_shape", None)
    theta, inputs = (arrays[:1], arrays[1:]) if shape else ((), arrays)
    for i, a in enumerate((*theta, *inputs)):
        name = "theta" if i < len(theta) else "input" if len(inputs) == 1 else f"input {i + 1 - len(theta)}"
        floats(f"{name} of {layer!r}", a)
        if not a.ndim:
            raise ValueError(f"{name} of {layer!r}: expected an array, found a number without axes")
        if 0 in a.shape[1:]:  # a process that shares a batch may have no sample of it
            raise ValueError(f"{name} of {layer!r}: expected samples with entries, found the shape {a.shape}")
    array_module(*theta, *inputs)
    if theta and theta[0].shape != shape:
        raise ValueError(f"theta of {layer!r}: expected the shape {shape}, found {theta[0].shape}")
    if not getattr(type(layer).output_shape, "tried", False):
        try:
            layer.output_shape(*(a.shape[1:] for a in inputs))
        except ValueError as error:
            raise ValueError(f"input of {layer!r}: {error}") from None
