"""What the loop moves where two nets learn in turn: blocks of outer iterations, measured after each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.passes import forward
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.array_files import most_for
from minprox.ground.backend import asarray, to_numpy
from minprox.ground.doors import misfit
from minprox.learning.devices import double
from minprox.learning.identity import describe, net_settings
from minprox.learning.loop import Course, Row
from minprox.learning.net_state import check_training, contents, net_arrays, optimizer_arrays, put_training
from minprox.learning.optimizer import Optimizer
from minprox.learning.own_code import content, own_code
from minprox.learning.training import clock
from minprox.methods.wasserstein_gan.critics import CriticLoss
from minprox.methods.wasserstein_gan.directions import critic_direction, fits, generator_direction, scored
from minprox.methods.wasserstein_gan.proximal import TERMS

Array = Any
Source = Any  # an array of samples, or draw(n, rng) that returns n of them
Measures = Callable[[np.ndarray], Mapping[str, float]]
PLAYERS = "generator", "critic"


class Duel(Course):
    """A generator and a critic that learn from each other, a block of outer iterations after the other.

    Parameters
    ----------
    generator, critic, data, adversary, optimizers, h, inner, term, batch_size, critic_steps, every, seed
        As for :func:`train`.
    measures, measured, shown
        As for :func:`train`.
    """

    part = "block"

    def __init__(
        self,
        generator: Graph,
        critic: Graph,
        data: Source,
        adversary: CriticLoss,
        optimizers: Sequence[Optimizer],
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
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.data, self.adversary = generator, critic, data, adversary
        self.optimizers, self.measures = optimizers, measures
        self.h = None if h is None else number("h", h, above=0)
        self.inner, self.critic_steps = whole("inner", inner), whole("critic_steps", critic_steps)
        self.term, self.batch_size = one_of("term", term, TERMS), whole("batch_size", batch_size)
        self.every, self.seed = whole("every", every), whole("seed", seed, least=0)
        self.measured, self.kept = whole("measured", measured), whole("shown", shown, least=0, most=measured)
        for name, net, optimizer in zip(PLAYERS, (generator, critic), optimizers, strict=True):
            if optimizer.net is not net:
                raise ValueError(f"the optimizer of the {name} was made for another net")
        self.start = [contents(optimizer) for optimizer in optimizers]
        self.most = most_for([array for net in self.nets for array in (*net.parameters, *net.memory)])
        self.latent = generator.nodes[0].shape
        if self.latent is None or None in self.latent:
            raise ValueError(
                "expected a generator that tells the shape of latent points, as one that begins with "
                f"mp.Input((8,)) does, found {generator!r}"
            )
        made = forward(generator, self.latent_points(2, np.random.default_rng(0))).output
        fits(critic, made.shape[1:])
        scored(forward(critic, made))
        found = self.batch(np.random.default_rng(0)).shape[1:]
        if found != made.shape[1:]:
            raise ValueError(
                f"expected data of the shape {made.shape[1:]} that the generator makes, found {found}"
            )

    def batch(self, rng: np.random.Generator) -> Array:
        """Return a batch of data."""
        if callable(self.data):
            try:
                return asarray(self.data(self.batch_size, rng), self.critic.dtype)
            except TypeError:
                misfit("data", self.data, "n", "rng")
                raise
        chosen = rng.integers(0, len(self.data), self.batch_size)
        return self.data[asarray(chosen)].astype(self.critic.dtype, copy=False)

    def latent_points(self, n: int, rng: np.random.Generator) -> Array:
        """Return n normal points."""
        return asarray(rng.standard_normal((n, *self.latent)), self.generator.dtype)  # type: ignore[misc]

    def advance(self, unit: int) -> Row:
        for optimizer in self.optimizers:
            optimizer.epoch = unit - 1  # a schedule counts from 0
        start, losses = clock(self.generator), [0.0, 0.0]
        with np.errstate(all="ignore"):
            for k in range((unit - 1) * self.every + 1, unit * self.every + 1):
                values = self.iteration(k)
                losses = [total + double(v, v) for total, v in zip(losses, values, strict=True)]
        row = {f"{name}_loss": float(total) / self.every for name, total in zip(PLAYERS, losses, strict=True)}
        seconds = clock(self.generator) - start
        return {"iteration": unit * self.every, **row, **self.judged(), "seconds": seconds}

    def iteration(self, k: int) -> tuple[Array, Array]:
        """Do an outer iteration: the critic's steps, then ℓ steps of the generator; return their losses."""
        G, D, rng = self.generator, self.critic, np.random.default_rng([self.seed, k])
        of_generator, of_critic = self.optimizers
        for step in range(self.critic_steps):
            seed = [self.seed, k, 0, step]
            fake = forward(G, self.latent_points(self.batch_size, rng), training=True, seed=seed).output
            d, critic_value = critic_direction(D, self.batch(rng), fake, self.adversary, rng, seed)
            of_critic.step(d)
        z, first, g_old = self.latent_points(self.batch_size, rng), None, None
        # ℓ steps on  mean loss_G(g_θ(z_i)) + 1/(2h) mean ‖g_θ(z_i) − g_k(z_i)‖²  (W3)
        for step in range(self.inner):
            tape = forward(G, z, training=True, seed=[self.seed, k, 1], like=first)
            if first is None:
                first, g_old = tape, tape.output
            d, value = generator_direction(
                G, D, tape, self.adversary, g_old, self.h, self.term, [self.seed, k, 2, step]
            )
            of_generator.step(d)
        return critic_value, value

    def first(self) -> Row:
        return {"iteration": 0, "critic_loss": np.nan, "generator_loss": np.nan, **self.judged()}

    def judged(self) -> Row:
        """Return the measures of the moment."""
        if self.measures is None:
            return {}
        return dict(self.measures(to_numpy(self.made(self.measured))))

    def made(self, n: int) -> Array:
        """Return what the generator makes of n latent points, the same each time."""
        z = self.latent_points(self.measured, np.random.default_rng([self.seed, 0]))
        with np.errstate(all="ignore"):
            return forward(self.generator, z[:n]).output

    def pictured(self, unit: int) -> np.ndarray | None:
        return to_numpy(self.made(self.kept)) if self.kept else None

    def arrays(self) -> dict[str, Array]:
        return {
            f"{name}.{key}": array
            for name, net, optimizer, start in zip(
                PLAYERS, self.nets, self.optimizers, self.start, strict=True
            )
            for key, array in (net_arrays(net) | optimizer_arrays(optimizer, start)).items()
        }

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        for act in (check_training, put_training):  # both nets, or none
            for name, net, optimizer in zip(PLAYERS, self.nets, self.optimizers, strict=True):
                mine = {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}
                act(net, optimizer, None, mine)

    @property
    def nets(self) -> tuple[Graph, Graph]:
        """Generator and critic."""
        return self.generator, self.critic

    def identity(self) -> dict[str, Any]:
        names = ("h", "inner", "term", "batch_size", "critic_steps", "every", "seed", "measured", "kept")
        settings = {name: getattr(self, name) for name in names} | {"adversary": describe(self.adversary)}
        for name, net, optimizer in zip(PLAYERS, self.nets, self.optimizers, strict=True):
            settings |= {f"{name}: {key}": value for key, value in net_settings(net, optimizer).items()}
        parts = {"data": self.data, "measures": self.measures, "adversary": self.adversary}
        settings["data"] = described_source(self.data)
        return settings | {
            f"code of the {name}": code for name, part in parts.items() if (code := own_code(part))
        }


def described_source(data: Source) -> str:
    """Return data in words, with a check sum of what they hold."""
    held: Any = getattr(data, "__self__", data)
    told = f"samples of the shape {held.shape}" if hasattr(held, "shape") else describe(held)
    return f"{told} with the check sum {zlib.crc32(content(held).encode()):08x}"
