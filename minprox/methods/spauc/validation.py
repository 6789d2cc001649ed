"""Checks of examples and labels in the words that scikit-learn's own checks expect."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np

from minprox.methods.spauc.streams import as_matrix, is_sparse


def spread(X: Any) -> float:
    """Return the mean square of the distances of examples to their mean, or 1 if they are all one."""
    mean, square = X.mean(axis=0), X.multiply(X) if is_sparse(X) else X * X
    return float(square.sum() / X.shape[0] - mean @ mean) or 1.0


def matrix(X: Any, name: str) -> Any:
    """Return examples as a matrix of float64, or tell in scikit-learn's words what is wrong."""
    if not is_sparse(X):
        X = np.asarray(X)
        if X.dtype.kind == "O":
            X = X.astype("float64")
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported by {name}")
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead. Reshape your data")
    for axis, what in enumerate(("sample", "feature")):
        if not X.shape[axis]:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required by {name}"
            )
    X = as_matrix(X)
    if not np.isfinite(X.data if is_sparse(X) else X).all():
        raise ValueError(f"Input X of {name} contains NaN or infinity")
    return X


def labels(y: Any, count: int) -> np.ndarray:
    """Return the labels of so many examples."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        told = "A column-vector y was passed when a 1d array was expected: its only column is taken"
        warnings.warn(told, kind("DataConversionWarning", UserWarning), stacklevel=3)
        y = y[:, 0]
    if y.shape != (count,):
        raise ValueError(f"y: expected {count} labels, one for each example, found shape {y.shape}")
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError("Input y contains NaN or infinity")
        if (y != np.round(y)).any():
            raise ValueError("Unknown label type: continuous; expected labels of two classes")
    return y


def kind(name: str, otherwise: type) -> Any:
    """Return an exception of scikit-learn by its name, where that library is installed."""
    try:
        return getattr(importlib.import_module("sklearn.exceptions"), name)
    except ImportError:
        return otherwise
