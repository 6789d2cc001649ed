"""What an exercise consists of: tasks, identities that an answer satisfies, and mistakes that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any

SHAPES = ((5, 5), (12, 4), (4, 9), (1, 6))  # of A: square, tall, wide, and one sample


@dataclass(frozen=True)
class Identity:
    """An identity that a right answer satisfies, however it was computed.

    Attributes
    ----------
    name : str
        The identity as a formula.
    label : str
        Its label, such as ``"E6"``; empty where it has none.
    residual : callable
        ``residual(*parts, **arguments) -> float``, the relative error of the student's answer.
    hint : str
        What to look at where the identity fails and no mistake is recognised.
    """

    name: str
    label: str
    residual: Callable[..., float]
    hint: str

    def __str__(self) -> str:
        return f"({self.label}) {self.name}" if self.label else self.name


@dataclass(frozen=True)
class Mistake:
    """A typical mistake, recognised by the answer that it leads to.

    Attributes
    ----------
    words : str
        What went wrong, for the student.
    answer : callable
        ``answer(**arguments)``, what the mistake computes.
    part : int
        Which part of the answer it concerns, where a function returns several.
    """

    words: str
    answer: Callable[..., Any]
    part: int = 0


@dataclass(frozen=True)
class Task:
    """A function that the student writes.

    Attributes
    ----------
    name : str
        Of the function, or ``"Class.method"``.
    right : callable
        The right answer, by which form and mistakes are told; the verdict is by the identities.
    problems : callable
        Returns the problems, each of them the arguments by name, in their order.
    identities : tuple of Identity
    mistakes : tuple of Mistake
    parts : tuple of str
        The names of what the function returns.
    init : tuple
        Arguments of the class, where the task is a method.
    """

    name: str
    right: Callable[..., Any]
    problems: Callable[[], list[dict[str, Any]]]
    identities: tuple[Identity, ...]
    mistakes: tuple[Mistake, ...] = ()
    parts: tuple[str, ...] = ("result",)
    init: tuple[Any, ...] = ()

    @property
    def signature(self) -> str:
        """The call as the exercise asks for it, ``implicit_step(A, delta, tau_theta)``."""
        return f"{self.name}({', '.join(self.problems()[0])})"

    def find(self, namespace: Mapping[str, Any]) -> Any:
        """Return the student's function, or None where there is none."""
        owner, _, method = self.name.rpartition(".")
        if not owner:
            return namespace.get(method)
        return getattr(namespace[owner](*self.init), method, None) if owner in namespace else None


@dataclass(frozen=True)
class Exercise:
    """The tasks of one exercise file.

    Attributes
    ----------
    number : str
        Two digits, those of the tutorial.
    title : str
    tasks : tuple of Task
    """

    number: str
    title: str
    tasks: tuple[Task, ...]


def relative(found: Array, expected: Array) -> float:
    """Return ``‖found − expected‖ / ‖expected‖``, and the distance itself where ``expected`` vanishes."""
    found, expected = np.asarray(found), np.asarray(expected)
    size = float(np.linalg.norm(expected)) or 1.0
    return float(np.linalg.norm(found - expected)) / size


def excess(found: float, bound: float, scale: float) -> float:
    """Return by how much an inequality ``found ≤ bound`` fails, in units of ``scale``."""
    return max(0.0, float(found) - float(bound)) / scale


def along(function: Callable[..., Any], *pairs: tuple[Array, Array]) -> Array:
    """Return the derivative of an analytic function of arrays as each moves along its direction.

    By a complex step: ``Im f(x + i h b) / h`` cancels nothing, so that ``h`` may be as small as one likes.
    """
    h = 1e-30
    return np.imag(function(*(point + 1j * h * direction for point, direction in pairs))) / h


def slope(function: Callable[[Array], Any], point: Array, direction: Array) -> float:
    """Return the derivative of an analytic number along a direction, exact to rounding."""
    return float(along(function, (point, direction)))


def descends(step: Array, function: Callable[[Array], Any], point: Array, tau: float) -> float:
    """Return how far a step ``old − new`` is from ``τ ∇f(old)``, seen along a random direction."""
    direction = np.random.default_rng(99).standard_normal(point.shape)
    expected = tau * slope(function, point, direction)
    size = float(np.linalg.norm(direction) * np.linalg.norm(step)) or 1.0
    return abs(float(np.vdot(direction, step)) - expected) / size


def with_ones(a: Array) -> Array:
    """Return ``A = [a, 1]``."""
    return np.hstack([a, np.ones((len(a), 1))])


def transpose(u: Array) -> Array:
    """Return ``uᵀ`` for a matrix or a vector."""
    return u.swapaxes(-1, -2)
