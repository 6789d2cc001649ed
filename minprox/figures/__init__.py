"""Figures: how runs converge, and those of the paper."""

from minprox.figures.curves import convergence
from minprox.figures.paper import experiment
from minprox.figures.style import ENDINGS, check_ending, save

__all__ = ["convergence", "experiment", "save", "check_ending", "ENDINGS"]
