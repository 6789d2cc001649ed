"""Doors: what the arguments of a public function must be, looked at by their names before it begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

import numpy as np

from minprox.ground.arguments import ArgumentTypeError, flag, float_dtype, number, step_size, whole, wrong
from minprox.ground.array_kinds import check_plain
from minprox.ground.backend import home
from minprox.ground.seeds import seed

Function = TypeVar("Function", bound=Callable[..., Any])
Check = Callable[[str, Any], Any]


def doors(kinds: Mapping[str, Check]) -> Callable[..., Any]:
    """Return a decorator that checks arguments by the names that they have in the whole house.

    Parameters
    ----------
    kinds : mapping of str to callable
        For a name a function ``check(name, value)`` that raises an error where the value will not do. An
        argument that is None by default may be None.

    Returns
    -------
    callable
        ``@door``, or ``@door(name=check)`` for a function that asks for something else by that name.

    Examples
    --------
    >>> from minprox.ground.arguments import whole
    >>> door = doors({"epochs": whole})
    >>> @door
    ... def train(epochs):
    ...     return epochs
    >>> train("ten")
    Traceback (most recent call last):
    minprox.ground.arguments.ArgumentTypeError: epochs: expected an integer of at least 1, found 'ten'
    """

    def door(function: Function | None = None, /, **own: Check | None) -> Any:
        if function is None:
            return lambda inner: entered(inner, {**kinds, **own})
        return entered(function, kinds)

    return door


def entered(function: Function, kinds: Mapping[str, Check | None]) -> Function:
    """Return the function with its checks before it."""
    parameters = list(signature(function).parameters.values())
    named: dict[str, Check] = {
        p.name: check if p.default is not None else optional(check)
        for p in parameters
        if (check := kinds.get(p.name)) is not None
    }
    first = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    placed = [(p.name, named.get(p.name)) for p in first]

    @wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        for (name, check), value in zip(placed, args, strict=False):
            if check is not None:
                check(name, value)
        for name, value in options.items():
            if name in named:
                named[name](name, value)
        return function(*args, **options)

    return checked  # type: ignore[return-value]


def optional(check: Check) -> Check:
    """Return a check that lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


REAL = "fiub"  # kinds of dtypes


def numbers(name: str, value: Any) -> None:
    """Raise TypeError unless this is a plain array of real numbers."""
    if type(value) is not np.ndarray or value.dtype.kind not in REAL:
        entries(name, value, REAL, "real")


def floats(name: str, value: Any) -> None:
    """Raise TypeError unless this is a plain array of floating-point numbers."""
    if type(value) is not np.ndarray or value.dtype.kind != "f":
        entries(name, value, "f", "floating-point")


def entries(name: str, value: Any, kinds: str, words: str) -> None:
    """Raise TypeError unless this is a plain array whose dtype is of one of these kinds."""
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise ArgumentTypeError(f"{name}: expected an array of {words} numbers, found {type(value).__name__}")
    home(value)
    if isinstance(value, np.generic):  # a number, which has a dtype too
        raise ArgumentTypeError(f"{name}: expected an array of {words} numbers, found {type(value).__name__}")
    if value.dtype.kind not in kinds:
        raise ArgumentTypeError(f"{name}: expected an array of {words} numbers, found dtype {value.dtype}")


def matrix(name: str, value: Any) -> None:
    """Raise an error unless this is an array of real numbers with two axes."""
    numbers(name, value)
    if value.ndim != 2:
        raise ValueError(f"{name}: expected an array of two axes, found the shape {value.shape}")


def stacked(name: str, value: Any) -> None:
    """Raise an error unless this is an array of floating-point numbers with two axes or more."""
    floats(name, value)
    if value.ndim < 2:
        raise ValueError(f"{name}: expected the shape (..., rows, n_out), found {value.shape}")


def arrays(name: str, value: Any) -> None:
    """Raise TypeError unless this is a list of arrays of real numbers."""
    if not isinstance(value, (list, tuple)):
        raise wrong(name, "a list of arrays", value)
    for i, array in enumerate(value):
        if type(array) is not np.ndarray or array.dtype.kind not in REAL:
            numbers(f"{name}[{i}]", array)


def reals(name: str, value: Any) -> None:
    """Raise TypeError unless this is a real number, or what makes an array of them, of any shape."""
    try:
        array = value if hasattr(value, "dtype") else np.asarray(value)
    except (TypeError, ValueError, OverflowError):  # rows of several lengths, say
        raise wrong(name, "real numbers", value) from None
    if getattr(array.dtype, "kind", "") not in tuple("fiu"):
        raise wrong(name, "real numbers", value)
    if isinstance(array, np.ndarray):
        check_plain(array)
    elif not hasattr(array, "ndim"):
        raise wrong(name, "real numbers", value)


def function(name: str, value: Any) -> None:
    """Raise TypeError unless this can be called, and is no class."""
    if not callable(value) or isinstance(value, type):
        raise wrong(name, "a function", value)


def text(name: str, value: Any) -> None:
    """Raise TypeError unless this is a text."""
    if not isinstance(value, str):
        raise wrong(name, "a text", value)


def pairs(name: str, value: Any) -> list[Any]:
    """Return pairs as a list, or raise TypeError unless each begins with a text."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)) or hasattr(value, "dtype"):
        raise wrong(name, "a list of pairs", value)
    found = list(value)
    for pair in found:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise wrong(name, "pairs that begin with a text", pair)
    return found


def each(name: str, value: Any, check: Check, fewest: int = 1) -> list[Any]:
    """Return what a check makes of each value of a list, or raise an error where it is no list of so many."""
    if not isinstance(value, (list, tuple)) or len(value) < fewest:
        raise wrong(name, f"a list of {fewest} or more", value)
    return [check(name, part) for part in value]


def misfit(name: str, called: Any, *arguments: str) -> None:
    """Raise TypeError where a function cannot be called with so many arguments."""
    try:
        signature(called).bind(*arguments)
    except TypeError:
        raise wrong(name, f"a function of ({', '.join(arguments)})", called) from None
    except ValueError:  # one that does not tell its signature
        return


def path(name: str, value: Any) -> None:
    """Raise TypeError unless this is the path of a file or a folder."""
    try:
        text = os.fspath(value)
        os.fsencode(text)
    except (TypeError, ValueError):  # no path, or letters that no file has in its name
        raise wrong(name, "a path", value) from None
    if not isinstance(text, str) or not text:
        raise wrong(name, "a path", value)
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text):  # they would act on a terminal
        raise wrong(name, "a path without control characters", value)


def positive(name: str, value: Any) -> None:
    """Raise ValueError unless this is a positive finite number."""
    number(name, value, above=0)


def weight(name: str, value: Any) -> None:
    """Raise ValueError unless this is a finite number of at least 0."""
    number(name, value, least=0)


def share(name: str, value: Any) -> None:
    """Raise ValueError unless this is a number strictly between 0 and 1."""
    number(name, value, above=0, below=1)


FLAGS = (
    *("bias", "ceil_mode", "count_include_pad", "causal", "nesterov", "penalise_bias", "report", "training"),
    *("to_input", "flatten", "average", "implicit", "positive", "keep", "resume"),
)
COMMON: dict[str, Check] = {
    **dict.fromkeys(FLAGS, flag),
    **dict.fromkeys(("gamma", "rho", "tau"), positive),
    **dict.fromkeys(("title", "caption"), text),
    **{"seed": seed, "dtype": float_dtype, "tau_theta": step_size, "trials": whole},
}
door = doors(COMMON)
