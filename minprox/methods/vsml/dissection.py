"""What a cell has learned to do: the effect of an error, measured by running an episode twice (V9)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minprox.ground.backend import asarray, to_numpy
from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.doors import door
from minprox.methods.vsml.learner import Learner

Array = Any

ERRORS = tuple(np.linspace(-1, 1, 11).round(1).tolist())
LAGS = (1, 2, 4, 8, 16, 32)
WARM = 40  # examples before it is looked at


@dataclass(frozen=True)
class Dissection:
    """What :func:`dissect` found.

    Attributes
    ----------
    effects : dict of str to array, shape (errors, episodes)
        By what is shown next (the ``"same"`` image, another one of its ``"class"``, one of an ``"other"``):
        how an error at a class changes its logit.
    changes : dict of (str, str) to list of float
        By outcome of a prediction (``"right"``, ``"wrong"``) and class (``"true"``, ``"said"``, ``"other"``):
        the root mean square change of the states c of its edges when the error arrives.
    memory : dict of (str, str) to array, shape (lags, …)
        By outcome and class: how the error of a prediction changes the logit of that class for the same
        image, so many examples later.
    errors, lags : tuple
        Which errors were tried, and how many examples later it was looked.

    Examples
    --------
    >>> Dissection({}, {}, {}).lags
    (1, 2, 4, 8, 16, 32)
    """

    effects: dict[str, np.ndarray]
    changes: dict[tuple[str, str], list[float]]
    memory: dict[tuple[str, str], np.ndarray]
    errors: Sequence[float] = field(default=ERRORS)
    lags: Sequence[int] = field(default=LAGS)


@door
def dissect(cell: LSTMCell, x: Array, y: Array, seed: int = 0) -> Dissection:
    """Find out what a cell does after right and wrong predictions (V9).

    Parameters
    ----------
    cell : LSTMCell
        Meta-trained, or what is to be looked at.
    x : array, shape (episodes, T, inputs)
        With T of 75 or more.
    y : array, shape (episodes, T)
        Labels.
    seed : int
        Of the states at the start.

    Returns
    -------
    Dissection
        Of one look at each stream, and of all predictions in it for ``changes``.

    Raises
    ------
    ValueError
        If the streams are too short.

    Notes
    -----
    Each effect is the difference of two runs from the same states, one with the error and one with zero in
    its place. An error arrives together with the next example, so that a cell has to remember what it was
    about.

    Examples
    --------
    >>> from minprox.methods.vsml import gaussian_tasks, load
    >>> x, y = gaussian_tasks(np.random.default_rng(0), 20, 80, 8, 3)
    >>> found = dissect(load(), x.astype("float32"), y)
    >>> found.effects["same"].shape, bool(np.median(found.effects["same"][0]) > 0)  # the error −1
    ((11, 20), True)
    """
    if x.ndim != 3 or y.shape != x.shape[:2]:
        raise ValueError(
            f"x, y: expected (episodes, T, inputs) and (episodes, T), found {x.shape} and {y.shape}"
        )
    if x.shape[1] <= WARM + max(LAGS) + 1:
        raise ValueError(f"x: expected {WARM + max(LAGS) + 2} examples of each stream, found {x.shape[1]}")
    classes = int(y.max()) + 1
    learner = Learner(cell, (x.shape[2], classes), episodes=len(x), seed=seed)
    learner.run(x[:, :WARM], y[:, :WARM])
    return Dissection(
        effects(branch(learner), x[:, WARM:], y[:, WARM:]),
        changes(branch(learner), x[:, WARM:], y[:, WARM:]),
        memory(branch(learner), x[:, WARM:], y[:, WARM:]),
    )


def branch(learner: Learner) -> Learner:
    """Return a learner with the same states, which goes its own way."""
    other = copy.copy(learner)
    other.states, other.downs = list(learner.states), list(learner.downs)
    return other


def shown(learner: Learner, x: Array, error: Array) -> Array:
    """Return what a branch says of an example, when an error arrives with it; the learner stays."""
    other = branch(learner)
    other.error = error
    return other.predict(x)


def effects(learner: Learner, x: Array, y: Array) -> dict[str, np.ndarray]:
    """Return how an error at the class of an image changes its logit, for three images shown later."""
    learner.predict(x[:, 0])  # the image that the error will be about
    labels, rows = to_numpy(y), np.arange(len(y))
    kinds = {"same": np.zeros(len(y), int), "class": first(labels, True), "other": first(labels, False)}
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    for e in (0.0, *ERRORS):
        error = np.zeros(learner.error.shape)
        error[rows, labels[:, 0]] = e
        other = branch(learner)
        other.error = asarray(error, learner.error.dtype)
        other.predict(x[:, 1])  # it arrives with the next example
        for kind, where in kinds.items():
            logits = shown(other, x[rows, where], 0 * other.error)
            found[kind].append(to_numpy(logits)[rows, labels[:, 0]])
    return {kind: np.array(values[1:]) - values[0] for kind, values in found.items()}


def first(labels: np.ndarray, same: bool) -> np.ndarray:
    """Return where, from the third example on, the label of the first one comes again, or another one."""
    return 2 + ((labels[:, 2:] == labels[:, :1]) == same).argmax(axis=1)


def changes(learner: Learner, x: Array, y: Array) -> dict[tuple[str, str], list[float]]:
    """Return the changes of states when the error of a prediction arrives, less those without an error."""
    found: dict[tuple[str, str], list[float]] = {}
    for t in range(x.shape[1] - 1):
        logits = learner.predict(x[:, t])
        learner.learn(logits, y[:, t])
        other = branch(learner)
        other.error = 0 * other.error
        (_, c), (_, without) = (parts(one, x[:, t + 1]) for one in (learner, other))
        size = to_numpy(((c - without) ** 2).mean(axis=(1, 3)) ** 0.5)  # of each class
        for outcome, role, n, b in roles(to_numpy(logits), to_numpy(y[:, t])):
            found.setdefault((outcome, role), []).append(float(size[n, b]))
    return found


def parts(learner: Learner, x: Array) -> tuple[Array, ...]:
    """Return the states h and c of the layer after the next example."""
    other = branch(learner)
    other.predict(x)
    return other.states[0]


def roles(logits: np.ndarray, y: np.ndarray) -> list[tuple[str, str, int, int]]:
    """Return outcome, role, episode and class of the true class, that said, and another."""
    said = logits.argmax(axis=1)
    found = []
    for n, (b, guess) in enumerate(zip(y, said, strict=True)):
        others = [k for k in range(logits.shape[1]) if k not in (b, guess)]
        outcome = "right" if b == guess else "wrong"
        found += [(outcome, "true", n, int(b))] + [(outcome, "other", n, k) for k in others[:1]]
        found += [] if b == guess else [(outcome, "said", n, int(guess))]
    return found


def memory(learner: Learner, x: Array, y: Array) -> dict[tuple[str, str], np.ndarray]:
    """Return how much of the effect of a prediction's own error is left, some examples later."""
    logits = learner.predict(x[:, 0])
    learner.learn(logits, y[:, 0])
    other = branch(learner)
    other.error = 0 * other.error
    differences = []
    for t in range(1, max(LAGS) + 1):
        for one in (learner, other):
            one.learn(one.predict(x[:, t]), y[:, t])
        if t in LAGS:
            zero = 0 * learner.error
            differences.append(to_numpy(shown(learner, x[:, 0], zero) - shown(other, x[:, 0], zero)))
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for outcome, role, n, b in roles(to_numpy(logits), to_numpy(y[:, 0])):
        found.setdefault((outcome, role), []).append(np.array([d[n, b] for d in differences]))
    return {key: np.array(values).T for key, values in found.items()}
