"""Checkers of layers: identities that they must satisfy, with a verdict in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.ground.arguments import refuse, whole
from minprox.paper.memory_checks import check_memory, writing_told
from minprox.paper.tangent_checks import check_tangent, check_tangent_map
from minprox.paper.verdicts import CheckError, agree, dot, frozen, off


def a_layer(name: str, value: Any) -> None:
    """Raise TypeError unless this is a layer."""
    if not isinstance(value, Layer):
        refuse(name, "a layer, such as mp.Tanh()", value)


def sample_shape(value: Any) -> tuple[int, ...]:
    """Return the shape of one sample, all of it known."""
    if not isinstance(value, (list, tuple)):
        refuse("input_shapes", "a tuple of integers for each input", value)
    return tuple(whole("input_shapes", n) for n in value)


@door(layer=a_layer)
def check_layer(layer: Layer, *input_shapes: tuple[int, ...], batch: int = 3, seed: int = 0) -> None:
    """Check the adjoints and tangents of a layer, and of a transfer all that the solvers rely on.

    Of a transfer: linear in θ, both adjoints (the dot test), columns of θ that act on their own
    channel alone, and ``matrix`` if it has one.
    Of another layer: its adjoint against central differences, for each input, and ``tangent`` and ``bend``
    where it gives them (T1, T3). Of both: whether it writes to its arguments, and whether what it gives
    depends on what it has seen before.

    Parameters
    ----------
    *input_shapes : tuple of int
        Shape of one sample of each input.
    batch : int
        Number of random samples, float64.

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
    batch, shapes = whole("batch", batch), [sample_shape(shape) for shape in input_shapes]
    if not shapes:
        refuse("input_shapes", "the shape of one sample of each input", input_shapes)
    rng = np.random.default_rng(seed)
    inputs = [frozen(rng.standard_normal((batch, *shape))) for shape in shapes]
    with writing_told(layer):
        check_memory(layer, inputs, np.random.default_rng(seed))
        if isinstance(layer, Transfer):
            check_transfer(layer, inputs[0], rng)
        else:
            output = frozen(layer.forward(*inputs))
            delta = check_adjoints(layer, inputs, output, rng)
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
        expected = only(z, column, axis)
        agree(
            layer,
            f"column {column} of θ makes channel {column} of z alone",
            layer.forward(alone, a),
            expected,
        )
        one = only(delta, column, axis)
        where = f"column {column}, however small"
        dot(layer, f"adjoint_theta in {where}", (expected, one), (theta[:, column], found[:, column]))
        back_of_one = layer.adjoint_input(theta, a, one)
        dot(
            layer,
            f"adjoint_input of the error of {where}",
            (only(moved, column, axis), one),
            (change, back_of_one),
        )
    check_tangent_map(layer, theta, a, delta, rng)
    if not layer.linear_map(a).matrix_free:
        A, rows = layer.matrix(a), layer.rows(z)
        agree(layer, "matrix(a) @ θ = φ(θ, a)", A @ layer.split(theta), rows)


def check_adjoints(layer: Layer, inputs: list[Array], output: Array, rng: np.random.Generator) -> Array:
    """Check a nonlinear layer's adjoint along a random direction of each input, and return the δ it was of.

    Each channel of the output, axis 1, is checked by itself too, so that a small one must be right as well.
    """
    delta, h = frozen(rng.standard_normal(output.shape)), 1e-6
    moves = [rng.standard_normal(a.shape) for a in inputs]
    ends = [
        [layer.forward(*inputs[:i], a + s * h * b, *inputs[i + 1 :]) for s in (1, -1)]
        for i, (a, b) in enumerate(zip(inputs, moves, strict=True))
    ]
    for channel in (None, *range(output.shape[1] if output.ndim > 1 else 0)):
        one = delta if channel is None else only(delta, channel, 1)
        where = "" if channel is None else f" from channel {channel} of the output"
        found = layer.adjoint(one, output, *inputs)
        parts = found if isinstance(found, tuple) else (found,)
        if len(parts) != len(inputs):
            raise CheckError(
                f"{layer!r}: expected {len(inputs)} errors, one for each input, found {len(parts)}"
            )
        rounding = float(np.finfo(float).eps * np.linalg.norm(output * one)) / h
        for i, (b, part, (ahead, behind)) in enumerate(zip(moves, parts, ends, strict=True)):
            expected = float(((ahead - behind) * one).sum() / (2 * h))
            scale = max(float(np.linalg.norm(b) * np.linalg.norm(part)), rounding / 1e-6)
            what = f"{layer!r}: adjoint of input {i + 1}{where}"
            off(what, expected, float((b * part).sum()), scale, 1e-6)
    return delta


def only(array: Array, channel: int, axis: int) -> Array:
    """Return an array with zeros in all channels but one, read-only."""
    alone = np.zeros_like(array)
    np.moveaxis(alone, axis, 0)[channel] = np.moveaxis(array, axis, 0)[channel]
    return frozen(alone)
