"""The blocks ``M_l`` of a direction ``M⁻¹ ∇J``, and a root of their inverse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, proxprop
from minprox.engine.plan import LayerPlan, plan
from minprox.engine.reverse import errors
from minprox.engine.solvers import Exact, Explicit
from minprox.engine.tape import Tape
from minprox.ground.arguments import shown
from minprox.ground.backend import to_numpy
from minprox.ground.doors import function

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

Direction = Callable[..., Any]


@door(direction=function)
def root(net: Graph, tape: Tape, loss: Loss, y: Array, direction: Direction) -> LinearOperator:
    """Return ``R`` with ``R Rᵀ = M⁻¹`` of a direction ``M⁻¹ ∇J`` (T6).

    Parameters
    ----------
    net, tape, loss, y, direction
        As for :func:`minprox.paper.theory.sharpness`.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator
        Of shape ``(n, n)`` on parameters packed as by :func:`minprox.pack`; a root up to a rotation within
        each block, which changes no eigenvalue.

    Raises
    ------
    TypeError
        If the direction is not known to be linear in the gradient.

    Examples
    --------
    >>> import functools
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(2, 1, bias=False), seed=0, dtype="float64")
    >>> tape, y = mp.forward(net, np.diag([1.0, 3.0])), np.zeros((2, 1))
    >>> implicit = functools.partial(mp.proxprop, tau_theta=1.0, last_layer="proximal")
    >>> R = mp.theory.root(net, tape, mp.SquaredError(), y, implicit)
    >>> (R @ R.T @ np.eye(2)).round(3)  # c AᵀA + I = diag(1.5, 5.5)
    array([[0.667, 0.   ],
           [0.   , 0.182]])
    """
    from scipy.linalg import solve_triangular
    from scipy.sparse.linalg import LinearOperator

    if hasattr(direction, "root"):
        return direction.root(net, tape, loss, y)
    L = factors(net, tape, loss, y, direction)
    sizes = np.cumsum([theta.size for theta in net.parameters])[:-1]

    def solve(v: np.ndarray, transposed: bool) -> np.ndarray:
        parts = []
        for part, layer, factor in zip(np.split(np.ravel(v), sizes), net.transfers, L, strict=True):
            columns = part.reshape(layer.theta_shape)
            if factor is not None:  # (c AᵀA + I/τ_θ) = L Lᵀ
                groups = layer.split(columns) if layer.groups > 1 else columns[None]
                solved = [
                    solve_triangular(l, column, trans=int(transposed), lower=True)
                    for l, column in zip(factor, groups, strict=True)
                ]
                columns = layer.join(np.stack(solved)) if layer.groups > 1 else solved[0]
            parts.append(columns.ravel())
        return np.concatenate(parts)

    n = sum(theta.size for theta in net.parameters)
    return LinearOperator(
        (n, n),
        matvec=lambda v: solve(v, transposed=True),  # R = L⁻ᵀ
        rmatvec=lambda v: solve(v, transposed=False),  # Rᵀ = L⁻¹
        dtype=np.float64,
    )


def factors(net: Graph, tape: Tape, loss: Loss, y: Array, direction: Direction) -> list[np.ndarray | None]:
    """Return Cholesky's factor of each ``M_l``, of every group; None where ``M_l`` is the identity (T6)."""
    layers = settled(net, loss, y, direction)
    L: list[np.ndarray | None] = [None] * len(layers)
    if any(not layer.explicit for layer in layers):
        for l, A, _ in errors(net, tape, loss, y):
            if not layers[l].explicit and not isinstance(layers[l].solver, Explicit):
                M = layers[l].c * to_numpy(A.T.gram())  # M_l = c A_lᵀA_l + I/τ_θ  (T6)
                M = M.reshape(-1, *M.shape[-2:]) + np.eye(M.shape[-1]) / layers[l].tau_theta
                L[l] = np.linalg.cholesky(M)
    return L


def settled(net: Graph, loss: Loss, y: Array, direction: Direction) -> list[LayerPlan]:
    """Return the plan of a direction that is linear in the gradient, or raise TypeError for another one."""
    if direction is backprop:
        return [LayerPlan(Explicit(), 0.0)] * len(net.transfers)
    if isinstance(direction, partial) and direction.func is proxprop and not direction.args:
        options: dict[str, Any] = {"solver": Exact(), "report": False} | direction.keywords
        options.pop("report")
        layers = plan(net, loss, y, **options)
        found = {type(layer.solver).__name__ for layer in layers} - {"Exact", "Explicit"}
        if not found:
            return layers
        raise TypeError(
            "sharpness: expected a direction that is linear in the gradient, as proxprop with Exact() is, "
            f"found proxprop with {found.pop()}"
        )
    raise TypeError(
        "sharpness: expected a direction that is linear in the gradient, minprox.backprop or "
        "functools.partial(minprox.proxprop, tau_theta=…) or one with a method root(net, tape, loss, y), "
        f"found {shown(direction)}"
    )
