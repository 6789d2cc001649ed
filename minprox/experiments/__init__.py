"""Experiments as data: a :class:`Run` says what is run, :func:`execute` runs it into a folder.

An :class:`Experiment` is a family of runs, and :func:`run` runs it: those of the paper are :data:`X1`,
:data:`X2` and :data:`X3`; :func:`small` and :func:`quick` make them smaller.

Imports :mod:`minprox.methods` and what stands to its left.
"""

from minprox.experiments.folder import execute, load
from minprox.experiments.nets import ACTIVATIONS, NETS
from minprox.experiments.paper import EXPERIMENTS, X1, X2, X3, Experiment
from minprox.experiments.presets import quick, small
from minprox.experiments.processes import Processes
from minprox.experiments.runs import DATA, Run, parse_solver
from minprox.experiments.series import run  # last: from here on the name means the function
from minprox.experiments.tables import table

__all__ = [
    "Run",
    "execute",
    "load",
    "Experiment",
    "X1",
    "X2",
    "X3",
    "EXPERIMENTS",
    "quick",
    "small",
    "run",
    "Processes",
    "table",
    "ACTIVATIONS",
    "DATA",
    "NETS",
    "parse_solver",
]
