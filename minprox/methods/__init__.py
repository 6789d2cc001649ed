"""One file or folder for each method: what it is, as a direction or a loop of its own.

Imports :mod:`minprox.learning` and what stands to its left.
"""

from minprox.methods import spauc

__all__ = ["spauc"]
