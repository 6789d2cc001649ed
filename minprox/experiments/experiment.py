"""A family of runs as data: which runs belong together, how they are shown, and what they shall tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure
from minprox.ground.arguments import flag, number, refuse, shown, whole
from minprox.ground.doors import text
from minprox.ground.seeds import seed as check_seed


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Runs that belong together, and how they are shown.

    Parameters
    ----------
    methods : mapping of str to Run
        One run, or one of another kind, for each method that is compared, by a short name without ``-``.
    steps : tuple of float
        If given, every method is run at each of these step sizes: τ of BackProp, τ_θ of ProxProp.
    seeds : tuple of int
    panels : tuple of (str, str)
        Columns of the records, over x and up y; none for a table of final losses.
    preset : str
        Which size of the experiment this is.
    blas_threads : int, optional
        For each process; the cores shared out among the processes if not given.
    note : str
        What a figure says about the methods.
    claims : tuple of Claim
        What its paper says of the results, and other sentences that the records shall decide.
    columns : tuple of str
        What the table shows beside the settings; for training runs it has a default.
    mean : bool
        Whether the table shows mean ± standard deviation over the seeds, and not the median.
    axes : mapping of str to callable
        What panels are drawn over beside columns: by its name, a function of a run that gives its Measure.
    presets : mapping of str to mapping
        Changes of every run by the name of a size, like ``{"quick": {"epochs": 2}}``.

    Raises
    ------
    ValueError
        If there is no method, or its name or that of the experiment is no name of a folder.

    Examples
    --------
    >>> from minprox.experiments import X1
    >>> list(X1.methods)
    ['backprop', 'cg3', 'cg5', 'cg10', 'exact']
    >>> list(X1.select(methods=["cg3"], seeds=[0, 1]).runs)
    ['seed-0/cg3', 'seed-1/cg3']
    """

    name: str
    title: str
    methods: Mapping[str, Any]  # each a Kind
    steps: tuple[float, ...] = ()
    seeds: tuple[int, ...] = (0,)
    panels: tuple[tuple[str, str], ...] = ()
    preset: str = "paper"
    blas_threads: int | None = None
    note: str = ""
    claims: tuple[Claim, ...] = ()
    columns: tuple[str, ...] = ()
    mean: bool = False
    axes: Mapping[str, Callable[[Any], Measure]] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("name", "title", "preset", "note"):
            text(name, getattr(self, name))
        if not isinstance(self.methods, Mapping) or not all(
            isinstance(m, Kind) for m in self.methods.values()
        ):
            refuse("methods", "runs by their names", self.methods)
        if not self.methods:
            raise ValueError(f"methods: expected one run or more in {self.name}, found none")
        if self.name in ("", ".", "..") or set(self.name) & set("/\\\0"):
            raise ValueError(f"name: expected what can be the name of a folder, found {shown(self.name)}")
        for name, kind, words in LISTS:
            parts = getattr(self, name)
            if not isinstance(parts, (list, tuple)) or not all(isinstance(part, kind) for part in parts):
                refuse(name, words, parts)
        if not all(len(panel) == 2 and all(isinstance(name, str) for name in panel) for panel in self.panels):
            refuse("panels", "pairs of columns", self.panels)
        if not isinstance(self.presets, Mapping):
            refuse("presets", "changes of every run by the name of a size", self.presets)
        flag("mean", self.mean)
        seeds = tuple(check_seed("seed", seed) for seed in self.seeds)
        object.__setattr__(self, "seeds", seeds)
        object.__setattr__(self, "steps", tuple(number("steps", step) for step in self.steps))
        if self.blas_threads is not None:
            object.__setattr__(self, "blas_threads", whole("blas_threads", self.blas_threads))
        for key in self.methods:
            if not isinstance(key, str) or not key.replace("_", "").replace(".", "").isalnum():
                raise ValueError(f"methods: expected names of letters and digits, found {shown(key)}")

    @property
    def kind(self) -> Kind:
        """The first run, which knows how columns of all of them are shown."""
        return next(iter(self.methods.values()))

    def axis(self, name: str, run: Any) -> Measure:
        """Return how a column, or what is derived from one, is shown of a run.

        Parameters
        ----------
        name : str
            Of a column, or of :attr:`axes`.
        run : Kind

        Returns
        -------
        Measure
            With the column that it is made from, if that has another name.
        """
        return self.axes[name](run) if name in self.axes else run.measure(name)

    @property
    def runs(self) -> dict[str, Any]:
        """Every run, by the name of its folder; one seed after the other."""
        return {
            f"seed-{seed}/{name}": replace(run, seed=seed)
            for seed in self.seeds
            for key, method in self.methods.items()
            for name, run in at_steps(key, method, self.steps)
        }

    def select(
        self,
        methods: Iterable[str] | None = None,
        epochs: int | None = None,
        seeds: Iterable[int] | None = None,
        tau_theta: Iterable[float] | None = None,
    ) -> Experiment:
        """Return a part of the experiment, or one of another length.

        Parameters
        ----------
        methods : iterable of str, optional
            Names of :attr:`methods`.
        epochs : int, optional
            Or what else the runs advance by.
        seeds : iterable of int, optional
        tau_theta : iterable of float, optional
            In the place of :attr:`steps`.

        Raises
        ------
        ValueError
            If there is no such method, nothing is left, or a value makes no sense.
        """
        changes: dict[str, Any] = {}
        if methods is not None:
            wanted = several("methods", methods)
            for key in wanted:
                if key not in self.methods:
                    raise ValueError(
                        f"methods: {self.name} has {', '.join(self.methods)}, found {shown(key)}"
                    )
            changes["methods"] = {key: run for key, run in self.methods.items() if key in wanted}
        if epochs is not None:
            chosen = changes.get("methods", self.methods)
            changes["methods"] = {key: replace(run, **{run.LENGTH: epochs}) for key, run in chosen.items()}
        if seeds is not None:
            changes["seeds"] = several("seeds", seeds)
        if tau_theta is not None:
            if not self.steps:
                raise ValueError(f"tau_theta: {self.name} has one value for all runs, which it keeps")
            changes["steps"] = several("tau_theta", tau_theta)
            for key, run in self.methods.items():
                at_steps(key, run, changes["steps"])  # refuses what is no step size
        return replace(self, **changes)


