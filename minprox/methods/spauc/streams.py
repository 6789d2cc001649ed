"""Examples in: arrays, sparse matrices, and files larger than memory; what is wrong is told at once."""

from __future__ import annotations

import bz2
import gzip
import io
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minprox.ground.arguments import ArgumentTypeError, flag, shown, whole
from minprox.ground.backend import array_module, asarray, to_numpy
from minprox.ground.doors import door
from minprox.ground.doors import path as check_path

Array = Any


def checked(x: Any, y: Any, features: int, classes: tuple[Any, Any], first: int = 1) -> tuple[Any, Array]:
    """Return examples in float64, sparse as CSR, and which of them are positive; or say what is wrong.

    Parameters
    ----------
    x : array_like or sparse matrix, shape (n, features)
    y : array_like, shape (n,)
    features : int
    classes : tuple
        The labels of the negative and of the positive class.
    first : int
        The number of the first example, for messages.

    Returns
    -------
    x : array or csr_array, shape (n, features)
    positive : ndarray of bool, shape (n,)

    Raises
    ------
    ValueError
        Naming the first example whose width, features or label are not as expected.
    TypeError
        If the examples are no numbers.
    """
    x, labels = as_matrix(x), np.atleast_1d(to_numpy(y))
    at = f"example {first}" if x.shape[0] == 1 else f"examples from {first}"
    if x.shape[1] != features:
        raise ValueError(f"{at}: expected {features} features, found {x.shape[1]}")
    if labels.shape != x.shape[:1]:
        raise ValueError(f"{at}: expected {x.shape[0]} labels, found an array of shape {labels.shape}")
    values = x.data if is_sparse(x) else x.reshape(-1)
    finite = array_module(values).isfinite(values)
    if not finite.all():
        place = int(np.flatnonzero(~to_numpy(finite))[0])
        wrong = np.searchsorted(x.indptr, place, side="right") - 1 if is_sparse(x) else place // features
        raise ValueError(f"example {first + wrong}: expected finite features, found {float(values[place])}")
    negative, positive = (labels == label for label in classes)
    if not (known := negative | positive).all():
        wrong = int(np.flatnonzero(~known)[0])
        raise ValueError(
            f"example {first + wrong}: expected a label of two classes, {classes[0]!r} or {classes[1]!r}, "
            f"found {labels[wrong].item()!r}"
        )
    return x, positive


def as_matrix(x: Any) -> Any:
    """Return one example or several as a matrix of float64: a CSR array if sparse, else of their backend."""
    if is_sparse(x):
        from scipy import sparse  # whoever has such a matrix has imported it before

        rows = sparse.csr_array(x.reshape(1, -1) if x.ndim == 1 else x, dtype="float64", copy=False)
        if not rows.has_canonical_format:
            rows = rows.copy()
            rows.sum_duplicates()
        return rows
    try:
        array = x if hasattr(x, "dtype") else np.asarray(x)
    except (ValueError, OverflowError):  # rows of several lengths
        raise ValueError(f"examples: expected an array of shape (n, features), found {shown(x)}") from None
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(f"examples: expected numbers, found an array of dtype {array.dtype}")
    if array.ndim not in (1, 2):
        raise ValueError(f"examples: expected an array of shape (n, features), found {array.shape}")
    double = array.astype("float64", copy=False)
    return double.reshape(1, -1) if double.ndim == 1 else double


def is_sparse(x: Any) -> bool:
    """Tell whether this is a sparse matrix or array of SciPy."""
    return hasattr(x, "tocsr")


def rows(x: Any) -> Iterator[Array]:
    """Yield the rows of a matrix as dense arrays, a sparse one's where new arrays are made."""
    if not is_sparse(x):
        yield from x
        return
    for start, stop in zip(x.indptr[:-1], x.indptr[1:], strict=True):
        row = np.zeros(x.shape[1])
        row[x.indices[start:stop]] = x.data[start:stop]
        yield asarray(row)


@door(path=check_path, features=whole, chunk=whole, zero_based=flag)
def libsvm(
    path: str | os.PathLike[str], features: int, chunk: int = 1000, zero_based: bool = False
) -> Iterator[tuple[Any, Array]]:
    """Read a file in LIBSVM's format piece by piece, as a stream of sparse matrices and labels.

    Parameters
    ----------
    path : str or path-like
        Also compressed, if it ends in ``.gz`` or ``.bz2``.
    chunk : int
        Examples in memory at a time.
    zero_based : bool
        Whether the features are counted from 0, not from 1.

    Yields
    ------
    x : csr_matrix, shape (chunk, features)
    y : ndarray, shape (chunk,)

    Raises
    ------
    ImportError
        Without scikit-learn, the extra ``sklearn``.
    ValueError
        Naming the lines among which one is not as expected.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     path = pathlib.Path(folder, "examples.txt")
    ...     n = path.write_text("+1 1:0.5 3:2\\n-1 2:1\\n")
    ...     [(x.toarray().tolist(), y.tolist()) for x, y in mp.methods.spauc.libsvm(path, features=3)]
    [([[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]], [1.0, -1.0])]
    """
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError:
        raise ImportError("libsvm needs scikit-learn: install the extra minprox[sklearn]") from None
    opened: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(Path(path).suffix, open)
    with opened(path, "rb") as file:
        line = 1
        while lines := list(islice(file, chunk)):
            try:
                yield load_svmlight_file(
                    io.BytesIO(b"".join(lines)), n_features=features, zero_based=zero_based
                )
            except (ValueError, IndexError, OverflowError) as error:
                reason = " ".join(str(error).split())
                raise ValueError(
                    f"{path}: expected LIBSVM's format with {features} features in the lines {line} to "
                    f"{line + len(lines) - 1}, found an error in it: {reason}"
                ) from None
            line += len(lines)
