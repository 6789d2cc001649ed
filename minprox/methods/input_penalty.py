"""The penalty of double back-propagation: the mean norm of the gradient with respect to the input."""

from __future__ import annotations

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import forward
from minprox.engine.reverse import input_gradient
from minprox.engine.tangent import tangent
from minprox.engine.tape import Tape
from minprox.ground.arguments import number, one_of
from minprox.ground.backend import array_module
from minprox.learning.doors import door
from minprox.methods.attacks import Clip, check_clip, stepped


@door
def penalty_gradient(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    *,
    norm: str = "l1",
    of: str = "loss",
    epsilon: float = 0.0,
    points: str = "all",
    clip: Clip = None,
) -> list[Array]:
    """Return ``∇_θ R``, by one tangent pass over the reverse pass, or one for each logit (D2).

    Parameters
    ----------
    net, tape, loss, y, norm, of, epsilon, points, clip
        As for :func:`double_backprop`.

    Returns
    -------
    list of array
        Aligned with ``net.parameters``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(2, 2), seed=0, dtype="float64")
    >>> net.parameters = [np.array([[1.0, -2.0], [3.0, 4.0], [0.0, 0.0]])]
    >>> tape, y = mp.forward(net, np.ones((5, 2))), np.zeros(5, dtype=int)
    >>> mp.methods.penalty_gradient(net, tape, mp.CrossEntropy(), y, of="logits")  # R = Σ |W|
    [array([[ 1., -1.],
           [ 1.,  1.],
           [ 0.,  0.]])]
    """
    total: list[Array] = []
    check_options(norm, of, epsilon, points, clip)
    tape = at_points(net, tape, loss, y, epsilon, clip)
    for part in parts(loss, tape, of):
        s = motion(input_gradient(net, tape, part, y), norm, points)
        found = tangent(net, tape, part, y, s=s)  # ∇_θ ‖∇_x ℓ‖ = d/dε ∇_θ ℓ(x + ε s)  (D2)
        total = [one + other for one, other in zip(total, found, strict=True)] if total else found
    return total


@door
def gradient_penalty(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    *,
    norm: str = "l1",
    of: str = "loss",
    epsilon: float = 0.0,
    points: str = "all",
    clip: Clip = None,
) -> Array:
    """Return the penalty ``R``, the mean over samples of the norm of the gradient (D1, D6).

    Parameters
    ----------
    net, tape, loss, y, norm, of, epsilon, points, clip
        As for :func:`double_backprop`.

    Returns
    -------
    array, shape ()

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(2, 2), seed=0, dtype="float64")
    >>> net.parameters = [np.array([[1.0, -2.0], [3.0, 4.0], [0.0, 0.0]])]
    >>> tape, y = mp.forward(net, np.ones((5, 2))), np.zeros(5, dtype=int)
    >>> float(mp.methods.gradient_penalty(net, tape, mp.CrossEntropy(), y, of="logits"))  # Σ |W|
    10.0
    """
    check_options(norm, of, epsilon, points, clip)
    tape, total = at_points(net, tape, loss, y, epsilon, clip), 0
    for part in parts(loss, tape, of):
        g = input_gradient(net, tape, part, y)[penalised(len(tape.output), points)]
        total = total + (abs(g) if norm == "l1" else g * g).sum() / len(g)  # ‖∇_x ℓ‖₁ or ‖∇_x ℓ‖₂²  (D1)
    return total


def motion(g: Array, norm: str, points: str) -> Array:
    """Return along which the samples move: the derivative of the norms by the gradients (D2)."""
    xp, chosen = array_module(g), penalised(len(g), points)
    s = xp.sign(g[chosen]) if norm == "l1" else 2 * g[chosen]
    still = xp.zeros_like(g)
    return xp.concatenate([still[: chosen.start], len(g) / len(s) * s, still[chosen.stop :]])


def penalised(N: int, points: str) -> slice:
    """Return which samples of a batch are penalised: all, or the half that is clean or attacked."""
    if points == "all":
        return slice(0, N)
    if N % 2:
        raise ValueError(
            f"points={points!r}: expected a batch of clean samples and as many attacked ones, as "
            f"AdversarialTraining makes it, found {N} samples"
        )
    return slice(0, N // 2) if points == "clean" else slice(N // 2, N)


def at_points(net: Graph, tape: Tape, loss: Loss, y: Array, epsilon: float, clip: Clip) -> Tape:
    """Return the tape of the points at which the penalty is taken, with the same dropout masks (D4)."""
    if epsilon == 0:
        return tape
    x = stepped(tape.values[0], input_gradient(net, tape, loss, y), epsilon, clip)
    return forward(net, x, like=tape)


def parts(loss: Loss, tape: Tape, of: str) -> list[Loss]:
    """Return the functions of the output whose gradients are penalised: the loss, or each logit (D6)."""
    if of == "loss":
        return [loss]
    if tape.output.ndim != 2:
        raise ValueError(
            f'of="logits": expected an output of shape (N, classes), found the shape {tape.output.shape}'
        )
    return [Logit(c) for c in range(tape.output.shape[1])]


class Logit(Loss):
    """The mean of one output, ``1/N Σ f_c(x_i)``; it has no targets and no curvature."""

    def __init__(self, c: int) -> None:
        self.c = c

    def __call__(self, output: Array, y: Array) -> Array:
        return output[:, self.c].sum() / len(output)

    def gradient(self, output: Array, y: Array) -> Array:
        chosen = array_module(output).arange(output.shape[1]) == self.c
        return array_module(output).zeros_like(output) + chosen.astype(output.dtype) / len(output)

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        return array_module(output).zeros_like(output)


def check_options(norm: str, of: str, epsilon: float, points: str, clip: Clip) -> None:
    """Raise ValueError where an argument is out of its range."""
    one_of("norm", norm, ("l1", "l2squared"))
    one_of("of", of, ("loss", "logits"))
    one_of("points", points, ("all", "clean", "attacked"))
    number("epsilon", epsilon, least=0)
    check_clip(clip)
