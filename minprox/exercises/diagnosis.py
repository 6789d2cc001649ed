"""Recognise a typical mistake by the answer that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minprox.exercises.tasks import Task, transpose

Call = tuple[dict[str, Any], Any, tuple[Any, ...]]  # arguments, what came back, what should have


def diagnose(task: Task, calls: Sequence[Call]) -> list[str]:
    """Return what went wrong in each part of the answer, as far as it is a known mistake.

    Parameters
    ----------
    task : Task
    calls : sequence of (arguments, parts, right parts)
        The parts may be None, where what came back had no form at all.

    Returns
    -------
    list of str
        At most one sentence for each part; empty where no mistake is recognised.
    """
    if any(parts is None for _, parts, _ in calls):
        return []
    found = []
    for i, name in enumerate(task.parts):
        if all(same(parts[i], right[i]) for _, parts, right in calls):
            continue
        words = next(
            (m.words for m in task.mistakes if m.part == i and explains(m.answer, calls, i)),
            in_general(calls, i),
        )
        if words:
            found.append(f"{name}: {words}" if len(task.parts) > 1 else words)
    return found


def explains(mistake: Callable[..., Any], calls: Sequence[Call], part: int) -> bool:
    """Tell whether a mistake leads to what came back, in every call."""
    with np.errstate(all="ignore"):
        try:
            return all(same(parts[part], mistake(**arguments)) for arguments, parts, _ in calls)
        except ValueError:  # shapes that do not fit, where the mistake is not possible; LinAlgError is one
            return False


def in_general(calls: Sequence[Call], part: int) -> str:
    """Recognise the mistakes that every function can have: sign, transposition, a constant factor."""
    pairs = [(parts[part], right[part]) for _, parts, right in calls]
    if any(isinstance(right, str) for _, right in pairs):
        return ""
    if all(same(found, -np.asarray(right)) for found, right in pairs):
        return "the sign is wrong: this is minus the right answer"
    if all(np.ndim(right) >= 2 and same(found, transpose(np.asarray(right))) for found, right in pairs):
        return "the answer is transposed"
    factors = [factor(found, np.asarray(right)) for found, right in pairs]
    first = factors[0] if factors else None
    if first is not None and all(c is not None and np.isclose(c, first, rtol=1e-7) for c in factors):
        return f"a constant factor: this is {first:.6g} times the right answer" if first else "this is zero"
    return ""


def factor(found: Any, right: Any) -> float | None:
    """Return ``c`` where ``found = c · right``; None where there is none."""
    size = float(np.vdot(right, right))
    if found.shape != right.shape or size == 0 or not np.isfinite(found).all():
        return None
    c = float(np.vdot(right, found)) / size
    return c if same(found, c * right) else None


def same(found: Any, other: Any) -> bool:
    """Tell whether two answers are the same but for rounding; NaN and infinity count as numbers."""
    if isinstance(found, str) or isinstance(other, str):
        return bool(found == other)
    found, other = np.asarray(found), np.asarray(other)
    if found.shape != other.shape:
        return False
    size = float(np.abs(other[np.isfinite(other)]).max(initial=0.0))
    return bool(np.allclose(found, other, rtol=1e-7, atol=1e-8 * size, equal_nan=True))
