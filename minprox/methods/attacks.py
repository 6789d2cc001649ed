"""Attacks: small changes of the inputs that raise the loss, by one step or by many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import forward
from minprox.engine.reverse import input_gradient
from minprox.ground.arguments import number, shown, whole
from minprox.ground.backend import array_module, on_host
from minprox.ground.doors import function
from minprox.ground.seeds import generator, seeds
from minprox.learning.doors import door

Clip = tuple[float, float] | None
Attack = Callable[..., Array]


@door(seed=seeds)
def fgsm(
    net: Graph, x: Array, y: Array, loss: Loss, epsilon: float, clip: Clip = (0.0, 1.0), seed: int = 0
) -> Array:
    """Move each input by one step of length ε against the net: the fast gradient sign method (D3, D4).

    Parameters
    ----------
    net : Graph
        As it evaluates, without dropout.
    x : array, shape (N, *input_shape)
    y : array, shape (N, ...)
    loss : Loss
        To be raised.
    epsilon : float
        ε ≥ 0, by how much each entry may change.
    clip : pair of float, or None
        The range of the data, which attacked inputs keep to as well.
    seed : int
        Not read: there is nothing random. All attacks take one.

    Returns
    -------
    array, shape (N, *input_shape)

    Raises
    ------
    ValueError
        If ε is negative or not finite, ``clip`` is no range, or an input lies outside of it.
    TypeError
        As of :func:`minprox.input_gradient`.

    References
    ----------
    Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 3), seed=0)
    >>> x, y = np.full((5, 4), 0.5, dtype="float32"), np.array([0, 1, 2, 0, 1])
    >>> attacked = mp.methods.fgsm(net, x, y, mp.CrossEntropy(), epsilon=0.1)
    >>> round(float(abs(attacked - x).max()), 6)
    0.1
    """
    epsilon = number("epsilon", epsilon, least=0)
    check_clip(clip, x)
    g = input_gradient(net, forward(net, x), loss, y)
    return stepped(x, g, epsilon, clip)


@door(seed=seeds)
def pgd(
    net: Graph,
    x: Array,
    y: Array,
    loss: Loss,
    epsilon: float,
    clip: Clip = (0.0, 1.0),
    seed: int = 0,
    *,
    steps: int = 40,
    restarts: int = 1,
    step_size: float | None = None,
) -> Array:
    """Climb the loss by many small steps within the cube of radius ε, from random starts (D5).

    Parameters
    ----------
    net, x, y, loss, epsilon, clip
        As for :func:`fgsm`.
    seed : int
        Of the random starts.
    steps : int
        From each start.
    restarts : int
        How many starts; of each input the attack with the highest loss is kept.
    step_size : float, optional
        2.5 ε / steps if not given, so that a start in one corner can reach the opposite one.

    Returns
    -------
    array, shape (N, *input_shape)

    Raises
    ------
    ValueError
        As of :func:`fgsm`; if ``steps``, ``restarts`` or the step size is not positive.

    References
    ----------
    Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 3), seed=0)
    >>> x, y = np.full((5, 4), 0.5, dtype="float32"), np.array([0, 1, 2, 0, 1])
    >>> attacked = mp.methods.pgd(net, x, y, mp.CrossEntropy(), epsilon=0.1, steps=10)
    >>> bool((abs(attacked - x) <= 0.1 + 1e-7).all())
    True
    """
    epsilon = number("epsilon", epsilon, least=0)
    steps, restarts = whole("steps", steps), whole("restarts", restarts)
    size = 2.5 * epsilon / steps if step_size is None else number("step_size", step_size, above=0)
    check_clip(clip, x)
    xp, rng = array_module(x), generator(seed)
    worst, highest = x, sample_losses(net, x, y, loss)
    for _ in range(restarts):
        start = xp.asarray(rng.uniform(-epsilon, epsilon, x.shape), dtype=x.dtype)
        moved = clipped(x + start, clip)
        for _ in range(steps):
            g = input_gradient(net, forward(net, moved), loss, y)
            moved = stepped(moved, g, size, None)
            # x^{k+1} = Π(x^k + η sign(∇_x ℓ)), Π onto the cube around x and the data's range  (D5)
            moved = clipped(xp.clip(moved, x - epsilon, x + epsilon), clip)
        losses = sample_losses(net, moved, y, loss)
        better = (losses > highest).reshape(-1, *(1,) * (x.ndim - 1))
        worst, highest = xp.where(better, moved, worst), xp.where(losses > highest, losses, highest)
    return worst


@door(seed=seeds, attack=function)
def robust_accuracy(
    net: Graph,
    split: Any,
    loss: Loss,
    epsilon: float,
    attack: Attack = fgsm,
    *,
    clip: Clip = (0.0, 1.0),
    seed: int = 0,
    batch_size: int = 1000,
    **options: Any,
) -> float:
    """Return the accuracy of a net on attacked inputs.

    Parameters
    ----------
    net : Graph
        As for :func:`fgsm`.
    split : Split
        ``data.test``, say.
    loss : Loss
        That the attack raises.
    epsilon : float
        As for :func:`fgsm`; for 0 it is the accuracy on the inputs as they are.
    attack : callable
        ``attack(net, x, y, loss, epsilon, clip, seed, **options)``, such as :func:`fgsm` or :func:`pgd`.
    clip, seed
        As for :func:`pgd`.
    batch_size : int
        Inputs that are attacked at a time.
    **options
        Handed to the attack: ``steps=40, restarts=5``, say.

    Returns
    -------
    float
        A fraction.

    Raises
    ------
    ValueError
        As of the attack, or if the loss knows no accuracy.

    Examples
    --------
    >>> import minprox as mp
    >>> data, loss = mp.datasets.digits(), mp.CrossEntropy()
    >>> net = mp.Sequential(mp.Linear(64, 10), seed=0)
    >>> accuracies = [mp.methods.robust_accuracy(net, data.test, loss, epsilon) for epsilon in (0, 0.5)]
    >>> accuracies[0] > accuracies[1] == 0.0
    True
    """
    hits, batch_size = 0.0, whole("batch_size", batch_size)
    for start in range(0, len(split), batch_size):
        x, y = split.x[start : start + batch_size], split.y[start : start + batch_size]
        attacked = attack(net, x, y, loss, epsilon, clip, seed, **options)
        correct = loss.correct(forward(net, attacked).output, y)
        if correct is None:
            raise ValueError(f"robust_accuracy: expected a loss that knows an accuracy, found {loss!r}")
        hits += float(correct)
    return hits / len(split)


def stepped(x: Array, g: Array, epsilon: float, clip: Clip) -> Array:
    """``x + ε sign(∇_x ℓ)``, cut off at the range of the data (D4)."""
    return clipped(x + epsilon * array_module(x).sign(g).astype(x.dtype, copy=False), clip)


def clipped(x: Array, clip: Clip) -> Array:
    """Cut off at the range of the data, where there is one."""
    return x if clip is None else array_module(x).clip(x, *clip)


def sample_losses(net: Graph, x: Array, y: Array, loss: Loss) -> Array:
    """Return the loss of each sample, one after the other: a loss gives the mean of what it is shown."""
    output = forward(net, x).output
    return array_module(x).stack([loss(output[i : i + 1], y[i : i + 1]) for i in range(len(x))])


def check_clip(clip: Clip, x: Array | None = None) -> None:
    """Raise ValueError unless ``clip`` is None or a range that holds the inputs; a GPU is not asked."""
    if clip is None:
        return
    try:
        low, high = (float(bound) for bound in clip)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not low < high:
        raise ValueError(
            f"clip: expected a pair low < high, the range of the data, or None, found {shown(clip)}"
        )
    if x is not None and on_host(x) and x.size and not (x.min() >= low and x.max() <= high):
        raise ValueError(
            f"clip: expected inputs within the range {clip} of the data, found inputs from "
            f"{float(x.min()):g} to {float(x.max()):g}; give their range, or None"
        )
