"""One file or folder for each method: what it is, as a direction or a loop of its own.

:data:`METHODS` is the table that runs, command line and figures read; :func:`add` adds to it.

Imports :mod:`minprox.learning` and what stands to its left.
"""

from minprox.methods import spauc
from minprox.methods.table import METHODS, Method, add, looks

__all__ = ["METHODS", "Method", "add", "looks", "spauc"]
