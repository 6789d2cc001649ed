"""The command line: every command, and how mistakes are told."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import minprox as mp
from minprox.bench import precision as accuracy
from minprox.bench import widths as scaling
from minprox.cli import main
from minprox.experiments import load

TRAIN = ["train", "--data", "blobs", "--architecture", "2-8-3", "--epochs", "2"]


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    "command", ["", "demo", "train", "run", "plot", "data", "info", "bench", "check", "explain"]
)
def test_every_command_explains_itself(call, command):
    code, out, err = call(*[command] * bool(command), "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: minprox")
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_help_teaches_what_the_steps_are(call):
    _, out, _ = call("--help")
    assert "(AᵀA + I/τ_θ) d = Aᵀδ" in out
    assert "implicit" in out
    _, out, _ = call("train", "--help")
    assert "minprox train --solver cg3" in out


def test_the_examples_in_the_help_run(call):
    _, out, _ = call("train", "--help")
    examples = [line.split()[1:] for line in out.splitlines() if line.startswith("    minprox ")]
    assert len(examples) == 4
    for example in examples:
        quick = ["--epochs", "1"] if example[0] == "train" else []
        assert call(*example, *quick)[0] == 0


def test_version(call):
    assert call("--version") == (0, f"minprox, version {mp.__version__}\n", "")


def test_train_plot_and_resume(call, tmp_path):
    code, out, err = call(*TRAIN, "--method", "backprop", "--out", "a")
    assert (code, err) == (0, "")
    assert "after 2 epochs" in out
    assert call(*TRAIN, "--solver", "cg2", "--tau-theta", "0.1", "--label", "two", "--out", "b")[0] == 0
    assert [load(name)[0] for name in ("a", "b")] == ["backprop", "two"]
    assert json.loads((tmp_path / "b" / "config.json").read_text())["solver"] == "cg2"

    code, out, err = call("plot", "a", "b", "-o", "f.png", "--title", "Two runs")
    assert (code, out, err) == (0, "Figure: f.png\n", "")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")

    code, out, _ = call(*TRAIN[:-1], "4", "--method", "backprop", "--out", "a", "--resume")
    assert code == 0
    assert load("a")[1].epoch == [0, 1, 2, 3, 4]


def test_a_diverged_run_is_no_error(call):
    code, out, err = call(*TRAIN, "--method", "backprop", "--tau", "1e30", "--out", "a")
    assert (code, err) == (0, "")
    assert "diverged in epoch" in out


def test_info_tells_what_computes(call):
    code, out, err = call("info")
    assert (code, err) == (0, "")
    for part in (f"minprox        {mp.__version__}", "BLAS", "backend numpy  available", "backend cupy"):
        assert part in out


def test_demo_writes_figures_records_and_a_table(call, tmp_path):
    code, out, err = call("demo", "--epochs", "2", "--out", "d")
    assert (code, err) == (0, "")
    for part in ("BackProp ", "ProxProp cg3", "ProxProp cg5", "ProxProp cg10", "ProxProp exact"):
        assert part in out
    assert "Test accuracy: " in out
    assert (tmp_path / "d" / "convergence.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "d" / "convergence.svg").stat().st_size > 10_000
    folders = [entry for entry in os.scandir(tmp_path / "d") if entry.is_dir()]
    assert len(folders) == 13
    assert all(len(load(entry.path)[1]) <= 2 for entry in folders)


def test_bench_hands_its_options_on(call, monkeypatch):
    seen = []

    class Bench:
        @staticmethod
        def run(nets, repeats, out, peers):
            seen.append((nets, repeats, out, peers))
            return "a table"

    monkeypatch.setitem(sys.modules, "minprox.bench.speed", Bench)
    assert call("bench", "--nets", "mlp, conv", "--repeats", "2") == (0, "a table\n", "")
    assert seen == [(["mlp", "conv"], 2, None, False)]


def test_bench_calls_what_there_is():
    from minprox.bench import speed as bench

    assert list(inspect.signature(bench.run).parameters) == ["nets", "repeats", "out", "peers"]


def test_bench_over_widths(call, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "run", partial(scaling.run, [10, 20, 40]))
    code, out, err = call("bench", "--widths", "--repeats", "1", "--out", "w.json", "--figure", "w.svg")
    assert (code, err) == (0, "")
    assert "µs · h, R² = " in out
    assert sorted(os.listdir(tmp_path)) == ["w.json", "w.svg"]


def test_bench_of_the_accuracy(call, tmp_path, monkeypatch):
    def run(folder, out):
        assert folder == Path("images")
        return measure(mp.datasets.digits(), "64-20-10", [0.05], [0], 100, out)

    measure = accuracy.run
    monkeypatch.setattr(accuracy, "run", run)
    code, out, err = call("bench", "--accuracy", "--data-folder", "images", "--out", "a.json")
    assert (code, err) == (0, "")
    assert "64-20-10 on digits" in out
    assert os.listdir(tmp_path) == ["a.json"]


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--epochs", "x"], "Invalid value for '--epochs'"),
        (["train", "--epochs", "0"], "epochs: expected an integer of at least 1, found 0"),
        (["train", "--data", "cats"], "Invalid value for '--data'"),
        (["train", "--architecture", "64-x"], "architecture: expected widths like 64-200-10"),
        (["train", "--architecture", "64-5"], "architecture: the data need 64 inputs and 10 outputs"),
        (["train", "--solver", "lu"], "solver: expected exact"),
        (["train", "--tau", "-1"], "tau: expected a positive finite number, found -1.0"),
        (
            ["train", "--method", "backprop", "--tau-theta", "1"],
            "tau_theta: only proxprop or double-proxprop or interlocking-proxprop has one",
        ),
        (["train", "--out", "file"], "'file' is a file"),
        (["train", "--out", "file/below"], "file/below"),
        (["plot", "-o", "f.png"], "Missing argument 'RUN...'"),
        (["plot", "nowhere", "-o", "f.png"], "nowhere: expected the folder of a run"),
        (["plot", "nowhere", "-o", "f.jpg"], "f.jpg: expected a name that ends in .png, .svg, .pdf"),
        (["plot", "nowhere", "-o", "no/f.png"], "no/f.png: the folder"),
        (["demo", "--epochs", "0"], "epochs: expected an integer of at least 1"),
        (["bench", "--repeats", "0"], "Invalid value for '--repeats'"),
        (["bench", "--out", "no/b.json"], "no/b.json: the folder"),
        (
            ["bench", "--widths", "--accuracy"],
            "--widths, --threads, --batches, --streams, --accuracy and --full are six things",
        ),
        (["bench", "--data-folder", "d"], "--data-folder belongs to --full and --accuracy"),
        (["bench", "--figure", "f.png"], "--figure belongs to --widths, --threads, --batches and --streams"),
        (["bench", "--threads", "--batches"], "are six things: choose one"),
        (["bench", "--widths", "--figure", "f.jpg"], "f.jpg: expected a name that ends in .png"),
        (["bench", "--widths", "--peers"], "measured on NumPy, without peers"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(call, tmp_path, arguments, part):
    (tmp_path / "file").write_text("")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("minprox: error: ")
    assert err.count("\n") == 1
    assert part in err
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_holds_a_run_is_kept(call):
    call(*TRAIN, "--out", "a")
    code, _, err = call(*TRAIN, "--out", "a")
    assert code == 2
    assert "a holds a run already: add --resume" in err
    code, _, err = call(*TRAIN, "--seed", "1", "--out", "a", "--resume")
    assert code == 2
    assert "seed was 0 and is now 1" in err


def test_a_damaged_checkpoint_is_one_line(call, tmp_path):
    call(*TRAIN, "--out", "a")
    (tmp_path / "a" / "checkpoint.npz").write_bytes(b"PK\x03\x04 and so on\n")
    code, _, err = call(*TRAIN[:-1], "3", "--out", "a", "--resume")
    assert code == 2
    assert err.startswith("minprox: error: a/checkpoint.npz: not a minprox file")
    assert err.count("\n") == 1


def test_the_module_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "minprox", "train", "--tau", "0"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "minprox: error: tau: expected a positive finite number, found 0.0\n"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_is_one_line_and_the_run_can_go_on(call, tmp_path, interruptible):
    command = [sys.executable, "-m", "minprox", *TRAIN[:-1], "100000", "--out", "a"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "a" / "checkpoint.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "minprox: interrupted\n")
    assert load("a")[1].status == "running"
