"""Checks of arguments: each returns the value as plain Python has it, or says what was expected and found."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any, NoReturn

import numpy as np

MOST = 2**31 - 1  # of a count: more features, samples or epochs than any memory and any patience holds


class ArgumentTypeError(TypeError, ValueError):
    """An argument of the wrong kind; also a ValueError, for those who catch what a wrong value raises."""


def shown(value: Any) -> str:
    """Return the repr of what was found where it is short and of one line, else its type, and shape.

    Examples
    --------
    >>> import numpy as np
    >>> shown("adam"), shown(np.zeros((3, 2)))
    ("'adam'", 'ndarray of shape (3, 2), float64')
    """
    try:
        text = repr(value)
    except Exception:  # whatever an object of one's own does
        text = "\n"
    if text.isprintable() and len(text) <= (500 if isinstance(value, int) else 100):
        return text
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return type(value).__name__ + (f" of shape {shape}, {dtype}" if isinstance(shape, tuple) else "")


def wrong(name: str, expected: str, value: Any) -> ArgumentTypeError:
    """Return the error that says of an argument what was expected, and what was found."""
    return ArgumentTypeError(f"{name}: expected {expected}, found {shown(value)}")


def refuse(name: str, expected: str, value: Any) -> NoReturn:
    """Raise the error of :func:`wrong`."""
    raise wrong(name, expected, value)


def whole(name: str, value: Any, least: int = 1, most: int = MOST) -> int:
    """Return an integer of at least ``least``; no bool is one, and no float, not even 2.0.

    More than ``most`` is refused as well, before anything asks for the memory or the time of so many.

    Examples
    --------
    >>> import numpy as np
    >>> whole("epochs", np.int64(3))
    3
    >>> whole("epochs", 0)
    Traceback (most recent call last):
    ValueError: epochs: expected an integer of at least 1, found 0
    """
    if type(value) is int and least <= value <= most:
        return value
    expected = f"{name}: expected an integer of at least {least}, found {shown(value)}"
    try:
        integer = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(expected) from None
    if isinstance(value, (bool, np.ma.MaskedArray)):
        raise ArgumentTypeError(expected)
    if integer < least:
        raise ValueError(expected)
    if integer > most:
        raise ValueError(f"{name}: expected an integer of at most {most}, found {shown(value)}")
    return integer


def number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return a finite real number with ``least ≤ number``, ``above < number < below``, as a float.

    Examples
    --------
    >>> number("tau_theta", float("nan"), above=0)
    Traceback (most recent call last):
    ValueError: tau_theta: expected a positive finite number, found nan
    >>> number("momentum", 1, least=0, below=1)
    Traceback (most recent call last):
    ValueError: momentum: expected a number in [0, 1), found 1
    """
    if type(value) is float and least <= value and above < value < below and math.isfinite(value):
        return value
    expected = f"{name}: expected {described(least, above, below)}, found {shown(value)}"
    plain = scalar(value)
    if plain is None:
        raise ArgumentTypeError(expected)
    try:
        real = float(plain)
    except OverflowError:  # an integer beyond all floats
        real = math.inf
    if not (math.isfinite(real) and least <= real and above < real < below):
        raise ValueError(expected)
    return real


def scalar(value: Any) -> Any:
    """Return a real number, also that of an array without axes; None for all else, a truth value included."""
    plain = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if not isinstance(plain, Real) or isinstance(plain, bool) or isinstance(value, np.ma.MaskedArray):
        return None
    return plain


def step_size(name: str, value: Any, dtype: Any = "float64") -> float:
    """Return a proximal step size, a positive number whose inverse is one of this dtype too.

    Examples
    --------
    >>> step_size("tau_theta", 5e-309)
    Traceback (most recent call last):
    ValueError: tau_theta: expected a positive finite number whose inverse is finite in float64, found 5e-309
    """
    tau = number(name, value, above=0)
    if 1 / tau > np.finfo(dtype).max:
        raise ValueError(
            f"{name}: expected a positive finite number whose inverse is finite in {np.dtype(dtype)}, "
            f"found {shown(value)}"
        )
    return tau


def described(least: float, above: float, below: float) -> str:
    """Say in words which numbers lie between such bounds."""
    if below < math.inf:
        return f"a number in {f'({above:g}' if above > least else f'[{least:g}'}, {below:g})"
    if above > least:
        return "a positive finite number" if above == 0 else f"a finite number above {above:g}"
    return "a finite number" + (f" of at least {least:g}" if least > -math.inf else "")


def pair(name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Return an integer twice, or the two of a pair, each of at least ``least``.

    Examples
    --------
    >>> pair("stride", 2), pair("stride", (1, 2))
    ((2, 2), (1, 2))
    """
    values = value if isinstance(value, (tuple, list)) else (value, value)
    try:
        first, second = (whole(name, v, least) for v in values)
    except ValueError as error:  # of another kind, too small or large, too few or too many
        if "at most" in str(error):
            raise
        raise (ArgumentTypeError if isinstance(error, TypeError) else ValueError)(
            f"{name}: expected an integer of at least {least}, or a pair of them, found {shown(value)}"
        ) from None
    return first, second


def extents(name: str, value: Any) -> tuple[int | None, ...] | None:
    """Return the shape of one sample; None, whole or in a place, where it is not known.

    Examples
    --------
    >>> extents("shape", (3, None)), extents("shape", 4)
    ((3, None), (4,))
    """
    if value is None:
        return None
    try:
        values = value if isinstance(value, (tuple, list)) else (value,)
        return tuple(None if n is None else whole(name, n) for n in values)
    except ValueError as error:
        raise (ArgumentTypeError if isinstance(error, TypeError) else ValueError)(
            f"{name}: expected a shape of integers of at least 1, found {shown(value)}"
        ) from None


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return a text that is one of those allowed.

    Examples
    --------
    >>> one_of("form", "dual", ("primal", "dual"))
    'dual'
    """
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        raise (ValueError if isinstance(value, str) else ArgumentTypeError)(
            f"{name}: expected one of {', '.join(names)}, found {shown(value)}"
        )
    return value


def flag(name: str, value: Any) -> bool:
    """Return a truth value, given as True, False, 1 or 0.

    Examples
    --------
    >>> flag("bias", 0)
    False
    """
    if not isinstance(value, (bool, np.bool_)) and not (type(value) is int and value in (0, 1)):
        raise wrong(name, "True or False", value)
    return bool(value)


def float_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """Return a dtype that nets compute in, float32 or float64, as NumPy's.

    Examples
    --------
    >>> float_dtype("dtype", "float32")
    dtype('float32')
    """
    try:
        known = isinstance(dtype, (str, type, np.dtype))  # NumPy reads None as float64
        found = np.dtype(dtype).name if known else ""
    except (TypeError, ValueError):
        found = ""
    if found not in ("float32", "float64"):
        told = dtype if isinstance(dtype, str) or not found else found
        raise ArgumentTypeError(f"{name}: expected float32 or float64, found {shown(told)}")
    return np.dtype(found)