LISTS = (  # fields of an experiment that hold several things, of what class, in words
    ("steps", object, "a list of step sizes"),
    ("seeds", object, "a list of seeds"),
    ("panels", (list, tuple), "pairs of columns"),
    ("claims", Claim, "a list of claims"),
    ("columns", str, "names of columns"),
)


def several(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the values, each of them once, or raise ValueError if there is none."""
    if (
        not isinstance(values, Iterable)
        or isinstance(values, (str, bytes))
        or getattr(values, "ndim", 1) != 1
    ):
        refuse(name, "a list of values", values)
    try:
        found = tuple(dict.fromkeys(values))
    except TypeError:  # lists in a list, say
        refuse(name, "a list of values", values)
    if not found:
        raise ValueError(f"{name}: expected one value or more, found none")
    return found


def at_steps(key: str, run: Kind, steps: Iterable[float]) -> list[tuple[str, Kind]]:
    """Return the run under its name, or at each of the step sizes under a name that tells which."""
    values = list(steps)
    if not values:
        return [(key, run)]
    if run.step is None:
        raise ValueError(f"steps: {key} has no step size to vary")
    name, symbol, _ = run.step
    changes: list[tuple[str, dict[str, Any]]] = [
        (short(value), {"label": f"{run.label}, {symbol} = {short(value)}"} | stepped(run, name, value))
        for value in values
    ]
    return [(f"{key}-{name.replace('_', '-')}-{text}", replace(run, **change)) for text, change in changes]


def stepped(run: Kind, name: str, value: float) -> dict[str, Any]:
    """Return the change that sets a step size, which is a field of the run or one of its options."""
    if name in {f.name for f in fields(run)}:
        return {name: value}
    return {"options": {**dict(getattr(run, "options", ())), name: value}}


def short(value: float) -> str:
    """Return a number as a text that is as short as it can be without becoming another number."""
    text = f"{value:g}"
    return text if float(text) == value else repr(float(value))
