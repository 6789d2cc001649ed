"""Exercises to the tutorials: hidden identities for a student's functions, and a verdict in words.

Each ``exNN`` holds one exercise as data: its tasks, the identities that an answer satisfies, and
the mistakes that are recognised. The files that students fill in stand in ``tutorials/exercises``.
Imports no other wing.
"""

from __future__ import annotations

import os
from importlib import import_module

from minprox.exercises.judgement import judge
from minprox.exercises.report import Report, Verdict
from minprox.exercises.student import number_of, run
from minprox.exercises.tasks import Exercise

__all__ = ["NUMBERS", "Report", "Verdict", "check", "exercise"]

NUMBERS = ("01", "02", "03", "04", "05", "06", "07", "13")  # those of the tutorials


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

    Examples
    --------
    >>> [task.name for task in exercise("06").tasks]
    ['dual_variable', 'dual_step', 'cheaper_form', 'extra_cost']
    """
    return import_module(f"minprox.exercises.ex{number}").EXERCISE


def check(path: str | os.PathLike[str]) -> Report:
    """Run the identities of an exercise against the functions in a student's file.

    The file is executed. Which exercise it belongs to stands in it, as in ``EXERCISE = "05"``.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Report
        ``str`` of it is what ``minprox check`` prints; an exception in a function is part of it.

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
    >>> check(mine)["dual_step"]
    Verdict(name='dual_step', status='failed', text=('there is no function dual_step(A, delta, tau_theta) ...
    >>> folder.cleanup()
    """
    known = exercise(number_of(path, NUMBERS))
    namespace = run(path)
    verdicts: list[Verdict] = []
    for task in known.tasks:
        unsound = [verdict.name for verdict in verdicts if not verdict.passed]
        verdicts.append(judge(task, namespace, str(path), unsound))
    return Report(str(path), known.number, known.title, tuple(verdicts))
