"""Parts of a run that are one's own: how its folder tells them from others."""

from __future__ import annotations

from functools import partial
from typing import Any

from minprox.datasets import Dataset
from minprox.learning.identity import checksum, describe
from minprox.learning.own_code import own_code
from minprox.methods import METHODS, Method


def told(name: str, value: Any) -> Any:
    """Return a part of a run as its folder keeps it: JSON values as they are, objects by what they say.

    Behind the words stands a check sum of the code that is one's own, or of the numbers of a data set, so
    that another one of the same name is told from the first.

    Raises
    ------
    TypeError
        If an object says nothing of itself.
    """
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Dataset):
        return f"{value.name} [{checksum(value):08x}]"
    if isinstance(value, Method):
        return told(name, value.direction)
    words = describe(value)
    if not (callable(value) and hasattr(value, "__qualname__")) and not isinstance(value, partial):
        kind: Any = type(value)
        if kind.__repr__ is object.__repr__:
            raise TypeError(
                f"{name}: expected an object that says what it is, so that a folder can tell it from others; "
                f"give {kind.__qualname__} a __repr__"
            )
        words = repr(value)
    code = own_code(value)
    return f"{words} [{code}]" if code else words


def method_of(value: Any) -> Method:
    """Return the method that a name, a method or a direction stands for."""
    if isinstance(value, Method):
        return value
    if isinstance(value, str):
        return METHODS[value]
    return Method(direction=value, label=describe(value))


def named_method(value: Any) -> Any:
    """Return the name of a method, where a method or a direction is one of the table.

    Raises
    ------
    TypeError
        If the value is neither a name, nor a method, nor a direction.
    """
    for name, method in METHODS.items():
        if value is method or (value is method.direction and not method.settings):
            return name
    if not isinstance(value, (str, Method)) and not callable(value):
        raise TypeError(f"method: expected a name, a Method, or a direction to call, found {value!r}")
    return value
