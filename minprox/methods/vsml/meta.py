"""Meta-training: directions for the parameters of the cell, by back-propagation through time or by search.

The meta-loss is the mean cross-entropy over an episode, ``L(θ) = 1/NT Σ −log softmax(ŷ_t)[y_t]``  (V5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import backprop, forward
from minprox.ground.arguments import number, whole
from minprox.ground.backend import array_module, asarray
from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.learner import Learner
from minprox.methods.vsml.unrolled import Episode

Array = Any
Tasks = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]

PART = 8  # pairs of ES that are evaluated at a time, whatever the number of workers


def clipped(directions: Sequence[Array], most: float) -> list[Array]:
    """Return directions, scaled down to a norm of ``most`` over all of them if it is larger.

    Examples
    --------
    >>> clipped([np.array([3.0]), np.array([4.0])], 1.0)
    [array([0.6]), array([0.8])]
    """
    size = float(sum((g.astype("float64") ** 2).sum() for g in directions)) ** 0.5
    return list(directions) if size <= most else [g * (most / size) for g in directions]


def hits(logits: Array, y: Array) -> float:
    """Return the share of right predictions."""
    return float((logits.argmax(axis=-1) == y).mean())


@dataclass
class Through:
    """Back-propagation through time, or implicit steps on the same net (V5, V6).

    Parameters
    ----------
    net : Episode
        Whose parameters the directions are for.
    tasks : callable
        ``tasks(rng)`` returns x of shape (N, T, inputs) and labels y of shape (N, T).
    direction : callable
        ``direction(net, tape, loss, y)``: :func:`minprox.backprop`, or :func:`minprox.proxprop` with its step
        size.

    Examples
    --------
    >>> from functools import partial
    >>> from minprox.methods.vsml.tasks import gaussian_tasks
    >>> tasks = partial(gaussian_tasks, N=4, T=3, inputs=5, classes=2)
    >>> meta = Through(Episode(LSTMCell(seed=0), (5, 2), 3), tasks)
    >>> loss, accuracy, grads = meta(np.random.default_rng(0))
    >>> round(loss, 1), [g.shape for g in grads]
    (0.7, [(33, 64), (17, 8)])
    """

    net: Episode
    tasks: Tasks
    direction: Callable[..., Any] = backprop

    def __call__(self, rng: np.random.Generator) -> tuple[float, float, list[Array]]:
        """Return meta-loss, accuracy over the episodes, and a direction for each θ of the net."""
        x, y = (asarray(part) for part in self.tasks(rng))
        return self.along(x.astype(self.net.dtype), y, self.net.start(len(x), rng))

    def along(
        self, x: Array, y: Array, states: Any, downs: Any = None, error: Any = None
    ) -> tuple[float, float, list[Array]]:
        """Return the same along given episodes, from a given start.

        Parameters
        ----------
        x : array, shape (N, T, inputs)
        y : array, shape (N, T)
        states, downs, error
            As for :meth:`Episode.packed`.

        Returns
        -------
        loss, accuracy : float
        directions : list of array, shape (n_in + 1, n_out)
            One for each θ.

        References
        ----------
        Kirsch and Schmidhuber, NeurIPS 2021, section 2.
        """
        tape = forward(self.net, self.net.packed(x, y, states, downs, error))
        loss = CrossEntropy()
        d = self.direction(self.net, tape, loss, y)  # ∇_θ L = Σ_t A_tᵀ δ_t, its rows stacked over time  (V6)
        return float(loss(tape.output, y)), hits(tape.output, y), d


@dataclass
class Search:
    """Evolution strategies: antithetic pairs of disturbed parameters, run forward only (V5, V7).

    Parameters
    ----------
    net : Episode
        Whose parameters are disturbed; its length does not matter.
    tasks : callable
        As for :class:`Through`; the two of a pair get the same tasks, each pair its own.
    sigma : float
        σ of the disturbances.
    population : int
        Even.
    executor : concurrent.futures.Executor, optional
        What parts of the population are submitted to. The result does not depend on it.

    Raises
    ------
    ValueError
        If σ is not positive, or the population is odd.

    References
    ----------
    Salimans et al., *Evolution Strategies as a Scalable Alternative to Reinforcement Learning*, 2017.

    Examples
    --------
    >>> from functools import partial
    >>> from minprox.methods.vsml.tasks import gaussian_tasks
    >>> tasks = partial(gaussian_tasks, N=1, T=3, inputs=5, classes=2)
    >>> meta = Search(Episode(LSTMCell(seed=0), (5, 2), 1), tasks, population=4)
    >>> loss, accuracy, grads = meta(np.random.default_rng(0))
    >>> round(loss, 1), [g.shape for g in grads]
    (0.7, [(33, 64), (17, 8)])
    """

    net: Episode
    tasks: Tasks
    sigma: float = 0.05
    population: int = 128
    executor: Executor | None = None

    def __post_init__(self) -> None:
        number("sigma", self.sigma, above=0)
        if whole("population", self.population) % 2:
            raise ValueError(f"population: expected an even number, found {self.population}")

    def __call__(self, rng: np.random.Generator) -> tuple[float, float, list[Array]]:
        """Return meta-loss and accuracy of the disturbed cells, and the estimate of the gradient."""
        pairs, seed = self.population // 2, int(rng.integers(2**62))
        sizes = [min(PART, pairs - first) for first in range(0, pairs, PART)]
        seeds = [(seed, k) for k in range(len(sizes))]
        run = map if self.executor is None else self.executor.map
        found = list(run(pairs_of_cells, *(repeat(part) for part in self.common()), seeds, sizes))
        losses, right, sums = zip(*found, strict=True)
        # g = mean_k ε_k (L⁺ − L⁻) / (2σ²)  (V7)
        g = [sum(part) / (2 * self.sigma**2 * pairs) for part in zip(*sums, strict=True)]
        return sum(losses) / self.population, sum(right) / self.population, g

    def common(self) -> tuple[Any, ...]:
        """Return what all parts are told."""
        return self.net.cell().theta, len(self.net.parameters), self.net.sizes, self.tasks, self.sigma


def pairs_of_cells(
    theta: Sequence[Array],
    disturbed: int,
    sizes: Sequence[int],
    tasks: Tasks,
    sigma: float,
    seed: tuple[int, int],
    pairs: int,
) -> tuple[float, float, list[Array]]:
    """Return the sums over some pairs: of L, of the accuracy, and of ``ε_k (L⁺ − L⁻)`` for each θ (V7)."""
    rng, xp, dtype = np.random.default_rng(seed), array_module(*theta), theta[0].dtype
    # ε ~ N(0, σ²I)  (V7)
    epsilon = [xp.asarray(sigma * rng.standard_normal((pairs, *t.shape)), dtype=dtype) for t in theta]
    epsilon[disturbed:] = [0 * e for e in epsilon[disturbed:]]  # which nothing of the episode reads
    both = [xp.concatenate([t + e, t - e]) for t, e in zip(theta, epsilon, strict=True)]
    drawn = [tasks(rng) for _ in range(pairs)]
    x, y = (xp.asarray(np.concatenate([*part, *part])) for part in zip(*drawn, strict=True))
    learner = Learner(LSTMCell(both), sizes, episodes=len(x), seed=(*seed, 1))
    learner.states = [tuple(xp.concatenate([s[: len(s) // 2]] * 2) for s in part) for part in learner.states]
    logits = learner.run(x.astype(dtype), y)
    loss = CrossEntropy()
    n = len(x) // (2 * pairs)
    L = np.array([float(loss(logits[k : k + n], y[k : k + n])) for k in range(0, len(x), n)])
    difference = xp.asarray(L[:pairs] - L[pairs:], dtype=dtype)
    right = 2 * pairs * hits(logits, y)
    return float(L.sum()), right, [(e * difference[:, None, None]).sum(axis=0) for e in epsilon[:disturbed]]
