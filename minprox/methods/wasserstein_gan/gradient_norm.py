"""The penalty that keeps the gradient of a critic near length one, and its derivative by the tangent pass."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.passes import forward
from minprox.engine.reverse import input_gradient
from minprox.engine.tangent import tangent
from minprox.ground.backend import array_module
from minprox.methods.input_penalty import Logit
from minprox.methods.wasserstein_gan.doors import door

Array = Any
SCORE = Logit(0)  # the mean of the scores


@door
def norm_penalty(critic: Graph, x: Array, seed: Any = 0) -> Array:
    """Return ``R = mean_i (‖∇_x D(x_i)‖ − 1)²`` (W6).

    Parameters
    ----------
    critic : Graph
        With one score for each sample.
    x : array, shape (B, *input_shape)
    seed : int or sequence of int
        Of dropout in the critic.

    Returns
    -------
    array, shape ()

    References
    ----------
    Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, section 4.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> critic = mp.Sequential(mp.Linear(2, 1), dtype="float64")
    >>> critic.parameters = [np.array([[3.0], [4.0], [0.0]])]
    >>> round(float(norm_penalty(critic, np.zeros((7, 2)))), 6)  # (5 − 1)²
    16.0
    """
    _, length = slopes(critic, forward(critic, x, training=True, seed=seed))
    return ((length - 1) ** 2).sum() / len(length)  # mean (‖∇_x D(x_i)‖ − 1)²  (W6)


@door
def norm_penalty_gradient(critic: Graph, x: Array, seed: Any = 0) -> list[Array]:
    """Return ``∇_θ R``, by one tangent pass over the reverse pass (W6).

    Parameters
    ----------
    critic, x, seed
        As for :func:`norm_penalty`.

    Returns
    -------
    list of array
        Aligned with ``critic.parameters``.

    Raises
    ------
    TypeError
        If a layer has no tangent: the message names the method.

    Notes
    -----
    ``∇_θ R = 1/B Σ_i 2 (‖g_i‖ − 1) ⟨g_i/‖g_i‖, ∂g_i/∂θ⟩`` with ``g_i = ∇_x D(x_i)``, which is how ``∇_θ`` of
    the mean score changes as each ``x_i`` moves along ``s_i = 2 (‖g_i‖ − 1) g_i/‖g_i‖``.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> critic = mp.Sequential(mp.Linear(2, 1), dtype="float64")
    >>> critic.parameters = [np.array([[3.0], [4.0], [0.0]])]
    >>> norm_penalty_gradient(critic, np.zeros((7, 2)))[0].round(6)  # 2 (5 − 1) w/‖w‖
    array([[4.8],
           [6.4],
           [0. ]])
    """
    tape = forward(critic, x, training=True, seed=seed)
    g, length = slopes(critic, tape)
    xp = array_module(g)
    unit = g / xp.maximum(length, xp.finfo(g.dtype).tiny)
    s = 2 * (length - 1) * unit
    return tangent(critic, tape, SCORE, tape.output, s=s)  # d/dε ∇_θ mean D(x_i + ε s_i)  (W6)


def slopes(critic: Graph, tape: Any) -> tuple[Array, Array]:
    """Return ``∇_x D`` of each sample and its length, which can be multiplied with it."""
    g = input_gradient(critic, tape, SCORE, tape.output)
    length = (g * g).reshape(len(g), -1).sum(axis=1) ** 0.5
    return g, length.reshape(-1, *(1,) * (g.ndim - 1))
