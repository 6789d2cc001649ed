"""What :func:`minprox.proxprop` does in each layer, settled before its loop: solver, τ_θ and the factor c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import Loss
from minprox.engine.losses.base import has
from minprox.engine.solvers import Explicit, NewtonCG
from minprox.engine.solvers.decayed import Decayed
from minprox.engine.solvers.report import Recorded, Report
from minprox.ground.arguments import number, one_of, shown, step_size
from minprox.ground.doors import misfit

Solver = Callable[[LinearMap, Array, float], Array]


class LayerPlan(NamedTuple):
    """The step of one layer: ``d = (c AᵀA + I/τ_θ)⁻¹ Aᵀ δ``, which is ``solver(A, δ/c, c τ_θ)``.

    Attributes
    ----------
    solver : callable
    tau_theta : float
        Proximal step size; 0 where the layer faces the loss and gets its gradient, the limit of ``d/τ_θ``.
    c : float
        Curvature of the layer's own block: 1, but where the block faces a loss with the Hessian ``c I``.
    """

    solver: Solver
    tau_theta: float
    c: float = 1.0

    @property
    def explicit(self) -> bool:
        """Whether the layer faces the loss and gets its gradient."""
        return self.tau_theta == 0


def plan(
    net: Graph,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solver: Solver | Sequence[Solver],
    last_layer: str = "explicit",
    weight_decay: float = 0.0,
    report: bool = False,
    output: Array | None = None,
) -> list[LayerPlan]:
    """Return what proxprop does in each layer, or raise an error where its arguments make no step.

    The parameters are those of :func:`minprox.proxprop`, and the output of the net; so are the errors.
    """
    one_of("last_layer", last_layer, ("explicit", "proximal"))
    taus, solvers = per_layer("tau_theta", tau_theta, net), per_layer("solver", solver, net)
    decay = number("weight_decay", weight_decay, least=0)
    proximal = last_layer == "proximal"
    c = last_curvature(net, loss, y) if proximal else None
    layers: list[LayerPlan] = []
    for l, (tau, solve) in enumerate(zip(taus, solvers, strict=True)):
        last = l in net.last_transfers
        if last and not proximal:
            layers.append(LayerPlan(Explicit(), 0.0))  # (A2, a); the entries of this layer are not used
            continue
        tau = step_size("tau_theta", tau, net.dtype)
        if not callable(solve) or isinstance(solve, type):
            raise TypeError(
                "solver: expected a callable solver(A, delta, tau_theta), such as mp.Exact(), "
                f"found {shown(solve)}"
            )
        if last and c is None:
            solve = NewtonCG(loss, y, output, net.transfers[l], decay)
        layers.append(LayerPlan(solve, tau, c if last and c is not None else 1.0))
    if report:
        layers = [layer._replace(solver=Recorded(layer.solver)) for layer in layers]
    return decayed(net, layers, decay) if decay else layers


def decayed(net: Graph, layers: Sequence[LayerPlan], decay: float) -> list[LayerPlan]:
    """Return the same plan with ``λ/2 ‖θ_l‖²`` in the step of each layer."""
    return [
        layer  # which has it in its problem
        if isinstance(plain_solver(layer), NewtonCG)
        else layer._replace(solver=Decayed(layer.solver, transfer.split(transfer.theta), decay / layer.c))
        for layer, transfer in zip(layers, net.transfers, strict=True)
    ]


def plain_solver(layer: LayerPlan) -> Solver:
    """Return the solver of a layer, whether it is recorded or not."""
    return layer.solver.solver if isinstance(layer.solver, Recorded) else layer.solver


def report_of(layer: LayerPlan) -> Report | None:
    """Return what a recorded solver did in a layer."""
    solver: Any = layer.solver.solver if isinstance(layer.solver, Decayed) else layer.solver
    return solver.report


def solved(solver: Solver, A: LinearMap, delta: Array, tau_theta: float) -> Array:
    """Return the step of a solver, or raise ValueError where that is no d of this system."""
    try:
        d = solver(A, delta, tau_theta)
    except TypeError:
        while isinstance(solver, (Decayed, Recorded)):
            solver = solver.solver
        misfit("solver", solver, "A", "delta", "tau_theta")
        raise
    expected = (*delta.shape[:-2], A.shape[1], delta.shape[-1])
    if getattr(d, "shape", None) != expected:
        raise ValueError(
            f"solver: expected {shown(solver)} to return an array of the shape {expected}, found {shown(d)}"
        )
    return d


def over(delta: Array, c: float) -> Array:
    """``δ / c``, and δ itself, not a copy, for ``c = 1``."""
    return delta if c == 1 else delta / c


def per_layer(name: str, value: Any, net: Graph) -> list[Any]:
    """Return one value for each layer with parameters."""
    count = len(net.transfers)
    if not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) == 0:
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name}: expected one value, or {count}, one for each layer with parameters, found {len(value)}"
        )
    return list(value)


def last_curvature(net: Graph, loss: Loss, y: Array) -> float | None:
    """Return ``c`` of the block that faces the loss, or None where Newton's method must solve it."""
    given = getattr(loss, "curvature", None)
    c = given(y) if callable(given) else given
    if c is None and not (has(loss, "value") and has(loss, "tangent")):
        raise ValueError(
            'last_layer="proximal" needs a loss with a curvature, whose last block is a linear solve, '
            f"or with value and tangent, for Newton's method, found {loss!r}"
        )
    output = [l for l, places in enumerate(net.places) if len(net.nodes) - 1 in places]
    if not net.last_transfers.intersection(output):
        raise ValueError(
            'last_layer="proximal" needs as the output a transfer that stands nowhere else, '
            f"found {net.nodes[-1]!r}"
        )
    return c
