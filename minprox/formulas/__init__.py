"""The formulas of the paper and the two-way path between them and the code: :func:`explain`.

Imports no other wing.
"""

from minprox.formulas.check import problems
from minprox.formulas.explanation import Explanation, explain
from minprox.formulas.labels import Mention
from minprox.formulas.registry import FORMULAS, Formula
from minprox.formulas.source import Source, find

__all__ = ["FORMULAS", "Explanation", "Formula", "Mention", "Source", "explain", "find", "problems"]
