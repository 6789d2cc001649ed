"""The fourth pass: how the gradient changes when the parameters, or the batch, move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import Loss, check_loss
from minprox.engine.reverse import output_error
from minprox.engine.tape import Tape
from minprox.ground.backend import array_module
from minprox.ground.blas import alone

Dot = Array | None  # the derivative of an array along the motion; None where it does not move


@door
@alone
def tangent(
    net: Graph, tape: Tape, loss: Loss, y: Array, v: Sequence[Array] | None = None, s: Array | None = None
) -> list[Array]:
    """Return the derivative of the gradient along a motion of the parameters, of the batch, or of both (T3).

    Parameters
    ----------
    tape : Tape
        Of a forward pass of this net, with the parameters as they are now.
    loss : Loss
        With a ``tangent``.
    y : array, shape (N, ...)
        Labels or targets.
    v : list of array, optional
        Along which the parameters move; aligned with ``net.parameters``.
    s : array, optional
        Along which the batch moves; of its shape.

    Returns
    -------
    list of array
        ``d/dε ∇J(θ + ε v; x + ε s)`` at ε = 0, aligned with ``net.parameters``: ``H v`` where ``s`` is
        left out.

    Raises
    ------
    ValueError
        If the tape is of another net, nothing moves, or a motion has another shape than what it moves.
    TypeError
        If a layer or the loss has no tangent: the message names the method.

    Notes
    -----
    Where σ has a kink (ReLU, the winners of max-pooling) the derivative is that of the piece at hand.

    References
    ----------
    Pearlmutter, Fast Exact Multiplication by the Hessian, Neural Computation 6, 1994.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y, loss = np.ones((5, 4)), np.array([0, 1, 2, 0, 1]), mp.CrossEntropy()
    >>> Hv = mp.tangent(net, mp.forward(net, x), loss, y, v=net.parameters)
    >>> [u.shape for u in Hv]
    [(5, 8), (9, 3)]
    """
    return Linearised(net, tape, loss, y).along(v, s)


class Linearised:
    """A net at one tape: what every product with its Hessian needs again, found once.

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`minprox.tangent`.
    curved : bool
        False leaves out every term in which δ stands undotted: Gauss–Newton (T4).
    """

    def __init__(self, net: Graph, tape: Tape, loss: Loss, y: Array, curved: bool = True) -> None:
        check_loss(loss, "gradient", "tangent")
        check_layers(net, tape, curved)
        self.net, self.tape, self.loss, self.y = net, tape, loss, y
        self.number = {i: l for l, places in enumerate(net.places) for i in places}
        self.A = {i: net.transfers[l].linear_map(tape.inputs(i)[0]) for i, l in self.number.items()}
        delta = output_error(tape, loss, y)  # which looks at y, also where (T4) needs no δ
        self.delta = node_errors(net, tape, delta) if curved else {}

    @alone
    def along(self, v: Sequence[Array] | None = None, s: Array | None = None) -> list[Array]:
        """Return the derivative of the gradient along a motion; see :func:`minprox.tangent`."""
        check_motion(self.net, self.tape, v, s)
        a_dot, A_dot = self.forward(v, s)
        delta_dot = self.loss.tangent(self.tape.output, self.y, a_dot[-1])  # δ̇ = ∂²L ż_{L-1}  (T2)
        return self.reverse(v, a_dot, A_dot, delta_dot)

    def forward(self, v: Sequence[Array] | None, s: Array | None) -> tuple[list[Dot], dict[int, LinearMap]]:
        """Return the derivative of each node's value, and ``Ȧ`` where the input of a transfer moves (T1)."""
        net, tape = self.net, self.tape
        a_dot: list[Dot] = [s]  # ȧ_0 = s  (T1)
        A_dot: dict[int, LinearMap] = {}
        for i, layer in enumerate(tape.layers[1:], start=1):
            inputs, dots = tape.inputs(i), [a_dot[j] for j in net.sources[i]]
            if isinstance(layer, Transfer):
                terms = []  # ż_l = A_l v_l + Ȧ_l θ_l  (T1)
                if v is not None:
                    terms.append(self.A[i] @ layer.split(v[self.number[i]]))
                if dots[0] is not None:
                    A_dot[i] = layer.tangent_map(dots[0])
                    terms.append(A_dot[i] @ layer.split(layer.theta))
                z_dot = layer.unrows(sum(terms[1:], terms[0]), tape.values[i].shape) if terms else None
                a_dot.append(z_dot)
            elif layer is None or not moves(dots):
                a_dot.append(None)
            else:
                a_dot.append(layer.tangent(filled(dots, inputs), tape.values[i], *inputs))  # σ'(z) ż  (T1)
        return a_dot, A_dot

    def reverse(
        self, v: Sequence[Array] | None, a_dot: list[Dot], A_dot: dict[int, LinearMap], delta_dot: Array
    ) -> list[Array]:
        """Return ``Ġ_l`` of each θ_l from the δ̇ of the output (T3)."""
        net, tape = self.net, self.tape
        G_dot: list[Any] = [None] * len(net.transfers)
        pending = {len(net.nodes) - 1: delta_dot}
        for i in reversed(range(len(net.nodes))):
            layer, sources, inputs = tape.layers[i], net.sources[i], tape.inputs(i)
            if layer is None or not net.learns[i]:
                continue
            delta, delta_dot, dots = self.delta.get(i), pending.pop(i), [a_dot[j] for j in sources]
            if isinstance(layer, Transfer):
                l = self.number[i]
                d = self.A[i].T @ layer.rows(delta_dot)  # Ġ_l = A_lᵀ δ̇_l + Ȧ_lᵀ δ_l  (T3)
                if delta is not None and i in A_dot:
                    d = d + A_dot[i].T @ layer.rows(delta)
                G_dot[l] = layer.join(d) if G_dot[l] is None else G_dot[l] + layer.join(d)
                if not net.learns[sources[0]]:
                    continue
                e_dot = layer.adjoint_input(layer.theta, inputs[0], delta_dot)
                if delta is not None and v is not None:  # ė = (∂φ/∂a)ᵀ δ̇ + (∂φ(v, ·)/∂a)ᵀ δ  (T3)
                    e_dot = e_dot + layer.adjoint_input(v[l], inputs[0], delta)
                back: tuple[Array, ...] = (e_dot,)
            else:
                back = tupled(layer.adjoint(delta_dot, tape.values[i], *inputs))
                if delta is not None and layer.bends and moves(dots):  # δ̇ = σ'(z) ė + σ''(z) ż e  (T3)
                    bent = tupled(layer.bend(delta, filled(dots, inputs), tape.values[i], *inputs))
                    back = tuple(one + other for one, other in zip(back, bent, strict=True))
            for j, error in zip(sources, back, strict=True):
                if net.learns[j]:
                    pending[j] = pending[j] + error if j in pending else error
        return G_dot


