"""Speed, as ratios inside one run: what an implicit step costs beside a back-propagation.

Every round times each task once, right after an untimed run of the same task, which warms its caches
and lets the threads of the former one go to sleep. What is reported is the median over the rounds. Before
the clock is read, the device has done all that it was asked for.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import Any

import numpy as np

from minprox.bench.peer_apart import PeerApart, serve
from minprox.bench.roofline import arithmetic, gemm_rate
from minprox.bench.torch_peer import Peer, sees_gpu
from minprox.engine.graph import Graph
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, forward, proxprop
from minprox.engine.plan import Solver
from minprox.engine.solvers import CG, BlockCG, Exact
from minprox.experiments.nets import build_net
from minprox.ground.arguments import whole
from minprox.ground.backend import asarray, current, on_host, record, synchronise
from minprox.ground.environment import environment, version
from minprox.ground.files import write_json
from minprox.ground.rooms import forget
from minprox.learning.optimizers import SGD, Adam

Task = Callable[[], Any]

SERVE = "import sys; from minprox.bench.speed import serve_peer; serve_peer(sys.argv[1])"
BATCH = 500
TAU_THETA = {"mlp": 0.05, "convnet": 1.0}  # the paper's, X1 and X3
SHAPES = {"mlp": (3072,), "convnet": (3, 32, 32)}  # of an image of CIFAR-10
NETS: dict[str, Callable[[], Graph]] = {
    name: partial(build_net, f"paper-{name}", shape, 10, "relu", 0, "float32")
    for name, shape in SHAPES.items()
}


def run(
    nets: Sequence[str] = ("mlp", "convnet"), repeats: int = 7, out: Any = None, peers: bool = False
) -> str:
    """Time the passes on the paper's nets with random data and return a table.

    What is timed lives where :class:`minprox.use` has it.

    Parameters
    ----------
    nets : sequence of {"mlp", "convnet"}
    repeats : int
        Number of rounds.
    out : path, optional
        Where to write the record, as JSON.
    peers : bool
        Whether to time whole training steps too, beside those of a lean ProxProp in PyTorch
        (:mod:`minprox.bench.torch_peer`). PyTorch's plain forward and backward pass is timed wherever it is
        installed, on the same device.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a name is unknown or ``repeats`` is no positive number.
    ImportError
        If ``peers`` is asked for without PyTorch, or without one that sees the device.

    Examples
    --------
    >>> import minprox.bench.speed
    >>> minprox.bench.speed.run(["mlq"])
    Traceback (most recent call last):
    ...
    ValueError: unknown net 'mlq': expected mlp or convnet
    """
    found = timings(nets, repeats, peers)
    if out is not None:
        write_json(out, found)
    return report(found)


def timings(
    nets: Sequence[str],
    repeats: int,
    peers: bool = False,
    steps: bool = False,
    variants: Mapping[str, Solver] | None = None,
) -> dict[str, Any]:
    """Return the record of :func:`run`; also with whole steps or with further solvers, if wished."""
    for name in nets:
        if name not in NETS:
            raise ValueError(f"unknown net {name!r}: expected {' or '.join(NETS)}")
    repeats = whole("repeats", repeats)
    torch = importlib.util.find_spec("torch") is not None
    if peers and not torch:
        raise ImportError("the peers need PyTorch, which is not installed: install the extra minprox[peers]")
    if torch and current()["name"] != "numpy" and not sees_gpu():
        if peers:
            raise ImportError("the peers need a PyTorch that sees the GPU: this one was made for the CPU")
        torch = False
    where = environment() | record() | {"torch": version("torch")}
    timed = {name: measured(name, repeats, torch, peers, steps, variants or {}) for name in nets}
    found = {"environment": where, "batch": BATCH, "repeats": repeats, "nets": timed}
    return found | ({"gemm": gemm_rate()} if current()["name"] == "numpy" else {})


def report(found: dict[str, Any]) -> str:
    """Return a record as text."""
    line = (
        f"batch {found['batch']}, float32, medians of {found['repeats']} rounds; "
        "ratio: to the first line of its kind"
    )
    if rate := found.get("gemm"):
        line += (
            f"\nroof: the share of {rate / 1e9:.0f} GF/s, at which large square matrices are multiplied here"
        )
    return "\n\n".join([line, *(table(name, **values, rate=rate) for name, values in found["nets"].items())])


def measured(
    name: str, repeats: int, torch: bool, peers: bool, whole: bool, variants: Mapping[str, Solver]
) -> dict[str, dict[str, float]]:
    """Return seconds, ratios and, where NumPy computes, the peak memory of one net's tasks."""
    net = NETS[name]()
    theta = net.parameters[0]
    with closing(peer_of(name, on_host(theta))) if torch else nullcontext() as peer:
        directions, steps = build(name, net, peer, peers, whole, variants)
        times = measure(directions | steps, repeats, lambda: synchronise(theta))
    base = {task: first for kind in (directions, steps) for first in list(kind)[:1] for task in kind}
    ratios = {task: seconds / times[base[task]] for task, seconds in times.items()}
    traced = ("back-propagation", "ProxProp, exact") if on_host(theta) else ()
    peaks: dict[str, float] = {task: peak(directions[task]) for task in traced}
    counted = arithmetic(net, *random_batch(name)) if traced else {}
    flops = {task: counted[task.removeprefix("ProxProp, ")] for task in traced}
    return {"seconds": times, "ratio": ratios, "peak_bytes": peaks, "flops": flops}


