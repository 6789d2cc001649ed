"""Wrong answers that differ from the right one in a single place, and problems that share their form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def varied(right: Callable[..., Any], part: int | None = None, **changes: Any) -> Callable[..., Any]:
    """Return what ``right`` computes where some of its arguments are others.

    Parameters
    ----------
    right : callable
    part : int, optional
        Which part of the answer is meant, where it has several.
    **changes
        The argument's new value, or a function of the one that it has; one more is passed as it is.
    """

    def wrong(**p: Any) -> Any:
        others = {k: new(p[k]) if callable(new) and k in p else new for k, new in changes.items()}
        found = right(**(p | others))
        return found if part is None else found[part]

    return wrong


def times(right: Callable[..., Any], factor: Any, part: int | None = None) -> Callable[..., Any]:
    """Return ``factor``, a number or a function of all arguments, times what ``right`` computes."""

    def wrong(**p: Any) -> Any:
        found = right(**p)
        return (factor(**p) if callable(factor) else factor) * (found if part is None else found[part])

    return wrong


def inverse(value: float) -> float:
    """Return ``1 / value``."""
    return 1 / value


def chosen(problems: Callable[[], list[dict[str, Any]]], *names: str) -> Callable[[], list[dict[str, Any]]]:
    """Return the same problems with these arguments alone, in this order."""
    return lambda: [{name: p[name] for name in names} for p in problems()]


def normal(
    seed: int, shapes: Iterable[Mapping[str, tuple[int, ...]]], **more: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return a problem for each entry of ``shapes``: normal numbers by name, and an item of each list."""
    rng = np.random.default_rng(seed)
    problems = [{name: rng.standard_normal(shape) for name, shape in entry.items()} for entry in shapes]
    return [p | {name: values[i] for name, values in more.items()} for i, p in enumerate(problems)]
