"""The figures that we return: matplotlib's, which show themselves where a notebook asks for them.

Imported by the functions that draw, so that minprox itself brings no matplotlib.
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure as MatplotlibFigure


class Figure(MatplotlibFigure):
    """A figure that a notebook shows when it is the value of a cell, without pyplot and its backends.

    Where pyplot is at work with a backend for notebooks, that one draws it, in its own way.
    """

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
