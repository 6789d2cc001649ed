"""Learners of a linear score that see one example at a time: checks, averages, and streams."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np

from minprox.engine.prox import L2Squared
from minprox.ground.arguments import number, refuse, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.ground.doors import door
from minprox.methods.spauc.state import Stored
from minprox.methods.spauc.steps import Constant, StepRule, length
from minprox.methods.spauc.streams import as_matrix, checked, is_sparse, rows

Array = Any
Memory = dict[str, Any]
SIDES = "n_minus", "n_plus"  # the counts of the two classes


class Learner(Stored):
    """Base of the learners: the weights w of a linear score, learnt from one example after the other.

    Parameters
    ----------
    penalty : Penalty, optional
        Ω of ``minprox.prox``, a penalty of vectors; nothing is penalised if not given.
    step : float or StepRule
        η_t.
    average : bool
        Whether :attr:`coef` is the average of all w_t, by the weights of the step rule, or the last one.
    classes : tuple
        The labels of the negative and of the positive class.

    Attributes
    ----------
    t : int
        How many examples were learnt from.
    w, mean : array, shape (features,)
        The last weights, and their average (S7).
    memory : dict of str to number or array
        What else is remembered; :meth:`next` tells.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    All is float64, whatever the examples are: sums over a stream need it. A learner on a GPU takes its
    examples there.

    Examples
    --------
    >>> import minprox as mp
    >>> issubclass(mp.methods.spauc.SPAUC, mp.methods.spauc.Learner)
    True
    """

    @door
    def __init__(
        self,
        features: int,
        penalty: Any = None,
        step: float | StepRule = 0.1,
        average: bool = False,
        classes: tuple[Any, Any] = (-1, 1),
    ) -> None:
        check_classes(classes)
        if penalty is not None and not callable(getattr(penalty, "prox", None)):
            refuse("penalty", "one with a method prox(v, tau)", penalty)
        self.features, self.classes = whole("features", features), tuple(classes)
        self.penalty = L2Squared(0.0) if penalty is None else penalty
        self.step = step if isinstance(step, StepRule) else Constant(number("step", step, above=0))
        self.average = bool(average)
        self.t, self.weight = 0, 0.0
        self.w, self.mean = (asarray(np.zeros(self.features)) for _ in range(2))
        self.memory: Memory = {"n_plus": 0, "n_minus": 0} | self.begin()

    def begin(self) -> Memory:
        """Return what the learner remembers beside w before the first example.

        Returns
        -------
        dict of str to number or array
        """
        return {}

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        """Return w and the memory after one more example; nothing is written to.

        Parameters
        ----------
        x : array, shape (features,)

        Returns
        -------
        w : array, shape (features,)
        memory : dict of str to number or array
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def weighted(self, t: int) -> float:
        """Return the weight of w_t in the average: that of the step rule."""
        return self.step.weight(t)

    def learn(self, x: Any, y: Any) -> Self:
        """Learn from one example or several, in their order; the average goes along (S7).

        Parameters
        ----------
        x : array_like or sparse matrix, shape (features,) or (n, features)
        y : scalar or array_like, shape () or (n,)
            Their labels.

        Returns
        -------
        Learner

        Raises
        ------
        ValueError, TypeError
            If one of the examples is not as expected; then none of them was learnt from.
        """
        x, positive = checked(x, y, self.features, self.classes, self.t + 1)
        with np.errstate(over="ignore", invalid="ignore"):  # steps too long diverge, which is a result
            for row, is_positive in zip(rows(x), positive.tolist(), strict=True):
                t = self.t + 1
                w, memory = self.next(row, is_positive, length(self.step, t))
                counts = {name: self.memory[name] + (name == SIDES[is_positive]) for name in SIDES}
                weight = self.weighted(t)
                total, mean = self.weight + weight, self.mean
                if self.average:
                    mean = mean + (weight / total) * (w - mean)  # Σ_k weight_k w_k / Σ_k weight_k  (S7)
                self.t, self.w, self.mean, self.weight, self.memory = t, w, mean, total, memory | counts
        return self

    def follow(
        self,
        stream: Iterable[tuple[Any, Any]],
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 100_000,
        resume: bool = False,
        callback: Callable[[Learner], Any] | None = None,
    ) -> Self:
        """Learn from a stream, which is never held in memory.

        Parameters
        ----------
        stream : iterable of (x, y)
            Examples one by one, or several at a time, as for :meth:`learn`; from its start.
        checkpoint : path-like, optional
            Where to write the state after every ``every`` examples or soon after, and at the end, also where
            that is an error in the stream or an interruption.
        resume : bool
            Whether to go on from ``checkpoint``, if it exists, skipping the examples that it has seen.
        callback : callable, optional
            ``callback(learner)`` is called when the state may be written; True leaves the stream.

        Returns
        -------
        Learner

        Raises
        ------
        ValueError, TypeError
            If an example is not as expected (what was learnt before it stays), or the checkpoint is of a
            learner with other settings.
        OSError
            If the checkpoint cannot be read or written.
        """
        every = whole("every", every)
        if resume:
            if checkpoint is None:
                raise ValueError("resume=True needs the path of a checkpoint, found none")
            if os.path.exists(checkpoint):
                self.load(checkpoint)
        seen, known = 0, self.t
        try:
            for x, y in stream:
                x, before = as_matrix(x), self.t
                new = max(known - seen, 0)  # the first row that was not learnt from before
                if new < x.shape[0]:
                    self.learn(x[new:], np.atleast_1d(to_numpy(y))[new:])
                seen += x.shape[0]
                if self.t // every > before // every:
                    if checkpoint is not None:
                        self.save(checkpoint)
                    if callback is not None and callback(self):
                        break
        finally:
            if checkpoint is not None:
                self.save(checkpoint)
        return self

    @property
    def coef(self) -> Array:
        """The weights that score examples: the average or the last w."""
        return self.mean if self.average else self.w

    @property
    def diverged(self) -> bool:
        """Whether the weights are NaN or infinite."""
        return not math.isfinite(float(abs(self.w).sum()))

    def decision_function(self, x: Any) -> Array:
        """Score examples; the larger, the more positive.

        Parameters
        ----------
        x : array_like or sparse matrix, shape (n, features)

        Returns
        -------
        array, shape (n,)

        Raises
        ------
        ValueError
            If no example of one of the classes was seen yet, or the examples have another width.
        """
        for name, label in zip(SIDES, self.classes, strict=True):
            if not self.memory[name]:
                raise ValueError(
                    f"{type(self).__name__}: expected examples of both classes before scores, found none "
                    f"with the label {label!r} among {self.t}"
                )
        x = as_matrix(x)
        if x.shape[1] != self.features:
            raise ValueError(f"expected examples with {self.features} features, found {x.shape[1]}")
        return asarray(x @ to_numpy(self.coef)) if is_sparse(x) else x @ self.coef


def check_classes(classes: Any) -> None:
    """Raise an error unless these are two labels."""
    if not isinstance(classes, (list, tuple)) or len(classes) != 2:
        refuse("classes", "two labels", classes)
    for label in classes:
        if not isinstance(label, (int, float, str, np.generic)):
            refuse("classes", "two labels, numbers or texts", classes)
    if classes[0] == classes[1]:
        raise ValueError(f"classes: expected two labels that differ, found {classes!r}")
