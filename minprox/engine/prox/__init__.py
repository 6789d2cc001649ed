"""Penalties Ω with their proximal maps ``prox_{τΩ}`` (E4): the parts of proximal gradient steps.

A penalty of your own is any object with ``prox(v, tau)``; what the others have is told at :class:`Penalty`.
"""

from minprox.engine.prox.base import Penalty
from minprox.engine.prox.entries import L1, Box, ElasticNet, L2Squared, NonNegative
from minprox.engine.prox.groups import GroupL1, Nuclear, Simplex

__all__ = [
    "Penalty",
    "L1",
    "L2Squared",
    "ElasticNet",
    "GroupL1",
    "Box",
    "NonNegative",
    "Simplex",
    "Nuclear",
]
