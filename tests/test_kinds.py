"""Kinds of run other than training: kept, killed and resumed bitwise, shared out, shown and decided."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from conftest import raises
from streams import STREAMS, Stream, fast

import minprox as mp
from minprox.experiments import Processes, execute, load, run
from minprox.experiments.results import results
from minprox.ground.array_files import read_arrays, write_arrays
from minprox.learning.rows import measured


def rows(record):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in record.rows()]


def test_a_folder_holds_a_run_of_any_kind(tmp_path):
    record = execute(fast, tmp_path)
    assert sorted(os.listdir(tmp_path)) == [
        "checkpoint.npz", "config.json", "environment.json", "history.csv", "history.json",
    ]  # fmt: skip
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["kind"], config["label"], config["blocks"], config["tau"]) == ("stream", "fast", 5, 0.05)
    assert (record.block, len(record), record.status) == ([0, 1, 2, 3, 4, 5], 5, "finished")
    assert (record.error[0], record.seconds[0]) == (3.0, 0.0)
    assert record.norm == pytest.approx(np.sqrt(3), rel=0.1)
    assert load(tmp_path)[0] == "fast"
    assert repr(load(tmp_path)[1]) == repr(record)
    arrays, _ = read_arrays(tmp_path / "checkpoint.npz")
    assert (arrays["seen"], arrays["w"].shape) == (500, (3,))
    assert (tmp_path / "history.csv").read_text().startswith("block,error,share,seconds\n0,3.0,nan,0.0\n")


def test_it_goes_on_with_the_same_bits_and_a_finished_run_is_not_run_again(tmp_path):
    whole = execute(replace(fast, blocks=7), tmp_path / "whole")
    execute(replace(fast, blocks=3), tmp_path / "part")
    longer = replace(fast, blocks=7)
    assert rows(execute(longer, tmp_path / "part"))[1:] == rows(whole)[1:]
    (again, _), (first, _) = (read_arrays(tmp_path / n / "checkpoint.npz") for n in ("part", "whole"))
    assert np.array_equal(again["w"], first["w"])
    stamp = (tmp_path / "part" / "history.json").stat().st_mtime_ns
    assert execute(longer, tmp_path / "part").seconds == load(tmp_path / "part")[1].seconds
    assert (tmp_path / "part" / "history.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("change", "part"),
    [({"tau": 0.2}, "tau was 0.05 and is now 0.2"), ({"blocks": 1}, "blocks was 5 and is now 1")],
)
def test_a_folder_belongs_to_one_configuration(tmp_path, change, part):
    execute(fast, tmp_path)
    with raises(ValueError, part):
        execute(replace(fast, **change), tmp_path)
    with raises(ValueError, "kind was 'stream' and is now 'train'"):
        execute(mp.experiments.Run(data="blobs", architecture="2-3"), tmp_path)


def test_a_row_that_is_not_finite_ends_the_run(tmp_path):
    with np.errstate(all="ignore"):
        record = execute(replace(fast, tau=50.0), tmp_path)
    assert record.status == "diverged"
    assert record.diverged_at == len(record) < 5
    assert execute(replace(fast, tau=50.0), tmp_path).diverged_at == record.diverged_at


def test_every_executor_gives_the_same_rows(tmp_path):
    expected = {name: rows(record) for name, record in run(STREAMS, tmp_path / "here").items()}
    for name, pool in {"threads": ThreadPoolExecutor(2), "processes": Processes(2)}.items():
        with pool:
            found = run(STREAMS, tmp_path / name, pool)
        assert repr({key: rows(record) for key, record in found.items()}) == repr(expected)


def test_table_verdict_and_figure_come_for_nothing(tmp_path):
    run(STREAMS, tmp_path)
    head, _, first, second = mp.experiments.table(STREAMS, tmp_path).splitlines()
    assert head.split() == ["method", "runs", "τ", "squared", "error", "share"]
    assert first.split()[:3] == ["slow", "3", "0.001"]
    assert second.split()[0] == "fast"
    text = mp.experiments.verdict(STREAMS, tmp_path)
    assert text.startswith("The larger rate ends nearer.\n  → holds; its last error over the other: ")
    assert "median of 3 seeds" in text
    figure = mp.figures.experiment(STREAMS, tmp_path)
    told = [(panel.get_xlabel(), panel.get_ylabel(), panel.get_yscale()) for panel in figure.axes]
    assert told == [("block", "squared error", "log"), ("time (s)", "share", "linear")]
    assert "Median of 3 seeds" in figure.get_supxlabel()
    assert list(figure.axes[0].lines[0].get_xdata()) == [0, 1, 2, 3, 4, 5]
    assert len({line.get_color() for line in figure.axes[0].lines}) == 2


def test_settings_are_what_json_can_keep():
    assert json.dumps(Stream(tau=np.float64(0.5), blocks=np.int64(3), seed=np.int32(1)).settings())
    with raises(TypeError, "Stream: expected fields that JSON can keep"):
        Stream(tau=np.ones(2)).settings()
    with raises(ValueError, "seed: expected an integer of at least 0, found -1"):
        Stream(seed=-1)


def test_a_state_that_does_not_fit_is_a_damaged_checkpoint(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Picky(Stream):
        def begin(self, arrays=None):
            if arrays is not None and "w" not in arrays:
                raise ValueError("expected w")
            return super().begin(arrays)

    execute(Picky(blocks=2), tmp_path)
    arrays, meta = read_arrays(tmp_path / "checkpoint.npz")
    del arrays["w"]
    write_arrays(tmp_path / "checkpoint.npz", arrays, meta)
    with raises(ValueError, "this checkpoint is damaged: expected w"):
        execute(Picky(blocks=3), tmp_path)


KILLED = "import streams as t; t.execute(t.replace(t.fast, blocks=60, pause={pause}), {folder!r})"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_stream_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    moments, environment = random.Random(0), {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    folder, seen = tmp_path / "killed", 0

    def recorded():
        path = folder / "history.json"
        return len(load(folder)[1]) if path.exists() else 0

    for _ in range(3):
        code = KILLED.format(pause=0.01, folder=str(folder))
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        deadline = time.monotonic() + 60
        while process.poll() is None and recorded() <= seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.wait()
        seen = recorded()
    assert 0 < seen < 60
    stream = replace(fast, blocks=60, pause=0.01)
    killed, undisturbed = execute(stream, folder), execute(stream, tmp_path / "undisturbed")
    assert rows(killed)[1:] == rows(undisturbed)[1:]
    (a, _), (b, _) = (read_arrays(p / "checkpoint.npz") for p in (folder, tmp_path / "undisturbed"))
    assert all(np.array_equal(a[name], b[name]) for name in b)
    assert (
        len(results(replace(STREAMS, methods={"fast": stream}), write_as_experiment(folder, tmp_path))) == 1
    )


def write_as_experiment(folder, tmp_path):
    (tmp_path / "all" / "seed-0").mkdir(parents=True)
    os.replace(folder, tmp_path / "all" / "seed-0" / "fast")
    return tmp_path / "all"


def test_measures_beyond_all_floats_are_infinite():
    assert [measured("loss", value) for value in (10**400, -(10**400), 3)] == [np.inf, -np.inf, 3.0]
