"""Rankings as runs: tasks without a leak, resumed bitwise, and what their claims say of planted records."""

import importlib.util
import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import raises, relative

import minprox as mp
from minprox.experiments import EXPERIMENTS, execute, run, table, verdict
from minprox.experiments.auc import AUC, EIGHT, RATE, STEPS, STREAM
from minprox.experiments.outcome import Result
from minprox.experiments.ranking_tasks import TASKS
from minprox.experiments.rankings import GRID, Ranking, mark
from minprox.experiments.records import Records
from minprox.ground.array_files import read_arrays
from minprox.ground.environment import peak_memory
from minprox.learning.records import Record
from minprox.methods import spauc

tables = pytest.mark.parametrize("name", ["eight", "halves", "odd"])


# Data


@pytest.mark.parametrize("start", [0, 1, 999, 1000, 2500])
def test_a_stream_may_be_entered_anywhere(start):
    stream = mp.datasets.TwoNormals(features=4, share=0.3, seed=2)
    whole = np.concatenate([x for x, _ in itertools.islice(stream.examples(), 4)])
    rest = np.concatenate([x for x, _ in itertools.islice(stream.examples(start), 2)])
    assert (rest == whole[start : start + len(rest)]).all()


def test_a_stream_is_what_it_says():
    """Share, mean, second moment of a difference, and the AUC of the best score, over 50,000 examples."""
    stream = mp.datasets.TwoNormals(features=6, share=0.2, distance=1.5, seed=1)
    pieces = list(itertools.islice(stream.examples(), 50))
    x, y = (np.concatenate(part) for part in zip(*pieces, strict=True))
    m = spauc.moments(x, y)
    assert m.p == pytest.approx(stream.share, abs=0.01)
    assert relative(m.S, stream.second_moment) < 0.05
    assert np.linalg.norm(m.u - stream.shift) < 0.03
    assert np.linalg.norm(m.v) < 0.03
    best = np.linalg.solve(stream.second_moment, stream.shift)
    assert spauc.auc(x @ best, y) == pytest.approx(stream.best_auc, abs=0.01)
    assert np.mean((x[y == -1] ** 2).sum(axis=1)) == pytest.approx(1, abs=0.05)
    other = next(stream.examples(part=1))[0]
    assert not np.isin(other, x).any()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"features": 0}, ["features", "0"]),
        ({"share": 0}, ["share", "0"]),
        ({"share": 1.0}, ["share", "1"]),
        ({"distance": -1}, ["distance", "-1"]),
        ({"condition": 0.5}, ["condition", "0.5"]),
        ({"seed": -1}, ["seed", "-1"]),
    ],
)
def test_a_wrong_stream_is_refused(options, parts):
    with raises(ValueError, *parts):
        mp.datasets.TwoNormals(**options)


def rows(x):
    return {row.tobytes() for row in x}


@tables
def test_no_test_example_is_learnt_from(name):
    """The parts of a table do not overlap (but for digits that are there twice), and every pass is whole."""
    task = TASKS[name](3)
    (x_test, y_test), (x_trial, y_trial), (x_held, y_held) = task.test, task.trial, task.held_out
    n = len(y_trial) + len(y_held)
    assert (n, len(y_test)) == (1437, 360)
    passes = list(itertools.islice(task.examples(0), 2))
    learnt = rows(passes[0][0])
    assert len(rows(x_test) & learnt) <= 3
    assert len(rows(x_trial) & rows(x_held)) <= 3
    assert rows(x_trial) | rows(x_held) == rows(passes[1][0]) == learnt
    assert not (passes[0][0] == passes[1][0]).all()  # in another order
    later = np.concatenate([x for x, _ in itertools.islice(task.examples(1000), 2)])
    assert (later[: n - 1000] == passes[0][0][1000:]).all()
    assert (later[n - 1000 :] == passes[1][0]).all()
    assert abs(np.concatenate([x_trial, x_held]).mean(axis=0)).max() < 1e-12  # scaled by what is learnt from
    assert abs(x_test.mean(axis=0)).max() > 1e-3
    assert set(y_test) == {-1, 1}
    other = TASKS[name](4)
    assert rows(other.test[0]) != rows(x_test)


