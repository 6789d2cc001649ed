"""Where the time of a pass goes: every layer of the paper's nets by itself, beside PyTorch's.

OPENBLAS_NUM_THREADS=2 python -m minprox.bench.layer_times --net convnet
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from minprox.bench.roofline import gemm_rate
from minprox.bench.speed import BATCH, NETS, TAU_THETA, measure, random_batch
from minprox.bench.torch_peer import Peer
from minprox.engine.graph import Graph
from minprox.engine.layers import Transfer
from minprox.engine.passes import forward
from minprox.engine.solvers import Exact
from minprox.ground.arguments import one_of
from minprox.ground.blas import one_blas_thread
from minprox.ground.text import aligned

Part = tuple[int, str]  # the number of a node, and what it does
HEAD = ("", "forward", "roof", "backward", "roof", "Gram", "solve", "PyTorch: forward", "backward")


def run(repeats: int = 7, name: str = "convnet") -> str:
    """Time each layer of one of the paper's nets and return a table.

    Parameters
    ----------
    repeats : int
        Number of rounds; what is told is the median.
    name : {"convnet", "mlp"}

    Returns
    -------
    str
        Milliseconds forward, backward, and of what an exact step adds, its Gram matrix first; for layers with
        parameters, the share of the rate at which large square matrices are multiplied (*roof*). PyTorch's
        where it is installed.

    Raises
    ------
    ValueError
        If there is no such net.
    """
    one_of("name of the net", name, tuple(NETS))
    net, (x, y) = NETS[name](), random_batch(name)
    tasks = dict(parts(net, x, TAU_THETA[name]))
    rate = gemm_rate()
    with one_blas_thread() if net.shares_work else nullcontext():  # as in a pass
        seconds = measure(tasks, repeats)  # type: ignore[arg-type]
    theirs: dict[Part, float] = {}
    if importlib.util.find_spec("torch") is not None:
        peer = Peer(name, x, y, TAU_THETA[name])
        theirs = measure(dict(parts_of_peer(peer)), repeats)  # type: ignore[arg-type, assignment]
    counts = products(net, x)
    rows = [HEAD, *table(net, seconds, theirs, counts, rate)]  # type: ignore[arg-type]
    told = (
        f"batch {BATCH}, float32, medians of {repeats} rounds in ms; roof: the share of {rate / 1e9:.0f} GF/s"
    )
    return told + "\n\n" + aligned(rows[:-1], range(1, len(HEAD)), last="  ".join(rows[-1]))


def parts(net: Graph, x: Any, tau_theta: float) -> Iterator[tuple[Part, Callable[[], Any]]]:
    """Yield what each layer does in a forward pass, a back-propagation and an exact step.

    Errors are as large as the outputs, and laid out alike: that is all that matters here.
    """
    tape = forward(net, x)
    for i, layer in enumerate(tape.layers):
        if layer is None:
            continue
        inputs, output = tape.inputs(i), tape.values[i]
        if not isinstance(layer, Transfer):
            yield (i, "forward"), partial(layer.forward, *inputs)
            yield (i, "backward"), partial(layer.adjoint, output, output, *inputs)
            continue
        (a,) = inputs
        yield (i, "forward"), partial(layer.forward, layer.theta, a)
        yield (i, "Aᵀδ"), partial(layer.adjoint_theta, a, output)
        if net.learns[net.sources[i][0]]:
            yield (i, "∂a"), partial(layer.adjoint_input, layer.theta, a, output)
        if i < max(max(where) for where in net.places):
            yield (i, "Gram"), partial(gram, layer, a)
            yield (i, "step"), partial(step, layer, a, output, tau_theta)


def gram(layer: Transfer, a: Any) -> Any:
    """Compute the Gram matrix that an exact step of one layer needs, ``AᵀA`` or ``AAᵀ``."""
    A = layer.linear_map(a)
    return A.T.gram() if Exact().chosen(A) == "primal" else A.gram()


def step(layer: Transfer, a: Any, delta: Any, tau_theta: float) -> Any:
    """Take the exact step of one layer."""
    return Exact()(layer.linear_map(a), layer.rows(delta), tau_theta)


def parts_of_peer(peer: Peer) -> Iterator[tuple[Part, Callable[[], Any]]]:
    """Yield what each module does in PyTorch, forward and backward."""
    torch, a = peer.torch, peer.x
    for i, module in enumerate(peer.net, 1):

        def run_forward(module: Any = module, a: Any = a) -> Any:
            with torch.no_grad():
                return module(a)

        yield (i, "forward"), run_forward
        a = a.detach().requires_grad_(i > 1)
        z = module(a)
        wanted = [*module.parameters(), *([a] if i > 1 else [])]
        if wanted:
            yield (i, "backward"), partial(torch.autograd.grad, z, wanted, z.detach(), retain_graph=True)
        a = z.detach()


def products(net: Graph, x: Any) -> dict[int, float]:
    """Count the multiplications and additions in ``A θ`` of each layer with parameters."""
    tape = forward(net, x)
    counts = {}
    for i, layer in enumerate(tape.layers):
        if isinstance(layer, Transfer):
            rows, cols = layer.linear_map(*tape.inputs(i)).shape
            counts[i] = 2.0 * rows * cols * layer.theta.shape[1]
    return counts


def table(
    net: Graph,
    seconds: dict[Part, float],
    theirs: dict[Part, float],
    counts: dict[int, float],
    rate: float,
) -> Iterator[list[str]]:
    """Yield a row for each layer, and one of sums."""
    sums = [0.0] * 6
    for i, node in enumerate(net.nodes):
        if (i, "forward") not in seconds:
            continue

        def of(*names: str, i: int = i) -> float:
            return sum(seconds.get((i, name), 0.0) for name in names)

        back, more = of("backward", "Aᵀδ", "∂a"), of("Gram")
        solve = max(0.0, of("step") - more - of("Aᵀδ")) if more else 0.0
        times = [
            of("forward"),
            back,
            more,
            solve,
            *(theirs.get((i, k), 0.0) for k in ("forward", "backward")),
        ]
        sums = [total + time for total, time in zip(sums, times, strict=True)]
        count = counts.get(i, 0.0)
        shares = [count / times[0] / rate, count * (1 + ((i, "∂a") in seconds)) / back / rate]
        cells = [f"{1e3 * time:.1f}" if time else "" for time in times]
        told = [f"{share:.0%}" if count else "" for share in shares]
        yield [repr(node.layer), cells[0], told[0], cells[1], told[1], *cells[2:]]
    names = ("forward", "backward", "Gram", "solve", "PyTorch: forward", "backward")
    yield [f"{name} {1e3 * total:.1f}" for name, total in zip(names, sums, strict=True) if total]


def main(arguments: Sequence[str] | None = None) -> None:
    """Time each layer of a net of the paper and print a table."""
    parser = argparse.ArgumentParser(prog="python -m minprox.bench.layer_times", description=main.__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--net", choices=tuple(NETS), default="convnet")
    given = parser.parse_args(arguments)
    print(run(given.repeats, given.net))


if __name__ == "__main__":
    main()
