"""Speed, as ratios inside one run: what an implicit step costs beside a back-propagation.

Every round times each task once, right after an untimed run of the same task, which warms its caches
and lets the threads of the former one go to sleep. What is reported is the median over the rounds.
"""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from minprox.environment import environment
from minprox.files import write_json
from minprox.graph import Graph, Sequential
from minprox.layers import Conv2d, Flatten, Input, Linear, MaxPool2d, ReLU
from minprox.losses import CrossEntropy
from minprox.optim import SGD, Adam
from minprox.passes import backprop, forward, proxprop
from minprox.peers import Peer
from minprox.solvers import CG, BlockCG, Exact

Task = Callable[[], Any]

BATCH = 500
TAU_THETA = {"mlp": 0.05, "convnet": 1.0}  # the paper's, X1 and X3


def mlp() -> Sequential:
    """Return the paper's MLP (X1)."""
    widths = (3072, 4000, 1000, 4000, 10)
    layers: list[Any] = []
    for n_in, n_out in pairwise(widths):
        layers += [Linear(n_in, n_out), ReLU()]
    return Sequential(*layers[:-1], seed=0)


def convnet() -> Sequential:
    """Return the paper's ConvNet (X3)."""
    return Sequential(
        Input((3, 32, 32)),
        *(Conv2d(3, 16, 5, padding=2), ReLU(), MaxPool2d(2)),
        *(Conv2d(16, 20, 5, padding=2), ReLU(), MaxPool2d(2)),
        *(Conv2d(20, 20, 5, padding=2), ReLU(), Flatten(), Linear(1280, 10)),
        seed=0,
    )


NETS: dict[str, Callable[[], Graph]] = {"mlp": mlp, "convnet": convnet}


def run(
    nets: Sequence[str] = ("mlp", "convnet"), repeats: int = 7, out: Any = None, peers: bool = False
) -> str:
    """Time the passes on the paper's nets with random data and return a table.

    Parameters
    ----------
    nets : sequence of {"mlp", "convnet"}
    repeats : int
        Number of rounds.
    out : path, optional
        Where to write the record, as JSON.
    peers : bool
        Whether to time whole training steps too, beside those of a lean ProxProp in PyTorch
        (:mod:`minprox.peers`). PyTorch's plain forward and backward pass is timed wherever it is
        installed.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a name is unknown or ``repeats`` is no positive number.
    ImportError
        If ``peers`` is asked for without PyTorch.

    Examples
    --------
    >>> import minprox.bench
    >>> minprox.bench.run(["mlq"])
    Traceback (most recent call last):
    ...
    ValueError: unknown net 'mlq': expected mlp or convnet
    """
    for name in nets:
        if name not in NETS:
            raise ValueError(f"unknown net {name!r}: expected {' or '.join(NETS)}")
    if repeats < 1:
        raise ValueError(f"repeats must be a positive number, found {repeats}")
    torch = importlib.util.find_spec("torch") is not None
    if peers and not torch:
        raise ImportError("the peers need PyTorch, which is not installed: install the extra minprox[peers]")
    record: dict[str, Any] = {"environment": environment(), "batch": BATCH, "repeats": repeats, "nets": {}}
    lines = [f"batch {BATCH}, float32, medians of {repeats} rounds; ratio: to the first line of its kind"]
    for name in nets:
        directions, steps = build(name, torch, peers)
        times = measure(directions | steps, repeats)
        base = {task: first for kind in (directions, steps) for first in list(kind)[:1] for task in kind}
        ratios = {task: seconds / times[base[task]] for task, seconds in times.items()}
        peaks = {task: peak(directions[task]) for task in ("back-propagation", "ProxProp, exact")}
        record["nets"][name] = {"seconds": times, "ratio": ratios, "peak_bytes": peaks}
        lines += ["", table(name, times, ratios, peaks)]
    if out is not None:
        write_json(out, record)
    return "\n".join(lines)


def build(name: str, torch: bool, peers: bool) -> tuple[dict[str, Task], dict[str, Task]]:
    """Return what is timed for one net: directions and updates by themselves, and whole steps."""
    rng = np.random.default_rng(0)
    net, loss, tau_theta = NETS[name](), CrossEntropy(), TAU_THETA[name]
    shape = (BATCH, 3072) if name == "mlp" else (BATCH, 3, 32, 32)
    x, y = rng.random(shape, dtype=np.float32), rng.integers(0, 10, BATCH)
    sgd, adam = SGD(net, lr=1e-9, momentum=0.95, nesterov=True), Adam(net, lr=1e-9)
    optimizer: Any = sgd if name == "mlp" else adam  # as in X1 and X3

    def explicit() -> Any:
        return backprop(net, forward(net, x), loss, y)

    def implicit(solver: Any) -> Task:
        return lambda: proxprop(net, forward(net, x), loss, y, tau_theta, solver)

    def stepped(direction: Task) -> Task:
        return lambda: optimizer.step(direction())

    grads = explicit()
    solvers: dict[str, Any] = {"exact": Exact(), "BlockCG(3)": BlockCG(3), "BlockCG(10)": BlockCG(10)}
    directions: dict[str, Task] = {"back-propagation": explicit}
    directions |= {f"ProxProp, {key}": implicit(s) for key, s in (solvers | {"CG(3)": CG(3)}).items()}
    directions |= {"Nesterov update": lambda: sgd.step(grads), "Adam update": lambda: adam.step(grads)}
    if not torch:
        return directions, {}
    peer = Peer(name, x, y, tau_theta)
    directions["PyTorch, plain pass"] = peer.backprop
    if not peers:
        return directions, {}

    def of_peer(direction: Task) -> Task:
        def step() -> None:
            direction()
            peer.step()

        return step

    steps: dict[str, Task] = {"step: BackProp": stepped(explicit)}
    steps |= {f"step: ProxProp, {key}": stepped(implicit(s)) for key, s in solvers.items()}
    steps["step: PyTorch, BackProp"] = of_peer(peer.backprop)
    for key, solve in {"exact": peer.exact, "cg3": peer.cg(3), "cg10": peer.cg(10)}.items():
        steps[f"step: PyTorch, ProxProp {key}"] = of_peer(partial(peer.proxprop, solve))
    return directions, steps


def measure(tasks: dict[str, Task], repeats: int) -> dict[str, float]:
    """Return the median seconds of each task over alternating rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            task()
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def peak(task: Task) -> int:
    """Return the most bytes that a task has allocated at one time."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def table(name: str, times: dict[str, float], ratios: dict[str, float], peaks: dict[str, int]) -> str:
    """Return one net's results as text."""
    lines = [f"{name:<30}{'ms':>9}{'ratio':>8}{'peak MB':>10}"]
    for task, seconds in times.items():
        memory = f"{peaks[task] / 2**20:>10.0f}" if task in peaks else ""
        lines.append(f"{task:<30}{1e3 * seconds:>9.1f}{ratios[task]:>8.2f}{memory}")
    return "\n".join(lines)
