"""Checkers: identities that a layer, a gradient or a step must satisfy, with a verdict in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, forward
from minprox.engine.solvers import relative_residual
from minprox.ground.backend import array_module
from minprox.paper.tangent_checks import check_tangent, check_tangent_map
from minprox.paper.verdicts import CheckError, agree, dot, frozen, off


def check_layer(layer: Layer, *input_shapes: tuple[int, ...], batch: int = 3, seed: int = 0) -> None:
    """Check the adjoints and tangents of a layer, and of a transfer all that the solvers rely on.

    Of a transfer: linear in θ, both adjoints (the dot test), columns of θ that act on their own
    channel alone, ``matrix`` if it has one, and whether it writes to its arguments.
    Of another layer: its adjoint against central differences, for each input, and ``tangent`` and ``bend``
    where it gives them (T1, T3).

    Parameters
    ----------
    layer : Layer
    *input_shapes : tuple of int
        Shape of one sample of each input.
    batch : int
        Number of random samples, float64.
    seed : int

    Raises
    ------
    CheckError
        If an identity fails.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.check_layer(mp.Conv2d(4, 6, 3, stride=2, groups=2), (4, 9, 9))
    >>> class Wrong(mp.Tanh):
    ...     def adjoint(self, delta, a, z):
    ...         return -super().adjoint(delta, a, z)
    >>> mp.check_layer(Wrong(), (5,))
    Traceback (most recent call last):
    ...
    minprox.paper.verdicts.CheckError: Wrong(): adjoint of input 1: expected ...
    """
    rng = np.random.default_rng(seed)
    inputs = [frozen(rng.standard_normal((batch, *shape))) for shape in input_shapes]
    if isinstance(layer, Transfer):
        check_transfer(layer, inputs[0], rng)
    else:
        output = frozen(layer.forward(*inputs))
        delta = frozen(rng.standard_normal(output.shape))
        found = layer.adjoint(delta, output, *inputs)
        check_adjoints(layer, layer.forward, inputs, delta, found, rng)
        check_tangent(layer, inputs, delta, rng)


def check_transfer(layer: Transfer, a: Array, rng: np.random.Generator) -> None:
    """Check what makes a transfer: see :func:`check_layer`."""
    theta, other = (frozen(rng.standard_normal(layer.theta_shape)) for _ in range(2))
    z = layer.forward(theta, a)
    delta = frozen(rng.standard_normal(z.shape))
    axis = layer.channel_axis
    if z.shape[axis] != layer.theta_shape[1]:
        raise CheckError(
            f"{layer!r}: axis {axis} of z must have the {layer.theta_shape[1]} columns of θ, "
            f"found z of shape {z.shape}"
        )
    both = layer.forward(theta + 2 * other, a)
    agree(layer, "φ(θ + 2θ', a) = φ(θ, a) + 2 φ(θ', a)", both, z + 2 * layer.forward(other, a))
    found = layer.adjoint_theta(a, delta)
    agree(layer, "shape of adjoint_theta", np.array(found.shape), np.array(layer.theta_shape))
    dot(layer, "⟨φ(θ, a), δ⟩ = ⟨θ, adjoint_theta(a, δ)⟩", (z, delta), (theta, found))
    change = frozen(rng.standard_normal(a.shape))
    moved = layer.forward(theta, a + change) - z
    back = layer.adjoint_input(theta, a, delta)
    dot(
        layer,
        "⟨φ(θ, a + b) − φ(θ, a), δ⟩ = ⟨b, adjoint_input(θ, a, δ)⟩",
        (moved, delta),
        (change, back),
    )
    for column in range(layer.theta_shape[1]):
        alone = np.zeros(layer.theta_shape)
        alone[:, column] = theta[:, column]
        expected = np.zeros_like(z)
        np.moveaxis(expected, axis, 0)[column] = np.moveaxis(z, axis, 0)[column]
        agree(
            layer,
            f"column {column} of θ makes channel {column} of z alone",
            layer.forward(alone, a),
            expected,
        )
    check_tangent_map(layer, theta, a, delta, rng)
    if not layer.linear_map(a).matrix_free:
        A, rows = layer.matrix(a), layer.rows(z)
        agree(layer, "matrix(a) @ θ = φ(θ, a)", A @ layer.split(theta), rows)


def check_adjoints(
    layer: Any,
    function: Callable[..., Array],
    inputs: list[Array],
    delta: Array,
    found: Any,
    rng: Any,
) -> None:
    """Check a nonlinear layer's adjoint along a random direction of each input."""
    parts = found if isinstance(found, tuple) else (found,)
    if len(parts) != len(inputs):
        raise CheckError(f"{layer!r}: expected {len(inputs)} errors, one for each input, found {len(parts)}")
    h = 1e-6
    for i, (a, part) in enumerate(zip(inputs, parts, strict=True)):
        b = rng.standard_normal(a.shape)
        ends = [function(*inputs[:i], a + s * h * b, *inputs[i + 1 :]) for s in (1, -1)]
        expected = float(((ends[0] - ends[1]) * delta).sum() / (2 * h))
        scale = float(np.linalg.norm(b) * np.linalg.norm(part))
        off(f"{layer!r}: adjoint of input {i + 1}", expected, float((b * part).sum()), scale, 1e-6)


