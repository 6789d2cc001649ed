"""The reverse sweep, which every backward pass shares: errors from the output down to the input.

The examples share the net of :func:`minprox.forward`'s, with a loss and labels ``y``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers import Transfer
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import Loss
from minprox.engine.losses.base import weight_of
from minprox.engine.losses.of_all import loss_of_all
from minprox.engine.rows_apart import of_all
from minprox.engine.stacked_map import StackedMap, stack
from minprox.engine.tape import Tape
from minprox.ground.arguments import shown
from minprox.ground.backend import array_module
from minprox.ground.blas import alone
from minprox.ground.communicators import Communicator
from minprox.ground.mpi_communicator import taken


@door
def sweep(
    net: Graph, tape: Tape, delta: Array, *, to_input: bool = False, comm: Any = None
) -> Iterator[tuple[Any, Any, Array]]:
    """Sweep the net in reverse from any error at its output: ``(l, A_l, δ_l)`` of each θ_l, the last first.

    ``δ_l = ∂J/∂z_l`` is laid out as the rows of ``A_l``. The errors that a node gets from several
    others are summed; the rows of a layer that stands at several places are stacked.

    Parameters
    ----------
    tape : Tape
        Of a forward pass of this net, with the parameters as they are now.
    delta : array, shape (N, *output_shape)
        ``∂J/∂output``, of a loss or of whatever stands behind this net: the error at that net's input, say.
    to_input : bool
        Whether to end with ``(None, None, δ)``, the error ``δ = ∂J/∂x`` at the input, in the shape of ``x``.
    comm : communicator, optional
        Of the processes that share the batch, each with its own rows in ``tape`` and ``delta``; ``A`` then
        stands for the rows of all, :class:`minprox.RowsApart`.

    Yields
    ------
    l, A, delta
        A number, a LinearMap, and an array of shape ``(..., rows, n_out)``.

    Raises
    ------
    ValueError
        If the tape is of another net or of former parameters, or the error has not the output's shape.

    Examples
    --------
    >>> *_, (_, _, delta) = mp.sweep(net, tape, loss.gradient(tape.output, y), to_input=True)
    >>> delta.shape  # what a net before this one starts from
    (5, 4)
    """
    tape.check(net)
    array_module(tape.output, delta)
    if delta.shape != tape.output.shape:
        raise ValueError(
            f"expected an error of the shape {tape.output.shape} of the output, found {delta.shape}"
        )
    return swept(net, tape, delta.astype(net.dtype, copy=False), to_input, taken(comm))


def swept(
    net: Graph, tape: Tape, delta: Array, to_input: bool, comm: Communicator
) -> Iterator[tuple[Any, Any, Array]]:
    """Do what :func:`sweep` says, when its arguments are checked."""
    number = {i: l for l, where in enumerate(net.places) for i in where}
    uses: list[list[tuple[LinearMap, Array]]] = [[] for _ in net.transfers]
    wanted = [to_input or learns for learns in net.learns]  # which nodes need an error
    pending: dict[int, Array] = {len(net.nodes) - 1: delta}
    for i in reversed(range(len(net.nodes))):
        layer, sources, inputs = tape.layers[i], net.sources[i], tape.inputs(i)
        if layer is None or not wanted[i]:
            continue
        delta = pending.pop(i)
        if isinstance(layer, Transfer):
            l, a = number[i], inputs[0]
            uses[l].append((layer.linear_map(a), layer.rows(delta)))
            if len(uses[l]) == len(net.places[l]):
                maps, deltas = zip(*uses[l], strict=True)
                yield l, of_all(maps[0] if len(maps) == 1 else StackedMap(maps), comm), stack(deltas)
                uses[l].clear()
            if not wanted[sources[0]]:
                continue
            back = layer.adjoint_input(layer.theta, a, delta)  # (∂φ/∂a)ᵀ δ
        else:
            back = layer.adjoint(delta, tape.values[i], *inputs)  # σ'(z)ᵀ δ
        for j, error in zip(sources, back if isinstance(back, tuple) else (back,), strict=True):
            if wanted[j]:
                pending[j] = pending[j] + error if j in pending else error
    if to_input:
        yield None, None, pending[0]  # ∂J/∂x


@door
def errors(
    net: Graph, tape: Tape, loss: Loss, y: Array, *, comm: Any = None
) -> Iterator[tuple[int, LinearMap, Array]]:
    """Sweep the net in reverse from the gradient of a loss: ``(l, A_l, δ_l)``, the last layer first.

    Parameters
    ----------
    net, tape
        As for :func:`sweep`, with the same errors.
    y : array, shape (N, ...)
        Labels or targets, as the loss wants them.
    comm : communicator, optional
        Of the processes that share the batch, each with its own samples in ``tape`` and ``y``, some or none
        of them: δ carries the 1/N of the whole batch, and ``A`` stands for the rows of all.

    Yields
    ------
    l, A, delta
        As from :func:`sweep`.

    Examples
    --------
    >>> [(l, A.shape, delta.shape) for l, A, delta in mp.errors(net, tape, loss, y)]
    [(1, (5, 9), (5, 3)), (0, (5, 5), (5, 8))]
    """
    return errors_of(net, tape, loss, y, comm=comm)


def errors_of(
    net: Graph, tape: Tape, loss: Loss, y: Array, comm: Any = None
) -> Iterator[tuple[int, LinearMap, Array]]:
    """Do what :func:`errors` says, when each argument by itself is checked."""
    delta = output_error(tape, loss_of_all(loss, comm), y)
    tape.check(net)
    array_module(tape.output, delta)
    return swept(net, tape, delta.astype(net.dtype, copy=False), False, taken(comm))


@door
@alone
def input_gradient(net: Graph, tape: Tape, loss: Loss, y: Array) -> Array:
    """Return ``∇_x ℓ`` for each sample: how its own loss changes with its own input.

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`errors`, with the same errors.

    Returns
    -------
    array, shape (N, *input_shape)
        Row ``i`` is ``∇_{x_i} ℓ_i = N ∂J/∂x_i`` for ``J = 1/N Σ ℓ_i``, with N = ``loss.weight(y)``: it has no
        factor 1/N, and does not depend on what else is in the batch. The last of ``sweep(…, to_input=True)``
        is ``∂J/∂x`` itself.

    Examples
    --------
    >>> mp.input_gradient(net, tape, loss, y).shape
    (5, 4)
    """
    *_, (_, _, delta) = sweep(net, tape, output_error(tape, loss, y), to_input=True)
    return (weight_of(loss, y) * delta).astype(delta.dtype, copy=False)  # ∇_{x_i} ℓ_i = N ∂J/∂x_i


def output_error(tape: Tape, loss: Loss, y: Array) -> Array:
    """Return ``∂J/∂output``, the gradient of the loss, or raise ValueError where it has another shape."""
    delta = loss.gradient(tape.output, y)
    if getattr(delta, "shape", None) != tape.output.shape:
        raise ValueError(
            f"expected the gradient of {shown(loss)} to have the shape {tape.output.shape} of the output, "
            f"found {getattr(delta, 'shape', None) or shown(delta)}"
        )
    return delta
