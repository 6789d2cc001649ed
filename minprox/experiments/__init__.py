"""Experiments as data: a :class:`Run` says what is run, :func:`execute` runs it into a folder.

An :class:`Experiment` is a family of runs, and of claims that their records decide (:class:`Claim`);
:func:`run` runs it. Those of the paper are :data:`X1`, :data:`X2` and :data:`X3`; :func:`small` and
:func:`quick` make them smaller. What is no training of a net is another :class:`Kind` of run.

Imports :mod:`minprox.methods` and what stands to its left.
"""

from minprox.experiments.architecture import Architecture
from minprox.experiments.catalogue import EXPERIMENTS
from minprox.experiments.claims import Claim, Finding
from minprox.experiments.cloning import Cloning
from minprox.experiments.contents import load
from minprox.experiments.experiment import Experiment
from minprox.experiments.folder import execute
from minprox.experiments.gan_runs import GANRun
from minprox.experiments.kinds import Kind
from minprox.experiments.lstm_cloning import LSTMCloning
from minprox.experiments.measures import Measure, Step
from minprox.experiments.meta_training import MetaTraining
from minprox.experiments.nets import ACTIVATIONS, NETS
from minprox.experiments.online import Online
from minprox.experiments.outcome import Result
from minprox.experiments.paper import X1, X2, X3
from minprox.experiments.parts import DATA, LOSSES, DataSource, parse_solver
from minprox.experiments.presets import quick, small
from minprox.experiments.processes import Processes
from minprox.experiments.rankings import Ranking
from minprox.experiments.recollection import recall
from minprox.experiments.records import MissingRecord, Records
from minprox.experiments.runs import Run
from minprox.experiments.series import run  # last: from here on the name means the function
from minprox.experiments.tables import table, verdict

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
    "verdict",
    "recall",
    "Result",
    "Kind",
    "GANRun",
    "Ranking",
    "MetaTraining",
    "Online",
    "Cloning",
    "LSTMCloning",
    "Measure",
    "Step",
    "Claim",
    "Records",
    "MissingRecord",
    "Finding",
    "ACTIVATIONS",
    "DATA",
    "NETS",
    "Architecture",
    "DataSource",
    "LOSSES",
    "parse_solver",
]
