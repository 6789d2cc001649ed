"""Training generator and critic in turn, with a proximal term for the generator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from minprox.engine.graph import Graph
from minprox.ground.arguments import whole
from minprox.ground.files import check_folder
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.loop import carry_on, take_up
from minprox.learning.optimizer import Optimizer
from minprox.learning.sampled_records import SampledRecord
from minprox.methods.wasserstein_gan.critics import CriticLoss, NonSaturating
from minprox.methods.wasserstein_gan.doors import door
from minprox.methods.wasserstein_gan.duel import Duel, Measures, Source


@door
def train(
    generator: Graph,
    critic: Graph,
    data: Source,
    adversary: CriticLoss = NonSaturating(),  # noqa: B008
    *,
    optimizers: Sequence[Optimizer],
    iterations: int,
    h: float | None = None,
    inner: int = 1,
    term: str = "relaxed",
    batch_size: int = 128,
    critic_steps: int = 1,
    every: int = 100,
    seed: int = 0,
    measures: Measures | None = None,
    measured: int = 2000,
    shown: int = 128,
    callbacks: Iterable[Callable[[Graph, SampledRecord], Any]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> SampledRecord:
    """Train a generator against a critic, with the Wasserstein proximal of its steps (W3).

    Parameters
    ----------
    generator, critic : Graph
        Their parameters are updated in place. Latent points are normal, of the generator's input shape.
    data : array, shape (N, ...), or callable
        Samples, from which batches are drawn, or ``draw(n, rng)`` that returns ``n`` new ones.
    optimizers : sequence of Optimizer
        Of the generator and of the critic. What is an epoch to a schedule of learning rates is a row here.
    iterations : int
        Outer iterations in all, those before a resumption included; a multiple of ``every``.
    h : float, optional
        Proximal step size, h > 0; no proximal term if it is not given.
    inner : int
        ℓ, steps of the generator in an outer iteration, on one batch of latent points.
    term : {"relaxed", "affine"}
        As for :func:`generator_direction`.
    critic_steps : int
        Steps of the critic in an outer iteration, each on a batch of its own.
    every : int
        Outer iterations from one row of the record to the next.
    seed : int
        With the number of the iteration it fixes all that is drawn in it.
    measures : callable, optional
        ``measures(samples)`` returns numbers by name for samples on the host, which the record keeps.
    measured, shown : int
        How many samples are measured, from the same latent points each time, and how many of them are kept.
    callbacks : iterable of callable
        Each is called as ``callback(generator, record)`` after every row; the run stops if one returns True.
    checkpoint, resume, progress
        As for :func:`minprox.train`.

    Returns
    -------
    SampledRecord
        Columns ``block``, ``iteration``, ``critic_loss`` and ``generator_loss`` (means since the row before,
        without penalty and term), the measures, and ``seconds`` of the steps alone; ``record.samples``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range or belongs to another net, the critic does not read what the
        generator makes or does not score it by one number, or the checkpoint is damaged or of another run.
    OSError
        If the checkpoint cannot be read or written.

    References
    ----------
    Lin, Li, Osher and Montúfar, Wasserstein Proximal of GANs, GSI 2021, Algorithm 1.

    Examples
    --------
    >>> import minprox as mp
    >>> ring, gan = mp.datasets.Gaussians.ring(), mp.methods.wasserstein_gan
    >>> generator = mp.Sequential(mp.Input((4,)), mp.Linear(4, 16), mp.ReLU(), mp.Linear(16, 2), seed=0)
    >>> critic = mp.Sequential(mp.Linear(2, 16), mp.ReLU(), mp.Linear(16, 1), seed=1)
    >>> optimizers = [mp.Adam(net, lr=1e-3, betas=(0.5, 0.999)) for net in (generator, critic)]
    >>> record = gan.train(generator, critic, ring.draw, optimizers=optimizers, h=0.1, inner=5,
    ...                    iterations=20, every=10)
    >>> record.iteration, record.status, record.samples[2].shape
    ([0.0, 10.0, 20.0], 'finished', (128, 2))
    """
    every, iterations = whole("every", every), whole("iterations", iterations)
    if iterations % every:
        raise ValueError(f"iterations: expected a multiple of every={every}, found {iterations}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the path of a checkpoint, found none")
    course = Duel(
        *(generator, critic, data, adversary, optimizers, h, inner, term, batch_size, critic_steps, every),
        *(seed, measures, measured, shown),
    )
    record, store = SampledRecord(Duel.part), None
    if checkpoint is not None:
        check_folder(checkpoint)
        store = Checkpoint(checkpoint, course.identity())
        if resume and os.path.exists(checkpoint):
            record = take_up(course, store, SampledRecord)
    blocks = iterations // every
    if len(record) > blocks:
        raise ValueError(
            f"expected at least the {len(record) * every} iterations of the checkpoint, found {iterations}"
        )
    if not record.over(blocks):
        wishes = [partial(callback, generator, record) for callback in callbacks]
        carry_on(course, record, blocks, store=store, callbacks=wishes, progress=progress)
    return record
