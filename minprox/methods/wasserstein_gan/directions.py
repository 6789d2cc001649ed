"""The directions of both players: sweeps through the critic, and through the generator behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.passes import forward
from minprox.engine.reverse import sweep
from minprox.engine.tape import Tape
from minprox.ground.arguments import number, one_of
from minprox.ground.backend import array_module
from minprox.methods.wasserstein_gan.critics import CriticLoss
from minprox.methods.wasserstein_gan.doors import door
from minprox.methods.wasserstein_gan.gradient_norm import norm_penalty_gradient
from minprox.methods.wasserstein_gan.proximal import TERMS

Array = Any


@door
def critic_direction(
    critic: Graph,
    real: Array,
    fake: Array,
    adversary: CriticLoss,
    rng: np.random.Generator | None = None,
    seed: int | Sequence[int] = 0,
) -> tuple[list[Array], Array]:
    """Return the gradient of the critic's loss, its penalty included, and the loss without it (W5–W7).

    Parameters
    ----------
    real, fake : array, shape (B, ...)
        Data, and what the generator made.
    rng : numpy.random.Generator, optional
        For the points where a penalty is taken.
    seed : int or sequence of int
        Of dropout in the critic.

    Returns
    -------
    gradient : list of array
        Aligned with ``critic.parameters``.
    value : array, shape ()

    Raises
    ------
    ValueError
        If data and samples have not one shape, or the critic has not one score for each of them.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> gan = mp.methods.wasserstein_gan
    >>> critic = mp.Sequential(mp.Linear(2, 1), seed=0)
    >>> real, fake = np.ones((2, 3, 2), dtype="float32")
    >>> (d,), value = gan.critic_direction(critic, real, fake, gan.NonSaturating())
    >>> d.shape
    (3, 1)
    """
    if real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            f"expected data and samples of one shape, found {real.shape[1:]} and {fake.shape[1:]}"
        )
    tape = forward(critic, array_module(real, fake).concatenate([real, fake]), training=True, seed=seed)
    scores = scored(tape)
    made = scores[len(real) :]
    real_error, fake_error = adversary.errors(scores[: len(real)], made)
    error = array_module(scores).concatenate([real_error, fake_error])
    gradient = swept(critic, tape, error.reshape(tape.output.shape))
    if adversary.lam:
        points = adversary.points(real, fake, np.random.default_rng(0) if rng is None else rng)
        penalty = norm_penalty_gradient(critic, points, seed)
        # ∇ (value + λ R)  (W6)
        gradient = [g + adversary.lam * p for g, p in zip(gradient, penalty, strict=True)]
    return gradient, adversary.value(scores[: len(real)], made)


@door
def generator_direction(
    generator: Graph,
    critic: Graph,
    tape: Tape,
    adversary: CriticLoss,
    g_old: Array = None,
    h: float | None = None,
    term: str = "relaxed",
    seed: int | Sequence[int] = 0,
) -> tuple[list[Array], Array]:
    """Return the gradient of the generator's loss with its proximal term, and the loss without it (W3).

    Parameters
    ----------
    tape : Tape
        Of the generator, on a batch of latent points.
    g_old : array, shape (B, ...), optional
        What the generator made of these points before, ``g_k(z)``.
    h : float, optional
        Proximal step size; no term if it is not given.
    term : {"relaxed", "affine"}
        :func:`relaxed` (W2), or the semi-backward one, :func:`affine` (W4).
    seed : int or sequence of int
        Of dropout in the critic.

    Returns
    -------
    gradient : list of array
        Aligned with ``generator.parameters``.
    value : array, shape ()

    Raises
    ------
    ValueError
        If h is not positive, or the generator makes what the critic does not read.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> gan = mp.methods.wasserstein_gan
    >>> generator, critic = mp.Sequential(mp.Linear(3, 2), seed=0), mp.Sequential(mp.Linear(2, 1), seed=1)
    >>> tape = mp.forward(generator, np.ones((5, 3), dtype="float32"))
    >>> (d,), value = gan.generator_direction(generator, critic, tape, gan.NonSaturating())
    >>> d.shape
    (4, 2)
    """
    g = tape.output
    fits(critic, g.shape[1:])
    judged = forward(critic, g, training=True, seed=seed)
    scores = scored(judged)
    error = adversary.generator_error(scores).reshape(judged.output.shape)
    *_, (_, _, delta) = sweep(critic, judged, error, to_input=True)  # the error at the generator's output
    if h is not None and g_old is not None:
        number("h", h, above=0)
        delta = delta + TERMS[one_of("term", term, TERMS)].error(g, g_old, h)  # + (g − g_k)/(hB)  (W2, W3)
    return swept(generator, tape, delta), adversary.generator_value(scores)


def swept(net: Graph, tape: Tape, delta: Array) -> list[Array]:
    """Return the gradient by each θ_l, from an error at the output (P1)."""
    grads: list[Array] = [None] * len(net.transfers)
    for l, A, error in sweep(net, tape, delta):
        grads[l] = net.transfers[l].join(A.T @ error)  # A_lᵀ δ_l  (P1)
    return grads


def scored(tape: Tape) -> Array:
    """Return the scores of a critic as a column, or raise ValueError unless each sample has one."""
    if tape.output.size != len(tape.output):
        raise ValueError(
            "expected a critic with one score for each sample, found outputs of the shape "
            f"{tape.output.shape[1:]}"
        )
    return tape.output.reshape(-1, 1)


def fits(critic: Graph, made: tuple[int, ...]) -> None:
    """Raise ValueError unless the critic reads what the generator makes."""
    try:
        critic.check(made)
    except ValueError as error:
        raise ValueError(
            f"the critic does not read what the generator makes, samples of the shape {made}: {error}"
        ) from None
