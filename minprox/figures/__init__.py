"""Figures: how runs converge, those of the paper, the picture of a net, and the step of each layer."""

from minprox.figures.curves import convergence
from minprox.figures.graph import graph
from minprox.figures.paper import experiment
from minprox.figures.scaling import scaling
from minprox.figures.step import plot_tape, step, step_table
from minprox.figures.style import COLOURS, ENDINGS, check_ending, look, save
from minprox.graph import Graph
from minprox.tape import Tape

Graph.plot, Tape.plot = graph, plot_tape  # the slots that the engine leaves to this wing

__all__ = [
    "convergence",
    "experiment",
    "graph",
    "scaling",
    "step",
    "step_table",
    "COLOURS",
    "look",
    "save",
    "check_ending",
    "ENDINGS",
]
