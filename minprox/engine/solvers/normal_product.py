"""Products by ``AᵀA``: as ``Aᵀ(A v)``, or by the matrix itself where forming it once is less work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minprox.engine.linear_map import LinearMap

Array = Any


def normal_product(A: LinearMap, delta: Array, iterations: int) -> Callable[[Array], Array]:
    """Return ``v ↦ AᵀA v`` for columns like those of a step, the cheaper of the two ways."""
    by_passes, by_gram = product_costs(A, delta.shape[-1], iterations)
    if by_passes <= by_gram:
        return lambda v: A.T @ (A @ v)
    gram = A.T.gram(delta.dtype)
    return lambda v: gram @ v


def product_costs(A: LinearMap, n: int, iterations: int) -> tuple[float, float]:
    """Return the multiplications of that many products with ``n`` columns, by passes and by ``AᵀA``.

    Where the rows of ``A`` lie apart, each process has its share of what reads ``A``, and all of the rest.
    """
    (rows, cols), P = A.shape, A.processes
    return iterations * 2 * rows * cols * n / P, A.normal_cost / P + iterations * cols * cols * n
