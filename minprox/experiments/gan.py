"""The Wasserstein proximal of GANs as data: rings, grids and digits (W2 to W10)."""

from __future__ import annotations

from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.experiment import Experiment
from minprox.experiments.gan_claims import (
    SEEDS,
    at_equal_time,
    at_the_same_iteration,
    at_the_same_time,
    gain,
    matched,
    midway,
    over,
    points,
    seen,
    spread,
)
from minprox.experiments.gan_runs import GANRun

WITH_TERM = ("five_prox", "five_prox_0.01", "five_prox_1")
NOTE = "ℓ: steps of the generator in an outer iteration; h: step size of the proximal term; Adam, β₁ = 0.5."


def run(inner: int, h: float | None = None, name: str = "", **settings: Any) -> GANRun:
    """Return a run with a label that says how many steps it takes, and with which term."""
    label = f"ℓ = {inner}" + (f", h = {h:g}" if h else ", no term" if inner > 1 else "")
    label += ", affine" * (settings.get("term") == "affine")
    return GANRun(label=f"{name}{label}", inner=inner, h=h, **settings)


def compared(h: float = 0.1, **settings: Any) -> dict[str, GANRun]:
    """Return the three that every comparison needs: one step, and several without and with the term."""
    return {
        "one": run(1, **settings),
        "five": run(5, **settings),
        "five_prox": run(5, h, **settings),
    }


RING = Experiment(
    name="gan",
    title="The Wasserstein proximal of a GAN on a ring of eight Gaussians",
    methods={
        **compared(),
        **{f"five_prox_{h:g}": run(5, h) for h in (0.01, 1.0)},
        "ten": run(10),
        "ten_prox": run(10, 0.1),
    },
    seeds=SEEDS,
    panels=(
        ("iteration", "sliced_w2"),
        ("seconds", "sliced_w2"),
        ("iteration", "modes"),
        ("iteration", "on_mode"),
    ),
    columns=("modes", "on_mode", "sliced_w2", "seconds"),
    note=NOTE,
    claims=(
        matched("sliced_w2"),
        at_the_same_iteration("sliced_w2"),
        at_the_same_time("sliced_w2"),
        seen(
            sentence="With h = 0.1 no mode is lost, at five and at ten steps.",
            quantity="fewest modes that either covers at the end",
            value=lambda records: min(records.last("modes", key) for key in ("five_prox", "ten_prox")),
            holds=lambda count: count == 8,
        ),
        seen(
            sentence="Without it ten steps lose most of the modes.",
            quantity="modes that they cover at the end",
            value=lambda records: records.last("modes", "ten"),
            holds=lambda count: count <= 4,
        ),
        seen(
            sentence="Midway the samples are sharper than those of one step: 10 points more lie on a mode.",
            quantity="points more after 1,000 outer iterations",
            value=lambda records: 100 * midway(records),
            holds=lambda points: points >= 10,
        ),
        seen(
            sentence="At the end one step has nearly caught up: 15 points are not left.",
            quantity="points more at the end",
            value=lambda records: 100 * gain("on_mode", "five_prox", "one")(records),
            holds=lambda points: points < 15,
        ),
        seen(
            sentence="h hardly matters between 0.01 and 1: the distances are within a factor of 2.",
            quantity="largest over smallest final distance of h = 0.01, 0.1 and 1",
            value=lambda records: spread([records.last("sliced_w2", k) for k in WITH_TERM]),
            holds=lambda ratio: ratio < 2,
            form="{:.1f}",
        ),
    ),
    blas_threads=1,
    presets={"quick": {"blocks": 4, "every": 75}},
)

FAST = Experiment(
    name="gan-fast",
    title="The same at four times the learning rate: the ring with Adam at 0.002",
    methods=compared(lr=2e-3),
    seeds=SEEDS,
    panels=(("iteration", "sliced_w2"), ("seconds", "sliced_w2"), ("iteration", "on_mode")),
    columns=("modes", "on_mode", "sliced_w2", "seconds"),
    note=NOTE,
    claims=(
        matched("sliced_w2"),
        at_the_same_iteration("sliced_w2"),
        at_the_same_time("sliced_w2"),
        seen(
            sentence="At this learning rate hardly anything is left of the lead: under 10 points on a mode.",
            quantity="points more on a mode than ℓ = 1 at the end",
            value=lambda records: 100 * gain("on_mode", "five_prox", "one")(records),
            holds=lambda points: points < 10,
        ),
    ),
    blas_threads=1,
    presets={"quick": {"blocks": 6, "every": 75}},
)

