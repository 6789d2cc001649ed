"""Where the nodes of a graph stand: rows by depth, columns side by side, and lanes for long edges.

A longest path from the input to the output is the spine, in column 0, and fills every row. Each branch beside
it, and each edge that jumps over rows, gets a column in which the rows that it passes are free. So an edge
runs straight down through rows in which nothing else stands in its column, and sideways only between rows:
it can cross no box.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Edge:
    """An arrow from one node to another, and the column in which it passes the rows between them."""

    source: int
    target: int
    lane: int | None  # None where there is no row between


@dataclass(frozen=True)
class Layout:
    """Rows and columns of the nodes, by number, and the edges with their lanes."""

    row: list[int]
    column: list[int]
    edges: list[Edge]


def arrange(sources: Sequence[Sequence[int]]) -> Layout:
    """Lay out a graph whose node ``i`` reads the nodes ``sources[i]``, all before it; the last is the output.

    Examples
    --------
    >>> arrange([[], [0], [1, 0]]).edges[-1]  # passes beside node 1
    Edge(source=0, target=2, lane=1)
    """
    row = depths(sources)
    targets: list[list[int]] = [[] for _ in sources]
    for node, read in enumerate(sources):
        for source in read:
            targets[source].append(node)
    taken: set[tuple[int, int]] = set()  # (column, row)
    column: dict[int, int] = {}
    lanes: dict[tuple[int, int], int] = {}  # of the edges that belong to a branch
    while len(column) < len(sources):
        branch = longest_path(sources, column)
        first = 1 + max((row[i] for i in sources[branch[0]]), default=-1)
        last = min((row[i] for i in targets[branch[-1]]), default=row[-1] + 1) - 1
        rows = range(first, last + 1)
        place = free_column(rows, taken, 0, 0)
        taken |= {(place, r) for r in rows}
        column |= dict.fromkeys(branch, place)
        before = [i for i in sources[branch[0]] if row[i] == first - 1][:1]
        behind = [i for i in targets[branch[-1]] if row[i] == last + 1][:1]
        path = [*before, *branch, *behind]
        lanes |= dict.fromkeys(pairwise(path), place)
    edges = []
    for source, target in sorted(
        ((i, node) for node, read in enumerate(sources) for i in read), key=lambda e: row[e[1]] - row[e[0]]
    ):
        between = range(row[source] + 1, row[target])
        lane = lanes.pop((source, target), None)
        if lane is None and between:
            lane = free_column(between, taken, column[source], column[target])
            taken |= {(lane, r) for r in between}
        edges.append(Edge(source, target, lane if between else None))
    return Layout(row, [column[i] for i in range(len(sources))], edges)


def depths(sources: Sequence[Sequence[int]]) -> list[int]:
    """Return the length of the longest path from the input to each node."""
    row: list[int] = []
    for read in sources:
        row.append(1 + max((row[i] for i in read), default=-1))
    return row


def longest_path(sources: Sequence[Sequence[int]], placed: Iterable[int]) -> list[int]:
    """Return a longest path through the nodes that have no place yet."""
    placed, length, before = set(placed), dict[int, int](), dict[int, int | None]()
    for node, read in enumerate(sources):
        if node not in placed:
            waiting = [i for i in read if i not in placed]
            longest = max(waiting, key=lambda i: length[i], default=None)
            before[node] = longest
            length[node] = 1 + (0 if longest is None else length[longest])
    last: int | None = max(length, key=lambda i: length[i])
    path: list[int] = []
    while last is not None:
        path.append(last)
        last = before[last]
    return path[::-1]


def free_column(rows: Iterable[int], taken: set[tuple[int, int]], left: int, right: int) -> int:
    """Return the column nearest to two others in which these rows are free; of two, the one to the right."""
    near = range(-len(taken) - 1, len(taken) + 2)
    return next(
        c
        for c in sorted(near, key=lambda c: (abs(c - left) + abs(c - right), -c))
        if not any((c, r) in taken for r in rows)
    )
