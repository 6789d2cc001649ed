"""How the cost of a training step grows with the width of a layer, at a fixed batch size (E6, E7).

In a net ``n – h – n – c`` every product of a step, and of the dual form (E7) of the exact solve too, costs a
multiple of ``h``; the systems that are inverted, ``N × N``, do not depend on it. The primal form (E6) inverts
``h × h`` instead. So the times of BackProp and of the exact step should lie on straight lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minprox.bench.speed import measure
from minprox.engine.layers import Linear, ReLU
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, forward, proxprop
from minprox.engine.sequential import Sequential
from minprox.engine.solvers import Exact
from minprox.ground.arguments import whole
from minprox.ground.environment import environment
from minprox.ground.files import write_json
from minprox.learning.optimizers import SGD

WIDTHS = (500, 1000, 2000, 4000, 6000, 8000)
SIDE, CLASSES, BATCH, TAU_THETA = 1000, 10, 500, 0.05
PRIMAL = 3000  # wider layers are not solved in primal form, which would take minutes
FORMAT = "minprox widths 1"


def run(
    widths: Sequence[int] = WIDTHS, repeats: int = 5, out: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Time whole training steps over the width of a hidden layer, and fit straight lines.

    Parameters
    ----------
    widths : sequence of int
        Three or more widths ``h`` of the net 1000-h-1000-10, batch 500, float32, Nesterov momentum.
    repeats : int
        Rounds; in each, every step is timed once after an untimed one.
    out : path-like, optional
        Where to write the record, as JSON.

    Returns
    -------
    dict
        ``"seconds"``: for each method (``"BackProp"``, ``"exact"``, ``"primal"``) the median by width;
        ``"fit"``: for BackProp and exact ``t = intercept + slope · h`` by least squares, R², and the
        largest deviation of a measured time from the line, as a fraction of it.

    Raises
    ------
    ValueError
        If there are fewer than three different widths, or a number is not positive.

    Examples
    --------
    >>> record = run([20, 40, 80], repeats=1)
    >>> sorted(record["fit"]), sorted(record["fit"]["exact"])
    (['BackProp', 'exact'], ['deviation', 'intercept', 'r2', 'slope'])
    """
    widths = sorted(set(widths))
    if len(widths) < 3 or widths[0] < 1:
        raise ValueError(f"widths: expected three or more different positive integers, found {widths}")
    repeats = whole("repeats", repeats)
    tasks: dict[tuple[str, int], Callable[[], Any]] = {}
    for width in widths:
        tasks |= {(method, width): step for method, step in steps(width).items()}
    named = {f"{method} {width}": step for (method, width), step in tasks.items()}
    times = dict(zip(tasks, measure(named, repeats).values(), strict=True))
    seconds: dict[str, dict[str, float]] = {}
    for (method, width), value in times.items():
        seconds.setdefault(method, {})[str(width)] = value
    record = {
        "format": FORMAT,
        "environment": environment(),
        "batch": BATCH,
        "repeats": repeats,
        "net": f"{SIDE}-h-{SIDE}-{CLASSES}",
        "seconds": seconds,
        "fit": {method: line(seconds[method]) for method in ("BackProp", "exact")},
    }
    if out is not None:
        write_json(out, record)
    return record


def steps(width: int) -> dict[str, Callable[[], Any]]:
    """Return the training steps to be timed for one width."""
    rng = np.random.default_rng(0)
    layers = (Linear(SIDE, width), ReLU(), Linear(width, SIDE), ReLU(), Linear(SIDE, CLASSES))
    net, loss = Sequential(*layers, seed=0), CrossEntropy()
    x, y = rng.random((BATCH, SIDE), dtype=np.float32), rng.integers(0, CLASSES, BATCH)
    optimizer = SGD(net, lr=1e-9, momentum=0.95, nesterov=True)

    def explicit() -> None:
        optimizer.step(backprop(net, forward(net, x), loss, y))

    def implicit(solver: Exact) -> Callable[[], None]:
        return lambda: optimizer.step(proxprop(net, forward(net, x), loss, y, TAU_THETA, solver))

    chosen = {"BackProp": explicit, "exact": implicit(Exact("dual"))}
    return chosen | ({"primal": implicit(Exact("primal"))} if width <= PRIMAL else {})


def line(seconds: Mapping[str, float]) -> dict[str, float]:
    """Fit a straight line to times by width, by least squares.

    Examples
    --------
    >>> fit = line({"1": 3.0, "2": 5.0, "4": 9.0})
    >>> [round(fit[name], 9) for name in ("slope", "intercept", "r2", "deviation")]
    [2.0, 1.0, 1.0, 0.0]
    """
    h, t = np.array([float(width) for width in seconds]), np.array(list(seconds.values()))
    slope, intercept = np.polyfit(h, t, 1)
    fitted = intercept + slope * h
    spread = ((t - t.mean()) ** 2).sum()
    return {
        "slope": float(slope),
        "intercept": float(intercept),
        "r2": float(1 - ((t - fitted) ** 2).sum() / spread) if spread else 1.0,
        "deviation": float(np.abs(t / fitted - 1).max()),
    }


def table(record: Mapping[str, Any]) -> str:
    """Return a record of :func:`run` as text."""
    seconds = record["seconds"]
    widths = list(seconds["BackProp"])
    rows = [
        f"net {record['net']}, batch {record['batch']}, float32, medians of {record['repeats']} rounds, ms",
        f"{'width h':<12}" + "".join(f"{width:>9}" for width in widths),
    ]
    for method, values in seconds.items():
        told = (f"{1e3 * values[width]:.1f}" if width in values else "–" for width in widths)
        rows.append(f"{method:<12}" + "".join(f"{text:>9}" for text in told))
    for method, fit in record["fit"].items():
        rows.append(
            f"{method}: {1e3 * fit['intercept']:.1f} ms + {1e6 * fit['slope']:.1f} µs · h, "
            f"R² = {fit['r2']:.4f}, no time further than {100 * fit['deviation']:.0f} % from the line"
        )
    return "\n".join(rows)
