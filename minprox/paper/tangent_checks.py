"""Checks of what the tangent pass asks of a layer (T1, T3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.tangent import filled, tupled
from minprox.paper.verdicts import agree, dot, frozen

STEP = 1e-6  # of the central differences


def check_tangent(layer: Layer, inputs: list[Array], delta: Array, rng: np.random.Generator) -> None:
    """Check ``tangent`` and ``bend`` of a layer, as far as it gives them, along each input and all at once.

    Raises :class:`minprox.CheckError` if an identity fails.

    Parameters
    ----------
    layer : Layer
    inputs : list of array, shape (N, *shape)
    delta : array, shape (N, *output_shape)
    rng : numpy.random.Generator
    """
    if type(layer).tangent is Layer.tangent:
        return
    moves = [frozen(rng.standard_normal(a.shape)) for a in inputs]
    which = [[i] for i in range(len(inputs))] + ([list(range(len(inputs)))] if len(inputs) > 1 else [])
    for chosen in which:
        dots = [b if i in chosen else None for i, b in enumerate(moves)]
        motion = filled(dots, inputs)
        what = "input " + " and ".join(str(i + 1) for i in chosen)
        check_along(layer, inputs, motion, delta, what)


def check_along(layer: Layer, inputs: list[Array], motion: Any, delta: Array, what: str) -> None:
    """Check ``tangent`` and ``bend`` along one motion of the inputs."""
    ends = [
        [a + side * STEP * b for a, b in zip(inputs, tupled(motion), strict=True)] for side in (1.0, -1.0)
    ]
    outputs = [layer.forward(*end) for end in ends]
    output = frozen(layer.forward(*inputs))
    found = layer.tangent(motion, output, *inputs)
    agree(layer, f"tangent along {what} = change of forward", found, slope(*outputs), 1e-7)
    back = tupled(layer.adjoint(delta, output, *inputs))
    terms = (np.ravel(np.concatenate([np.ravel(part) for part in pair])) for pair in (tupled(motion), back))
    dot(layer, f"⟨tangent(b), δ⟩ = ⟨b, adjoint(δ)⟩ along {what}", (found, delta), tuple(terms))  # type: ignore[arg-type]
    if layer.bends and type(layer).bend is Layer.bend:
        return
    backs = [tupled(layer.adjoint(delta, z, *end)) for z, end in zip(outputs, ends, strict=True)]
    bent = tupled(layer.bend(delta, motion, output, *inputs)) if layer.bends else (None,) * len(inputs)
    for i, (one, other, part) in enumerate(zip(*backs, bent, strict=True)):
        name = f"bend of input {i + 1} along {what} = change of adjoint"
        if part is None:
            name, part = f"bends = False, and the adjoint of input {i + 1} changes along {what}: it", one * 0
        agree(layer, name, part, slope(one, other), 1e-7, size=float(np.linalg.norm(one)))


def check_tangent_map(
    layer: Transfer, theta: Array, a: Array, delta: Array, rng: np.random.Generator
) -> None:
    """Check ``tangent_map`` of a transfer, and that its adjoint is linear in θ and does not depend on ``a``.

    Raises :class:`minprox.CheckError` if an identity fails.

    Parameters
    ----------
    layer : Transfer
    theta, a, delta
        As for its adjoints.
    rng : numpy.random.Generator
    """
    other, b = frozen(rng.standard_normal(theta.shape)), frozen(rng.standard_normal(a.shape))
    A_dot, z = layer.tangent_map(b), layer.forward(theta, a)
    change = layer.rows(layer.forward(theta, a + b) - z)
    agree(layer, "tangent_map(b) @ θ = φ(θ, a + b) − φ(θ, a)", A_dot @ layer.split(theta), change)
    rows = layer.rows(delta)
    moved = layer.adjoint_theta(a + b, delta) - layer.adjoint_theta(a, delta)
    agree(layer, "tangent_map(b).T @ δ = change of adjoint_theta", layer.join(A_dot.T @ rows), moved)
    back = layer.adjoint_input(theta, a, delta)
    both = layer.adjoint_input(theta + 2 * other, a, delta)
    agree(layer, "adjoint_input is linear in θ: it", both, back + 2 * layer.adjoint_input(other, a, delta))
    agree(
        layer,
        "adjoint_input(θ, a + b, δ) = adjoint_input(θ, a, δ)",
        layer.adjoint_input(theta, a + b, delta),
        back,
    )


def slope(forward: Array, backward: Array) -> Array:
    """The central difference of two ends."""
    return (forward - backward) / (2 * STEP)
