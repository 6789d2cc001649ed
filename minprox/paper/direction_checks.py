"""Checkers of gradients and steps, for each layer and each column of θ: a small one must be right as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minprox.engine.doors import check_system, door, valued
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, forward
from minprox.ground.arguments import number
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.doors import arrays, numbers
from minprox.paper.norms import norm
from minprox.paper.verdicts import CheckError

TOLERANCE = 1e-6  # of the relative error of a gradient
ROUNDING = 32 * float(np.finfo("float64").eps)  # of a value of J, relative to the terms that it sums


@door(gradient=arrays, loss=valued)
def check_gradient(net: Graph, x: Array, loss: Loss, y: Array, gradient: Any = None, seed: int = 0) -> float:
    """Check a gradient of ``J``, in each layer and column, against differences along random directions.

    Columns whose gradients are of like size move together, so that none hides behind a larger one. What is
    below 1e-11 of ``J`` (1e-9, where it is said to be 0) passes whatever it is: so much is rounding.

    Parameters
    ----------
    net : Graph
        In float64, and smooth near its parameters; restored on return.
    x : array, shape (N, *input_shape)
    y : array, shape (N,) or (N, n_out)
    gradient : list of array, optional
        What to check, aligned with ``net.parameters``; :func:`minprox.backprop` if not given.

    Returns
    -------
    float
        The largest relative error.

    Raises
    ------
    CheckError
        If it is above 1e-6: the message names layer and column.
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
    if gradient is None:
        gradient = backprop(net, forward(net, x), loss, y)
    if [g.shape for g in gradient] != [theta.shape for theta in net.parameters]:
        raise CheckError(
            f"gradient: expected the shapes {[theta.shape for theta in net.parameters]} of the parameters, "
            f"found {[g.shape for g in gradient]}"
        )
    slopes, worst = Slopes(net, x, loss, y, np.random.default_rng(seed)), 0.0
    for l, g in enumerate(map(to_numpy, gradient)):
        for columns in of_like_size(norm(g, axis=0)):
            error, _, _ = slopes.compare(l, columns, g)
            if not error <= TOLERANCE:
                raise CheckError(blame(slopes, l, columns, g))
            worst = max(worst, error)
    return worst


class Slopes:
    """How ``J`` changes when some columns of one θ move in a random direction."""

    def __init__(self, net: Graph, x: Array, loss: Loss, y: Array, rng: np.random.Generator) -> None:
        self.net, self.x, self.loss, self.y, self.rng = net, x, loss, y, rng
        output = forward(net, x).output
        terms = abs(output * loss.gradient(output, y)).sum()
        self.size = abs(float(loss(output, y))) + float(
            terms
        )  # what the rounding errors of J are relative to

    def compare(self, l: int, columns: Sequence[int], g: np.ndarray) -> tuple[float, float, float]:
        """Return the relative error of these columns of ``g``, and what was expected and found."""
        b = np.zeros_like(g)
        b[:, columns] = self.rng.standard_normal((len(g), len(columns)))
        scale, h = float(norm(g[:, columns])), 1e-5
        wide = 0 < scale * TOLERANCE < ROUNDING * self.size / h  # too small for that h, but not for a larger
        h = 3e-3 / len(g) ** 0.5 if wide else h
        expected = self.difference(l, b, h)
        if wide:  # whose error is of fourth order
            expected = (4 * expected - self.difference(l, b, 2 * h)) / 3
        found = float((b * g).sum())
        scale = max(scale, abs(expected), ROUNDING * self.size / h / TOLERANCE)
        return abs(expected - found) / (scale or 1.0), expected, found

    def difference(self, l: int, b: np.ndarray, h: float) -> float:
        """Return the central difference of ``J`` along ``b``, in layer ``l``."""
        old, values = [theta.copy() for theta in self.net.parameters], []
        b = array_module(old[l]).asarray(b)
        try:
            for s in (1, -1):
                self.net.parameters = [*old[:l], old[l] + s * h * b, *old[l + 1 :]]
                values.append(float(self.loss(forward(self.net, self.x).output, self.y)))
        finally:
            self.net.parameters = old
        return (values[0] - values[1]) / (2 * h)


def of_like_size(sizes: np.ndarray) -> Iterator[list[int]]:
    """Yield the columns whose sizes lie between the same powers of 2; those without any together."""
    exponents = np.where(sizes > 0, np.frexp(sizes)[1], -(2**14))
    for exponent in np.unique(exponents):
        yield [int(column) for column in np.flatnonzero(exponents == exponent)]


def blame(slopes: Slopes, l: int, columns: Sequence[int], g: np.ndarray) -> str:
    """Say which of these columns of a gradient is wrong, and by how much."""
    alone = [([column], *slopes.compare(l, [column], g)) for column in columns]
    wrong = [entry for entry in alone if not entry[1] <= TOLERANCE]
    together, error, expected, found = wrong[0] if wrong else (columns, *slopes.compare(l, columns, g))
    where = f"column {together[0]}" if len(together) == 1 else f"columns {', '.join(map(str, together))}"
    return (
        f"gradient of layer {l}, {slopes.net.transfers[l]!r}, in {where}, along a random direction: "
        f"expected {expected:.6g}, found {found:.6g}, relative error {error:.2g} "
        "(where a kink, as of ReLU, is near, a right one fails too)"
    )


def check_step(A: LinearMap, delta: Array, tau_theta: float, d: Array, tolerance: float = 1e-8) -> float:
    """Check the optimality condition ``(AᵀA + I/τ_θ) d = Aᵀ δ`` of an implicit step, in each column (E6).

    Parameters
    ----------
    delta : array, shape (..., rows, n_out)
    d : array, shape (..., cols, n_out)
    tolerance : float
        Of the relative residual.

    Returns
    -------
    float
        The largest relative residual of a column, but for what the rounding of ``Aᵀ δ`` explains.

    Raises
    ------
    CheckError
        If it is above the tolerance: the message names the column.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> A, delta = mp.DenseMap(np.eye(3), bias=True), np.ones((3, 2))
    >>> mp.check_step(A, delta, 0.5, mp.Exact()(A, delta, 0.5)) < 1e-12
    True
    """
    check_system(A, delta, tau_theta)
    numbers("d", d)
    tolerance = number("tolerance", tolerance, least=0)
    gradient = A.T @ delta
    if d.shape != gradient.shape:
        raise CheckError(f"a step of shape {gradient.shape} is expected, found {d.shape}")
    residual = A.T @ (A @ d) + d / float(tau_theta) - gradient  # (AᵀA + I/τ_θ) d − Aᵀ δ  (E6)
    u = array_module(d).asarray(np.random.default_rng(0).standard_normal(d.shape), d.dtype)
    spread = norm(A @ u) / u.shape[-1] ** 0.5  # about ‖A‖, over all entries
    rounding = float(np.finfo(d.dtype).eps) * spread * norm(delta, axis=-2)
    off, size = (to_numpy(v) for v in (norm(residual, axis=-2) - rounding, norm(gradient, axis=-2)))
    errors = np.divide(off, size, out=np.where(off <= 0, 0.0, np.inf), where=(size > 0) & ~(off <= 0))
    worst = np.unravel_index(int(np.argmax(errors)), errors.shape)
    if not errors[worst] <= tolerance:
        *group, column = map(int, worst)
        where = f"column {column}{f' of group {group[0]}' if group else ''}"
        raise CheckError(
            f"(AᵀA + I/τ_θ) d = Aᵀδ fails in {where}: relative residual {errors[worst]:.3g}, "
            f"tolerance {tolerance:.3g}"
        )
    return float(errors[worst])
