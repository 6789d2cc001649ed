"""Losses ``L_y``: a value and a gradient, the mean over the batch (paper, section 1)."""

from minprox.engine.losses.base import Loss, check_loss
from minprox.engine.losses.binary_cross_entropy import BinaryCrossEntropy
from minprox.engine.losses.cross_entropy import CrossEntropy
from minprox.engine.losses.huber import Huber
from minprox.engine.losses.squared_error import SquaredError

__all__ = ["BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "SquaredError", "check_loss"]
