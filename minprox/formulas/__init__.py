"""The formulas of the papers and the two-way path between them and the code: :func:`explain`.

Imports no other wing.
"""

from minprox.formulas.check import problems
from minprox.formulas.explanation import Explanation, explain
from minprox.formulas.formula import Formula, Paper
from minprox.formulas.labels import Mention
from minprox.formulas.registry import FORMULAS, PAPERS
from minprox.formulas.source import Source, find

__all__ = [
    "FORMULAS",
    "PAPERS",
    "Explanation",
    "Formula",
    "Mention",
    "Paper",
    "Source",
    "explain",
    "find",
    "problems",
]
