"""The list of all θ_l of a net, and values that are to become theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from minprox.engine.layers.base import Array
from minprox.ground.arguments import shown, wrong
from minprox.ground.backend import array_module, moved


class Parameters(list[Array]):
    """The θ_l of a net: a list of the arrays themselves, which does not take others in their place.

    ``net.parameters[l] = theta`` would change this list and not the net, so it is refused; what writes to the
    array itself, ``net.parameters[l] -= tau * d``, is not.
    """

    def refuse(self, *args: Any) -> NoReturn:
        """Say how θ is set."""
        raise TypeError(
            "net.parameters lists the arrays of the net, and another one put into the list would not reach "
            "the net: write net.parameters[l][...] = theta, or net.parameters = thetas for all at once"
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        if value is not self[index]:  # as it is after net.parameters[l] -= tau * d, which wrote to θ_l
            self.refuse()

    __delitem__ = __iadd__ = __imul__ = refuse
    append = extend = insert = pop = remove = clear = sort = reverse = refuse  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list(self),)  # what is copied or pickled is a plain list


def values_for(thetas: Sequence[Array], values: Sequence[Any]) -> list[Array]:
    """Return copies of the values, converted to the dtypes and moved to the backends of the θ_l.

    Raises ValueError if number or shapes differ, TypeError where they are no real numbers.
    """
    if not isinstance(values, (list, tuple)):
        raise wrong("parameters", "a list of arrays", values)
    found, expected = [shape_of(v) for v in values], [theta.shape for theta in thetas]
    if found != expected:
        raise ValueError(f"expected parameters of the shapes {expected}, found {found}")
    return [converted(l, theta, value) for l, (theta, value) in enumerate(zip(thetas, values, strict=True))]


def converted(l: int, theta: Array, value: Any) -> Array:
    """Return a copy of the value as an array like θ_l."""
    value = value if hasattr(value, "dtype") else np.asarray(value)
    xp = array_module(value)
    if value.dtype.kind not in "fiu":
        raise TypeError(f"expected real numbers for θ_{l}, found dtype {value.dtype}")
    return moved(xp.array(value, dtype=theta.dtype), array_module(theta).__name__)


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of what makes one."""
    try:
        return np.shape(value)
    except ValueError:  # rows of several lengths
        raise ValueError(f"parameters: expected arrays, found {shown(value)}") from None
