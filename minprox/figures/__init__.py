"""Figures: how runs converge, those of the paper, the picture of a net, and the step of each layer.

Imports :mod:`minprox.experiments` and what stands to its left, and matplotlib only when it draws.
"""

from minprox.engine.graph import Graph
from minprox.engine.tape import Tape
from minprox.figures.cost_curves import batch_scaling, thread_scaling
from minprox.figures.critic_planes import critic_plane
from minprox.figures.curves import convergence
from minprox.figures.generator_films import Film, film_strip
from minprox.figures.layer_steps import plot_tape, step, step_table
from minprox.figures.machine_curves import machine_costs
from minprox.figures.net_picture import graph
from minprox.figures.palette import look_of
from minprox.figures.paper import experiment
from minprox.figures.robustness_curves import robustness
from minprox.figures.rule_panels import learning_rule
from minprox.figures.schedules import gantt
from minprox.figures.sharpness_curves import sharpness
from minprox.figures.stream_curves import stream_scaling
from minprox.figures.style import COLOURS, ENDINGS, check_ending, look, save
from minprox.figures.width_curves import scaling

Graph.plot, Tape.plot = graph, plot_tape  # the slots that the engine leaves to this wing

__all__ = [
    "convergence",
    "experiment",
    "gantt",
    "graph",
    "learning_rule",
    "robustness",
    "scaling",
    "batch_scaling",
    "thread_scaling",
    "stream_scaling",
    "machine_costs",
    "sharpness",
    "film_strip",
    "Film",
    "critic_plane",
    "step",
    "step_table",
    "COLOURS",
    "look",
    "look_of",
    "save",
    "check_ending",
    "ENDINGS",
]
