"""How the time of a pass falls with the number of threads, and how far it stays from the roof.

The roof is what :mod:`minprox.bench.roofline` measures, for each number of threads anew: cores that share a
clock or a cache do not add up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from minprox.bench.roofline import SIDE, arithmetic, gemm_rate
from minprox.bench.speed import BATCH, NETS, TAU_THETA, Task, measure, random_batch
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, forward, proxprop
from minprox.engine.solvers import BlockCG, Exact
from minprox.ground.arguments import whole
from minprox.ground.blas import limit_blas_threads
from minprox.ground.environment import cores, environment
from minprox.ground.files import write_json
from minprox.ground.parallel import threads

FORMAT = "minprox threads 1"


def run(
    counts: Sequence[int] | None = None,
    nets: Sequence[str] = ("mlp", "convnet"),
    repeats: int = 5,
    out: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Time the passes on the paper's nets for several numbers of threads.

    Parameters
    ----------
    counts : sequence of int, optional
        Numbers of threads; 1, 2, 4, … and the number that may be used here if not given.
    nets : sequence of {"mlp", "convnet"}
    repeats : int
        Rounds; in each, every pass is timed once for every number of threads, after an untimed one.
    out : path-like, optional
        Where to write the record, as JSON.

    Returns
    -------
    dict
        ``"seconds"``: for each net and pass the median by number of threads; ``"flops"``: multiplications
        and additions in the products of a pass; ``"gemm"``: how many of them large products do in a second.

    Raises
    ------
    ValueError
        If a net is unknown, or a number is no positive integer, or larger than that of the cores.

    Examples
    --------
    >>> run([0])
    Traceback (most recent call last):
    ...
    ValueError: counts: expected numbers of threads from 1 to ..., found [0]
    """
    counts = sorted(set(counts if counts is not None else powers(threads())))
    if not counts or not 1 <= counts[0] <= counts[-1] <= cores():
        raise ValueError(f"counts: expected numbers of threads from 1 to {cores()}, found {counts}")
    for name in nets:
        if name not in NETS:
            raise ValueError(f"unknown net {name!r}: expected {' or '.join(NETS)}")
    repeats = whole("repeats", repeats)
    seconds: dict[str, dict[str, dict[str, float]]] = {}
    flops: dict[str, dict[str, float]] = {}
    for name in nets:
        flops[name], tasks = passes(name)
        each = {(task, n): limited(work, n) for task, work in tasks.items() for n in counts}
        times = measure({f"{task} {n}": work for (task, n), work in each.items()}, repeats)
        seconds[name] = {task: {str(n): times[f"{task} {n}"] for n in counts} for task in tasks}
    found = {
        "format": FORMAT,
        "environment": environment(),
        "batch": BATCH,
        "repeats": repeats,
        "gemm": {str(n): limited(lambda: gemm_rate(SIDE), n)() for n in counts},
        "flops": flops,
        "seconds": seconds,
    }
    if out is not None:
        write_json(out, found)
    return found


def powers(most: int) -> list[int]:
    """Return the powers of two below a number, and the number."""
    return [2**k for k in range(most.bit_length()) if 2**k < most] + [most]


def limited(task: Task, count: int) -> Task:
    """Return a task that uses so many threads."""

    def work() -> Any:
        with limit_blas_threads(count):
            return task()

    return work


def passes(name: str) -> tuple[dict[str, float], dict[str, Task]]:
    """Return the arithmetic of the passes of one net, and the passes."""
    net, loss, (x, y) = NETS[name](), CrossEntropy(), random_batch(name)

    def implicit(solver: Any) -> Task:
        return lambda: proxprop(net, forward(net, x), loss, y, TAU_THETA[name], solver)

    return arithmetic(net, x, y), {
        "forward": lambda: forward(net, x),
        "back-propagation": lambda: backprop(net, forward(net, x), loss, y),
        "exact": implicit(Exact()),
        "BlockCG(3)": implicit(BlockCG(3)),
    }


def table(record: Mapping[str, Any]) -> str:
    """Return a record of :func:`run` as text."""
    counts = list(record["gemm"])
    rows = [
        f"batch {record['batch']}, float32, medians of {record['repeats']} rounds; "
        "roof: the share of the rate of large products",
        f"{'threads':<28}" + "".join(f"{n:>10}{'':>6}" for n in counts),
        f"{'large products, GF/s':<28}" + "".join(f"{record['gemm'][n] / 1e9:>10.0f}{'':>6}" for n in counts),
    ]
    for name, tasks in record["seconds"].items():
        rows += ["", f"{name:<28}" + f"{'ms':>10}{'roof':>6}" * len(counts)]
        for task, times in tasks.items():
            work = record["flops"][name].get(task)
            shares = (f"{work / times[n] / record['gemm'][n]:.0%}" if work else "" for n in counts)
            cells = (f"{1e3 * times[n]:>10.1f}{share:>6}" for n, share in zip(counts, shares, strict=True))
            rows.append(f"{task:<28}" + "".join(cells))
    return "\n".join(row.rstrip() for row in rows)