HE = Experiment(
    name="gan-he",
    title="The same from a steeper start: the ring with the initialisation of He",
    methods={**compared(init="he"), "five_affine": run(5, 0.1, init="he", term="affine")},
    seeds=SEEDS,
    panels=(("iteration", "sliced_w2"), ("seconds", "sliced_w2"), ("iteration", "on_mode")),
    columns=("modes", "on_mode", "sliced_w2", "seconds"),
    note=NOTE,
    claims=(
        matched("sliced_w2"),
        at_the_same_iteration("sliced_w2"),
        at_the_same_time("sliced_w2"),
        seen(
            sentence="With h = 0.1 no mode is lost.",
            quantity="modes that it covers at the end",
            value=lambda records: records.last("modes", "five_prox"),
            holds=lambda count: count == 8,
        ),
        seen(
            sentence="From this start the lead lasts: 20 points more lie on a mode than with one step.",
            quantity="points more at the end",
            value=lambda records: 100 * gain("on_mode", "five_prox", "one")(records),
            holds=lambda points: points >= 20,
        ),
        seen(
            sentence="The affine term, which holds the mean of the samples alone, keeps the modes as well.",
            quantity="modes that are covered with it at the end",
            value=lambda records: records.last("modes", "five_affine"),
            holds=lambda count: count == 8,
        ),
    ),
    blas_threads=1,
    presets={"quick": {"blocks": 6, "every": 75}},
)

# Five steps of the critic each: with one, that of DRAGAN lags behind the generator, and both turn in circles.
# WGAN-GP has a shorter h: the slope of its scores is 1 wherever samples are, so that a step is h long.
PENALISED: dict[str, Any] = {"lam": 1.0, "critic_steps": 5, "blocks": 20, "every": 100}
WGAN: dict[str, Any] = {"loss": "wgan-gp", "h": 0.01, **PENALISED}
DRAGAN: dict[str, Any] = {"loss": "dragan", **PENALISED}
LOSSES = Experiment(
    name="gan-losses",
    title="Other critic losses on the ring: WGAN-GP and DRAGAN",
    methods={
        **{f"wgan_{key}": member for key, member in compared(**WGAN, name="WGAN-GP, ").items()},
        **{f"dragan_{key}": member for key, member in compared(**DRAGAN, name="DRAGAN, ").items()},
    },
    seeds=SEEDS,
    panels=(("iteration", "sliced_w2"), ("seconds", "sliced_w2"), ("iteration", "on_mode")),
    columns=("modes", "on_mode", "sliced_w2", "seconds"),
    note=NOTE,
    claims=tuple(
        claim
        for name, key in (("WGAN-GP", "wgan"), ("DRAGAN", "dragan"))
        for claim in (
            Claim(
                sentence=f"With {name}, too, five steps do better with the term than without it.",
                quantity="final distance to the data with it over that without",
                value=over("sliced_w2", f"{key}_five_prox", f"{key}_five"),
                holds=lambda ratio: ratio < 1,
                form="{:.2f}",
                seeds=len(SEEDS),
            ),
            Claim(
                sentence=f"With {name} they come nearer than one step does, after as many seconds.",
                quantity="distance over that of ℓ = 1, when the quicker run has ended",
                value=at_equal_time("sliced_w2", f"{key}_five_prox", f"{key}_one"),
                holds=lambda ratio: ratio < 1,
                form="{:.2f}",
                seeds=len(SEEDS),
            ),
            seen(
                sentence=f"With {name} they are sharper by then: 10 points more lie on a mode.",
                quantity="points more, when the quicker run has ended",
                value=at_equal_time("on_mode", f"{key}_five_prox", f"{key}_one", points),
                holds=lambda more: more >= 10,
            ),
        )
    ),
    blas_threads=1,
    presets={"quick": {"blocks": 4, "every": 30}},
)

GRID = Experiment(
    name="gan-grid",
    title="The Wasserstein proximal of a GAN on a grid of 25 Gaussians",
    methods=compared(data="grid"),
    seeds=SEEDS,
    panels=(("iteration", "sliced_w2"), ("seconds", "sliced_w2"), ("iteration", "modes")),
    columns=("modes", "on_mode", "sliced_w2", "seconds"),
    note=NOTE,
    claims=(matched("sliced_w2"), at_the_same_iteration("sliced_w2"), at_the_same_time("sliced_w2")),
    blas_threads=1,
    presets={"quick": {"blocks": 6, "every": 75}},
)

DIGITS = Experiment(
    name="gan-digits",
    title="The Wasserstein proximal of a GAN on digits of 8×8 pixels",
    methods=compared(data="digits", blocks=20, every=100),
    seeds=SEEDS,
    panels=(("iteration", "frechet"), ("seconds", "frechet"), ("iteration", "classes")),
    columns=("frechet", "classes", "seconds"),
    note=NOTE + " Fréchet distance of 1,000 samples to the 1,297 digits, by features of a classifier.",
    claims=(matched("frechet"), at_the_same_iteration("frechet"), at_the_same_time("frechet")),
    blas_threads=1,
    presets={"quick": {"blocks": 4, "every": 30}},
)

MNIST = Experiment(
    name="gan-mnist",
    title="The Wasserstein proximal of a GAN on MNIST",
    methods=compared(data="mnist"),
    seeds=SEEDS,
    panels=(("iteration", "sliced_w2"), ("seconds", "sliced_w2")),
    columns=("sliced_w2", "seconds"),
    note=NOTE + " Sliced distance of 1,000 samples to as many images.",
    claims=(matched("sliced_w2"), at_the_same_iteration("sliced_w2"), at_the_same_time("sliced_w2")),
    blas_threads=1,
    presets={"small": {"blocks": 5}},
)

GAN = (RING, FAST, HE, LOSSES, GRID, DIGITS, MNIST)
