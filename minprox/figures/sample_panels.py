"""One panel with samples: points of the plane over those of the data, or images as tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minprox.figures.style import COLOURS
from minprox.ground.arguments import refuse
from minprox.ground.backend import to_numpy

REAL, MADE = "0.62", COLOURS[0]
MARGIN = 0.2  # around the points, as a share of their extent


def show(panel: Any, made: np.ndarray, real: Any, limits: Any, colour: str = REAL) -> None:
    """Draw the samples of one time: points over those of the data, or images as tiles."""
    panel.set(xticks=[], yticks=[])
    if made.ndim == 4:
        panel.imshow(tiles(made[:, 0]), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        panel.spines[:].set_color("0.7")
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
