"""Samples of a generator over time: a film strip and a film."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minprox.figures.lettering import literal
from minprox.figures.sample_panels import chosen, extent, show
from minprox.ground.arguments import number, whole
from minprox.ground.backend import to_numpy
from minprox.ground.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILMS = {".png": "PNG", ".gif": "GIF"}


def film_strip(
    samples: Mapping[Any, Any], real: Any = None, frames: int = 6, unit: str = "iteration", title: str = ""
) -> Figure:
    """Draw samples at several times beside each other.

    Parameters
    ----------
    samples : mapping of int to array, shape (n, 2) or (n, 1, height, width)
        By the time, as ``record.samples``: points of the plane, or images with pixels in [0, 1]. Or several
        such by their labels, one below the other.
    real : array, shape (m, 2), optional
        Data to show beneath the points.
    frames : int
        How many times at most, the first and the last among them.
    unit : str
        What the time counts.
    title : str
        Above the strip.

    Raises
    ------
    ValueError, TypeError
        If there are no samples, or they are neither points nor images.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> points = np.random.default_rng(0).normal(size=(2, 50, 2))
    >>> figure = mp.figures.film_strip({0: points[0], 400: points[1]})
    >>> [panel.get_title() for panel in figure.axes]
    ['iteration 0', '400']
    """
    from minprox.figures.picture import Figure

    strips = samples if all(isinstance(label, str) for label in samples) and samples else {"": samples}
    times = [chosen(strip, whole("frames", frames)) for strip in strips.values()]
    size = 1.95 * len(times[0]) + 0.3, 2.05 * len(strips) + (0.65 if title else 0.3)
    figure = Figure(figsize=size, layout="constrained")
    rows = figure.subplots(len(strips), len(times[0]), squeeze=False)
    for row, (label, strip) in enumerate(strips.items()):
        limits = extent(strip.values(), real)
        for panel, time in zip(rows[row], times[row], strict=True):
            show(panel, to_numpy(strip[time]), real, limits)
            if row == 0 or times[row] != times[0]:
                panel.set_title(
                    f"{unit} {time:,}" if panel is rows[row][0] else f"{time:,}", fontsize="medium"
                )
        rows[row][0].set_ylabel(label)
    if title:
        figure.suptitle(title, fontsize="large")
    literal(figure)
    return figure


class Film:
    """Samples over time as an animation, which a notebook and the pages play.

    Parameters
    ----------
    samples, real, unit
        As for :func:`film_strip`, without labels; every time is a frame.
    pause : float
        Seconds from frame to frame; the last one stays for four times as long.

    Raises
    ------
    ValueError, TypeError
        As for :func:`film_strip`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> points = np.random.default_rng(0).normal(size=(2, 50, 2))
    >>> film = mp.figures.Film({0: points[0], 400: points[1]})
    >>> film
    Film of 2 frames
    """

    def __init__(
        self, samples: Mapping[Any, Any], real: Any = None, unit: str = "iteration", pause: float = 0.4
    ) -> None:
        self.samples, self.real, self.unit = samples, real, unit
        self.pause, self.times = number("pause", pause, above=0), chosen(samples, len(samples))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the film, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Ending in ``.png``, which then moves, or in ``.gif``.

        Raises
        ------
        ValueError
            If it ends otherwise.
        OSError
            If the file cannot be written.
        """
        kind = FILMS.get(Path(path).suffix.lower())
        if kind is None:
            raise ValueError(f"{path}: expected a name that ends in {' or '.join(FILMS)}")
        with whole_file(path) as file:
            file.write(self.content(kind))

    def content(self, kind: str = "PNG") -> bytes:
        """Return the film as bytes, ``"PNG"`` or ``"GIF"``.

        Parameters
        ----------
        kind
            The format, as Pillow calls it.

        Returns
        -------
        bytes
            Of a file.
        """
        from PIL import Image

        frames = [Image.open(io.BytesIO(self.frame(time))).convert("RGB") for time in self.times]
        pauses = [round(1e3 * self.pause)] * (len(frames) - 1) + [round(4e3 * self.pause)]
        film, first = io.BytesIO(), frames[0]
        first.save(film, format=kind, save_all=True, append_images=frames[1:], duration=pauses, loop=0)
        return film.getvalue()

    def frame(self, time: Any) -> bytes:
        """Return the picture of one time, as PNG.

        Parameters
        ----------
        time
            One of ``times``.

        Returns
        -------
        bytes
            Of a file.
        """
        from minprox.figures.picture import Figure

        figure, file = Figure(figsize=(3.6, 3.9), layout="constrained"), io.BytesIO()
        panel = figure.subplots()
        show(panel, to_numpy(self.samples[time]), self.real, extent(self.samples.values(), self.real))
        panel.set_title(f"{self.unit} {time:,}")
        literal(figure)
        figure.savefig(file, format="png", dpi=80)
        return file.getvalue()

    def _repr_html_(self) -> str:
        content = base64.b64encode(self.content()).decode("ascii")
        return f'<img alt="{self!r}" src="data:image/png;base64,{content}">'

    def __repr__(self) -> str:
        return f"Film of {len(self.times)} frames"
