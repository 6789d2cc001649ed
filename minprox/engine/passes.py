"""The three passes: ``forward``, ``backprop`` and ``proxprop``, which share one reverse sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.plan import check_proximal, per_layer
from minprox.engine.solvers import Exact, Explicit, Report, run
from minprox.engine.stacked_map import StackedMap, stack
from minprox.engine.tape import Tape
from minprox.ground.backend import array_module

Solver = Callable[[LinearMap, Array, float], Array]


def forward(net: Graph, x: Array, *, training: bool = False, seed: int | Sequence[int] = 0) -> Tape:
    """Run the net on a batch and record every ``z_l`` and ``a_l`` (E1).

    Parameters
    ----------
    net : Graph
    x : array, shape (N, *input_shape)
        Floating point; converted to the dtype of the net.
    training : bool
        Whether dropout is active.
    seed : int or sequence of int
        Of the dropout masks; the same seed gives the same masks.

    Returns
    -------
    Tape

    Raises
    ------
    TypeError
        If ``x`` is no floating-point array, or lives on another backend than the parameters.
    ValueError
        If its shape does not fit the net.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, section 2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> tape.output.shape, [z.shape for z in tape.z]
    ((5, 3), [(5, 8), (5, 3)])
    """
    array_module(x, *net.parameters)
    if x.dtype.kind != "f":
        raise TypeError(f"forward: expected a floating-point batch, found dtype {x.dtype}")
    net.check(x.shape[1:])
    rng = np.random.default_rng(seed)
    layers: list[Layer | None] = []
    values: list[Array] = []
    for node, sources in zip(net.nodes, net.sources, strict=True):
        inputs = [values[i] for i in sources]
        layer = node.layer.sample(rng, *inputs) if training and node.layer else node.layer
        layers.append(layer)
        if layer is None:
            values.append(x.astype(net.dtype, copy=False))
        elif isinstance(layer, Transfer):
            values.append(layer.forward(layer.theta, *inputs))  # z_l = φ(θ_l, a_{l-1})  (E1)
        else:
            values.append(layer.forward(*inputs))  # a_l = σ(z_l)  (E1)
    return Tape(net, layers, values)


def errors(net: Graph, tape: Tape, loss: Any, y: Array) -> Iterator[tuple[int, LinearMap, Array]]:
    """Sweep the net in reverse and yield ``(l, A_l, δ_l)`` for each θ_l, the last layer first.

    ``δ_l = ∂J/∂z_l`` is laid out as the rows of ``A_l``. The errors that a node gets from several
    others are summed; the rows of a layer that stands at several places are stacked.

    Parameters
    ----------
    net : Graph
    tape : Tape
        Of a forward pass of this net, with the parameters as they are now.
    loss : CrossEntropy or SquaredError
    y : array, shape (N,) or (N, n_out)

    Yields
    ------
    l : int
    A : LinearMap
    delta : array, shape (..., rows, n_out)

    Raises
    ------
    ValueError
        If the tape is of another net.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> labels = np.array([0, 1, 2, 0, 1])
    >>> [(l, A.shape, delta.shape) for l, A, delta in mp.errors(net, tape, mp.CrossEntropy(), labels)]
    [(1, (5, 9), (5, 3)), (0, (5, 5), (5, 8))]
    """
    if tape.net is not net:
        raise ValueError("the tape was recorded by another net")
    number = {i: l for l, where in enumerate(net.places) for i in where}
    uses: list[list[tuple[LinearMap, Array]]] = [[] for _ in net.transfers]
    pending: dict[int, Array] = {len(net.nodes) - 1: loss.gradient(tape.output, y)}
    for i in reversed(range(len(net.nodes))):
        layer, sources, inputs = tape.layers[i], net.sources[i], tape.inputs(i)
        if layer is None or not net.learns[i]:
            continue
        delta = pending.pop(i)
        if isinstance(layer, Transfer):
            l, a = number[i], inputs[0]
            uses[l].append((layer.linear_map(a), layer.rows(delta)))
            if len(uses[l]) == len(net.places[l]):
                maps, deltas = zip(*uses[l], strict=True)
                yield l, maps[0] if len(maps) == 1 else StackedMap(maps), stack(deltas)
                uses[l].clear()
            if not net.learns[sources[0]]:
                continue
            back = layer.adjoint_input(layer.theta, a, delta)  # (∂φ/∂a)ᵀ δ
        else:
            back = layer.adjoint(delta, tape.values[i], *inputs)  # σ'(z)ᵀ δ
        for j, error in zip(sources, back if isinstance(back, tuple) else (back,), strict=True):
            if net.learns[j]:
                pending[j] = pending[j] + error if j in pending else error


def backprop(net: Graph, tape: Tape, loss: Any, y: Array) -> list[Array]:
    """Return the gradient of ``J``, one array for each θ_l (P1).

    Parameters
    ----------
    net : Graph
    tape : Tape
        Of a forward pass of this net.
    loss : CrossEntropy or SquaredError
    y : array, shape (N,) or (N, n_out)
        Labels or targets.

    Returns
    -------
    list of array
        Aligned with ``net.parameters``, of the same shapes and dtype.

    Raises
    ------
    ValueError, TypeError
        If the tape is of another net, or the targets do not fit the output.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> [g.shape for g in mp.backprop(net, tape, mp.CrossEntropy(), np.array([0, 1, 2, 0, 1]))]
    [(5, 8), (9, 3)]
    """
    grads: list[Array] = [None] * len(net.transfers)
    for l, A, delta in errors(net, tape, loss, y):  # last layer first
        grads[l] = net.transfers[l].join(A.T @ delta)  # ∇_{θ_l} J = A_lᵀ δ_l  (P1)
    return grads


def proxprop(
    net: Graph,
    tape: Tape,
    loss: Any,
    y: Array,
    tau_theta: float | Sequence[float],
    solver: Solver | Sequence[Solver] = Exact(),  # noqa: B008
    *,
    last_layer: str = "explicit",
    report: bool = False,
) -> Any:
    """Return the implicit direction ``d_l`` of each θ_l (A2 with τ = 1, E6).

    Parameters
    ----------
    net : Graph
    tape : Tape
        Of a forward pass of this net.
    loss : CrossEntropy or SquaredError
    y : array, shape (N,) or (N, n_out)
    tau_theta : float or sequence of float
        Proximal step size τ_θ > 0, one for all or one for each layer with parameters.
    solver : callable or sequence of callable
        ``solver(A, delta, tau_theta) -> d``, one for all or one for each layer with parameters.
    last_layer : {"explicit", "proximal"}
        The last transfer gets its gradient, as in the paper, or the step of its own proximal map
        ``argmin_θ L_y(φ(θ, a)) + 1/(2τ_θ) ‖θ − θ_{L-1}‖²``, for the loss ``SquaredError``.
    report : bool
        Whether to tell what the solver did in each layer.

    Returns
    -------
    steps : list of array
        Aligned with ``net.parameters``, and of their shapes.
    reports : list of Report
        Only if ``report``; aligned as well.

    Raises
    ------
    ValueError
        If a τ_θ is not a positive finite number, a sequence has the wrong length, or ``last_layer``
        is ``"proximal"`` where the last block is no linear solve.
    TypeError
        If a solver is not callable.

    Notes
    -----
    .. math:: d_l = (A_l^T A_l + I/\\tau_\\theta)^{-1} A_l^T \\delta_l

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Algorithm 2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> labels = np.array([0, 1, 2, 0, 1])
    >>> steps = mp.proxprop(net, tape, mp.CrossEntropy(), labels, tau_theta=0.05, solver=mp.Exact())
    >>> [d.shape for d in steps]
    [(5, 8), (9, 3)]
    """
    taus = per_layer("tau_theta", tau_theta, net)
    solvers = per_layer("solver", solver, net)
    check_proximal(net, loss, taus, solvers, last_layer)
    steps: list[Array] = [None] * len(net.transfers)
    reports: list[Report | None] = [None] * len(net.transfers)
    for l, A, delta in errors(net, tape, loss, y):  # last layer first
        solve, tau, done = solvers[l], float(taus[l]), None
        if l in net.last_transfers and last_layer == "explicit":
            solve, d = Explicit(), A.T @ delta  # ∇_{θ_{L-1}} J = A_{L-1}ᵀ δ_{L-1}  (A2, a)
        else:
            if l in net.last_transfers:  # d = (c AᵀA + I/τ_θ)⁻¹ Aᵀ δ, the loss having the Hessian c I,
                c = loss.curvature(y)
                delta, tau = delta / c, c * tau  # which is (E6) for δ/c and c τ_θ
            # d_l = (A_lᵀA_l + I/τ_θ)⁻¹ A_lᵀ δ_l  (E6, P2); to count iterations means to wait for the device
            d, done = run(solve, A, delta, tau) if report else (solve(A, delta, tau), None)
        steps[l] = net.transfers[l].join(d)
        if report:
            reports[l] = Report.of(solve, A, delta, tau, d, done)
    return (steps, reports) if report else steps
