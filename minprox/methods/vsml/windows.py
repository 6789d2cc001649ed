"""Episodes longer than a graph: back-propagation through one window of them at a time (V10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minprox.ground.arguments import whole
from minprox.ground.backend import array_module, asarray, to_numpy
from minprox.learning.net_state import check_alike
from minprox.methods.vsml.learner import Learner
from minprox.methods.vsml.meta import Tasks, Through

Array = Any


class Windows:
    """Back-propagation through time, truncated: each call takes the next window of every episode (V10).

    What was learned in earlier windows comes in as states, error and messages, which the gradient does not
    follow further back. The ends of episodes are spread over the calls, so that a batch holds early and late
    windows.

    Parameters
    ----------
    through : Through
        What takes a direction through one window; its own tasks have that length.
    tasks : callable
        ``tasks(rng)`` returns x of shape (N, windows · T, inputs) and labels y of shape (N, windows · T).
    windows : int
        Of each episode.
    short : int
        So many calls at the start have episodes of one window: a rule that has not yet learned what to
        keep leaves nothing to start from.

    Raises
    ------
    ValueError
        If the tasks have no whole number of examples in each window.

    Examples
    --------
    >>> from functools import partial
    >>> from minprox.methods.vsml import Episode, LSTMCell, Through, gaussian_tasks
    >>> tasks = partial(gaussian_tasks, N=4, inputs=5, classes=2)
    >>> through = Through(Episode(LSTMCell(seed=0), (5, 2), 3), partial(tasks, T=3))
    >>> meta = Windows(through, partial(tasks, T=6), windows=2)
    >>> for call in range(3):
    ...     loss, accuracy, grads = meta(np.random.default_rng(call))
    ...     print(meta.age)
    [1 1 1 1]
    [2 1 2 1]
    [1 2 1 2]
    """

    def __init__(self, through: Through, tasks: Tasks, windows: int, short: int = 0) -> None:
        self.through, self.net, self.tasks = through, through.net, tasks
        self.windows, self.short, self.calls = whole("windows", windows), whole("short", short, least=0), 0
        x, y = tasks(np.random.default_rng(0))  # for its shape
        self.T, rest = divmod(x.shape[1], self.windows)
        if rest:
            raise ValueError(f"tasks: expected a multiple of {windows} examples, found {x.shape[1]}")
        self.x, self.y = asarray(np.zeros(x.shape, self.net.dtype)), asarray(0 * y)
        self.age = np.zeros(len(x), int)  # windows of its episode that each row has behind it
        self.learner = Learner(self.net.cell(), self.net.sizes, len(x))

    def __call__(self, rng: np.random.Generator) -> tuple[float, float, list[Array]]:
        """Return meta-loss and accuracy over the windows, and a direction for each θ of the net."""
        self.calls += 1
        if self.calls <= self.short:
            return self.through(rng)
        self._begin(rng)
        one, xp = self.learner, array_module(self.x)
        rows, t = xp.arange(len(self.y))[:, None], xp.asarray(self.age[:, None] * self.T + np.arange(self.T))
        x, y = self.x[rows, t], self.y[rows, t]
        found = self.through.along(x, y, one.states, one.downs, one.error)  # ∇_θ of this window  (V10)
        one.cell = self.net.cell()
        one.run(x, y)  # to where the next window starts
        self.age += 1
        return found

    def _begin(self, rng: np.random.Generator) -> None:
        """Begin new episodes in the rows whose last one is over."""
        call = self.calls - self.short - 1
        new = ((np.arange(len(self.age)) + call) % self.windows == 0) | (call == 0)
        x, y = self.tasks(rng)
        fresh = Learner(self.net.cell(), self.net.sizes, len(x))
        fresh.states = self.net.start(len(x), rng)
        xp = array_module(self.x)

        def chosen(old: Array, other: Array) -> Array:
            return xp.where(xp.asarray(new).reshape(-1, *[1] * (old.ndim - 1)), other, old)

        self.x, self.y = chosen(self.x, asarray(x.astype(self.net.dtype))), chosen(self.y, asarray(y))
        olds, news = (one.arrays() for one in (self.learner, fresh))
        both = {name: (asarray(old), asarray(news[name])) for name, old in olds.items()}
        self.learner.take_up({name: to_numpy(chosen(*pair)) for name, pair in both.items()})
        self.age[new] = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Return where all episodes are, by name.

        Returns
        -------
        dict of str to array
            For :meth:`take_up`; each of the shape that it has here.
        """
        where = {"x": self.x, "y": self.y, "age": self.age, "calls": np.array(self.calls)}
        return {f"windows.{name}": to_numpy(part) for name, part in (where | self.learner.arrays()).items()}

    def take_up(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`arrays` was called.

        Parameters
        ----------
        arrays : mapping of str to array
            What it returned, of the same shapes.

        Raises
        ------
        ValueError
            If they are those of other episodes.
        """
        check_alike(self.arrays(), arrays)
        parts = {name.partition(".")[2]: part for name, part in arrays.items()}
        self.x, self.y, self.age = asarray(parts.pop("x")), asarray(parts.pop("y")), parts.pop("age") + 0
        self.calls = whole("calls", parts.pop("calls")[()], least=0)
        self.learner.take_up(parts)
