"""Samples of a generator as pictures: a film strip, a film, and the plane with the critic's level lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.passes import forward
from minprox.figures.lettering import literal
from minprox.figures.style import COLOURS
from minprox.ground.arguments import refuse, whole
from minprox.ground.backend import asarray, to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL, MADE = "0.62", COLOURS[0]
MARGIN = 0.2  # around the points, as a share of their extent


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
    for number, (label, strip) in enumerate(strips.items()):
        limits = extent(strip.values(), real)
        for panel, time in zip(rows[number], times[number], strict=True):
            show(panel, to_numpy(strip[time]), real, limits)
            if number == 0 or times[number] != times[0]:
                panel.set_title(
                    f"{unit} {time:,}" if panel is rows[number][0] else f"{time:,}", fontsize="medium"
                )
        rows[number][0].set_ylabel(label)
    if title:
        figure.suptitle(title, fontsize="large")
    literal(figure)
    return figure


class Film:
    """Samples over time as an animation, which a notebook and the pages show with buttons.

    Parameters
    ----------
    samples, real, unit
        As for :func:`film_strip`; every time is a frame.
    pause : float
        Seconds from frame to frame.

    Raises
    ------
    ValueError, TypeError
        As for :func:`film_strip`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> points = np.random.default_rng(0).normal(size=(2, 50, 2))
    >>> film = mp.figures.Film({0: points[0], 400: points[1]})
    >>> film.times
    [0, 400]
    """

    def __init__(
        self, samples: Mapping[Any, Any], real: Any = None, unit: str = "iteration", pause: float = 0.4
    ) -> None:
        self.samples, self.real, self.unit, self.pause = samples, real, unit, pause
        self.times = chosen(samples, len(samples))

    def animation(self) -> Any:
        """Return matplotlib's animation, which can be saved as GIF, too.

        Returns
        -------
        matplotlib.animation.FuncAnimation
        """
        from matplotlib.animation import FuncAnimation

        from minprox.figures.picture import Figure

        figure = Figure(figsize=(3.6, 3.9), dpi=80, layout="constrained")
        panel = figure.subplots()
        limits = extent(self.samples.values(), self.real)

        def draw(time: Any) -> list[Any]:
            panel.clear()
            show(panel, to_numpy(self.samples[time]), self.real, limits)
            panel.set_title(f"{self.unit} {time:,}")
            return []

        return FuncAnimation(figure, draw, frames=self.times, interval=1e3 * self.pause, repeat=False)

    def _repr_html_(self) -> str:
        return self.animation().to_jshtml(default_mode="once")

    def __repr__(self) -> str:
        return f"Film of {len(self.times)} frames"


def critic_plane(critic: Graph, made: Any, real: Any, title: str = "") -> Figure:
    """Draw real and generated points in the plane, and level lines of what the critic thinks of it.

    Parameters
    ----------
    critic : Graph
        Reads points of the plane, returns a score.
    made, real : array, shape (n, 2)
    title : str
        Above the plane.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> critic, points = mp.Sequential(mp.Linear(2, 1), seed=0), np.random.default_rng(0).normal(size=(50, 2))
    >>> figure = mp.figures.critic_plane(critic, made=points, real=points + 1)
    >>> figure.axes[-1].get_ylabel()
    'score of the critic'
    """
    from minprox.figures.picture import Figure

    made, real = to_numpy(made), to_numpy(real)
    (low, high), (down, up) = limits = extent([made], real)
    xs, ys = np.linspace(low, high, 121), np.linspace(down, up, 121)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    scores = to_numpy(forward(critic, asarray(grid, critic.dtype)).output).reshape(121, 121)
    figure = Figure(figsize=(6.2, 5.2), layout="constrained")
    panel = figure.subplots()
    lines = panel.contourf(xs, ys, scores, levels=14, cmap="PuOr", alpha=0.75)
    panel.contour(xs, ys, scores, levels=14, colors="0.35", linewidths=0.4)
    show(panel, made, real, limits, "0.25")
    figure.colorbar(lines, ax=panel, label="score of the critic")
    for label, colour in (("real", "0.25"), ("generated", MADE)):
        panel.plot([], [], "o", ms=5, color=colour, label=label)
    panel.legend(loc="upper right", fontsize="small", framealpha=0.9)
    if title:
        panel.set_title(title)
    literal(figure)
    return figure


def show(panel: Any, made: np.ndarray, real: Any, limits: Any, colour: str = REAL) -> None:
    """Draw the samples of one time: points over those of the data, or images as tiles."""
    panel.set(xticks=[], yticks=[])
    if made.ndim == 4:
        panel.imshow(tiles(made[:, 0]), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        panel.spines[:].set_visible(False)
        return
    if real is not None:
        panel.plot(*to_numpy(real).T, ".", ms=3, color=colour, zorder=1)
    panel.plot(*made.T, "o", ms=3, mew=0, alpha=0.65, color=MADE, zorder=2)
    panel.set(xlim=limits[0], ylim=limits[1], aspect="equal")


def tiles(images: np.ndarray) -> np.ndarray:
    """Return images as one, in rows, with a pixel between them."""
    n, height, width = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1))
    for i, image in enumerate(images):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = image
    return sheet


def chosen(samples: Mapping[Any, Any], frames: int) -> list[Any]:
    """Return times that are spread evenly, the first and the last among them."""
    if not isinstance(samples, Mapping) or not samples:
        refuse("samples", "samples by their times, like record.samples", samples)
    for array in samples.values():
        if not (array.ndim == 2 and array.shape[1] == 2) and not (array.ndim == 4 and array.shape[1] == 1):
            raise ValueError(
                f"samples: expected points (n, 2) or images (n, 1, height, width), found {array.shape}"
            )
    times = sorted(samples)
    places = np.linspace(0, len(times) - 1, min(frames, len(times))).round().astype(int)
    return [times[place] for place in places]


def extent(samples: Any, real: Any) -> Sequence[tuple[float, float]]:
    """Return the limits of both axes: those of the data, with a margin, or of all samples."""
    points = [to_numpy(real)] if real is not None else [a for a in map(to_numpy, samples) if a.ndim == 2]
    if not points:
        return (0.0, 1.0), (0.0, 1.0)
    low, high = np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)
    margin = MARGIN * (high - low).max()
    centre, half = (low + high) / 2, (high - low).max() / 2 + margin
    return tuple((float(c - half), float(c + half)) for c in centre)