def check_gradient(net: Graph, x: Array, loss: Loss, y: Array, gradient: Any = None, seed: int = 0) -> float:
    """Check a gradient of ``J`` against central differences along a random direction.

    Parameters
    ----------
    net : Graph
        In float64, and smooth near its parameters; restored on return.
    x : array, shape (N, *input_shape)
    loss : Loss
    y : array, shape (N,) or (N, n_out)
    gradient : list of array, optional
        What to check, aligned with ``net.parameters``; :func:`minprox.backprop` if not given.
    seed : int

    Returns
    -------
    float
        The relative error.

    Raises
    ------
    CheckError
        If it is above 1e-6.
    ValueError
        If the net is not in float64.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64")
    >>> x, y = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 2, 0, 1])
    >>> mp.check_gradient(net, x, mp.CrossEntropy(), y) < 1e-7
    True
    """
    if net.dtype != np.float64:
        raise ValueError(f"check_gradient: expected a net in float64, found {net.dtype}")
    rng = np.random.default_rng(seed)
    if gradient is None:
        gradient = backprop(net, forward(net, x), loss, y)
    old, h, values = [theta.copy() for theta in net.parameters], 1e-5, []
    direction = [array_module(theta).asarray(rng.standard_normal(theta.shape)) for theta in old]
    try:
        for s in (1, -1):
            net.parameters = [theta + s * h * b for theta, b in zip(old, direction, strict=True)]
            values.append(float(loss(forward(net, x).output, y)))
    finally:
        net.parameters = old
    expected = (values[0] - values[1]) / (2 * h)
    found = sum(float((b * g).sum()) for b, g in zip(direction, gradient, strict=True))
    scale = sum(float((g * g).sum()) for g in gradient) ** 0.5
    what = "gradient along a random direction (where a kink, as of ReLU, is near, a right one fails too)"
    return off(what, expected, found, scale, 1e-6)


def check_step(A: LinearMap, delta: Array, tau_theta: float, d: Array, tolerance: float = 1e-8) -> float:
    """Check the optimality condition ``(AᵀA + I/τ_θ) d = Aᵀ δ`` of an implicit step (E6).

    Parameters
    ----------
    A : LinearMap
    delta : array, shape (rows, n_out)
    tau_theta : float
    d : array, shape (cols, n_out)
    tolerance : float
        Of the relative residual.

    Returns
    -------
    float
        The relative residual.

    Raises
    ------
    CheckError
        If it is above the tolerance.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.eye(3), bias=True), np.ones((3, 2))
    >>> mp.check_step(A, delta, 0.5, mp.Exact()(A, delta, 0.5)) < 1e-12
    True
    """
    residual = relative_residual(A, delta, tau_theta, d)
    if not residual <= tolerance:
        raise CheckError(
            f"(AᵀA + I/τ_θ) d = Aᵀδ fails: relative residual {residual:.3g}, tolerance {tolerance:.3g}"
        )
    return residual
