"""Sharpness along explicit and implicit runs, as data: what is run, and what it shall tell (T5, T6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.experiment import Experiment
from minprox.experiments.records import Records
from minprox.experiments.sharpness_runs import SharpnessRun

TAU_THETAS = (0.05, 1.0, 50.0)


def explicit(share: float, **settings: Any) -> SharpnessRun:
    """Return gradient descent that begins at a share of its limit."""
    return SharpnessRun(label=f"BackProp, {share:g} of the limit", share=share, **settings)


def implicit(share: float, tau_theta: float, more: str = "", **settings: Any) -> SharpnessRun:
    """Return ProxProp that begins at a share of its limit, or above it."""
    label = f"ProxProp τ_θ = {tau_theta:g}, {share:g} of the limit{more}"
    return SharpnessRun(label=label, tau_theta=tau_theta, share=share, **settings)


SQUARED: dict[str, Any] = {"loss": "squared-error"}
CONVNET: dict[str, Any] = {"net": "convnet", "samples": 200}
NEAR, FAR = [f"near_{t:g}" for t in TAU_THETAS], [f"far_{t:g}" for t in TAU_THETAS]
STAY = ("squared", "squared_last")

METHODS = {
    **{f"gd_{share:g}": explicit(share) for share in (0.06, 0.12, 0.24, 0.5)},
    **{name: implicit(0.9, t) for name, t in zip(NEAR, TAU_THETAS, strict=True)},
    **{name: implicit(8, t) for name, t in zip(FAR, TAU_THETAS, strict=True)},
    "squared": implicit(0.9, 1, ", squared error", **SQUARED),
    "squared_last": implicit(0.9, 1, ", squared error, last layer too", last_layer="proximal", **SQUARED),
    "conv_gd": SharpnessRun(label="BackProp, 0.12 of the limit, ConvNet", share=0.12, **CONVNET),
    "conv_near": implicit(0.9, 1, ", ConvNet", **CONVNET),
}


def over(methods: Iterable[str], value: Callable[[Any], float], pick: Callable[..., float]) -> Any:
    """Return a function of the records: the largest or smallest number of several runs."""
    return lambda records: pick(value(records.history(method)) for method in methods)


def fall(history: Any) -> float:
    """Return the sharpness met at the end over that at the start."""
    return history.met[-1] / history.met[0]


def rise(records: Records, method: str) -> float:
    """Return the largest sharpness that a run met, in units of its limit."""
    return max(records.history(method).met)


CLAIMS = (
    Claim(
        sentence="Gradient descent goes to the edge of stability: from an eighth of the limit its "
        "sharpness rises to 2/τ.",
        quantity="largest sharpness met, in units of the limit, that began at 0.12",
        value=lambda records: rise(records, "gd_0.12"),
        holds=lambda value: 0.75 < value < 1.5,
        form="{:.2f}",
    ),
    Claim(
        sentence="The limit at the start promises too much: at half of it gradient descent does not learn.",
        quantity="its last loss over its first",
        value=lambda records: records.last("loss", "gd_0.5") / records.history("gd_0.5").loss[0],
        holds=lambda value: value > 1,
        form="{:.2f}",
        paper=False,
    ),
    Claim(
        sentence="What implicit steps meet falls away from the limit, for every τ_θ and also from eight "
        "times above.",
        quantity="largest of the sharpnesses at the end over those at the start",
        value=over([*NEAR, *FAR], fall, max),
        holds=lambda value: value < 1,
        form="{:.2f}",
        paper=False,
    ),
    Claim(
        sentence="Even from eight times above the limit ProxProp trains, to less than half of its loss.",
        quantity="largest of the last losses over the first ones",
        value=over(FAR, lambda history: history.loss[-1] / history.loss[0], max),
        holds=lambda value: value < 0.5,
        form="{:.1e}",
        paper=False,
    ),
    Claim(
        sentence="Meanwhile the net becomes far too sharp for explicit steps of that size.",
        quantity="smallest of the largest Λ of each run, in units of 2/τ",
        value=over([*NEAR, *FAR], lambda history: max(history.plain), min),
        holds=lambda value: value > 10,
        form="{:.0f}",
        paper=False,
    ),
    Claim(
        sentence="The explicit last layer sets the limit: at the start it holds the leading eigenvector, "
        "whatever τ_θ is.",
        quantity="smallest share of it",
        value=over([*NEAR, *FAR], lambda history: history.last_share[0], min),
        holds=lambda value: value > 0.95,
        form="{:.3f}",
        paper=False,
    ),
    Claim(
        sentence="With the squared error, whose curvature does not fade, the limit stays, with an explicit "
        "last layer and with a proximal one.",
        quantity="largest change of the sharpness met, as a share",
        value=over(STAY, lambda history: max(abs(met / history.met[0] - 1) for met in history.met), max),
        holds=lambda value: value < 0.05,
        form="{:.3f}",
        paper=False,
    ),
    Claim(
        sentence="On a ConvNet it is the same: explicit steps meet a rising sharpness, implicit ones a "
        "falling one.",
        quantity="sharpness at the end over that at the start of implicit steps, over that of explicit ones",
        value=lambda records: fall(records.history("conv_near")) / fall(records.history("conv_gd")),
        holds=lambda value: value < 0.5,
        form="{:.3f}",
        paper=False,
    ),
)

SHARPNESS = Experiment(
    name="sharpness",
    title="Sharpness along explicit and implicit runs",
    methods=METHODS,
    seeds=(0, 1, 2),
    panels=(("step", "loss"), ("step", "met"), ("step", "plain"), ("step", "last_share")),
    note="Full batch, no momentum. Sharpness in units of the limit 2/τ: steps are unstable above 1.",
    claims=CLAIMS,
    presets={"quick": {"samples": 400}},
)
