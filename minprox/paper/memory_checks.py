"""Checks that a layer is a function of its arguments: it remembers no batch, and writes to no argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.tangent import tupled
from minprox.paper.verdicts import CheckError, agree, frozen

Calls = dict[str, Callable[[], Any]]


class WritingError(CheckError, ValueError):
    """A layer writes to an argument."""


@contextmanager
def writing_told(layer: Layer) -> Iterator[None]:
    """Turn NumPy's error about a read-only array into one that names the layer."""
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise WritingError(f"{layer!r} writes to an argument, which is read-only here: {error}") from error


def check_memory(layer: Layer, inputs: list[Array], rng: np.random.Generator) -> None:
    """Check that every method gives for one batch what it gave before the layer saw another one.

    Raises :class:`minprox.CheckError` if an identity fails.

    Parameters
    ----------
    layer : Layer
    inputs : list of array, shape (N, *shape)
    rng : numpy.random.Generator
    """
    calls = calls_of(layer, inputs, rng)
    returned = {name: tupled(call()) for name, call in calls.items()}
    expected = {name: [np.array(part) for part in parts] for name, parts in returned.items()}
    others = [frozen(rng.standard_normal((len(a) + 1, *a.shape[1:]))) for a in inputs]
    for call in calls_of(layer, others, rng).values():
        call()
    for name, parts in returned.items():
        for one, other in zip(parts, expected[name], strict=True):
            agree(layer, f"what {name} returned stays as it was, and is not used again: it", one, other)
    for name in reversed(calls):  # the backward methods first, as in a net that went forward twice
        hint = "it keeps what it has seen last, on self, say, or draws random numbers"
        identity = f"{name} of a batch = the same after another batch ({hint}): it"
        try:
            found = tupled(calls[name]())
        except Exception as error:
            raise CheckError(f"{layer!r}: {identity} fails: {type(error).__name__}: {error}") from error
        for one, other in zip(found, expected[name], strict=True):
            agree(layer, identity, one, other)


def calls_of(layer: Layer, inputs: list[Array], rng: np.random.Generator) -> Calls:
    """Return the methods of a layer, by name, as calls on one batch, in the order of a pass."""
    if isinstance(layer, Transfer):
        (a,), theta = inputs, frozen(rng.standard_normal(layer.theta_shape))
        delta = frozen(rng.standard_normal(layer.forward(theta, a).shape))
        calls: Calls = {
            "forward": lambda: layer.forward(theta, a),
            "adjoint_input": lambda: layer.adjoint_input(theta, a, delta),
            "adjoint_theta": lambda: layer.adjoint_theta(a, delta),
        }
        return calls if layer.linear_map(a).matrix_free else calls | {"matrix": lambda: layer.matrix(a)}
    output = frozen(np.array(layer.forward(*inputs)))
    delta = frozen(rng.standard_normal(output.shape))
    return {
        "forward": lambda: layer.forward(*inputs),
        "adjoint": lambda: layer.adjoint(delta, output, *inputs),
    }