def test_the_closed_form_on_a_stream_is_that_of_all_that_was_seen():
    x, y = next(mp.datasets.TwoNormals(features=5, share=0.3).examples())
    learner = spauc.ClosedForm(5, 1e-3)
    assert not learner.learn(x[:1], y[:1]).coef.any()  # one class alone
    learner.learn(x[1:], y[1:])
    assert relative(learner.coef, spauc.closed_form(spauc.moments(x, y), 1e-3)) <= 1e-10


# Runs


SHORT = Ranking(marks=12, eta=0.5)


@pytest.mark.parametrize("method", ["spauc", "implicit", "spam", "pairs", "solam", "closed"])
@pytest.mark.parametrize("task", ["eight", "stream"])
def test_a_run_goes_on_with_the_same_bits(method, task, tmp_path):
    whole = replace(SHORT, method=method, task=task)
    expected = execute(whole, tmp_path / "whole")
    execute(replace(whole, marks=5), tmp_path / "parts")
    found = execute(whole, tmp_path / "parts")
    for name in ("examples", "auc", "gap"):
        assert found.column(name) == expected.column(name)
    one, two = (read_arrays(tmp_path / part / "checkpoint.npz")[0] for part in ("whole", "parts"))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}
    assert expected.examples == [mark(unit) for unit in range(1, 13)]
    assert expected.memory > 10


def test_a_row_is_the_auc_on_the_test_part_and_the_objective_over_the_training_part(tmp_path):
    record = execute(SHORT, tmp_path)
    task, learner = TASKS["eight"](0), spauc.SPAUC(64, mp.prox.L2Squared(1e-3), spauc.Inverse(0.01, 0.5))
    x, y = next(task.examples(0))
    learner.learn(x[: mark(12)], y[: mark(12)])

    def phi(w):
        return spauc.objective(w, task.m) + 1e-3 * w @ w

    assert record.auc[-1] == spauc.auc(task.test[0] @ learner.w, task.test[1])
    best = spauc.closed_form(task.m, 1e-3)
    assert record.gap[-1] == pytest.approx(phi(learner.w) - phi(best), rel=1e-10)
    assert record.start == pytest.approx(phi(0 * best) - phi(best), rel=1e-10)


def test_the_step_size_is_chosen_without_the_test_part(tmp_path, monkeypatch):
    chosen = execute(replace(SHORT, eta=None, marks=2), tmp_path / "one").eta
    assert chosen in GRID
    task = TASKS["eight"](0)
    scores = {}
    for eta in GRID:
        learner = spauc.SPAUC(64, mp.prox.L2Squared(1e-3), spauc.Inverse(0.01, eta)).learn(*task.trial)
        usable = not learner.diverged
        scores[eta] = spauc.auc(task.held_out[0] @ learner.w, task.held_out[1]) if usable else 0
    best = max(scores.values())
    assert chosen == min(eta for eta, score in scores.items() if score >= best - 0.005)
    blind = replace(task, test=(0 * task.test[0], task.test[1]))
    monkeypatch.setitem(TASKS, "eight", lambda seed: blind)
    assert execute(replace(SHORT, eta=None, marks=2), tmp_path / "two").eta == chosen


def test_a_run_that_diverges_is_a_result(tmp_path):
    record = execute(Ranking(eta=1e4, rule="constant", marks=23), tmp_path)
    assert record.status == "diverged"
    assert not record.gap[-1] < 1e6


def test_the_peak_of_memory_is_known_on_linux():
    assert peak_memory() > 10 or not sys.platform.startswith("linux")


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
def test_the_breast_cancer_data(tmp_path):
    record = execute(Ranking(task="cancer", eta=1.0, marks=20), tmp_path)
    assert record.auc[-1] > 0.97


