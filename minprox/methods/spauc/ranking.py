"""The area under the ROC curve: how often a score ranks a pair of examples right."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.ground.backend import array_module, to_numpy

Array = Any


def auc(scores: Array, y: Array) -> float:
    """Return the share of pairs that a score ranks right, ties counting half, in O(n log n) (S12).

    Parameters
    ----------
    scores : array, shape (n,)
    y : array, shape (n,)
        Labels of two classes; the larger one is the positive class.

    Returns
    -------
    float
        ``Pr(s > s') + Pr(s = s')/2`` for a score s of the positive and s' of the negative class.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are not two classes, or a score is NaN.

    References
    ----------
    Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 143(1), 1982.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.spauc.auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))  # 3½ of 4 pairs
    0.875
    """
    xp, y = array_module(scores), to_numpy(y)
    if scores.ndim != 1 or y.shape != scores.shape:
        raise ValueError(
            f"auc: expected scores and labels of one shape (n,), found {scores.shape} and {y.shape}"
        )
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(f"auc: expected labels of two classes, found {classes[:4].tolist()}")
    if xp.isnan(scores).any():
        raise ValueError("auc: expected scores that are numbers, found NaN")
    positive = xp.asarray(y == classes[1])
    values, place = xp.unique(scores, return_inverse=True)  # sorted
    s, others = (xp.bincount(place[of], minlength=len(values)) for of in (positive, ~positive))
    below = xp.cumsum(others) - others
    return float((s * (2 * below + others)).sum()) / (2 * int(s.sum()) * int(others.sum()))
