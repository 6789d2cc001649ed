"""The loop of every run: advance by a unit, record a row, notice the end, keep the state."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from minprox.ground.communicators import ALONE, Communicator
from minprox.ground.text import is_terminal
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.rows import Rows

Array = Any
Row = dict[str, float]


class Course:
    """What the loop moves: anything that advances by units to rows of measures and gives its arrays.

    Attributes
    ----------
    parts : int
        How many parts a unit has for the progress bar; ``tick()`` is called after each of them.
    part : str
        What they are called.
    most : int
        Bytes that a file with its state can have.
    comm : communicator
        Of the processes that move it together, each with its own; process 0 keeps the state.
    """

    parts = 1
    part = ""
    most = 2**36
    comm: Communicator = ALONE

    def __init__(self) -> None:
        self.tick: Callable[[], Any] = lambda: None

    def first(self) -> Row | None:
        """Return the measures before the first unit, or None."""
        return None

    def advance(self, unit: int) -> Row:
        """Go on by one unit and return its measures, ``seconds`` among them."""
        raise NotImplementedError

    def pictured(self, unit: int) -> np.ndarray | None:
        """Return samples that the record shall keep beside the row of a unit, or None."""
        return None

    def last(self) -> Row:
        """Return what is measured once, at the end."""
        return {}

    def diverged(self, row: Row) -> bool:
        """Tell whether a row ends the run: by default, if a number in it is not finite."""
        return not all(math.isfinite(value) for value in row.values())

    def arrays(self) -> dict[str, Array]:
        """Return the state."""
        raise NotImplementedError

    def agree(self, arrays: dict[str, np.ndarray], record: Rows) -> None:
        """Raise ValueError unless arrays and record can be of one run."""

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state to what :meth:`arrays` returned."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Return what must be the same in a course that takes up the arrays of this one, as JSON values."""
        raise NotImplementedError


def carry_on(
    course: Course,
    record: Rows,
    units: int,
    *,
    store: Checkpoint | None = None,
    callbacks: Iterable[Callable[[], Any]] = (),
    progress: bool | None = None,
) -> None:
    """Advance a course until its record has so many units, it diverges, or a callback returns True."""
    callbacks, parts, comm = list(callbacks), course.parts, course.comm
    progress = progress if comm.rank == 0 else False
    record.reopen()
    if not any(True for _ in record.rows()) and (row := course.first()) is not None:
        record.append(**{record.unit: 0}, **row, seconds=0.0)
        keep_pictured(course, record, 0)
    with progress_bar(units * parts, len(record) * parts, course.part or record.unit, progress) as bar:
        course.tick = bar.update
        for unit in range(len(record) + 1, units + 1):
            row = course.advance(unit)
            seconds = row.pop("seconds")
            if record.diverged_at is None and course.diverged(row):
                record.diverged_at = unit
            spent = record.column("seconds")[-1] if len(record) else 0.0
            record.append(**{record.unit: unit}, **row, seconds=spent + seconds)
            keep_pictured(course, record, unit)
            bar.set_postfix(row)
            if parts == 1:
                bar.update()
            wishes = [callback() for callback in callbacks]
            if record.diverged_at is not None:
                record.status = "diverged"
            elif comm.any(any(isinstance(wish, (bool, np.bool_)) and wish for wish in wishes)):
                record.status = "stopped"
            elif unit == units:
                record.status = "finished"
            if record.status != "running":
                record.conclude(**course.last())
            if store:
                comm.first(partial(store.save, course.arrays(), record))
            if record.status != "running":
                break


def keep_pictured(course: Course, record: Any, unit: int) -> None:
    """Let the record keep what a course shows of a unit, if it shows any."""
    if (samples := course.pictured(unit)) is not None:
        record.show(unit, samples)


def take_up(course: Course, store: Checkpoint, kind: Any) -> Any:
    """Set a course to what its checkpoint holds, and return the record, which is of this class."""
    arrays, record = course.comm.first(partial(store.load, kind, course.most))
    try:
        course.agree(arrays, record)
        course.take_up(arrays)
    except (TypeError, ValueError, KeyError) as error:
        raise store.damaged(error) from None
    return record


def progress_bar(total: int, done: int, unit: str, wanted: bool | None) -> Any:
    """Return a tqdm bar on stderr, silent if it is not wanted or nobody would see it."""
    from tqdm import tqdm

    show = is_terminal(sys.stderr) if wanted is None else wanted and hasattr(sys.stderr, "write")
    return tqdm(total=total, initial=done, unit=unit, disable=not show, file=sys.stderr, leave=False)
