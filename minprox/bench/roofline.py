"""The roof over every pass: how many multiplications it takes, at the rate at which this machine multiplies.

Products of matrices take most of the arithmetic of a pass. If they took all of its time, and ran as fast as a
large product of square matrices does, the pass would reach that rate; what share of it a pass does reach
tells how much skinny products, float64 and everything between the products cost.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import forward
from minprox.engine.reverse import errors
from minprox.engine.solvers import Exact

SIDE = 2000


def gemm_rate(side: int = SIDE, dtype: str = "float32", repeats: int = 7) -> float:
    """Measure at which rate NumPy multiplies square matrices.

    Parameters
    ----------
    side : int
        Of the matrices.
    dtype : {"float32", "float64"}
    repeats : int

    Returns
    -------
    float
        Multiplications and additions in a second, in the fastest of the repeats.

    Examples
    --------
    >>> gemm_rate(50) > 0
    True
    """
    A = np.ones((side, side), dtype)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        A @ A
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds[1:])


def arithmetic(net: Graph, x: Any, y: Any, solver: Any = None) -> dict[str, float]:
    """Count the multiplications and additions in the products of each pass.

    Parameters
    ----------
    net : Graph
    x, y : array
        A batch, with labels.
    solver : Exact, optional
        Whose form the exact step takes; ``Exact()`` if not given.

    Returns
    -------
    dict of str to float
        ``"forward"``; ``"back-propagation"`` and ``"exact"``, forward pass included.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8, bias=False), mp.ReLU(), mp.Linear(8, 3, bias=False), seed=0)
    >>> found = arithmetic(net, np.ones((5, 4), dtype="float32"), np.zeros(5, int))
    >>> [found[name] for name in ("forward", "back-propagation")]  # 2·5·(4·8 + 8·3), 2·5·(2·4·8 + 3·8·3)
    [560.0, 1360.0]
    """
    tape, solver = forward(net, x), solver or Exact()
    found = dict.fromkeys(("forward", "back-propagation", "exact"), 0.0)
    for l, A, delta in errors(net, tape, CrossEntropy(), y):
        (rows, cols), n_out, groups = A.shape, delta.shape[-1], net.transfers[l].groups
        product = 2.0 * rows * cols * n_out * groups  # A θ, and as many Aᵀ δ and (∂φ/∂a)ᵀ δ
        below = any(net.learns[net.sources[place][0]] for place in net.places[l])
        found["forward"] += product
        found["back-propagation"] += (2 + below) * product
        found["exact"] += (2 + below) * product
        if l not in net.last_transfers:
            primal = solver.chosen(A) == "primal"
            n, gram = (cols, A.normal_cost) if primal else (rows, A.gram_cost)
            W = n_out if primal else min(cols, n_out)  # columns that (…)⁻¹ is applied to
            solve = n**3 / 6 if primal and delta.dtype == "float32" else n**3 / 2  # L, or L and L⁻ᵀ L⁻¹
            found["exact"] += 2.0 * groups * (gram + solve + n * n * W)
    return found
