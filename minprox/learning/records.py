"""What a run of any kind records: a row of measures for each unit, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minprox.ground.arguments import one_of, whole, wrong
from minprox.ground.schemas import (
    check_columns,
    column,
    counting,
    durations,
    fields,
    mapping,
    maybe,
    real,
    text,
)
from minprox.learning.rows import STATUSES, Rows, counted, measured

FIELDS = {
    **{"unit": text, "columns": mapping, "ends": mapping},
    **{"status": lambda name, value: one_of(name, value, STATUSES), "diverged_at": maybe(whole)},
}


@dataclass
class Record(Rows):
    """The record of a run of any kind; its length is the number of units that are done.

    Parameters
    ----------
    unit : str
    columns : dict of str to list of float
        All of one length; they are attributes, too.
    ends : dict of str to float
        What was measured at the end of the run; attributes, too.
    status, diverged_at
        See ``Rows``.

    Examples
    --------
    >>> record = Record("step")
    >>> record.append(step=1, distance=0.5, seconds=0.1)
    >>> record.distance, len(record), record.status
    ([0.5], 1, 'running')
    """

    unit: str = "step"
    columns: dict[str, list[float]] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    status: str = "running"
    diverged_at: int | None = None
    FORMAT = "minprox record 1"

    def __getattr__(self, name: str) -> Any:
        for values in (self.__dict__.get("columns", {}), self.__dict__.get("ends", {})):
            if name in values:
                return values[name]
        raise AttributeError(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def append(self, **row: float) -> None:
        """Record a row; the first one decides which columns there are.

        Raises
        ------
        ValueError
            If a later row has other columns, or a value is no number.
        """
        if self.columns and set(row) != set(self.columns):
            raise ValueError(f"expected a row of {', '.join(self.columns)}, found {', '.join(row)}")
        values = {name: measured(name, value) for name, value in row.items()}
        values[self.unit] = int(values[self.unit])
        for name in self.columns or row:
            self.columns.setdefault(name, []).append(values[name])

    def conclude(self, **ends: float) -> None:
        self.ends = {name: measured(name, value) for name, value in ends.items()}

    def reopen(self) -> None:
        self.status, self.ends = "running", {}

    def to_dict(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "columns": {name: list(values) for name, values in self.columns.items()},
            "ends": dict(self.ends),
            "status": self.status,
            "diverged_at": self.diverged_at,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Record:
        """Make a record of what :meth:`to_dict` returned; None stands for NaN.

        Raises
        ------
        ValueError
            If something is missing or of another kind, columns have several lengths, or the status is
            unknown.
        """
        found = fields("a record", values, FIELDS)
        unit, columns = found["unit"], found["columns"]
        if columns and unit not in columns:
            raise wrong("columns", f"the unit {unit!r} among them", sorted(columns))
        checks = {unit: counting, "seconds": durations}
        columns = {name: checks.get(name, column)(name, values) for name, values in columns.items()}
        ends = {name: real(name, value) for name, value in found["ends"].items()}
        check_columns(unit, columns, found["status"], found["diverged_at"])
        return cls(unit, columns, ends, found["status"], found["diverged_at"])

    def __repr__(self) -> str:
        ended = f"diverged in {self.unit} {self.diverged_at}" if self.diverged_at else self.status
        last = [f"{name}={column[-1]:.4g}" for name, column in self.columns.items() if name != self.unit]
        return f"Record({', '.join([counted(len(self), self.unit), ended, *last])})"