def test_without_scikit_learn_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"minprox\[sklearn\]"):
        execute(Ranking(task="cancer"), tmp_path)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"task": "nine"}, ["task", "eight", "'nine'"]),
        ({"method": "sgd"}, ["method", "spauc", "'sgd'"]),
        ({"rule": "linear"}, ["rule", "inverse", "'linear'"]),
        ({"eta": 0}, ["eta", "0"]),
        ({"marks": 0}, ["marks", "0"]),
        ({"lam": -1}, ["lam", "-1"]),
        ({"radius": 0}, ["radius", "0"]),
    ],
)
def test_a_wrong_setting_is_refused(options, parts):
    with raises(ValueError, *parts):
        Ranking(**options)


# Experiments


def test_an_experiment_is_run_shown_and_decided(tmp_path):
    part = EIGHT.select(epochs=14, seeds=[0, 1])
    records = run(part, tmp_path)
    assert len(records) == 12
    lines = table(part, tmp_path).splitlines()
    assert "AUC" in lines[0]
    assert lines[2].startswith("SPAUC")
    assert "±" in lines[2]
    assert "cannot be told, 2 of the 20 seeds" in verdict(part, tmp_path)
    figure = mp.figures.experiment(part, tmp_path)
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 3
    assert [axes.get_ylabel() for axes in figure.axes][:2] == ["AUC, test"] * 2
    assert len({line.get_color() for line in figure.axes[0].get_lines()}) == 6
    title = figure.legends[0].get_title().get_text()
    assert "task eight" in title
    assert "eta" not in title  # each method has its own


def test_a_map_over_step_sizes(tmp_path):
    part = replace(STEPS.select(epochs=15, seeds=[0], tau_theta=[0.1, 1e4]))
    run(part, tmp_path)
    lines = table(part, tmp_path).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["explicit", "implicit"]
    figure = mp.figures.experiment(part, tmp_path)
    assert "objective above its minimum" in [axes.get_ylabel() for axes in figure.axes]


def test_all_are_in_the_catalogue_and_have_a_quick_preset():
    assert {e.name for e in AUC} <= set(EXPERIMENTS)
    assert all(mp.experiments.quick(e).preset == "quick" for e in AUC)
    assert all(e.runs for e in AUC)


def planted(**columns):
    """Records of one seed in which every method has these columns; a number stands for a flat one."""
    found = []
    for key, (auc, seconds) in columns.items():
        record = Record("mark")
        for i, (a, s) in enumerate(zip(auc, seconds, strict=True), 1):
            record.append(mark=i, examples=100 * i, auc=a, gap=1.0 / (100 * i), seconds=s)
        record.status = "finished"
        record.conclude(memory=123.0)
        found.append(Result(key, 0, None, {}, record))
    return Records(found)


def test_what_the_claims_measure():
    records = planted(
        closed=([0.9, 0.95, 0.96], [1, 2, 3]),
        spauc=([0.8, 0.953, 0.958], [1, 2, 3]),
        spam=([0.7, 0.9, 0.951], [0.5, 1, 1.5]),
        solam=([0.7, 0.9, 0.9], [1, 2, 3]),
        implicit=([0.7, 0.9, 0.9], [1, 2, 3]),
    )
    short, tie, examples, seconds = (claim.value(records) for claim in EIGHT.claims)
    assert short == pytest.approx(0.002)
    assert tie == pytest.approx(0.058)
    assert examples == pytest.approx(200 / 300)
    assert seconds == pytest.approx(2 / 1.5)
    assert STREAM.claims[-1].value(records) == 123
    assert [claim.holds(0.02) for claim in EIGHT.claims] == [False, False, True, True]


def test_the_slope_of_the_rate():
    records = planted(spauc=([0.5] * 50, range(50)), implicit=([0.5] * 50, range(50)))
    assert RATE.claims[0].value(records) == pytest.approx(-1)
    assert [RATE.claims[0].holds(value) for value in (-1.6, -1.0, -0.5)] == [False, True, False]


@pytest.mark.slow
def test_the_fast_rate_and_the_map_over_steps_hold(tmp_path):
    """Over the seeds of the experiments, with room for another processor's rounding."""
    for experiment in (RATE, STEPS):
        run(experiment, tmp_path / experiment.name)
        for finding in verdict(experiment, tmp_path / experiment.name).splitlines()[1::2]:
            assert finding.startswith("  → holds; ")
