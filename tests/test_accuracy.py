"""float32 against float64: what is measured, and that a loss of digits would show."""

import json
from dataclasses import replace
from functools import partial

import pytest
from conftest import raises

import minprox as mp
from minprox.bench import precision as accuracy
from minprox.engine.solvers import exact

measure = partial(accuracy.run, architecture="64-60-40-10", batch_size=100)


def test_every_step_size_is_compared_after_every_number_of_steps(tmp_path):
    out = tmp_path / "accuracy.json"
    record = measure(mp.datasets.digits(), taus=[0.05, 50.0], steps=[0, 15], out=out)
    assert {steps: list(errors) for steps, errors in record["errors"].items()} == {
        "0": ["0.05", "50"], "15": ["0.05", "50"],
    }  # fmt: skip
    assert all(0 < error < 1e-3 for errors in record["errors"].values() for error in errors.values())
    assert json.loads(out.read_text()) == record
    assert "64-60-40-10 on digits, batch 100" in accuracy.table(record)


def test_a_gram_matrix_summed_in_float32_shows(monkeypatch):
    digits = mp.datasets.digits()
    data = replace(digits, train=mp.datasets.Split(digits.train.x + 10, digits.train.y))  # very bright
    good = measure(data, taus=[50.0], steps=[0])["errors"]["0"]["50"]
    solve = exact.solve_shifted
    monkeypatch.setattr(
        exact, "solve_shifted", lambda gram, *given: solve(gram.astype("float32"), *given).astype("float64")
    )
    assert measure(data, taus=[50.0], steps=[0])["errors"]["0"]["50"] > 10 * good


@pytest.mark.parametrize("steps", [[], [-1]])
def test_steps_that_make_no_sense_are_refused(steps):
    with raises(ValueError, "steps: expected one or more numbers of steps, found "):
        measure(mp.datasets.digits(), steps=steps)
