"""Interlocking back-propagation: each module of a net learns from a loss a few modules further on.

Gomez et al., *Interlocking Backpropagation: Improving depthwise model-parallelism*, JMLR 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.plan import Solver, solved
from minprox.engine.reverse import output_error, sweep
from minprox.engine.solvers import Exact, Explicit
from minprox.engine.tape import Tape
from minprox.ground.arguments import refuse, step_size, whole
from minprox.ground.doors import function
from minprox.learning.doors import door
from minprox.methods.modules import Modules
from minprox.methods.pipeline import handed


@door(net=None, tau_theta=None, solver=function)
def n_wise(
    net: Modules,
    tape: Tape,
    loss: Loss,
    y: Array,
    horizon: int = 2,
    tau_theta: float | Sequence[float | None] | None = None,
    solver: Solver = Exact(),  # noqa: B008
) -> list[Array]:
    """Return the N-wise direction of each θ, those of the heads too (I1).

    Parameters
    ----------
    net : Modules
        Whose modules and heads learn.
    tape, loss, y
        As for :func:`minprox.backprop`; the loss is that of the heads, too.
    horizon : int
        N: θ_i learns from the loss behind module ``i + N − 1`` alone. 1 is local learning, K end-to-end.
    tau_theta : float or None, or a sequence of them
        Proximal step size of all modules and their heads, or of each; None, the default, is the gradient.
    solver : callable
        As for :func:`minprox.proxprop`. What faces a loss gets its gradient.

    Returns
    -------
    list of array
        Aligned with ``net.parameters``.

    Raises
    ------
    TypeError
        If the net is no :class:`Modules`.
    ValueError
        If ``horizon`` is no positive integer, or a τ_θ no positive number.

    References
    ----------
    Gomez et al., JMLR 2022, section 3.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> modules = [mp.Sequential(mp.Linear(4, n), mp.ReLU(), seed=n) for n in (4, 3)]
    >>> net = Modules(modules, [mp.Sequential(mp.Linear(4, 3), seed=1)])
    >>> tape, labels = mp.forward(net, np.ones((5, 4), dtype="float32")), np.array([0, 1, 2, 0, 1])
    >>> [d.shape for d in n_wise(net, tape, mp.CrossEntropy(), labels, horizon=1)]
    [(5, 4), (5, 3), (5, 3)]
    """
    if not isinstance(net, Modules):
        refuse("net", "a net of modules, such as mp.methods.Modules makes", net)
    tape.check(net)
    K, N = len(net.modules), whole("horizon", horizon)
    taus = each_module(tau_theta, K)
    steps: dict[int, Array] = {}

    def keep(part: Graph, swept: Iterable[tuple[Any, Any, Array]], tau: float | None, faces: bool) -> None:
        for l, A, delta in swept:
            explicit = tau is None or (faces and l in part.last_transfers)
            d = solved(Explicit() if explicit else solver, A, delta, tau or 0.0)  # Aᵀδ, or (E6)
            steps[id(part.transfers[l])] = part.transfers[l].join(d)

    errors: dict[int, Array] = {}  # at h_i: that of each loss k, by its number
    own = {}  # ∂L_i/∂h_i
    for i, (head, numbers) in enumerate(zip(net.heads, net.within_heads, strict=True), start=1):
        aside = part_of(tape, head, numbers)
        *layers, (_, _, own[i]) = sweep(head, aside, output_error(aside, loss, y), to_input=True)
        keep(head, layers, taus[i - 1], faces=True)  # a_i learns from L_i alone
    own[K] = output_error(tape, loss, y)
    for i in range(K, 0, -1):
        module, errors[i] = net.modules[i - 1], own[i]
        record = part_of(tape, module, net.within_modules[i - 1])
        # θ_i learns from L_{min(i+N−1, K)} alone  (I1)
        keep(module, sweep(module, record, errors[min(i + N - 1, K)]), taus[i - 1], faces=i == K)
        errors = {k: input_error(module, record, errors[k]) for k in handed(i, N, K)}
    return [steps[id(layer)] for layer in net.transfers]


def part_of(tape: Tape, part: Graph, numbers: Sequence[int]) -> Tape:
    """Return what a tape holds of one module."""
    layers = [None, *(tape.layers[i] for i in numbers[1:])]
    return Tape(part, layers, [tape.values[i] for i in numbers])


def input_error(module: Graph, tape: Tape, error: Array) -> Array:
    """Return the error at the input of a module."""
    *_, (_, _, delta) = sweep(module, tape, error, to_input=True)
    return delta


def each_module(tau_theta: Any, count: int) -> list[float | None]:
    """Return a τ_θ, or None, for each module."""
    values = list(tau_theta) if isinstance(tau_theta, (list, tuple)) else [tau_theta] * count
    if len(values) != count:
        raise ValueError(f"tau_theta: expected one value, or {count}, one a module, found {len(values)}")
    return [None if value is None else step_size("tau_theta", value) for value in values]
