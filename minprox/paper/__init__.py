"""The text of *Proximal Backpropagation*: energy, Algorithms 1 and 2, what its propositions say, checkers.

Imports :mod:`minprox.engine` and what stands to its left.
"""
