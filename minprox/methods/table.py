"""The table of methods: what each is called, which direction it takes, and what that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from minprox.engine.passes import backprop, proxprop
from minprox.ground.doors import pairs
from minprox.methods.double_backpropagation import check_settings, double_backprop
from minprox.methods.interlocking import n_wise
from minprox.methods.kfac import KFAC

Array = Any
Direction = Callable[..., Any]  # one that remembers something is a class


@dataclass(frozen=True, kw_only=True)
class Method:
    """How a training step gets its direction, and how tables, command line and figures call that.

    Parameters
    ----------
    direction : callable
        ``direction(net, tape, loss, y, **settings)`` returns what the optimiser gets in the place of a
        gradient, aligned with ``net.parameters``. A class is a direction that remembers something: each run
        makes one, ``direction(**settings)``, and calls that.
    label : str
        In tables and legends.
    settings : mapping of str to JSON value
        What the direction reads by keyword, with the values where none is given. A text under the name
        ``solver`` is handed over as the solver that it names.
    tau : float
        Learning rate τ of SGD where none is given.
    step, symbol : str
        The step size that a comparison of step sizes varies, ``"tau"`` or one of ``settings``, and
        how it is written.
    check : callable, optional
        ``check(**settings)`` raises ValueError for settings that make no sense.
    looks : mapping of str to int
        The number of its colour, line and marker for each of its solvers (``""`` without one), see
        :func:`minprox.figures.look`; the next one that is free if there is none.

    Examples
    --------
    >>> from minprox.methods import METHODS
    >>> METHODS["proxprop"].label, METHODS["proxprop"].symbol
    ('ProxProp', 'τ_θ')
    """

    direction: Direction
    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tau: float = 0.05
    step: str = "tau"
    symbol: str = "τ"
    check: Callable[..., None] | None = None
    looks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.direction):
            raise TypeError(f"direction: expected something to call, found {self.direction!r}")
        if self.step not in {"tau", *self.settings}:
            names = ", ".join(["tau", *self.settings])
            raise ValueError(f"step: expected one of {names}, found {self.step!r}")

    def bind(self, **settings: Any) -> Direction:
        """Return the direction with these settings: ``bound(net, tape, loss, y)``.

        Parameters
        ----------
        **settings
            Any of :attr:`settings`; the others have their defaults.

        Returns
        -------
        callable

        Raises
        ------
        TypeError
            If the method has no such setting.
        """
        for name in settings:
            if name not in self.settings:
                raise TypeError(f"{self.label}: expected {words(self.settings)}, found {name!r}")
        values = {**self.settings, **settings}
        if isinstance(self.direction, type):
            return self.direction(**values)
        return partial(self.direction, **values) if values else self.direction


PENALTY = {"lam": 0.1, "norm": "l1", "of": "loss", "epsilon": 0.0}

#: Every method by its name; a method of one's own is one more entry.
METHODS: dict[str, Method] = {
    "backprop": Method(direction=backprop, label="BackProp", looks={"": 1}),
    "proxprop": Method(
        direction=proxprop,
        label="ProxProp",
        settings={"solver": "exact", "tau_theta": 0.05},
        tau=1.0,
        step="tau_theta",
        symbol="τ_θ",
        looks={"exact": 0, "cg3": 2, "cg10": 3, "cg5": 4, "cg1": 5},
    ),
    "double-backprop": Method(
        direction=double_backprop,
        label="Double BackProp",
        settings=PENALTY,
        check=check_settings,
    ),
    "double-proxprop": Method(
        direction=double_backprop,
        label="Double ProxProp",
        settings={**PENALTY, "solver": "exact", "tau_theta": 0.05},
        tau=1.0,
        step="tau_theta",
        symbol="τ_θ",
        check=check_settings,
    ),
    "interlocking": Method(
        direction=n_wise,
        label="Interlocking",
        settings={"horizon": 2},
        tau=0.02,
        looks={"1": 17, "2": 20, "3": 23, "9": 13},  # the furthest horizon in the colour of BackProp
    ),
    "interlocking-proxprop": Method(
        direction=n_wise,
        label="Interlocking ProxProp",
        settings={"horizon": 2, "solver": "exact", "tau_theta": 0.05},
        tau=1.0,
        step="tau_theta",
        symbol="τ_θ",
    ),
    "kfac": Method(
        direction=KFAC,
        label="K-FAC",
        tau=0.02,
        settings={"damping": 0.1, "decay": 0.95, "fisher": "empirical"},
        looks={"": 7},
    ),
}


def add(name: str, direction: Direction, *, label: str = "", **fields: Any) -> Method:
    """Add a method to the table.

    Parameters
    ----------
    name : str
        What runs and the command line call it.
    direction : callable
        See :class:`Method`.
    label : str
        The name if not given.
    **fields
        The other fields of :class:`Method`.

    Raises
    ------
    ValueError
        If the name belongs to another method.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> def sign(net, tape, loss, y):
    ...     return [np.sign(g) for g in mp.backprop(net, tape, loss, y)]
    >>> mp.methods.add("sign-of-gradient", sign, label="Sign", tau=0.001)
    Method(direction=<function sign at ...>, label='Sign', settings={}, tau=0.001, ...)
    >>> mp.experiments.Run(method="sign-of-gradient").tau
    0.001
    >>> del mp.methods.METHODS["sign-of-gradient"]
    """
    method = Method(direction=direction, label=label or name, **fields)
    former = METHODS.get(name, method)
    if origin(former.direction) != origin(direction):  # to run a cell or a file again is no mistake
        raise ValueError(f"the method {name!r} is there already: it takes the direction {former.direction!r}")
    METHODS[name] = method
    return method


def looks(curves: Iterable[tuple[str, str]]) -> list[int]:
    """Return the number of the look of each curve of a figure, given by method and solver.

    The first curve of a method has the look of that method, which is the same in every figure; what differs
    otherwise, or is in no table, takes looks that are left.

    Parameters
    ----------
    curves : iterable of (str, str)
        As :attr:`minprox.experiments.Kind.curve` gives them.

    Returns
    -------
    list of int
        For :func:`minprox.figures.look`.

    Examples
    --------
    >>> looks([("backprop", ""), ("proxprop", "exact"), ("proxprop", "exact")])
    [1, 0, 2]
    """
    curves, own = pairs("curves", curves), owned()
    number: dict[int, int] = {}
    for place, curve in enumerate(curves):
        look = own.get(plain(*curve))
        if look is not None and look not in number.values():
            number[place] = look
    for place in range(len(curves)):
        if place not in number:
            strange = plain(*curves[place]) not in own  # neither its look nor that of another method
            taken = {*number.values(), *(own.values() if strange else ())}
            number[place] = next(n for n in range(len(taken) + 1) if n not in taken)
    return [number[place] for place in range(len(curves))]


def owned() -> dict[tuple[str, str], int]:
    """Return the look of every method and solver that has one, those given before those that are left."""
    own = {(name, kind): look for name, method in METHODS.items() for kind, look in method.looks.items()}
    taken = set(own.values())
    for name, method in METHODS.items():
        if not method.looks:
            own[name, ""] = next(n for n in range(len(taken) + 1) if n not in taken)
            taken.add(own[name, ""])
    return own


def plain(name: str, solver: str | None) -> tuple[str, str]:
    """Return method and solver as looks know them: cg and blockcg look alike."""
    known = METHODS.get(name)
    if known is None or not known.looks:
        return name, ""
    return name, str(solver or "").replace("blockcg", "cg")


def origin(direction: Direction) -> str:
    """Return where a function was written, which is the same when its file or its cell is run again."""
    kind: Any = direction if hasattr(direction, "__qualname__") else type(direction)
    return kind.__qualname__


def words(names: Iterable[str]) -> str:
    """Return names as a list in words."""
    return ", ".join(names) or "no settings"
