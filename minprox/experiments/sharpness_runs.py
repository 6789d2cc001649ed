"""Full-batch descent with its sharpness measured along the way: a kind of run (T5, T6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import CrossEntropy, Loss, SquaredError
from minprox.engine.passes import backprop, forward, proxprop
from minprox.experiments.kinds import Kind
from minprox.experiments.measures import Measure
from minprox.experiments.nets import ACTIVATIONS, architecture_of, build_net
from minprox.experiments.parts import DATA, load_data
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import asarray, to_numpy
from minprox.paper.watch import SharpnessWatch

LOSSES: dict[str, type[Loss]] = {"cross-entropy": CrossEntropy, "squared-error": SquaredError}


@dataclass(frozen=True, kw_only=True)
class SharpnessRun(Kind):
    """Descent with all samples in one batch and no momentum, so that the limit is 2/λ and nothing else.

    Parameters
    ----------
    label : str
        As for every kind.
    seed : int
        Of the initial parameters.
    data, net, activation : str
        As ``data``, ``architecture`` and ``activation`` of :class:`Run`.
    samples : int
        The first so many training samples make the batch.
    loss : {"cross-entropy", "squared-error"}
        The second one has the classes as unit vectors for its targets.
    tau_theta : float, optional
        Proximal step size of ProxProp, with exact solves; gradients are taken if it is not given.
    last_layer : {"explicit", "proximal"}
        Of ProxProp.
    share : float
        The step size τ, as a share of the limit that is measured at the start.
    blocks, every : int
        How many times so many steps are done; the sharpness is measured after each block.
    tolerance : float
        Relative accuracy of the eigenvalues.

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Examples
    --------
    >>> run = SharpnessRun(net="64-8-10", samples=50, blocks=2, every=5)
    >>> state = run.begin()
    >>> row = run.advance(state, 1)
    >>> row["step"], row["met"] == row["plain"]
    (5, True)
    """

    KIND = "sharpness"
    UNIT = "block"
    LENGTH = "blocks"
    MEASURES = MappingProxyType(
        {
            "step": Measure("step", "{:.0f}"),
            "loss": Measure("training loss", "{:.3g}", logarithmic=True, head="loss"),
            "met": Measure("sharpness met · τ/2", "{:.3g}", logarithmic=True, head="met at the end"),
            "plain": Measure("Λ · τ/2", "{:.3g}", logarithmic=True, head="Λ · τ/2"),
            "last_share": Measure("share of the last layer", "{:.2f}"),
        }
    )
    TABLE = ("loss", "met", "plain", "last_share")
    SETTINGS = MappingProxyType({"share": "τ/limit", "tau_theta": "τ_θ"})

    data: str = "digits"
    net: str = "64-50-50-10"
    activation: str = "tanh"
    samples: int = 1297
    loss: str = "cross-entropy"
    tau_theta: float | None = None
    last_layer: str = "explicit"
    share: float = 0.5
    blocks: int = 15
    every: int = 4
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data", self.data, DATA)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("loss", self.loss, LOSSES)
        one_of("last_layer", self.last_layer, ("explicit", "proximal"))
        architecture_of(self.net)
        for name in ("samples", "blocks", "every"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        for name in ("share", "tolerance"):
            object.__setattr__(self, name, number(name, getattr(self, name), above=0))
        if self.tau_theta is not None:
            object.__setattr__(self, "tau_theta", number("tau_theta", self.tau_theta, above=0))
        elif self.last_layer != "explicit":
            raise ValueError(f"last_layer: only with tau_theta can it be {self.last_layer!r}")

    @property
    def curve(self) -> tuple[str, str]:
        return f"τ_θ = {self.tau_theta}", ""

    def begin(self, arrays: dict[str, np.ndarray] | None = None, data_folder: Any = None) -> Descent:
        """Return the net with its batch and its step size; see :class:`Kind`."""
        data = load_data(self.data, architecture_of(self.net).images, "float64", self.samples, data_folder)
        classes = len(data.classes)
        net = build_net(self.net, data.input_shape, classes, self.activation, self.seed, "float64")
        x, y = data.train.x, data.train.y
        if self.loss == "squared-error":
            y = asarray(np.eye(classes)[to_numpy(y)])
        direction: Any = backprop
        if self.tau_theta is not None:
            direction = partial(proxprop, tau_theta=self.tau_theta, last_layer=self.last_layer)
        watch = SharpnessWatch(x, y, LOSSES[self.loss](), direction, tolerance=self.tolerance)
        if arrays is None:
            met = watch.measure(net)["preconditioned"]
            return Descent(net, watch, tau=self.share * 2 / met)  # τ = share · 2/λ_max  (T6)
        net.parameters = [asarray(arrays[f"parameters.{l}"]) for l in range(len(net.parameters))]
        return Descent(net, watch, tau=float(arrays["tau"]))

    def arrays(self, state: Descent) -> dict[str, Any]:
        """Return the parameters and the step size; see :class:`Kind`."""
        thetas = {f"parameters.{l}": theta for l, theta in enumerate(state.net.parameters)}
        return thetas | {"tau": np.array(state.tau)}

    def first(self, state: Descent) -> dict[str, float]:
        """Return the measures at the start; see :class:`Kind`."""
        return state.row(0)

    def advance(self, state: Descent, unit: int) -> dict[str, float]:
        """Do a block of steps and measure; see :class:`Kind`."""
        for _ in range(self.every):
            state.step()
        return state.row(unit * self.every)

    def diverged(self, row: dict[str, float]) -> bool:
        """Tell whether the loss has become NaN or infinite."""
        return not math.isfinite(row["loss"])


@dataclass
class Descent:
    """A net that descends with one batch and a fixed step size τ."""

    net: Graph
    watch: SharpnessWatch
    tau: float

    def step(self) -> None:
        """``θ ← θ − τ d``."""
        net, watch = self.net, self.watch
        with np.errstate(all="ignore"):
            d: list[Array] = watch.direction(net, forward(net, watch.x), watch.loss, watch.y)
            net.parameters = [theta - self.tau * u for theta, u in zip(net.parameters, d, strict=True)]

    def row(self, step: int) -> dict[str, float]:
        """Return the measures, sharpnesses in units of the limit: steps are unstable above 1."""
        with np.errstate(all="ignore"):
            found = self.watch.measure(self.net)
        return {
            "step": step,
            "loss": found["loss"],
            "met": found["preconditioned"] * self.tau / 2,
            "plain": found["sharpness"] * self.tau / 2,
            "last_share": found["preconditioned_shares"][-1],
        }