def node_errors(net: Graph, tape: Tape, delta: Array) -> dict[int, Array]:
    """Return the error of each node that learns, by its number, from that of the output."""
    found = {len(net.nodes) - 1: delta}
    for i in reversed(range(len(net.nodes))):
        layer, sources, inputs = tape.layers[i], net.sources[i], tape.inputs(i)
        if layer is None or not any(net.learns[j] for j in sources):
            continue
        if isinstance(layer, Transfer):
            back = (layer.adjoint_input(layer.theta, inputs[0], found[i]),)  # e = (∂φ/∂a)ᵀ δ  (T3)
        else:
            back = tupled(layer.adjoint(found[i], tape.values[i], *inputs))  # δ = σ'(z) e  (T3)
        for j, error in zip(sources, back, strict=True):
            if net.learns[j]:
                found[j] = found[j] + error if j in found else error
    return found


def moves(dots: list[Dot]) -> bool:
    """Tell whether any input of a layer moves."""
    return any(dot is not None for dot in dots)


def filled(dots: list[Dot], inputs: list[Array]) -> Any:
    """Return the derivatives of a layer's inputs as it takes them, with zeros for those that stand still."""
    found = [
        array_module(a).zeros_like(a) if dot is None else dot for dot, a in zip(dots, inputs, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def tupled(errors: Any) -> tuple[Array, ...]:
    """Return what an adjoint gave as a tuple, one error for each input."""
    return errors if isinstance(errors, tuple) else (errors,)


def check_layers(net: Graph, tape: Tape, curved: bool) -> None:
    """Raise ValueError for the tape of another net, TypeError where a layer lacks a method of this pass."""
    tape.check(net)
    for i, layer in enumerate(tape.layers):
        if layer is None or isinstance(layer, Transfer):
            continue
        missing = [] if type(layer).tangent is not Layer.tangent else ["tangent(motion, output, *inputs)"]
        if curved and layer.bends and type(layer).bend is Layer.bend and net.learns[i]:
            missing.append("bend(delta, motion, output, *inputs)")
        if missing:
            raise TypeError(
                f"the tangent pass needs the derivative of {layer!r}, which has none: give the class "
                f"{type(layer).__name__} a method {' and '.join(missing)}, see mp.Layer"
            )


def check_motion(net: Graph, tape: Tape, v: Sequence[Array] | None, s: Array | None) -> None:
    """Raise ValueError where nothing moves, or a motion does not fit what it moves."""
    if v is None and s is None:
        raise ValueError("tangent: expected a motion v of the parameters or s of the batch, found neither")
    if v is not None:
        array_module(*net.parameters, *v)
        expected, found = [theta.shape for theta in net.parameters], [u.shape for u in v]
        if found != expected:
            raise ValueError(f"tangent: expected a motion v of the shapes {expected}, found {found}")
    if s is not None:
        array_module(tape.values[0], s)
        if s.shape != tape.values[0].shape:
            raise ValueError(
                f"tangent: expected a motion s of the batch's shape {tape.values[0].shape}, found {s.shape}"
            )
