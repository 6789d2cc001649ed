"""The plane as a critic sees it, with real and generated points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.passes import forward
from minprox.figures.lettering import literal
from minprox.figures.sample_panels import MADE, extent, show
from minprox.ground.backend import asarray, to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    lines = panel.contourf(xs, ys, scores, levels=14, cmap="PuOr", alpha=0.4)
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
