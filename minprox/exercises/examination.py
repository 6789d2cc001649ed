"""Judge the functions of a student's file one after the other, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module

from minprox.exercises.judgement import judge
from minprox.exercises.report import Report, Verdict
from minprox.exercises.student import number_of, run
from minprox.exercises.tasks import Exercise

__all__ = ["NUMBERS", "exercise", "judged", "examine"]

NUMBERS = (
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    "10",
    "11",
    "12",
    "13",
    "15",
    "16",
    "17",
    "18",
    "19",
    "20",
    "21",
    "22",
    "23",
    "24",
    "25",
    "26",
    "27",
)  # of the tutorials


def exercise(number: str) -> Exercise:
    """Return an exercise by its number.

    Parameters
    ----------
    number : str
        Two digits, one of ``NUMBERS``.

    Returns
    -------
    Exercise
        Its tasks, with their identities and the mistakes that are recognised.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> [task.name for task in exercise("06").tasks]
    ['dual_variable', 'dual_step', 'cheaper_form', 'extra_cost']
    """
    if not isinstance(number, str) or number not in NUMBERS:
        short = isinstance(number, str) and number.isprintable() and len(number) < 100
        found = number if short else type(number).__name__
        raise ValueError(f"no exercise {found}: expected one of {', '.join(NUMBERS)}")
    return import_module(f"minprox.exercises.ex{number}").EXERCISE


def judged(path: str | os.PathLike[str]) -> Iterator[Verdict]:
    """Run a student's file and judge its functions one by one.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    Verdict
        In the order of the exercise.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no exercise, or cannot be executed.
    """
    known = exercise(number_of(path, NUMBERS))
    namespace = run(path)
    unsound: list[str] = []
    for task in known.tasks:
        verdict = judge(task, namespace, str(path), unsound)
        if not verdict.passed:
            unsound.append(verdict.name)
        yield verdict


def examine(path: str | os.PathLike[str]) -> Report:
    """Return the report on a student's file, which is executed in this process and without a time limit.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Report
        As ``check`` returns it, but for what the file printed.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no exercise, or cannot be executed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> mine = pathlib.Path(folder.name, "mine.py")
    >>> _ = mine.write_text('EXERCISE = "06"')
    >>> examine(mine).exit_code
    1
    >>> folder.cleanup()
    """
    known = exercise(number_of(path, NUMBERS))
    return Report(str(path), known.number, known.title, tuple(judged(path)))
