"""What a layer is, what a transfer is, and what calling one on a symbol means."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.backend import array_module, asarray
from minprox.linear_map import LinearMap, TransferMap

Array = Any
Shape = tuple[int | None, ...] | None  # of one sample; None where it is not known before the data


class Symbol:
    """A node of a graph: a layer applied to other nodes, before any data is there.

    Attributes
    ----------
    layer : Layer or None
        None for an input.
    inputs : tuple of Symbol
    shape : tuple of int or None
        Of one sample; None (whole, or in a place) where it is known only with the data.
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
    extents = (shape,) if isinstance(shape, int) else shape
    if extents is not None and not all(n is None or (isinstance(n, int) and n > 0) for n in extents):
        raise ValueError(f"Input: expected a shape of positive integers, found {shape!r}")
    return Symbol(None, (), None if extents is None else tuple(extents))


class Layer:
    """Base class of everything in a graph: ``forward(*inputs)`` and its ``adjoint``.

    Notes
    -----
    A layer of your own gives ``forward(a)`` and ``adjoint(delta, output, a)``, the derivative of
    forward at ``a`` transposed and applied to δ (a tuple of them for several inputs);
    ``output_shape`` is found by a trial on zeros unless given.

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

    def forward(self, *inputs: Array) -> Array:
        """Compute the output, shape ``(N, *output_shape)``, from the inputs, ``(N, *shape)``."""
        raise NotImplementedError(f"{self!r} has no forward")

    def adjoint(self, delta: Array, output: Array, *inputs: Array) -> Array:
        """Compute the error of each input from the error ``delta`` of the output."""
        raise NotImplementedError(f"{self!r} has no adjoint")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of one output sample, or raise ValueError if the inputs do not fit."""
        if any(shape is None or None in shape for shape in shapes):
            return None
        return self.trial(*(np.zeros((1, *shape)) for shape in shapes)).shape[1:]  # type: ignore[misc]

    def trial(self, *inputs: Array) -> Array:
        """Run forward once, to find its shape."""
        return self.forward(*inputs)

    def sample(self, rng: np.random.Generator, *inputs: Array) -> Layer:
        """Return the layer with its randomness drawn, for one forward pass in training."""
        return self

    def __call__(self, *symbols: Symbol) -> Symbol:
        for symbol in symbols:
            if not isinstance(symbol, Symbol):
                raise TypeError(
                    f"{self!r} is called on symbols, such as mp.Input(shape), "
                    f"found {type(symbol).__name__}; for arrays use mp.forward(net, x)"
                )
        if not symbols or (self.arity and len(symbols) != self.arity):
            expected = "one symbol" if self.arity == 1 else "one or more symbols"
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


