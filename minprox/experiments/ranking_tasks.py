"""Two classes to be ranked: tasks from the digits, the breast cancer data, and streams of two normals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.datasets import TwoNormals, digits
from minprox.methods.spauc import Moments, moments

Array = Any
Pair = tuple[Array, Array]

PIECES = 20, 2, 5  # of a thousand examples of a stream each: to test, to try step sizes, to measure them


@dataclass(frozen=True)
class Task:
    """What one run learns from and is measured on.

    Attributes
    ----------
    m : Moments
        Of all training examples; of a stream, those of the distribution.
    test : tuple of array
        Examples and their labels.
    trial, held_out : tuple of array
        Examples and labels to choose a step size by, to learn from and to measure on; no test examples.
    examples : callable
        ``examples(t)`` yields what follows after the first t examples, several at a time, without end.
    """

    m: Moments
    test: Pair
    trial: Pair
    held_out: Pair
    examples: Callable[[int], Iterator[Pair]]


def table_task(x: Array, y: Array, seed: int) -> Task:
    """Cut a table at random, 80 to 20; go through the first part again and again, each time in another order.

    Features are centred and scaled to unit variance by the first part, and divided by the root of their
    number, so that examples have norms of about 1.
    """
    order = np.random.default_rng([seed, 0]).permutation(len(y))
    x, y, n = x[order], y[order], len(y) * 4 // 5
    spread = x[:n].std(axis=0)
    x = (x - x[:n].mean(axis=0)) / np.where(spread > 0, spread, 1) / x.shape[1] ** 0.5

    def examples(t: int) -> Iterator[Pair]:
        lap, skipped = divmod(t, n)
        while True:
            order = np.random.default_rng([seed, 1, lap]).permutation(n)[skipped:]
            yield x[order], y[order]
            lap, skipped = lap + 1, 0

    k = n * 4 // 5
    return Task(moments(x[:n], y[:n]), (x[n:], y[n:]), (x[:k], y[:k]), (x[k:n], y[k:n]), examples)


def stream_task(stream: TwoNormals) -> Task:
    """Follow a stream; the examples to test on, and those to choose a step size by, are another sample."""
    m = Moments(stream.share, stream.shift, np.zeros(stream.features), stream.second_moment)
    drawn = stream.examples(part=1)
    test, trial, held_out = (joined([next(drawn) for _ in range(count)]) for count in PIECES)
    return Task(m, test, trial, held_out, stream.examples)


def joined(pieces: list[Pair]) -> Pair:
    """Return the examples of several pieces as one."""
    x, y = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return x, y


def digit_task(positive: tuple[int, ...], seed: int) -> Task:
    """Rank some of the bundled digits above the others."""
    data = digits(dtype="float64")
    x, y = joined([(split.x, split.y) for split in (data.train, data.validation, data.test)])
    return table_task(x, np.where(np.isin(y, positive), 1, -1), seed)


def cancer_task(seed: int) -> Task:
    """Rank the malignant cases of the breast cancer data, scikit-learn's copy, above the benign ones."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        raise ImportError("the breast cancer data need scikit-learn: install minprox[sklearn]") from None
    x, y = load_breast_cancer(return_X_y=True)
    return table_task(x, np.where(y == 0, 1, -1), seed)


#: Every task by its name, as a function of the seed.
TASKS: dict[str, Callable[[int], Task]] = {
    "eight": lambda seed: digit_task((8,), seed),
    "halves": lambda seed: digit_task((0, 1, 2, 3, 4), seed),
    "odd": lambda seed: digit_task((1, 3, 5, 7, 9), seed),
    "cancer": cancer_task,
    "stream": lambda seed: stream_task(TwoNormals(seed=seed)),
    "balanced": lambda seed: stream_task(TwoNormals(share=0.5, distance=1.0, condition=2.0, seed=seed)),
}
