"""Targets drawn from the model: what the net itself holds for likely."""

from __future__ import annotations

from typing import Any

from minprox.engine.losses import CrossEntropy, Loss, SquaredError
from minprox.engine.losses.cross_entropy import log_softmax
from minprox.ground.arguments import shown
from minprox.ground.backend import array_module
from minprox.ground.seeds import generator

Array = Any


def drawn_targets(loss: Loss, output: Array, seed: Any) -> Array:
    """Draw targets from the distribution of which the loss is the negative logarithm.

    Parameters
    ----------
    loss : CrossEntropy or SquaredError
    output : array, shape (N, ...)
    seed : int or sequence of int

    Returns
    -------
    array
        Labels by ``softmax(output)``, or ``output`` with normal noise of variance 1.

    Raises
    ------
    TypeError
        If the loss is another one, or one whose samples do not all count alike.
    """
    xp, rng = array_module(output), generator(seed)
    if type(loss) is CrossEntropy and loss.plain and not loss.label_smoothing:
        p = xp.exp(log_softmax(output)).cumsum(axis=-1)
        u = xp.asarray(rng.uniform(size=output.shape[:-1]), dtype=output.dtype)
        return (p[..., :-1] < u[..., None]).sum(axis=-1)
    if type(loss) is SquaredError:
        return output + xp.asarray(rng.standard_normal(output.shape), dtype=output.dtype)
    raise TypeError(f"expected a plain CrossEntropy or SquaredError to draw targets for, found {shown(loss)}")
