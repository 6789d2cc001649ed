"""Which method has which colour, line and marker: one map for all figures, read from the table of methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minprox.figures.style import look
from minprox.ground.arguments import shown, whole
from minprox.ground.doors import door, text
from minprox.methods import METHODS, looks


@door(method=text, solver=text, points=whole)
def look_of(method: str, solver: str = "", points: int = 1) -> dict[str, Any]:
    """Return colour, line and markers of a method, which are the same in every figure and tutorial.

    Explicit steps are orange, exact implicit ones blue, those of cg3 green.

    Parameters
    ----------
    method : str
        A name of :data:`minprox.methods.METHODS`.
    solver : str
        Of a method that has one; if not given, the one that it takes by default.
    points : int
        As for :func:`look`.

    Returns
    -------
    dict
        Keywords of ``Axes.plot`` in matplotlib.

    Raises
    ------
    ValueError
        If there is no such method.

    Examples
    --------
    >>> import minprox as mp
    >>> implicit, explicit = mp.figures.look_of("proxprop"), mp.figures.look_of("backprop")
    >>> (implicit["color"], explicit["color"]) == mp.figures.COLOURS[:2]
    True
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, found {shown(method)}")
    (number,) = looks([(method, solver or METHODS[method].settings.get("solver", ""))])
    return look(number, points)


def said(label: str) -> tuple[str, str]:
    """Return the method and the solver that a label names, two empty texts where it names none.

    Examples
    --------
    >>> said("BackProp"), said("ProxProp cg3"), said("exact"), said("mine")
    (('backprop', ''), ('proxprop', 'cg3'), ('proxprop', 'exact'), ('', ''))
    """
    for name, method in METHODS.items():
        usual = method.settings.get("solver", "")
        if label in (name, method.label):
            return name, usual
        for solver in filter(None, method.looks):
            spoken = f"{name} {solver}", f"{method.label} {solver}", *([solver] if usual else [])
            if label.replace("blockcg", "cg") in spoken:
                return name, solver
    return "", ""


def numbers(kinds: Iterable[tuple[str, str]]) -> list[int]:
    """Return the numbers of the looks of curves by method and solver; by their order where none is known."""
    kinds = list(kinds)
    return looks(kinds) if any(name for name, _ in kinds) else list(range(len(kinds)))
