"""A kind of run: a generator and a critic that learn from each other, measured and pictured along the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from minprox.engine.layers.theta import INITS
from minprox.experiments.gan_tasks import GAN_TASKS
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import SECONDS, Measure, Step
from minprox.experiments.parts import FETCHED
from minprox.ground.arguments import float_dtype, number, one_of, whole
from minprox.learning.loop import Row
from minprox.learning.optimizers import Adam
from minprox.learning.sampled_records import SampledRecord
from minprox.methods.wasserstein_gan.critics import DRAGAN, CriticLoss, NonSaturating, WassersteinGP
from minprox.methods.wasserstein_gan.duel import Duel
from minprox.methods.wasserstein_gan.proximal import TERMS

#: Every critic loss by its name, made with λ of its penalty; one of your own is one more entry.
CRITIC_LOSSES: dict[str, Any] = {
    "non-saturating": lambda lam: NonSaturating(),
    "wgan-gp": WassersteinGP,
    "dragan": DRAGAN,
}


@dataclass(frozen=True, kw_only=True)
class GANRun(Kind):
    """A generator and a critic in turn, with ℓ steps of the generator and a proximal term, or none.

    Parameters
    ----------
    label, seed
        As for :class:`Kind`; the seed is of the nets and of all that is drawn.
    data : {"ring", "grid", "digits", "mnist"}
        Eight Gaussians on a circle, 25 on a square, or images; with the nets that go with them.
    loss : {"non-saturating", "wgan-gp", "dragan"}
    lam : float
        λ of the penalty of the last two.
    inner : int
        ℓ.
    h : float, optional
        Proximal step size; none for no term.
    term : {"relaxed", "affine"}
        See :func:`minprox.methods.wasserstein_gan.generator_direction`.
    lr : float
        Of Adam, for both, with β₁ = 0.5.
    batch_size, critic_steps
        See :func:`minprox.methods.wasserstein_gan.train`.
    blocks, every : int
        How many times so many outer iterations are done; measured and pictured after each.
    dtype : {"float32", "float64"}
    init : {"uniform", "he", "glorot"}
        How θ of both nets is drawn; see :class:`minprox.Transfer`.

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Examples
    --------
    >>> run = GANRun(data="ring", inner=5, h=0.1, blocks=2, every=3)
    >>> import tempfile
    >>> from minprox.experiments import execute
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = execute(run, folder)
    >>> record.iteration, sorted(record.samples)
    ([0.0, 3.0, 6.0], [0, 1, 2])
    """

    KIND: ClassVar[str] = "gan"
    UNIT: ClassVar[str] = "block"
    LENGTH: ClassVar[str] = "blocks"
    RECORD: ClassVar[type] = SampledRecord
    MEASURES: ClassVar[Mapping[str, Measure]] = MappingProxyType(
        {
            "iteration": Measure("outer iteration", "{:,.0f}"),
            "critic_loss": Measure("loss of the critic"),
            "generator_loss": Measure("loss of the generator"),
            "modes": Measure("modes covered", "{:.0f}", higher=True, head="modes"),
            "on_mode": Measure("samples on a mode (%)", "{:.0f} %", 100, higher=True, head="on a mode"),
            "sliced_w2": Measure("sliced W2 to the data", "{:.3f}", logarithmic=True, head="sliced W2"),
            "frechet": Measure("Fréchet distance of features", "{:.2f}", logarithmic=True, head="Fréchet"),
            "classes": Measure("digits made", "{:.0f}", higher=True, head="digits"),
            "seconds": replace(SECONDS, label="seconds of training"),
        }
    )
    SETTINGS: ClassVar[Mapping[str, str]] = MappingProxyType({"inner": "ℓ", "h": "h"})

    data: str = "ring"
    loss: str = "non-saturating"
    lam: float = 10.0
    inner: int = 1
    h: float | None = None
    term: str = "relaxed"
    lr: float = 5e-4
    batch_size: int = 128
    critic_steps: int = 1
    blocks: int = 20
    every: int = 200
    dtype: str = "float32"
    init: str = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data", self.data, GAN_TASKS)
        one_of("loss", self.loss, CRITIC_LOSSES)
        one_of("term", self.term, TERMS)
        one_of("init", self.init, INITS)
        float_dtype("dtype", self.dtype)
        for name in ("inner", "batch_size", "critic_steps", "blocks", "every"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "lam", number("lam", self.lam, least=0))
        object.__setattr__(self, "lr", number("lr", self.lr, above=0))
        if self.h is not None:
            object.__setattr__(self, "h", number("h", self.h, above=0))

    @property
    def step(self) -> Step | None:
        return Step("h", "h", "the proximal term")

    @property
    def curve(self) -> tuple[str, str]:
        term = ", affine" * (self.term == "affine")
        return f"ℓ = {self.inner}", "" if self.h is None else f"h = {self.h:g}{term}"

    @property
    def adversary(self) -> CriticLoss:
        """The critic loss."""
        return CRITIC_LOSSES[self.loss](self.lam)

    def begin(self, arrays: dict[str, np.ndarray] | None = None, data_folder: Any = None) -> Duel:
        """Return the two nets at work; see :class:`Kind`."""
        if data_folder is not None and self.data not in FETCHED:
            raise ValueError(f"data folder: only {', '.join(FETCHED)} lie in one, found {self.data!r}")
        task = GAN_TASKS[self.data]
        generator, critic = task.nets(self.seed, self.dtype, self.init)
        data = task.data() if data_folder is None else task.data(data_folder)
        optimizers = [Adam(net, lr=self.lr, betas=(0.5, 0.999)) for net in (generator, critic)]
        duel = Duel(
            *(generator, critic, data, self.adversary, optimizers, self.h, self.inner, self.term),
            *(self.batch_size, self.critic_steps, self.every, self.seed, partial(task.measures, data)),
            *MEASURED.get(self.data, (1000, 16)),
        )
        if arrays is not None:
            duel.take_up(arrays)
        return duel

    def first(self, state: Duel) -> Row | None:
        return state.first()

    def advance(self, state: Duel, unit: int) -> Row:
        return state.advance(unit)

    def pictured(self, state: Duel, unit: int) -> np.ndarray | None:
        return state.pictured(unit) if unit % -(-self.blocks // PICTURES) == 0 else None

    def arrays(self, state: Duel) -> dict[str, Any]:
        return state.arrays()


PICTURES = 10  # of a run, at most, beside that of the start
#: How many samples of each task are measured, and how many are kept as pictures.
MEASURED = {"ring": (2000, 128), "grid": (2000, 256), "digits": (1000, 25), "mnist": (1000, 16)}
