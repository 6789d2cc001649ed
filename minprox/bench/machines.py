"""What a training step on several machines costs: bytes that each must send, and its multiplications.

Dense layers ``[a, 1] θ`` of ``cols × n`` parameters on a batch of ``N``. Of ``m`` bytes that ``P`` processes
sum, each must send ``2 m (P − 1)/P``; of ``m`` that they gather, ``m (P − 1)/P`` (Chan et al., Collective
communication: theory, practice, and experience, 2007). The last layer keeps its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from minprox.ground.arguments import one_of, refuse, whole

METHODS = ("explicit", "primal", "dual", "cg3", "columns")
PAPER = (3072, 4000, 1000, 4000, 10)  # the widths of the paper's MLP
WORD, LONG = 4, 8  # bytes of float32, and of float64, in which Gram matrices are summed
CG_ITERATIONS = 3


class Cost(NamedTuple):
    """What one step costs each process.

    Attributes
    ----------
    summed, gathered : int
        Bytes of the arrays that are summed; of those that are gathered, together.
    calls : int
        How many sums and gatherings there are.
    products : float
        Multiplications.
    processes : int
    """

    summed: int
    gathered: int
    calls: int
    products: float
    processes: int

    @property
    def sent(self) -> float:
        """Bytes that each process must send."""
        return (2 * self.summed + self.gathered) * (self.processes - 1) / self.processes

    def plus(self, other: Cost) -> Cost:
        """Return the cost of both."""
        summed, gathered = self.summed + other.summed, self.gathered + other.gathered
        calls, products = self.calls + other.calls, self.products + other.products
        return Cost(summed, gathered, calls, products, self.processes)


def step_cost(method: str, processes: int, batch: int, widths: Sequence[int] = PAPER) -> Cost:
    """Return what a step on a net of dense layers costs each of several processes, in float32.

    Parameters
    ----------
    method : {"explicit", "primal", "dual", "cg3", "columns"}
        Rows of the batch lie apart, and the hidden layers take a gradient, an exact step in primal or dual
        form, or three iterations of CG; or the columns of all hidden layers lie apart, and each process
        solves in dual form for its own.
    processes, batch : int
    widths : sequence of int
        Inputs, hidden layers and outputs.

    Returns
    -------
    Cost
        The products of the forward pass and of the reverse sweep among its multiplications.

    Raises
    ------
    ValueError
        If there is no such method, or there are fewer than two widths.

    Examples
    --------
    >>> step_cost("dual", 4, 500).sent < step_cost("explicit", 4, 500).sent < step_cost("primal", 4, 500).sent
    True
    """
    one_of("method", method, METHODS)
    P, N = whole("processes", processes), whole("batch", batch)
    if len(widths) < 2:
        refuse("widths", "two numbers or more", widths)
    weighed = 0 if method == "columns" else LONG  # what the share of a process counts in the mean
    total = Cost(weighed, 0, bool(weighed), 0.0, P)
    layers = list(pairwise(widths))
    for l, (inputs, n) in enumerate(layers):
        cols, last, first = inputs + 1, l == len(layers) - 1, l == 0
        passes = N * cols * n * (1 if first else 2)  # z, and (∂φ/∂a)ᵀ δ
        if method == "columns":
            total = total.plus(columns_apart(N, cols, n, P, passes, first, last))
        else:
            step = explicit if last else {"primal": primal, "dual": dual, "cg3": cg}.get(method, explicit)
            told = Cost(0, 2 * LONG * P, 1, passes / P, P)  # how many rows each holds
            total = total.plus(told).plus(step(N, cols, n, P))
    return total


def explicit(N: int, cols: int, n: int, P: int) -> Cost:
    """``Aᵀδ``, summed."""
    return Cost(WORD * cols * n, 0, 1, N * cols * n / P, P)


def primal(N: int, cols: int, n: int, P: int) -> Cost:
    """``AᵀA`` and ``Aᵀδ``, summed; every process inverts the first."""
    inverse = cols**3 + cols * cols * n
    return Cost(LONG * cols * cols + WORD * cols * n, 0, 2, N * cols * (cols / 2 + n) / P + inverse, P)


def dual(N: int, cols: int, n: int, P: int) -> Cost:
    """``A`` and δ, gathered; ``A Aᵀ``, summed, which every process inverts; ``Aᵀc``, or ``AᵀW``, summed."""
    summed, gathered, gram = LONG * N * N, WORD * N * cols + WORD * N * n, N * N * cols / 2
    if cols < n:  # (AᵀW) δ, each some rows of it
        shared = gram + N * N * cols + N * cols * n
        return Cost(summed + WORD * cols * N, gathered + WORD * cols * n, 5, shared / P + N**3, P)
    return Cost(summed + WORD * cols * n, gathered, 4, (gram + N * N * n + N * cols * n) / P + N**3, P)


def cg(N: int, cols: int, n: int, P: int) -> Cost:
    """``Aᵀδ`` and, in each iteration, ``Aᵀ(A v)``, summed; or once ``AᵀA``, where that is less work."""
    sums, repeated = 1 + CG_ITERATIONS, CG_ITERATIONS * cols * cols * n
    by_passes, by_gram = 2 * CG_ITERATIONS * N * cols * n / P, N * cols * cols / 2 / P + repeated
    if by_passes <= by_gram:
        return Cost(WORD * cols * n * sums, 0, sums, N * cols * n / P + by_passes, P)
    return Cost(WORD * cols * (cols + n), 0, 2, N * cols * n / P + by_gram, P)


def columns_apart(N: int, cols: int, n: int, P: int, passes: int, first: bool, last: bool) -> Cost:
    """``z``, gathered, and ``(∂φ/∂a)ᵀδ``, summed; nothing in the solve. The last layer is whole."""
    if last:
        return Cost(0, 0, 0, passes + N * cols * n, P)
    solve = N * N * cols / 2 + N**3 + (N * N * n + N * cols * n) / P
    summed = 0 if first else WORD * N * (cols - 1)
    return Cost(summed, WORD * N * n, 1 if first else 2, passes / P + solve, P)


@dataclass(frozen=True)
class Machine:
    """What a machine, and the net between machines, do in a second: round numbers, of no product.

    Parameters
    ----------
    products : float
        Multiplications.
    bandwidth : float
        Bytes that it sends.
    latency : float
        Seconds that a message takes; a sum of ``P`` processes takes ``log₂ P`` of them.
    """

    products: float = 5e11
    bandwidth: float = 1.25e9
    latency: float = 2e-5

    def seconds(self, cost: Cost) -> float:
        """Return the time of a step, in which nothing is computed while something is sent."""
        waiting = self.latency * cost.calls * math.ceil(math.log2(cost.processes))
        return cost.products / self.products + cost.sent / self.bandwidth + waiting


def fastest(
    processes: int, batch: int, widths: Sequence[int] = PAPER, machine: Machine = Machine()
) -> dict[str, float]:
    """Return the seconds of a step by each method, the shortest first.

    Parameters
    ----------
    processes, batch, widths
        As for :func:`step_cost`; ``"columns"`` is left out where a hidden layer has fewer columns than there
        are processes.
    machine : Machine

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> list(fastest(8, 500))[:2], list(fastest(8, 4000))[:2]
    (['columns', 'explicit'], ['explicit', 'cg3'])
    """
    names = [name for name in METHODS if name != "columns" or min(widths[1:-1], default=0) >= processes]
    times = {name: machine.seconds(step_cost(name, processes, batch, widths)) for name in names}
    return dict(sorted(times.items(), key=lambda item: item[1]))


def model(
    processes: Sequence[int],
    batch: int,
    widths: Sequence[int] = PAPER,
    machine: Machine = Machine(),
    *,
    batches: Sequence[int] = (),
    factors: Sequence[float] = (),
    among: int = 4,
) -> dict[str, Any]:
    """Return what :func:`minprox.figures.machine_costs` draws, but for what was measured.

    Parameters
    ----------
    processes : sequence of int
    batch, widths, machine
        As for :func:`fastest`.
    batches, factors : sequence of number
        Other batch sizes, and what the widths of the hidden layers are multiplied by.
    among : int
        How many processes share these.

    Returns
    -------
    dict
        ``"over"``: of ``"machines"``, ``"batch"`` and ``"factor"`` for each method and each number ``sent``,
        ``products`` and ``seconds``.

    Examples
    --------
    >>> record = model([1, 2], 50, [20, 10, 3], batches=[100])
    >>> sorted(record["over"]["machines"]["dual"]["2"]), record["over"]["batch"]["dual"].keys()
    (['products', 'seconds', 'sent'], dict_keys(['100']))
    """
    over: dict[str, dict[Any, tuple[int, int, Sequence[int]]]] = {
        "machines": {P: (P, batch, widths) for P in processes},
        "batch": {N: (among, N, widths) for N in batches},
        "factor": {factor: (among, batch, widened(widths, factor)) for factor in factors},
    }
    found = {axis: curves(cases, machine) for axis, cases in over.items()}
    return {"batch": batch, "widths": list(widths), "among": among, "over": found}


def widened(widths: Sequence[int], factor: float) -> list[int]:
    """Return widths whose hidden layers are so many times as wide."""
    return [widths[0], *(round(factor * n) for n in widths[1:-1]), widths[-1]]


def curves(cases: Mapping[Any, tuple[int, int, Sequence[int]]], machine: Machine) -> dict[str, Any]:
    """Return by method what each case costs: processes, batch and widths."""
    found: dict[str, dict[str, dict[str, float]]] = {method: {} for method in METHODS}
    for place, (P, N, widths) in cases.items():
        for method, seconds in fastest(P, N, widths, machine).items():
            cost = step_cost(method, P, N, widths)
            found[method][str(place)] = {"sent": cost.sent, "products": cost.products, "seconds": seconds}
    return found
