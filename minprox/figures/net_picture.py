"""A net as a picture: boxes in rows, arrows between them, and skip connections around them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from minprox.engine.graph import Graph
from minprox.engine.layers import Transfer
from minprox.engine.summaries import layer_texts, parameter_texts, shape_text
from minprox.figures.doors import door
from minprox.figures.layout import Layout, arrange
from minprox.figures.lettering import legible, literal
from minprox.figures.style import COLOURS, tint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In inches: a box, the gap between two rows and between two columns, a lane, an arrow head, the margin.
HEIGHT, GAP, BESIDE, LANE, HEAD, MARGIN = 0.46, 0.34, 0.3, 0.1, 0.09, 0.25
PORT = 0.2  # between the ends of two arrows at one box
SIZES = 9.0, 8.0  # of the two lines in a box, in points


@door(net=None)
def graph(net: Graph, input_shape: tuple[int, ...] | None = None, title: str = "") -> Figure:
    """Draw a net: a box for each node, with its layer, output shape and parameters.

    Parameters
    ----------
    input_shape : tuple of int, optional
        Shape of one sample, without the batch axis. Give it where the net does not know it, as one that
        begins with a convolution; what stays unknown is shown as a question mark.
    title : str
        Above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Nodes stand in rows by their distance from the input, a longest path straight below each other,
        branches beside it; arrows that jump over rows pass beside the boxes. The box of node ``i`` has the
        gid ``node-i``, an arrow ``edge-i-j``. A layer that stands at several places has a dashed frame.

    Raises
    ------
    TypeError
        If ``net`` is no graph.
    ValueError
        If samples of this shape do not fit the net.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((8,))
    >>> net = mp.Graph(x, mp.Add()(x, mp.ReLU()(mp.Linear(8, 8)(x))))
    >>> figure = mp.figures.graph(net)
    >>> [patch.get_gid() for patch in figure.axes[0].patches if patch.get_gid()]
    ['node-0', 'node-1', 'node-2', 'node-3', 'edge-0-1', 'edge-1-2', 'edge-2-3', 'edge-0-3']
    """
    from minprox.figures.picture import Figure

    if not isinstance(net, Graph):
        raise TypeError(f"graph: expected a net, such as mp.Sequential(...), found {type(net).__name__}")
    shapes = [node.shape for node in net.nodes] if input_shape is None else net.shapes(input_shape)
    layout = arrange(net.sources)
    texts = labels(net, shapes)
    widths = [0.24 + max(map(extent, lines, SIZES)) for lines in texts]
    centre = columns(layout, widths)
    xs, top = [centre[c] for c in layout.column], MARGIN + (0.3 if title else 0.0)
    ys = [top + row * (HEIGHT + GAP) for row in layout.row]
    sides = [x + s * w / 2 for x, w in zip(xs, widths, strict=True) for s in (-1, 1)]
    sides += [x + s * LANE / 2 for x in centre.values() for s in (-1, 1)]
    written = max(extent(title, 10.0), extent(net.size_text(), 9.0))
    middle, width = (min(sides) + max(sides)) / 2, max(max(sides) - min(sides), written) + 2 * MARGIN
    height = max(ys) + HEIGHT + MARGIN + 0.35
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))  # whose unit is one inch
    axes.set(xlim=(middle - width / 2, middle + width / 2), ylim=(height, 0))
    axes.set_axis_off()
    for i, node in enumerate(net.nodes):
        draw_box(axes, f"node-{i}", (xs[i], ys[i]), widths[i], texts[i], look_of(net, node.layer))
    draw_arrows(axes, layout, centre, xs, ys, widths)
    below: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(middle, height - MARGIN, net.size_text(), fontsize=9, color="0.25", **below)
    axes.text(middle, MARGIN, title, fontsize=10, **below)
    literal(figure)
    return figure


def labels(net: Graph, shapes: list[Any]) -> list[tuple[str, str]]:
    """Return the two lines in each box: number and layer; output shape and parameters."""
    texts, layers = [], [node.layer for node in net.nodes]
    for i, (layer, shape, count) in enumerate(
        zip(layer_texts(layers), shapes, parameter_texts(layers, net.places), strict=True)
    ):
        known = f"  θ {count}" if count.startswith("as") else f"  {count} parameters" if count else ""
        texts.append((f"{i}  {layer}", shape_text(shape) + known))
    return texts


def extent(text: str, size: float) -> float:
    """Return the width of a text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    written, families = legible(text)
    font = FontProperties(family=[*FontProperties().get_family(), *families])
    path = TextPath((0, 0), written.replace("$", r"\$"), size, prop=font)  # no mathematics, as literal has it
    return path.get_extents().width / 72


