"""The experiment on sharpness: its runs measure what they say, go on bit by bit, and its claims can fail."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.experiments import EXPERIMENTS, Records, Result, execute, run, table, verdict
from minprox.experiments.sharpness_experiment import CLAIMS, FAR, NEAR, SHARPNESS
from minprox.experiments.sharpness_runs import SharpnessRun
from minprox.learning.records import Record

TINY = {"net": "64-6-10", "samples": 40, "blocks": 2, "every": 2}


def tiny(**settings):
    return SharpnessRun(**{**TINY, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tau_theta": 1.0},
        {"tau_theta": 1.0, "loss": "squared-error", "last_layer": "proximal"},
    ],
    ids=["explicit", "implicit", "squared error"],
)
def test_a_run_measures_the_sharpness_of_its_direction(settings):
    """(T5), (T6): the step size is a share of the limit at the start, and sharpness is told in its unit."""
    setting = tiny(share=0.3, **settings)
    state = setting.begin()
    first = setting.first(state)
    assert first["met"] == pytest.approx(0.3, rel=1e-3)
    assert first["step"] == 0
    row = setting.advance(state, 1)
    assert row["step"] == 2
    tape = mp.forward(state.net, state.watch.x)
    loss, y, direction = state.watch.loss, state.watch.y, state.watch.direction
    met = mp.theory.sharpness(state.net, tape, loss, y, direction)
    assert row["met"] == pytest.approx(met.value * state.tau / 2, rel=1e-3)
    assert row["last_share"] == pytest.approx(met.shares[-1], abs=1e-2)
    assert row["plain"] == pytest.approx(
        mp.theory.sharpness(state.net, tape, loss, y).value * state.tau / 2, rel=1e-3
    )
    assert row["loss"] == pytest.approx(float(loss(tape.output, y)))


def test_a_run_that_is_taken_up_goes_on_with_the_same_bits(tmp_path):
    setting = tiny(tau_theta=0.1)
    whole = execute(setting, tmp_path / "whole")
    execute(replace(setting, blocks=1), tmp_path / "parts")
    parts = execute(setting, tmp_path / "parts", resume=True)
    for name in ("step", "loss", "met", "plain", "last_share"):
        assert parts.column(name) == whole.column(name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tau_theta": -1.0}, "tau_theta"),
        ({"last_layer": "proximal"}, "only with tau_theta"),
        ({"tau_theta": 1.0, "last_layer": "both"}, "last_layer"),
        ({"loss": "hinge"}, "loss"),
        ({"share": 0}, "share"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"blocks": 0}, "blocks"),
        ({"net": "64-x"}, "architecture"),
        ({"data": "letters"}, "data"),
    ],
)
def test_bad_settings_are_told(settings, words):
    with raises(ValueError, words):
        tiny(**settings)


def test_the_experiment_gives_a_table_a_verdict_and_a_figure(tmp_path):
    assert EXPERIMENTS["sharpness"] is SHARPNESS
    methods = {
        key: replace(
            method, **({"samples": 20, "blocks": 2, "every": 1} | ({} if method.net == "convnet" else TINY))
        )
        for key, method in SHARPNESS.methods.items()
    }
    small = replace(SHARPNESS, methods=methods).select(
        seeds=[0], methods=["gd_0.12", "near_1", "conv_near", "squared"]
    )
    run(small, tmp_path, progress=False)
    assert "ProxProp τ_θ = 1, 0.9 of the limit" in table(small, tmp_path)
    assert verdict(small, tmp_path).count("→") == len(CLAIMS)
    figure = mp.figures.experiment(small, tmp_path)
    assert [panel.get_title() for panel in figure.axes if panel.get_title()] == [
        "BackProp", "ProxProp", "squared error", "ConvNet",
    ]  # fmt: skip


def course(loss=(2, 0.1), met=(0.9, 0.2), plain=(2, 40), last_share=(1, 0.5)):
    return {"loss": loss, "met": met, "plain": plain, "last_share": last_share}


def records(**changed):
    """What a seed might come to in which all claims hold, but for what is changed."""
    courses = {key: course() for key in SHARPNESS.methods} | {
        "gd_0.12": course(met=(0.12, 0.95)),
        "gd_0.5": course(loss=(2, 30)),
        "squared": course(met=(0.9, 0.91)),
        "squared_last": course(met=(0.9, 0.91)),
        "conv_gd": course(met=(0.1, 0.5)),
    }
    found = []
    for key, columns in (courses | changed).items():
        record = Record("block", {"block": [0, 1], **{k: list(map(float, v)) for k, v in columns.items()}})
        record.status = "finished"
        found.append(Result(key, 0, None, {}, record))
    return Records(found)


def test_the_claims_hold_of_what_they_describe_and_fail_of_its_opposite():
    planted = [
        {"gd_0.12": course(met=(0.12, 0.4))},
        {"gd_0.5": course(loss=(2, 1))},
        {FAR[2]: course(met=(0.2, 0.9))},
        {FAR[0]: course(loss=(2, 1.5))},
        {NEAR[1]: course(plain=(2, 5))},
        {NEAR[0]: course(last_share=(0.5, 1))},
        {"squared": course(met=(0.9, 0.5))},
        {"conv_near": course(met=(0.2, 0.9))},
    ]
    for claim, changed in zip(CLAIMS, planted, strict=True):
        assert claim.holds(claim.value(records())), claim.sentence
        assert not claim.holds(claim.value(records(**changed))), claim.sentence


@pytest.mark.slow
def test_the_claims_hold_over_three_seeds(tmp_path):
    quick = {
        key: replace(method, samples=min(method.samples, 200)) for key, method in SHARPNESS.methods.items()
    }
    small = replace(SHARPNESS, methods=quick)
    run(small, tmp_path, progress=False)
    text = verdict(small, tmp_path)
    assert text.count("→ holds;") >= len(CLAIMS) - 1, text
    assert "→ does not hold" not in text, text


@pytest.mark.parametrize("rows", [[], [{}]])
def test_the_figure_of_a_watch_draws_runs_and_refuses_none(rows):
    if rows:
        row = {"loss": 2.0, "sharpness": 3.0, "preconditioned": 1.0, "preconditioned_shares": [0.2, 0.8]}
        bad = dict.fromkeys(("loss", "sharpness", "preconditioned"), np.nan) | {
            "preconditioned_shares": [np.nan]
        }
        figure = mp.figures.sharpness(
            {"ProxProp": (1.0, [{"epoch": 0} | row, {"epoch": 1} | bad])}, unit="step"
        )
        assert [panel.get_ylabel() for panel in figure.axes] == [
            "loss", "sharpness met · τ/2", "Λ · τ/2", "share of the last layer",
        ]  # fmt: skip
        assert figure.axes[1].lines[0].get_ydata() == [0.5]
        explicit = row | {"preconditioned": 3.0}
        assert len(mp.figures.sharpness({"BackProp": (1.0, [{"epoch": 0} | explicit])}).axes) == 3
    else:
        for runs in ({}, {"empty": (1.0, [])}):
            with raises(ValueError, "one measured run or more"):
                mp.figures.sharpness(runs)
