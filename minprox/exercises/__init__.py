"""Exercises to the tutorials: hidden identities for a student's functions, and a verdict in words.

Each ``exNN`` holds one exercise as data: its tasks, the identities that an answer satisfies, and
the mistakes that are recognised. The files that students fill in stand in ``tutorials/exercises``.
Imports no other wing.
"""

from minprox.exercises.apart import check
from minprox.exercises.examination import NUMBERS, examine, exercise
from minprox.exercises.giving import give
from minprox.exercises.report import Report, Verdict

__all__ = ["NUMBERS", "Report", "Verdict", "check", "examine", "exercise", "give"]
