"""The command line: thin; everything it can do can be done from Python.

May import every other wing.
"""

from minprox.cli.program import cli, main

__all__ = ["cli", "main"]
