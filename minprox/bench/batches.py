"""How the cost of a step grows with the batch size, and where the two forms of the exact step cross.

The dual form (E7) inverts ``N × N`` matrices, the primal one (E6) ``cols × cols``: so the dual one is cheaper
for small batches, and from about ``N = cols`` on the primal one is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minprox.bench.roofline import arithmetic, gemm_rate
from minprox.bench.speed import Task, measure
from minprox.engine.layers import Linear, ReLU
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, forward, proxprop
from minprox.engine.sequential import Sequential
from minprox.engine.solvers import Exact
from minprox.ground.arguments import whole
from minprox.ground.environment import environment
from minprox.ground.files import write_json
from minprox.learning.optimizers import SGD

BATCHES = (100, 200, 500, 1000, 2000, 4000)
SIDE, CLASSES, TAU_THETA = 1000, 10, 0.05
FORMAT = "minprox batches 1"


def run(
    batches: Sequence[int] = BATCHES, repeats: int = 5, out: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Time whole training steps over the batch size.

    Parameters
    ----------
    batches : sequence of int
        Two or more batch sizes for the net 1000-1000-1000-10, float32, Nesterov momentum.
    repeats : int
        Rounds; in each, every step is timed once after an untimed one.
    out : path-like, optional
        Where to write the record, as JSON.

    Returns
    -------
    dict
        ``"seconds"``: for each method (``"BackProp"``, ``"dual"``, ``"primal"``) the median by batch size;
        ``"crossing"``: from which batch size on the primal form is cheaper, by interpolation, None if the
        forms do not cross; ``"flops"`` and ``"gemm"`` as from :func:`minprox.bench.threads.run`.

    Raises
    ------
    ValueError
        If there are fewer than two different batch sizes, or a number is not positive.

    Examples
    --------
    >>> run([500])
    Traceback (most recent call last):
    ...
    ValueError: batches: expected two or more different positive integers, found [500]
    """
    batches = sorted(set(batches))
    if len(batches) < 2 or batches[0] < 1:
        raise ValueError(f"batches: expected two or more different positive integers, found {batches}")
    repeats = whole("repeats", repeats)
    tasks: dict[tuple[str, int], Task] = {}
    flops: dict[str, dict[str, float]] = {}
    for N in batches:
        counted, each = steps(N)
        tasks |= {(method, N): step for method, step in each.items()}
        for method, count in counted.items():
            flops.setdefault(method, {})[str(N)] = count
    named = {f"{method} {N}": step for (method, N), step in tasks.items()}
    seconds: dict[str, dict[str, float]] = {}
    for (method, N), value in zip(tasks, measure(named, repeats).values(), strict=True):
        seconds.setdefault(method, {})[str(N)] = value
    found = {
        "format": FORMAT,
        "environment": environment(),
        "repeats": repeats,
        "net": f"{SIDE}-{SIDE}-{SIDE}-{CLASSES}",
        "cols": SIDE + 1,
        "gemm": gemm_rate(),
        "flops": flops,
        "seconds": seconds,
        "crossing": crossing(seconds["dual"], seconds["primal"]),
    }
    if out is not None:
        write_json(out, found)
    return found


def steps(N: int) -> tuple[dict[str, float], dict[str, Task]]:
    """Return the arithmetic of the training steps for one batch size, and the steps."""
    rng = np.random.default_rng(0)
    layers = (Linear(SIDE, SIDE), ReLU(), Linear(SIDE, SIDE), ReLU(), Linear(SIDE, CLASSES))
    net, loss = Sequential(*layers, seed=0), CrossEntropy()
    x, y = rng.random((N, SIDE), dtype=np.float32), rng.integers(0, CLASSES, N)
    optimizer = SGD(net, lr=1e-9, momentum=0.95, nesterov=True)

    def explicit() -> None:
        optimizer.step(backprop(net, forward(net, x), loss, y))

    def implicit(form: str) -> Task:
        return lambda: optimizer.step(proxprop(net, forward(net, x), loss, y, TAU_THETA, Exact(form)))

    counted = {form: arithmetic(net, x, y, Exact(form)) for form in ("dual", "primal")}
    flops = {"BackProp": counted["dual"]["back-propagation"]}
    flops |= {form: counts["exact"] for form, counts in counted.items()}
    return flops, {"BackProp": explicit} | {form: implicit(form) for form in counted}


def crossing(dual: Mapping[str, float], primal: Mapping[str, float]) -> float | None:
    """Return where the primal form becomes the cheaper one, None if it does not, or always is.

    Examples
    --------
    >>> crossing({"100": 1.0, "1000": 2.0, "2000": 8.0}, {"100": 4.0, "1000": 4.0, "2000": 4.0})
    1414.2
    """
    N = np.log([float(n) for n in dual])
    ahead = np.log(list(dual.values())) - np.log(list(primal.values()))
    for i in range(len(N) - 1):
        if ahead[i] < 0 <= ahead[i + 1]:
            share = -ahead[i] / (ahead[i + 1] - ahead[i])
            return round(float(np.exp(N[i] + share * (N[i + 1] - N[i]))), 1)
    return None


def table(record: Mapping[str, Any]) -> str:
    """Return a record of :func:`run` as text."""
    seconds, batches = record["seconds"], list(record["seconds"]["BackProp"])
    rows = [
        f"net {record['net']}, float32, medians of {record['repeats']} rounds, ms; large products: "
        f"{record['gemm'] / 1e9:.0f} GF/s",
        f"{'batch N':<18}" + "".join(f"{N:>9}" for N in batches),
    ]
    for method, values in seconds.items():
        rows.append(f"{method:<18}" + "".join(f"{1e3 * values[N]:>9.1f}" for N in batches))
    for method, values in seconds.items():
        shares = (record["flops"][method][N] / values[N] / record["gemm"] for N in batches)
        rows.append(f"{method + ', roof':<18}" + "".join(f"{share:>9.0%}" for share in shares))
    where = record["crossing"]
    found = "do not cross here" if where is None else f"cross at N = {where:.0f}"
    rows.append(f"the forms {found}; A has {record['cols']} columns")
    return "\n".join(rows)
