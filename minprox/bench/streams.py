"""What one example costs SPAUC: over the number of features, and over the number of examples before it.

An example takes a handful of operations on vectors, whatever came before (S4). So the time of one should lie
on a straight line over the features, and be the same for the first examples and the last.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from minprox.bench.widths import line
from minprox.engine.prox import L2Squared
from minprox.ground.arguments import whole
from minprox.ground.environment import environment, peak_memory
from minprox.ground.files import write_json
from minprox.methods.spauc import SPAUC, Inverse

FEATURES = (100, 1000, 2000, 5000, 10_000, 20_000)
WORK = 2_000_000  # features times examples that are timed together
BLOCKS, BLOCK, NARROW = (
    20,
    5_000,
    100,
)  # for the time over the examples seen: so many of so many, and features
FORMAT = "minprox streams 1"


def run(
    features: Sequence[int] = FEATURES,
    repeats: int = 5,
    out: str | os.PathLike[str] | None = None,
    block: int = BLOCK,
) -> dict[str, Any]:
    """Time an example over the number of features, and over the examples seen, and fit straight lines.

    Parameters
    ----------
    features : sequence of int
        Three or more numbers of features.
    repeats : int
        Rounds; in each, every number of features is timed once.
    out : path-like, optional
        Where to write the record, as JSON.
    block : int
        Examples that are timed together for the time over the examples seen; there are 20 such blocks.

    Returns
    -------
    dict
        ``"features"``: for ``"explicit"`` and ``"implicit"`` steps the median seconds of one example by the
        number of features; ``"seen"``: the same, with 100 features, by the examples seen before; ``"fit"``:
        for each of both the straight line, as in :func:`minprox.bench.widths.run`; ``"drift"``: how much the
        line over the examples seen rises or falls from end to end, as a fraction of the mean;
        ``"memory"``: the peak of the process in megabytes.

    Raises
    ------
    ValueError
        If there are fewer than three different numbers of features, or a number is not positive.

    Examples
    --------
    >>> record = run([10, 20, 40], repeats=1, block=10)
    >>> sorted(record["drift"]), len(record["seen"]["explicit"])
    (['explicit', 'implicit'], 20)
    """
    features = sorted({whole("features", d) for d in features})
    if len(features) < 3:
        raise ValueError(f"features: expected three or more different numbers, found {features}")
    repeats, block = whole("repeats", repeats), whole("block", block)
    kinds = {"explicit": partial(learner, implicit=False), "implicit": partial(learner, implicit=True)}
    over_features = {
        name: {
            str(d): median(timed(make(d), *drawn(d, count(d)), 1)[0] for _ in range(repeats))
            for d in features
        }
        for name, make in kinds.items()
    }
    over_examples = {
        name: {
            str(block * k): seconds
            for k, seconds in enumerate(timed(make(NARROW), *drawn(NARROW, block), BLOCKS))
        }
        for name, make in kinds.items()
    }
    fits = {"features": over_features, "seen": over_examples}
    record = {
        "format": FORMAT,
        "environment": environment(),
        "repeats": repeats,
        **fits,
        "fit": {kind: {name: line(times) for name, times in part.items()} for kind, part in fits.items()},
        "drift": {name: drift(times) for name, times in over_examples.items()},
        "memory": peak_memory(),
    }
    if out is not None:
        write_json(out, record)
    return record


def learner(d: int, implicit: bool) -> SPAUC:
    """Return a learner that has seen nothing."""
    return SPAUC(d, L2Squared(1e-3), Inverse(1e-2, 0.1), implicit=implicit)


def count(d: int) -> int:
    """Return how many examples are timed together."""
    return max(20, min(WORK // d, 5000))


def drawn(d: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw examples of two classes with norms of about 1."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)) / d**0.5, np.where(np.arange(n) % 3, -1, 1)


def timed(learns: SPAUC, x: np.ndarray, y: np.ndarray, blocks: int) -> list[float]:
    """Return the seconds of an example in each of so many blocks of the same examples."""
    learns.learn(x[:20], y[:20])
    found = []
    for _ in range(blocks):
        start = time.perf_counter()
        learns.learn(x, y)
        found.append((time.perf_counter() - start) / len(y))
    return found


def drift(times: Mapping[str, float]) -> float:
    """Return by how much the fitted line rises from the first to the last, as a fraction of the mean.

    Examples
    --------
    >>> round(drift({"0": 1.0, "1": 1.1, "2": 1.2}), 9)
    0.181818182
    """
    seen, values = [float(t) for t in times], list(times.values())
    return line(times)["slope"] * (seen[-1] - seen[0]) / (sum(values) / len(values))


def table(record: Mapping[str, Any]) -> str:
    """Return a record of :func:`run` as text."""
    widths = list(record["features"]["explicit"])
    rows = [
        f"one example of SPAUC, float64, medians of {record['repeats']} rounds, µs",
        f"{'features d':<12}" + "".join(f"{int(width):>9,}" for width in widths),
    ]
    for name, values in record["features"].items():
        rows.append(f"{name:<12}" + "".join(f"{1e6 * values[width]:>9.1f}" for width in widths))
    for name, fit in record["fit"]["features"].items():
        rows.append(
            f"{name}: {1e6 * fit['intercept']:.1f} µs + {1e9 * fit['slope']:.2f} ns · d, "
            f"R² = {fit['r2']:.4f}, no time further than {100 * fit['deviation']:.0f} % from the line"
        )
    last = int(list(record["seen"]["explicit"])[-1])
    for name, value in record["drift"].items():
        rows.append(f"{name}: over {last:,} examples seen the time of one changes by {100 * value:+.0f} %")
    return "\n".join(rows)