def columns(layout: Layout, widths: list[float]) -> dict[int, float]:
    """Return the centre of each column, as wide as its widest box; that of the spine is 0."""
    wide = {edge.lane: LANE for edge in layout.edges if edge.lane is not None}
    for column, width in zip(layout.column, widths, strict=True):
        wide[column] = max(width, wide.get(column, 0.0))
    centre = {0: 0.0}
    for column in sorted(set(wide) - {0}, key=abs):
        inner = column - 1 if column > 0 else column + 1
        step = BESIDE + (wide[column] + wide[inner]) / 2
        centre[column] = centre[inner] + (step if column > 0 else -step)
    return centre


def look_of(net: Graph, layer: Any) -> dict[str, Any]:
    """Return the colours of a box: transfers, sums and the like, and all others; shared ones are dashed."""
    if layer is None:
        return {"facecolor": "white", "edgecolor": "0.25"}
    if isinstance(layer, Transfer):
        shared = sum(node.layer is layer for node in net.nodes) > 1
        style = {"facecolor": tint(COLOURS[0]), "edgecolor": COLOURS[0]}
        return style | ({"linestyle": (0, (4, 2))} if shared else {})
    if layer.arity != 1:
        return {"facecolor": tint(COLOURS[4]), "edgecolor": COLOURS[4]}
    return {"facecolor": "0.95", "edgecolor": "0.6"}


def draw_box(
    axes: Any, gid: str, place: tuple[float, float], width: float, lines: tuple[str, str], style: dict
) -> None:
    """Draw a box with its two lines; ``place`` is the middle of its upper edge."""
    from matplotlib.patches import FancyBboxPatch

    (x, y), rounded = place, "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch((x - width / 2, y), width, HEIGHT, rounded, linewidth=1.1, zorder=2, **style)
    box.set_gid(gid)
    axes.add_patch(box)
    for share, text, size, colour in zip((0.31, 0.72), lines, SIZES, ("black", "0.3"), strict=True):
        where = {"ha": "center", "va": "center", "zorder": 3}
        axes.text(x, y + share * HEIGHT, text, fontsize=size, color=colour, **where)


def draw_arrows(
    axes: Any,
    layout: Layout,
    centre: dict[int, float],
    xs: list[float],
    ys: list[float],
    widths: list[float],
) -> None:
    """Draw every edge as a line that bends only between rows, with a head at its end."""
    from matplotlib.patches import PathPatch, Polygon

    arriving: dict[int, list[tuple[float, int]]] = {}
    for number, edge in enumerate(layout.edges):
        x = xs[edge.source] if edge.lane is None else centre[edge.lane]
        arriving.setdefault(edge.target, []).append((x, number))
    for number, edge in enumerate(layout.edges):
        i, y = edge.target, ys[edge.target]
        x = xs[i] + port(xs[i], widths[i], arriving[i], number)
        points = [(xs[edge.source], ys[edge.source] + HEIGHT)]
        if edge.lane is not None:  # down the lane, beside the rows between
            points += [(centre[edge.lane], points[0][1] + GAP), (centre[edge.lane], y - GAP)]
        line = PathPatch(route([*points, (x, y - HEAD)]), facecolor="none", edgecolor="0.35", linewidth=1.1)
        line.set_gid(f"edge-{edge.source}-{edge.target}")
        axes.add_patch(line)
        head = [(x, y), (x - HEAD / 2.2, y - HEAD), (x + HEAD / 2.2, y - HEAD)]
        axes.add_patch(Polygon(head, facecolor="0.35", edgecolor="none", zorder=2))


def port(x: float, width: float, arriving: list[tuple[float, int]], number: int) -> float:
    """Return where an arrow ends, from the middle of the box: in the order in which they come from above."""
    order = sorted(arriving)
    nearest = min(range(len(order)), key=lambda k: (abs(order[k][0] - x), k))
    straight = nearest if order[nearest][0] == x or len(order) == 1 else (len(order) - 1) / 2
    apart = min(PORT, 0.4 * width / max(1, len(order) - 1))
    return apart * ([n for _, n in order].index(number) - straight)


def route(points: list[tuple[float, float]]) -> Any:
    """Return the path through the points: S-curves across a gap, straight down between two of them."""
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y0 + y1) / 2
        vertices += [(x1, y1)] if x0 == x1 else [(x0, half), (x1, half), (x1, y1)]
        codes += [Path.LINETO] if x0 == x1 else [Path.CURVE4] * 3
    return Path(vertices, codes)
