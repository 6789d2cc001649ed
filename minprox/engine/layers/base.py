"""What a layer is, what a transfer is, and what calling one on a symbol means."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from minprox.engine.layers.entry import entered
from minprox.ground.arguments import extents
from minprox.ground.communicators import Communicator

Array = Any
Shape = tuple[int | None, ...] | None  # of one sample; None where it is not known before the data


class Symbol:
    """A node of a graph: a layer applied to other nodes, before any data is there.

    Parameters
    ----------
    layer : Layer or None
        None for an input.
    inputs : tuple of Symbol
    shape : tuple of int or None
        Of one sample; None (whole, or in a place) where it is known only with the data.

    Examples
    --------
    >>> import minprox as mp
    >>> z = mp.Linear(4, 8)(mp.Input((4,)))
    >>> z.layer, z.inputs, z.shape
    (Linear(4, 8), (Input((4,)),), (8,))
    """

    def __init__(self, layer: Layer | None, inputs: tuple[Symbol, ...], shape: Shape) -> None:
        self.layer, self.inputs, self.shape = layer, inputs, shape

    def __repr__(self) -> str:
        return f"Input({self.shape})" if self.layer is None else repr(self.layer)


def Input(shape: int | tuple[int, ...] | None = None) -> Symbol:
    """Make the symbol of a net's input.

    Parameters
    ----------
    shape : tuple of int, int or None
        The shape of one sample, without the batch axis: ``(features,)`` or
        ``(channels, height, width)``; None where it is to be known only with the data.

    Raises
    ------
    ValueError
        If an extent is not a positive integer.

    Examples
    --------
    >>> import minprox as mp
    >>> x = mp.Input((3, 32, 32))
    >>> mp.Conv2d(3, 16, 5, padding=2)(x).shape
    (16, 32, 32)
    """
    return Symbol(None, (), extents("shape of Input", shape))


class Layer:
    """Base class of everything in a graph: ``forward(*inputs)`` and its ``adjoint``.

    Notes
    -----
    A layer of your own gives ``forward(a)`` and ``adjoint(delta, output, a)``, the derivative of
    forward at ``a`` transposed and applied to δ (a tuple of them for several inputs);
    ``output_shape`` is found by a trial on zeros unless given. For the tangent pass it also gives
    ``tangent(motion, output, a)`` and, unless it sets ``bends = False`` as it is piecewise linear,
    ``bend(delta, motion, output, a)``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> class Square(mp.Layer):
    ...     def forward(self, z):
    ...         return z**2
    ...     def adjoint(self, delta, a, z):
    ...         return 2 * z * delta
    >>> mp.check_layer(Square(), (5,))
    """

    arity: int | None = None  # how many inputs it takes; None for any number
    input_shape: Shape = None  # of one sample, as far as the layer itself knows it
    memory: Mapping[str, Array] = MappingProxyType({})  # what it keeps beside θ, by name; checkpoints keep it
    shares_work: bool = False  # whether it shares its products out to threads, which BLAS's own would disturb
    bends: bool = True  # whether its adjoint changes with its inputs: False where it is piecewise linear

    def __init_subclass__(cls, entry: bool = True) -> None:
        super().__init_subclass__()
        if entry and "forward" in vars(cls):
            cls.forward = entered(vars(cls)["forward"])  # type: ignore[method-assign]

    def forward(self, *inputs: Array) -> Array:
        """Compute the output of the layer for a batch.

        Parameters
        ----------
        *inputs : array, shape (N, *shape)

        Returns
        -------
        array, shape (N, *output_shape)
        """
        raise NotImplementedError(f"{self!r} has no forward")

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Compute the error of each input from the error of the output.

        Parameters
        ----------
        delta : array, shape (N, *output_shape)
            ``∂J/∂output``.
        output : array, shape (N, *output_shape)
            What :meth:`forward` returned.
        *inputs : array, shape (N, *shape)

        Returns
        -------
        array or tuple of array
            ``∂J/∂input``, in the shape of the input; a tuple for several inputs.
        """
        raise NotImplementedError(f"{self!r} has no adjoint")

    def tangent(self, motion: Array, output: Array, *inputs: Array) -> Array:
        """Compute the change of the output from that of the inputs: forward, linearised (T1).

        Parameters
        ----------
        motion : array or tuple of array
            The derivative of the input, of its shape; a tuple for several inputs.
        output : array, shape (N, *output_shape)
        *inputs : array, shape (N, *shape)

        Returns
        -------
        array, shape (N, *output_shape)
        """
        raise NotImplementedError(f"{self!r} has no tangent")

    def bend(self, delta: Array, motion: Array, output: Array, *inputs: Array) -> Array:
        """Compute the change of ``adjoint(delta, ...)``, for a fixed δ, as the inputs move (T3).

        Parameters
        ----------
        delta : array, shape (N, *output_shape)
        motion : array or tuple of array
            As for :meth:`tangent`, of the shapes of the inputs.
        output : array, shape (N, *output_shape)
        *inputs : array, shape (N, *shape)

        Returns
        -------
        array or tuple of array
            As of :meth:`adjoint`, in the shape of the input. Not asked for where ``bends`` is False.
        """
        raise NotImplementedError(f"{self!r} has no bend")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of one output sample.

        Parameters
        ----------
        *shapes : tuple of int or None
            Of one sample of each input; None, whole or in a place, where it is not known.

        Returns
        -------
        tuple of int or None

        Raises
        ------
        ValueError
            If such inputs do not fit.
        """
        if any(shape is None or None in shape for shape in shapes):
            return None
        return self.trial(*(np.zeros((1, *shape)) for shape in shapes)).shape[1:]  # type: ignore[misc]

    output_shape.tried = True  # type: ignore[attr-defined]  # by a forward pass, which asks it no questions

    def trial(self, *inputs: Array) -> Array:
        """Run forward once, to find its shape."""
        return self.forward(*inputs)

    def sample(self, rng: np.random.Generator, *inputs: Array) -> Layer:
        """Return the layer with its randomness drawn, for one forward pass in training.

        Parameters
        ----------
        *inputs : array, shape (N, *shape)

        Returns
        -------
        Layer
            The layer itself where nothing about it is random.
        """
        return self

    def sample_apart(self, rng: np.random.Generator, comm: Communicator, *inputs: Array) -> Layer:
        """Return what :meth:`sample` does for the whole batch, of which each process holds some samples.

        Parameters
        ----------
        comm : communicator
        *inputs : array, shape (N, *shape)
            With the samples of this process.

        Raises
        ------
        TypeError
            If the class has a :meth:`sample` and not this.
        """
        if type(self).sample is not Layer.sample:
            raise TypeError(
                f"{self!r} draws for a whole batch, of which each of {comm.size} processes holds a part: "
                "give the class a method sample_apart(rng, comm, *inputs), or train it in one process"
            )
        return self

    def __call__(self, *symbols: Symbol) -> Symbol:
        for symbol in symbols:
            if not isinstance(symbol, Symbol):
                raise TypeError(
                    f"{self!r} is called on symbols, such as mp.Input(shape), "
                    f"found {type(symbol).__name__}; for arrays use mp.forward(net, x)"
                )
        if not symbols or (self.arity and len(symbols) != self.arity):
            expected = {None: "one or more symbols", 1: "one symbol"}.get(self.arity, f"{self.arity} symbols")
            raise TypeError(f"{self!r} is called on {expected}, found {len(symbols) or 'none'}")
        return Symbol(self, symbols, self.fit(*symbols))

    def fit(self, *symbols: Symbol) -> Shape:
        """Return ``output_shape`` after these symbols, with an error that names both sides."""
        try:
            return self.output_shape(*(symbol.shape for symbol in symbols))
        except ValueError as error:
            sources = " and ".join(repr(symbol) for symbol in symbols)
            raise ValueError(f"{self!r} does not fit after {sources}: {error}") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
