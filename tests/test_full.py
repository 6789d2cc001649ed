"""The one command for a machine with a GPU, in a tiny size and on NumPy."""

import json

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox import cli
from minprox.bench import gpu_day as full
from minprox.bench import speed as bench
from minprox.experiments import X1, X3, quick


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    nets = {
        "mlp": lambda: mp.Sequential(mp.Linear(3072, 6), mp.ReLU(), mp.Linear(6, 10)),
        "convnet": lambda: mp.Sequential(
            mp.Input((3, 32, 32)), mp.Conv2d(3, 2, 5, stride=4), mp.ReLU(), mp.Flatten(), mp.Linear(98, 10)
        ),
    }
    monkeypatch.setattr(bench, "NETS", nets)
    monkeypatch.setattr(bench, "BATCH", 8)


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_one.py").write_text("def test_one(): pass\n")
    return folder


def tiny(**changes):
    parts = {"x1": quick(X1), "x3": quick(X3)}
    chosen = {name: part.select(methods=["backprop", "exact"], epochs=1) for name, part in parts.items()}
    return {"backend": "numpy", "repeats": 1, "chosen_experiments": {"x1": chosen["x1"]}, **changes}


def test_every_stage_leaves_its_record_and_the_targets_are_told(tmp_path, suite):
    lines = []
    summary = full.full(tmp_path / "out", tests=suite, say=lines.append, **tiny())
    assert {name: stage["status"] for name, stage in summary["stages"].items()} == {
        "tests": "done",
        "bench": "done",
        "x1": "done",
    }
    assert json.loads((tmp_path / "out/summary.json").read_text()) == summary
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"tests.txt", "bench.json", "bench.txt", "x1", "x1.txt", "x1.png", "summary.json"}
    timed = json.loads((tmp_path / "out/bench.json").read_text())["nets"]["mlp"]["seconds"]
    assert {"step: ProxProp, exact, triangular solves", "ProxProp, BlockCG(10), dual"} <= set(timed)
    found = {t["target"]: t for t in summary["targets"]}
    assert len(found) == 5
    exact = found["mlp: exact step / BackProp step"]
    ratio = timed["step: ProxProp, exact"] / timed["step: BackProp"]
    assert (exact["found"], exact["holds"]) == (ratio, ratio <= 2.5)
    assert found["mlp: BackProp step / PyTorch's"]["holds"] is None
    assert found["x1: minutes"]["holds"] is True
    assert "1 passed" in (tmp_path / "out/tests.txt").read_text()
    assert len(full.verdict(summary).splitlines()) == 5
    assert summary["stages"]["bench"]["without peers"]
    assert any(line.startswith("bench: done") for line in lines)
    seconds = summary["stages"]["x1"]["seconds"]
    again = full.full(tmp_path / "out", tests=None, **tiny())
    assert again["stages"]["x1"]["seconds"] > seconds  # the first attempt counts
    assert again["stages"]["tests"]["status"] == "left out"


def test_a_stage_that_fails_stops_no_other(tmp_path, suite, monkeypatch):
    (suite / "test_one.py").write_text("def test_one(): assert False\n")

    def broken(*args, **options):
        raise MemoryError("no memory left")

    monkeypatch.setattr(bench, "timings", broken)
    summary = full.full(tmp_path / "out", tests=suite, **tiny())
    stages = summary["stages"]
    assert [stage["status"] for stage in stages.values()] == ["failed", "failed", "done"]
    assert "1 failed" in stages["tests"]["error"]
    assert stages["bench"]["error"] == "MemoryError: no memory left"
    assert [t["holds"] for t in summary["targets"]] == [None, None, None, None, True]
    assert "not measured" in full.verdict(summary)


def test_a_backend_that_is_not_there_is_told_before_anything_is_run(tmp_path, monkeypatch):
    with raises(ValueError, "'cupid'"):
        full.full(tmp_path / "out", "cupid")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "expected a JSON file, found none"),
        ("[]", "expected fields by their names, found []"),
        ('{"format": "x"}', "format: expected one of minprox full 1, found 'x'"),
        ('{"format": "minprox full 1", "stages": {"x1": {"seconds": "a"}}}', "seconds: expected"),
    ],
)
def test_a_summary_that_is_none_is_kept(tmp_path, suite, text, part):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text(text)
    with raises(ValueError, "summary.json: expected", part):
        full.full(tmp_path / "out", tests=suite, **tiny())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.json"]
    assert (tmp_path / "out" / "summary.json").read_text() == text


@pytest.mark.parametrize("shape", [(7, 20), (20, 7)])
def test_cholesky_solves_the_same_system(shape, rng):
    A, delta = mp.DenseMap(rng.standard_normal(shape), bias=True), rng.standard_normal((shape[0], 3))
    d = mp.Exact()(A, delta, 0.5)
    assert np.abs(full.cholesky(A, delta, 0.5) - d).max() < 1e-10


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--full"], "--full needs --out"),
        (["--data-folder", "."], "--data-folder belongs to --full"),
        (["--out", "no/such/folder/x"], "does not exist"),
    ],
)
def test_wrong_arguments_are_told(arguments, part, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["bench", *arguments])
    assert left.value.code == 2
    assert part in capsys.readouterr().err
