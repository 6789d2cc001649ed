"""Products of dense matrices, shared out where BLAS is held at one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minprox.ground.backend import array_module, on_host
from minprox.ground.blas import held
from minprox.ground.parallel import share
from minprox.ground.rooms import room

Array = Any

MANY = 2**24  # multiplications that are worth several threads
PARTS = 4


def multiply(a: Array, b: Array, out: Array | None = None, like: Array | None = None) -> Array:
    """``a b``: by BLAS with its threads, or where it is held at one by rows or columns in threads here.

    Parameters
    ----------
    a : array, shape (..., rows, inner)
    b : array, shape (inner, columns)
    out : array, optional
        What the product is written to.
    like : array, optional
        Where its columns are contiguous, as those of images with the sample last, so are the product's.

    Examples
    --------
    >>> import numpy as np
    >>> multiply(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    if like is not None and a.ndim == like.ndim == 2 and not like.flags.c_contiguous:
        return multiply(b.T, a.T).T
    if a.ndim != 2 or a.size * b.shape[1] < MANY:
        return a @ b if out is None else array_module(a, b).matmul(a, b, out=out)
    xp, rows, columns = array_module(a, b), len(a), b.shape[1]
    ab = room(a, (rows, columns), xp.result_type(a, b)) if out is None else out
    if not held() or not on_host(a):
        return xp.matmul(a, b, out=ab)
    step = -(-max(rows, columns) // PARTS)

    def work(some: Iterator[int]) -> None:
        for start in some:
            part = slice(start, start + step)
            if rows >= columns:
                xp.matmul(a[part], b, out=ab[part])
            else:
                xp.matmul(a, b[:, part], out=ab[:, part])

    share(a if a.size >= b.size else b, range(0, max(rows, columns), step), work)
    return ab
