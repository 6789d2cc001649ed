"""Schemas of what files say: a check for each field, in the manner of the checks of arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from minprox.ground.arguments import one_of, refuse, whole

Check = Callable[[str, Any], Any]
NONE: Mapping[str, Check] = MappingProxyType({})


def fields(
    name: str, value: Any, required: Mapping[str, Check], optional: Mapping[str, Check] = NONE
) -> dict[str, Any]:
    """Return the fields of an object, each as its check returns it, or raise ValueError.

    Parameters
    ----------
    name : str
        What the object is, like "a history".
    required, optional : mapping of str to callable
        ``check(name, value)`` for each field; there may be no others.

    Examples
    --------
    >>> from minprox.ground.arguments import whole
    >>> fields("a pair", {"n": 1}, {"n": whole, "m": whole})
    Traceback (most recent call last):
    ValueError: expected the fields of a pair, missing or unknown: ['m']
    """
    if not isinstance(value, dict):
        refuse(name, "fields by their names", value)
    found = set(value)
    odd = sorted((set(required) - found) | (found - set(required) - set(optional)))
    if odd:
        raise ValueError(f"expected the fields of {name}, missing or unknown: {odd!r:.300}")
    checks = {**required, **optional}
    return {key: checks[key](key, part) for key, part in value.items()}


def real(name: str, value: Any) -> float:
    """Return a number as a float, NaN for None; the same NaN every time, so that lists with one are equal."""
    return column(name, [value])[0]


def column(name: str, value: Any) -> list[float]:
    """Return a list of numbers, with NaN in the place of None."""
    if not isinstance(value, list):
        refuse(name, "a list of numbers", value)
    for part in value:
        if type(part) not in (float, int, type(None)):
            refuse(name, "numbers", part)
    try:
        numbers = [math.nan if part is None else float(part) for part in value]
    except OverflowError:
        raise ValueError(f"{name}: expected numbers, found one beyond all floats") from None
    return [math.nan if math.isnan(part) else part for part in numbers]


def durations(name: str, value: Any) -> list[float]:
    """Return a list of seconds."""
    found = column(name, value)
    if any(part < 0 for part in found):
        raise ValueError(f"{name}: expected numbers of at least 0, found {min(found)}")
    return found


def counting(name: str, value: Any) -> list[int]:
    """Return the numbers of units: 1, 2, … n, with a 0 before them where the start was measured, too."""
    if not isinstance(value, list):
        refuse(name, "a list of integers", value)
    first = value[0] if value else 0
    if any(type(part) is not int for part in value) or first not in (0, 1):
        refuse(name, "integers from 0 or 1 on", value)
    if value != list(range(first, first + len(value))):
        raise ValueError(f"{name}: expected 1, 2, … without a gap, found {value!r:.100}")
    return value


def text(name: str, value: Any) -> str:
    """Return a text."""
    return value if isinstance(value, str) else refuse(name, "a text", value)


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return fields of any names."""
    return value if isinstance(value, dict) else refuse(name, "fields by their names", value)


def maybe(check: Check) -> Check:
    """Return a check that lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def exactly(expected: str) -> Check:
    """Return a check for one text."""
    return lambda name, value: one_of(name, value, (expected,))


def check_columns(unit: str, columns: Mapping[str, list[Any]], status: str, diverged_at: int | None) -> None:
    """Raise ValueError unless columns, status and the unit of divergence can be those of one run."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"expected columns of one length, found the lengths {sorted(lengths)}")
    last = columns[unit][-1] if columns and columns[unit] else 0
    if (status == "diverged") != (diverged_at is not None):
        raise ValueError(
            f"diverged_at: expected it where the status is diverged, found {diverged_at} and {status}"
        )
    if diverged_at is not None and whole("diverged_at", diverged_at) > last:
        raise ValueError(f"diverged_at: expected at most {last}, the last {unit}, found {diverged_at}")
    if status == "finished" and not last:
        raise ValueError(f"{unit}: expected one or more of a run that is finished, found none")
