"""A kind of run: frozen settings, and three verbs that begin it, advance it and give its arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from minprox.experiments.bound import Bound
from minprox.experiments.measures import SECONDS, Measure, Step
from minprox.ground.doors import text
from minprox.ground.seeds import seed as check_seed
from minprox.learning.loop import Course, Row
from minprox.learning.records import Record
from minprox.learning.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Base of the kinds of run; a subclass is a frozen dataclass whose fields are the settings.

    A subclass gives ``begin``, ``advance`` and ``arrays``, and the name of the field that says how many units
    there are. Folders, resuming, several processes, tables and figures are then there.

    Parameters
    ----------
    label : str
        What tables and legends call the run; it does not influence the result.
    seed : int
        Of everything random; what a unit draws is best fixed by the seed and the number of the unit, as in
        ``np.random.default_rng([self.seed, unit])``, so that it does not depend on what happened before.

    Notes
    -----
    ``KIND`` is the name in the configuration of a folder, ``UNIT`` what the run advances by, ``LENGTH`` the
    field with the number of units, ``MEASURES`` how columns are shown, ``TABLE`` the columns that tables show
    (of the last row, or measures of the end), the one that decides first, ``SETTINGS`` the settings beside
    them with their symbols, ``RECORD`` the class of the record, and ``DIVERGED`` says when a run counts as
    diverged.

    Examples
    --------
    A random walk, which is kept, killed and resumed like a training run:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from minprox.experiments import Kind, execute
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Walk(Kind):
    ...     steps: int = 100
    ...     def begin(self, arrays=None):
    ...         return {"x": np.zeros(2)} if arrays is None else arrays
    ...     def advance(self, state, unit):
    ...         state["x"] += np.random.default_rng([self.seed, unit]).normal(size=2)
    ...         return {"distance": np.linalg.norm(state["x"])}
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = execute(Walk(steps=3), folder)
    >>> record.step, record.status
    ([1, 2, 3], 'finished')
    """

    KIND: ClassVar[str] = ""
    UNIT: ClassVar[str] = "step"
    LENGTH: ClassVar[str] = "steps"
    MEASURES: ClassVar[Mapping[str, Measure]] = {}
    TABLE: ClassVar[tuple[str, ...]] = ()
    SETTINGS: ClassVar[Mapping[str, str]] = {}
    RECORD: ClassVar[type] = Record
    DIVERGED: ClassVar[str] = "the loss became NaN or infinite"

    label: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Make Python's numbers of NumPy's; a subclass that checks its fields calls this first."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, field.name, value.item())
        text("label", self.label)
        object.__setattr__(self, "seed", check_seed("seed", self.seed))

    def begin(self, arrays: dict[str, np.ndarray] | None = None) -> Any:
        """Return the state at the start, or the one that :meth:`arrays` gave.

        Parameters
        ----------
        arrays : dict of str to array, optional
            Of NumPy, whatever the backend was.

        Returns
        -------
        object
        """
        raise NotImplementedError

    def advance(self, state: Any, unit: int) -> Row:
        """Advance the state, in place, by one unit.

        Parameters
        ----------
        state : object
        unit : int
            Its number: 1, 2, …

        Returns
        -------
        dict of str to float
            A row of measures. ``seconds`` among them are those that count, if they shall not be those of
            the whole call.
        """
        raise NotImplementedError

    def arrays(self, state: Any) -> dict[str, Any]:
        """Return what the state consists of; a dictionary of arrays is its own state.

        Parameters
        ----------
        state : object

        Returns
        -------
        dict of str to array
        """
        return state

    # What may be said besides

    def first(self, state: Any) -> Row | None:
        """Return the measures before the first unit, so that curves share their start, or None.

        Parameters
        ----------
        state : object

        Returns
        -------
        dict of str to float, or None
            By the names that :meth:`advance` uses; NaN for what cannot be measured yet.
        """
        return None

    def pictured(self, state: Any, unit: int) -> np.ndarray | None:
        """Return samples of a unit (0: before the first) that a ``SampledRecord`` keeps beside the row.

        Parameters
        ----------
        state : object

        Returns
        -------
        array, shape (n, ...), or None
        """
        return None

    def last(self, state: Any) -> Row:
        """Return what is measured once, at the end of the run.

        Parameters
        ----------
        state : object

        Returns
        -------
        dict of str to float
        """
        return {}

    def diverged(self, row: Row) -> bool:
        """Tell whether a row ends the run: if not overridden, by a number that is not finite."""
        return not all(math.isfinite(value) for value in row.values())

    def identity(self, state: Any) -> dict[str, Any]:
        """Return what must be the same where the state is taken up.

        Parameters
        ----------
        state : object

        Returns
        -------
        dict of str to JSON value
            The settings, if not overridden.
        """
        return {name: value for name, value in self.settings().items() if name != self.LENGTH}

    @property
    def step(self) -> Step | None:
        """The step size that a comparison of step sizes varies, if there is one."""
        return None

    @property
    def curve(self) -> tuple[str, str]:
        """What decides colour and line in a figure: the name of the method, and its solver."""
        return "", ""

    # What follows

    def settings(self) -> dict[str, Any]:
        """Return all fields but the label as JSON values.

        Raises
        ------
        TypeError
            If a field is no JSON value.
        """
        values = {name: value for name, value in asdict(self).items() if name != "label"}
        try:
            return json.loads(json.dumps(values, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{type(self).__name__}: expected fields that JSON can keep: {error}") from None

    def defaults(self) -> dict[str, Any]:
        """Return what a setting is that a folder does not name, as it is older than the setting."""
        return {field.name: field.default for field in fields(self) if field.default is not MISSING}

    def configuration(self) -> dict[str, Any]:
        """Return what ``config.json`` says: the kind, the label and the settings."""
        return {"kind": self.KIND or type(self).__qualname__, "label": self.label, **self.settings()}

    @property
    def units(self) -> int:
        """How many units the run has in all."""
        return getattr(self, self.LENGTH)

    def course(self, **place: Any) -> Course:
        """Return the run as what the loop moves.

        Parameters
        ----------
        **place
            For :meth:`begin`: ``data_folder``, where it is given.
        """
        return Bound(self, place)

    def record(self) -> Rows:
        """Return an empty record."""
        kind: Any = self.RECORD
        return kind(self.UNIT) if issubclass(kind, Record) else kind()

    def measure(self, name: str) -> Measure:
        """Return how a column is shown."""
        known = {self.UNIT: Measure(self.UNIT, "{:.0f}"), "seconds": SECONDS, **self.MEASURES}
        return known.get(name) or Measure(name.replace("_", " "))
