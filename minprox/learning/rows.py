"""Base of the records: columns of one length, a status, and files."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minprox.ground.arguments import one_of, refuse, scalar, shown, wrong
from minprox.ground.doors import path as check_path
from minprox.ground.doors import text
from minprox.ground.files import write_json, write_text
from minprox.ground.reading import read_json, signed
from minprox.ground.schemas import mapping, maybe

STATUSES = ("running", "finished", "diverged", "stopped")
ENDED_EARLY = ("diverged", "stopped")  # these do not go on


class Rows:
    """Base of the records: columns of one length, and a status.

    Attributes
    ----------
    unit : str
        What a row is measured after, and the name of the first column: an epoch, say.
    status : {"running", "finished", "diverged", "stopped"}
    diverged_at : int or None
        The unit in which the run diverged.
    """

    FORMAT = ""
    unit: str
    status: str
    diverged_at: int | None

    def names(self) -> tuple[str, ...]:
        """Return the names of the columns; the first one is the unit."""
        raise NotImplementedError

    def column(self, name: str) -> list[float]:
        """Return a column by its name.

        Returns
        -------
        list of float

        Raises
        ------
        ValueError
            If there is none of this name.
        """
        one_of("column", name, self.names())
        return getattr(self, name)

    def __len__(self) -> int:
        units = getattr(self, self.unit, [])
        return int(units[-1]) if units else 0

    def last(self, column: str, worst: float = math.inf) -> float:
        """Return the last value of a column, or a measure of the end.

        Parameters
        ----------
        column : str
            Or the name of such a measure.
        worst : float
            What stands for a run that diverged.

        Returns
        -------
        float
            NaN if the run goes on.
        """
        text("column", column)
        measured("worst", worst)
        if self.status == "running":
            return math.nan
        if self.status == "diverged":
            return worst
        value = getattr(self, column, None)
        if isinstance(value, list):
            return value[-1] if value else math.nan
        if not isinstance(value, (int, float)):
            refuse("column", f"one of {', '.join(self.names())}, or a measure of the end", column)
        return value

    def rows(self) -> Iterator[dict[str, float]]:
        """Yield the rows as dictionaries."""
        columns = [getattr(self, name) for name in self.names()]
        for row in zip(*columns, strict=True):
            yield dict(zip(self.names(), row, strict=True))

    def over(self, units: int) -> bool:
        """Tell whether a run has come to its end, so that there is nothing left to do.

        Parameters
        ----------
        units : int
            How many the run shall have.
        """
        return self.status in ENDED_EARLY or (self.status == "finished" and len(self) == units)

    def append(self, **row: float) -> None:
        """Record a row: one value for each column."""
        raise NotImplementedError

    def conclude(self, **ends: float) -> None:
        """Record what was measured at the end of the run."""
        raise NotImplementedError

    def reopen(self) -> None:
        """Forget how the run ended: it goes on."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as lists, numbers and texts by name."""
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """Return what a JSON file says of the record."""
        return finite_or_none({"format": self.FORMAT, **self.to_dict()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON (all of it) or CSV (the columns), by the ending of the name.

        In JSON, what is NaN or infinite becomes ``null``.

        Parameters
        ----------
        path : str or path-like
            Ending in ``.json`` or ``.csv``.

        Raises
        ------
        ValueError
            If it ends otherwise.
        OSError
            If the file cannot be written.
        """
        check_path("path", path)
        ending = Path(path).suffix.lower()
        if ending == ".json":
            write_json(path, signed(self.told()))
        elif ending == ".csv":
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(self.names())
            writer.writerows(row.values() for row in self.rows())
            write_text(path, text.getvalue())
        else:
            raise ValueError(f"{path}: expected a name that ends in .json or .csv")


def read_record(path: str | os.PathLike[str], kinds: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    """Read the JSON file of a record; ``kinds`` has a class for each format.

    Returns
    -------
    record : Rows
    run : dict or None
        What it says of the run that it is of, if anything.
    """
    check_path("path", path)
    content = read_json(path)
    found = content.pop("format", None) if isinstance(content, dict) else None
    if not isinstance(found, str) or found not in kinds:
        wanted = " or a ".join(repr(name) for name in kinds)
        raise ValueError(f"{path}: expected a {wanted}, found the format {shown(found)}")
    try:
        run = maybe(mapping)("run", content.pop("run", None))
        return kinds[found].from_dict(content), run
    except ValueError as error:
        raise ValueError(f"{path}: this history is damaged: {error}") from None


def counted(n: int, unit: str) -> str:
    """Return a number of units in words: 1 epoch, 2 epochs."""
    return f"{n} {unit}{'s' * (n != 1)}"


def finite_or_none(value: Any) -> Any:
    """Return the value, the list or the dictionary, with None in the place of what is NaN or infinite."""
    if isinstance(value, dict):
        return {name: finite_or_none(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_or_none(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def measured(name: str, value: Any) -> float:
    """Return a measure as a float, whatever kind of number it is; a text is none, nor is a truth value."""
    plain = scalar(value)
    if plain is None:
        raise wrong(name, "a number", value)
    try:
        return float(plain)
    except OverflowError:  # an integer beyond all floats
        return math.inf if plain > 0 else -math.inf
