"""What samples are worth: modes, sliced Wasserstein distance, Fréchet distance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minprox.ground.arguments import number, whole
from minprox.ground.doors import numbers
from minprox.methods.wasserstein_gan.doors import door

Array = Any


@door
def w2_on_a_line(samples: Array, others: Array) -> Any:
    """Return ``W2`` between two sets of as many numbers: both are sorted, and paired in that order (W9).

    Parameters
    ----------
    samples, others : array, shape (n,) or (n, lines)
        One set for each column.

    Returns
    -------
    float, or array of shape (lines,)

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Santambrogio, Optimal Transport for Applied Mathematicians, Birkhäuser 2015, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(w2_on_a_line(np.array([0.0, 1.0]), np.array([3.0, 2.0]))), 6)
    2.0
    """
    if samples.shape != others.shape:
        raise ValueError(f"expected as many samples in both sets, found {samples.shape} and {others.shape}")
    gap = np.sort(samples, axis=0) - np.sort(others, axis=0)
    return ((gap * gap).sum(axis=0) / len(gap)) ** 0.5  # W2² = 1/n Σ (x_(i) − y_(i))²  (W9)


@door
def sliced_w2(samples: Array, others: Array, directions: int = 64) -> float:
    """Return the sliced distance ``√(mean_u W2²(⟨u, x⟩, ⟨u, y⟩))`` over directions u (W9).

    Parameters
    ----------
    samples, others : array, shape (n, ...)
        As many in both, on the host.
    directions : int
        How many; in the plane evenly spaced, in higher dimensions drawn with a fixed seed.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Bonneel, Rabin, Peyré and Pfister, Sliced and Radon Wasserstein barycenters of measures, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> round(sliced_w2(x, x + [3.0, 4.0]), 6)  # 5 times the root of the mean of cos²
    3.535534
    """
    directions = whole("directions", directions)
    if samples.shape != others.shape or samples.ndim < 2 or not samples.size:
        raise ValueError(
            f"samples, others: expected one shape (n, ...), found {samples.shape} and {others.shape}"
        )
    x, y = samples.reshape(len(samples), -1), others.reshape(len(others), -1)
    if x.shape[1] == 2:
        angle = np.pi * np.arange(directions) / directions
        u = np.stack([np.cos(angle), np.sin(angle)])
    else:
        u = np.random.default_rng(0).standard_normal((x.shape[1], directions))
        u = u / np.linalg.norm(u, axis=0)
    return float(np.sqrt(np.mean(w2_on_a_line(x @ u, y @ u) ** 2)))


@door(samples=numbers, centres=numbers)
def modes(samples: Array, centres: Array, radius: float, share: float = 0.1) -> dict[str, float]:
    """Return how many modes samples cover, and which fraction of the samples lies on a mode.

    Parameters
    ----------
    samples : array, shape (n, features)
    centres : array, shape (modes, features)
    radius : float
        A sample lies on the nearest mode if it is no farther from its centre: three standard deviations, say.
    share : float
        A mode is covered if it has this share of the ``n/modes`` samples that are its due.

    Returns
    -------
    dict of str to float
        ``modes`` and ``on_mode``.

    Raises
    ------
    ValueError
        If radius or share is no such number, or samples and centres differ in their features.

    Examples
    --------
    >>> import numpy as np
    >>> modes(np.array([[0.0], [0.1], [0.5], [0.9]]), np.array([[0.0], [1.0], [2.0]]), radius=0.2)
    {'modes': 2.0, 'on_mode': 0.75}
    """
    number("radius", radius, above=0)
    number("share", share, above=0, below=math.nextafter(1, 2))
    if samples.ndim != 2 or centres.ndim != 2 or centres.shape[1] != samples.shape[1] or not len(centres):
        raise ValueError(
            f"centres: expected the shape (modes, {samples.shape[-1]}) for samples of the shape "
            f"{samples.shape}, found {centres.shape}"
        )
    apart = np.linalg.norm(samples[:, None] - centres, axis=2)
    on = apart.min(axis=1) <= radius
    counts = np.bincount(apart.argmin(axis=1)[on], minlength=len(centres))
    covered = counts >= max(1, share * len(samples) / len(centres))
    return {"modes": float(covered.sum()), "on_mode": float(on.mean())}


@door
def frechet(samples: Array, others: Array) -> float:
    """Return the Fréchet distance between two sets of features, as if both were normal (W10).

    Parameters
    ----------
    samples, others : array, shape (n, features)
        The numbers of samples may differ; few of them make it larger, so state how many there are.

    Returns
    -------
    float
        ``‖μ − ν‖² + tr(S + T − 2 (ST)^{1/2})``, the square of W2 between the two normal distributions.

    Raises
    ------
    ValueError
        If there are fewer than two samples, or the numbers of features differ.

    Notes
    -----
    The eigenvalues of ``ST`` are those of ``S^{1/2} T S^{1/2}``, which is symmetric: the trace of the root is
    the sum of their roots.

    References
    ----------
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017; Dowson and Landau, The Fréchet
    distance between multivariate normal distributions, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(1000, 3))
    >>> round(frechet(x, x + 1), 6)  # one for each feature
    3.0
    """
    flat = samples.ndim == others.ndim == 2 and samples.size
    if not flat or min(len(samples), len(others)) < 2 or samples.shape[1:] != others.shape[1:]:
        raise ValueError(
            "expected two sets of two samples or more with as many features, found the shapes "
            f"{samples.shape} and {others.shape}"
        )
    x, y = np.asarray(samples, dtype="float64"), np.asarray(others, dtype="float64")
    S, T = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, Q = np.linalg.eigh(S)
    root = (Q * np.sqrt(np.maximum(values, 0))) @ Q.T  # S^{1/2}
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ T @ root), 0)).sum()  # tr (ST)^{1/2}
    means = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    return float(means + np.trace(S) + np.trace(T) - 2 * cross)  # ‖μ − ν‖² + tr(S + T − 2(ST)^{1/2})  (W10)