class Transfer(Layer):
    """Base class of the transfers: ``z = φ(θ, a)``, linear in θ for fixed ``a`` (section 1).

    A transfer of your own gives :meth:`forward`, :meth:`adjoint_input` and :meth:`adjoint_theta`;
    every solver but :class:`minprox.Exact` then works, matrix-free, and with :meth:`matrix`
    that one does too.

    Parameters
    ----------
    theta_shape : tuple of int
        ``(cols, n_out)``. Column ``o`` of θ makes channel ``o`` of ``z``, the axis 1 of
        ``z (N, n_out, ...)``, and no other.
    fan_in : int, optional
        Inputs that one output sees, which scales the initial θ; ``cols`` without the bias if not given.
    bias : bool
        Whether the last row of θ is a bias.
    groups : int
        Number of groups of consecutive output channels which share a matrix ``A``.
    init : {"uniform", "he", "glorot"}
        Uniform in ``±1/√fan_in`` (the paper's; biases too), normal with variance ``2/fan_in``, or
        uniform in ``±√(6/(fan_in + fan_out))``, these two with biases 0.
    fan_out : int, optional
        Outputs that one input reaches; ``n_out`` if not given.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, section 2.
    """

    arity = 1
    theta: Array | None = None

    def __init__(
        self,
        theta_shape: tuple[int, int],
        fan_in: int | None = None,
        bias: bool = False,
        groups: int = 1,
        init: str = "uniform",
        fan_out: int | None = None,
    ) -> None:
        if init not in ("uniform", "he", "glorot"):
            raise ValueError(f'init: expected "uniform", "he" or "glorot", found {init!r}')
        if not is_count(groups) or theta_shape[1] % groups:
            raise ValueError(f"{theta_shape[1]} output channels do not divide into {groups} groups")
        self.theta_shape = theta_shape
        self.has_bias, self.groups, self.init = bool(bias), groups, init
        self.fan_in = fan_in or theta_shape[0] - self.has_bias
        self.fan_out = fan_out or theta_shape[1]

    def forward(self, theta: Array, a: Array) -> Array:
        """``φ(θ, a)``, of shape ``(N, n_out, ...)``."""
        raise NotImplementedError(f"{self!r} has no forward(theta, a)")

    def adjoint_input(self, theta: Array, a: Array, delta: Array) -> Array:
        """``(∂φ/∂a)ᵀ δ``, of the shape of ``a``."""
        raise NotImplementedError(f"{self!r} has no adjoint_input(theta, a, delta)")

    def adjoint_theta(self, a: Array, delta: Array) -> Array:
        """``(∂φ/∂θ)ᵀ δ = Aᵀ δ``, of the shape of θ."""
        raise NotImplementedError(f"{self!r} has no adjoint_theta(a, delta)")

    def matrix(self, a: Array) -> Array:
        """``A(a)``, of shape ``(rows, cols)``, or ``(groups, rows, cols)`` for several groups.

        Its rows run over ``(sample, output position)``, or as :meth:`rows` says; a column
        of ones for the bias is included.
        """
        raise TypeError(
            f"an exact step needs the patch matrix of {self!r}, which has none: "
            "give the class a method matrix(a), or use CG or BlockCG"
        )

    def linear_map(self, a: Array) -> LinearMap:
        """Return ``A(a)`` as a linear map."""
        return TransferMap(self, a)

    def trial(self, *inputs: Array) -> Array:
        return self.forward(np.zeros(self.theta_shape), *inputs)

    def rows(self, z: Array) -> Array:
        """Lay out ``z (N, n_out, ...)`` as the rows ``(N·positions, n_out)`` of ``A θ``."""
        xp = array_module(z)
        return self.split(xp.moveaxis(z, 1, -1).reshape(-1, self.theta_shape[1]))

    def unrows(self, rows: Array, z_shape: tuple[int, ...]) -> Array:
        """Undo :meth:`rows`."""
        xp = array_module(rows)
        return xp.moveaxis(self.join(rows).reshape(z_shape[0], *z_shape[2:], z_shape[1]), -1, 1)

    def split(self, columns: Array) -> Array:
        """Split ``(n, n_out)`` into ``(groups, n, n_out / groups)`` where there are several."""
        if self.groups == 1:
            return columns
        return columns.reshape(len(columns), self.groups, -1).swapaxes(0, 1)

    def join(self, columns: Array) -> Array:
        """Undo :meth:`split`."""
        if self.groups == 1:
            return columns
        return columns.swapaxes(0, 1).reshape(columns.shape[1], -1)

    def initialise(self, rng: np.random.Generator, dtype: Any) -> None:
        """Draw θ, unless the layer has one already from another net."""
        if self.theta is None:
            self.theta = asarray(self.draw(rng), dtype=dtype)
        elif self.theta.dtype != dtype:
            raise ValueError(
                f"{self!r} already has parameters of dtype {self.theta.dtype}, "
                f"but the net is built with dtype {np.dtype(dtype)}"
            )

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw an initial θ in float64, by the rule ``init``."""
        if self.init == "he":
            theta = rng.standard_normal(self.theta_shape) * (2 / self.fan_in) ** 0.5
        else:
            spread = 6 / (self.fan_in + self.fan_out) if self.init == "glorot" else 1 / self.fan_in
            theta = rng.uniform(-(spread**0.5), spread**0.5, self.theta_shape)
        if self.has_bias and self.init != "uniform":
            theta[-1] = 0
        return theta

    @property
    def weight(self) -> Array | None:
        """θ without its bias row, a view; None before a net is built."""
        return self.theta[:-1] if self.has_bias and self.theta is not None else self.theta

    @property
    def bias(self) -> Array | None:
        """The bias row of θ, a view; None if there is none."""
        return self.theta[-1] if self.has_bias and self.theta is not None else None


def is_count(value: Any, least: int = 1) -> bool:
    """Tell whether something is an integer, of NumPy or Python, of at least that size."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def check_counts(layer: str, **counts: Any) -> None:
    """Raise ValueError unless every named count is a positive integer."""
    for name, count in counts.items():
        if not is_count(count):
            raise ValueError(f"{layer}: {name} must be a positive integer, found {count!r}")
