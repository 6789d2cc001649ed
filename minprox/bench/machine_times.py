"""Steps that several processes share, measured: what goes through the communicator, and how long they take.

OPENBLAS_NUM_THREADS=2 python -m minprox.bench.machine_times
OPENBLAS_NUM_THREADS=1 mpiexec -n 2 python -m minprox.bench.machine_times
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from minprox.bench.machines import METHODS, PAPER, model, step_cost
from minprox.engine.columns_apart import ColumnsApart
from minprox.engine.layers import Linear, ReLU
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import forward, proxprop
from minprox.engine.sequential import Sequential
from minprox.engine.solvers import CG, Exact, Explicit
from minprox.figures.machine_curves import machine_costs
from minprox.figures.style import save
from minprox.ground.arguments import one_of, whole
from minprox.ground.communicators import ALONE
from minprox.ground.environment import environment
from minprox.ground.files import write_json
from minprox.ground.mpi import crew
from minprox.ground.reading import read_json
from minprox.ground.traffic import Counted
from minprox.learning.optimizers import SGD

FORMAT = "minprox machine times 2"
SOLVERS: dict[str, Any] = {
    "explicit": Explicit(),
    "primal": Exact("primal"),
    "dual": Exact("dual"),
    "cg3": CG(3),
    "columns": Exact("dual"),
}


def step(method: str, comm: Any, batch: int = 500, widths: Sequence[int] = PAPER) -> Callable[[], None]:
    """Return a training step of one of the processes that share it: forward, direction and update.

    Parameters
    ----------
    method : {"explicit", "primal", "dual", "cg3", "columns"}
        See :func:`minprox.bench.machines.step_cost`.
    comm : communicator
    batch, widths
        As there.

    Returns
    -------
    callable
        Without arguments.
    """
    one_of("method", method, METHODS)
    rng, apart = np.random.default_rng(0), method == "columns"
    x = rng.standard_normal((batch, widths[0]), dtype=np.float32)
    y = rng.integers(0, widths[-1], batch)
    dense = [Linear(n_in, n_out) for n_in, n_out in pairwise(widths)]
    layers: list[Any] = [ColumnsApart(layer, comm) if apart else layer for layer in dense[:-1]]
    net = Sequential(*(part for layer in layers for part in (layer, ReLU())), dense[-1], seed=0)
    mine, rows = (slice(None), None) if apart else (comm.share(batch), comm)
    optimizer, loss = SGD(net, lr=0.1, momentum=0.95, nesterov=True), CrossEntropy()

    def take() -> None:
        tape = forward(net, x[mine], training=True, comm=rows)
        optimizer.step(proxprop(net, tape, loss, y[mine], 0.05, SOLVERS[method], comm=rows))

    return take


def measure(
    comm: Any = ALONE,
    methods: Sequence[str] = METHODS,
    batch: int = 500,
    widths: Sequence[int] = PAPER,
    repeats: int = 5,
) -> dict[str, dict[str, float]]:
    """Count and time steps of the processes of a communicator, all of which call this.

    Parameters
    ----------
    comm : communicator
    methods, batch, widths
        As for :func:`step`.
    repeats : int
        Steps that are timed, after one that is not; with 0 of them, bytes are counted only.

    Returns
    -------
    dict of str to dict
        For each method ``summed``, ``gathered`` and ``calls`` of one step, as in
        ``minprox.bench.machines.Cost``, and ``seconds``: the median of the steps, each as long as its
        slowest process.

    Examples
    --------
    >>> found = mp.simulated(2, lambda comm: measure(comm, ["explicit"], 10, [4, 5, 3], repeats=1))
    >>> {name: found[0]["explicit"][name] for name in ("summed", "gathered", "calls")}
    {'summed': 180, 'gathered': 64, 'calls': 5}
    """
    found: dict[str, dict[str, float]] = {}
    repeats = whole("repeats", repeats, least=0)
    for method in methods:
        counted = Counted(comm)
        take = step(method, counted, batch, widths)
        counted.summed = counted.gathered = counted.calls = 0
        take()
        traffic = {"summed": counted.summed, "gathered": counted.gathered, "calls": counted.calls}
        times = []
        for _ in range(repeats):
            comm.any(False)  # all begin together
            start = perf_counter()
            take()
            times.append(max(comm.gather(np.array([perf_counter() - start]))))
        found[method] = traffic | ({"seconds": float(median(times))} if times else {})
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure on the processes of the launcher, print a table, add it to a file; or draw what that holds."""
    parser = argparse.ArgumentParser(prog="python -m minprox.bench.machine_times", description=main.__doc__)
    parser.add_argument("--methods", default=",".join(METHODS), help="with commas between")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--widths", default=",".join(map(str, PAPER)), help="of all layers")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file, to which this is added")
    parser.add_argument("--figure", type=Path, help="where to draw what --out holds, and measure nothing")
    given = parser.parse_args(arguments)
    widths = [int(n) for n in given.widths.split(",")]
    if given.figure:
        machines = model(
            *([2**k for k in range(1, 11)] + [3], given.batch, widths),
            batches=[2**k for k in range(5, 13)],
            factors=[2.0**k for k in range(-2, 3)],
        )
        save(machine_costs(machines | {"measured": read_json(given.out)["measured"]}), given.figure)
        return
    others = crew()
    comm = others.comm if others else ALONE
    found = measure(comm, given.methods.split(","), given.batch, widths, repeats=given.repeats)
    if comm.rank:
        return
    print(f"{comm.size} processes, {environment()['blas_threads']} BLAS threads each, batch {given.batch}")
    for method, row in found.items():
        told = step_cost(method, comm.size, given.batch, widths)
        exact = comm.size == 1 or told[:3] == (row["summed"], row["gathered"], row["calls"])
        words = f"{told.sent / 1e6:9.2f} MB sent{'' if exact else ', NOT as counted'}"
        seconds = f"{row['seconds']:8.3f} s, " if given.repeats else ""
        print(f"{method:9} {seconds}{words}")
    if given.out:
        case = {"processes": comm.size, "batch": given.batch, "widths": widths}
        measured = read_json(given.out)["measured"] if given.out.exists() else []
        former: dict[str, Any] = next(
            (row for row in measured if case.items() <= row.items()), {"methods": {}}
        )
        measured = [row for row in measured if row is not former]
        measured.append(case | {"methods": former["methods"] | found})
        write_json(given.out, {"format": FORMAT, "environment": environment(), "measured": measured})


if __name__ == "__main__":
    main()
