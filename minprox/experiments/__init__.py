"""Experiments as data: a :class:`Run` says what is run, :func:`execute` runs it into a folder."""

from minprox.experiments.folder import execute, load
from minprox.experiments.nets import ACTIVATIONS, NETS
from minprox.experiments.run import DATA, Run, parse_solver

__all__ = ["Run", "execute", "load", "ACTIVATIONS", "DATA", "NETS", "parse_solver"]