def random_batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of random images, as the net of this name takes them, and of labels."""
    rng = np.random.default_rng(0)
    return rng.random((BATCH, *SHAPES[name]), dtype=np.float32), rng.integers(0, 10, BATCH)


def peer_of(name: str, apart: bool) -> Any:
    """Return the peer, in a process of its own or, on a GPU, in this one, which has the device."""
    if apart:
        return PeerApart(name, SERVE)
    return Peer(name, *random_batch(name), TAU_THETA[name], device="cuda", tf32=current()["tf32"])


def serve_peer(name: str) -> None:
    """Be the process of the peer."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever PyTorch may print is no answer
    serve(Peer(name, *random_batch(name), TAU_THETA[name]), sys.stdin, answers)


def build(
    name: str, net: Graph, peer: Any, peers: bool, whole: bool, variants: Mapping[str, Solver]
) -> tuple[dict[str, Task], dict[str, Task]]:
    """Return what is timed for one net: directions and updates by themselves, and whole steps."""
    loss, tau_theta = CrossEntropy(), TAU_THETA[name]
    x, y = map(asarray, random_batch(name))
    sgd, adam = SGD(net, lr=1e-9, momentum=0.95, nesterov=True), Adam(net, lr=1e-9)
    optimizer: Any = sgd if name == "mlp" else adam  # as in X1 and X3

    def explicit() -> Any:
        return backprop(net, forward(net, x), loss, y)

    def implicit(solver: Any) -> Task:
        return lambda: proxprop(net, forward(net, x), loss, y, tau_theta, solver)

    def stepped(direction: Task) -> Task:
        return lambda: optimizer.step(direction())

    grads = explicit()
    solvers: dict[str, Any] = {
        "exact": Exact(),
        "BlockCG(3)": BlockCG(3),
        "BlockCG(10)": BlockCG(10),
        **variants,
    }
    directions: dict[str, Task] = {"back-propagation": explicit}
    directions |= {f"ProxProp, {key}": implicit(s) for key, s in (solvers | {"CG(3)": CG(3)}).items()}
    directions |= {"Nesterov update": lambda: sgd.step(grads), "Adam update": lambda: adam.step(grads)}
    steps: dict[str, Task] = {}
    if whole or peers:
        steps = {"step: BackProp": stepped(explicit)}
        steps |= {f"step: ProxProp, {key}": stepped(implicit(s)) for key, s in solvers.items()}
    if peer is not None:
        directions["PyTorch, plain pass"] = peer.task("backprop")
    if peers:
        steps["step: PyTorch, BackProp"] = peer.task("backprop step")
        steps |= {
            f"step: PyTorch, ProxProp {key}": peer.task(f"{key} step") for key in ("exact", "cg3", "cg10")
        }
    return directions, steps


def measure(tasks: dict[str, Task], repeats: int, wait: Task = lambda: None) -> dict[str, float]:
    """Return the median seconds of each task over alternating rounds, waiting for the device at both ends."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            task()
            wait()
            start = time.perf_counter()
            task()
            wait()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def peak(task: Task) -> int:
    """Return the most bytes that a task has allocated at one time."""
    forget()
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def table(
    name: str,
    seconds: dict[str, float],
    ratio: dict[str, float],
    peak_bytes: dict[str, float],
    flops: dict[str, float],
    rate: float | None = None,
) -> str:
    """Return one net's results as text."""
    lines = [f"{name:<30}{'ms':>9}{'ratio':>8}{'peak MB':>10}" + f"{'roof':>8}" * bool(rate)]
    for task, value in seconds.items():
        memory = f"{peak_bytes[task] / 2**20:>10.0f}" if task in peak_bytes else ""
        share = f"{flops[task] / value / rate:>8.0%}" if rate and task in flops else ""
        lines.append(f"{task:<30}{1e3 * value:>9.1f}{ratio[task]:>8.2f}{memory}{share}")
    return "\n".join(lines)
