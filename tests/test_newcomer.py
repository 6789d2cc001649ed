"""A method of one's own in one short file: trained, compared, tabled, drawn; and how files are loaded."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

import minprox as mp
from minprox.cli import main
from minprox.experiments import EXPERIMENTS, recall
from minprox.ground import plugins
from minprox.methods import METHODS, looks

SIGN = Path(__file__).parents[1] / "docs" / "examples" / "sign.py"


@pytest.fixture
def call(tmp_path):
    """Run the command in a process of its own; return its exit code and what it wrote."""
    shutil.copy(SIGN, tmp_path)

    def run(*arguments, **variables):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "minprox", *map(str, arguments)],
            cwd=tmp_path, env=environment | variables, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_file_is_short():
    assert len(SIGN.read_text().splitlines()) <= 25


def test_it_is_everywhere_where_methods_are(call, tmp_path):
    code, out, err = call("train", "--plugin", "sign.py", "--help")
    assert (code, err) == (0, "")
    assert re.search(r",\s+sign\.\s", out)  # the last of the methods that --method lists
    options = ["--data", "blobs", "--architecture", "2-8-3", "--epochs", "1"]
    code, out, err = call("train", "--plugin", "sign.py", "--method", "sign", *options)
    assert (code, err) == (0, "")
    assert out.startswith("sign: training loss")
    assert mp.experiments.load(tmp_path / "runs" / "train")[0] == "sign"

    options = ["--seeds", "0,1", "--epochs", "2", "--jobs", "2"]
    code, out, err = call("run", "sign", "--plugin", "sign.py", *options)
    assert (code, err) == (0, "")
    assert "seed-1/sign: training loss" in out
    code, out, err = call("table", "runs/sign")  # without the file
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["backprop", "2"], ["sign", "2"]]
    code, out, err = call("plot", "sign", "runs/sign", "-o", "sign.png")
    assert (code, err) == (0, "")
    assert imread(tmp_path / "sign.png").ndim == 3


@pytest.fixture
def tables(monkeypatch):
    """The tables as they are, and as they were again afterwards."""
    monkeypatch.setenv(plugins.VARIABLE, "")
    before = dict(METHODS), dict(EXPERIMENTS)
    yield
    for table, former in zip((METHODS, EXPERIMENTS), before, strict=True):
        table.clear()
        table.update(former)
    sys.modules.pop("sign", None)


def test_it_has_a_colour_of_its_own(tmp_path, tables):
    known = [(name, kind) for name in METHODS for kind in (METHODS[name].looks or [""])]
    plugins.load_plugin(SIGN)
    colours = [mp.figures.look(number, 5)["color"] for number in looks([*known, ("sign", "")])]
    assert colours.count(colours[-1]) == 1
    part = EXPERIMENTS["sign"].select(epochs=1, seeds=[0])
    mp.experiments.run(part, tmp_path)
    alone = mp.figures.experiment(part.select(methods=["sign"]), tmp_path).axes[0].lines[0]
    both = mp.figures.experiment(part, tmp_path).axes[0].lines
    assert alone.get_color() == both[1].get_color() == colours[-1]
    del METHODS["sign"], EXPERIMENTS["sign"]  # the file is no longer known
    figure = mp.figures.experiment(recall(tmp_path), tmp_path)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["backprop", "sign"]
    title = figure.legends[0].get_title().get_text()
    assert title == "Descent by the gradient, and by its sign\nDigits, 64-50-10, sgd, batch size 50, 1 epoch"


def test_a_file_is_loaded_once(tmp_path, tables):
    (tmp_path / "counted.py").write_text("loaded = []")
    first = plugins.load_plugin(tmp_path / "counted.py")
    assert plugins.load_plugin(tmp_path / "counted.py") is first
    assert os.environ[plugins.VARIABLE] == str(tmp_path / "counted.py")
    del sys.modules["counted"]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("own.py", "1 / 0", "own.py: ZeroDivisionError: division by zero"),
        ("own.txt", "", "expected a file of Python, whose name ends in .py"),
        ("numpy.py", "", "numpy is the name of another module"),
        ("", "", "none.py: expected a file of Python, found none"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_in_one_line(tmp_path, tables, capsys, name, text, part):
    path = tmp_path / (name or "none.py")
    if name:
        path.write_text(text)
    with pytest.raises(SystemExit) as left:
        main(["train", "--plugin", str(path)])
    err = capsys.readouterr().err
    assert left.value.code == 2
    assert err.startswith("minprox: error: ")
    assert err.count("\n") == 1
    assert part in err


def test_a_file_of_the_environment_is_loaded_for_every_command(call):
    code, _, err = call("info", **{plugins.VARIABLE: "nowhere.py"})
    assert (code, err) == (2, "minprox: error: nowhere.py: expected a file of Python, found none\n")
    code, out, _ = call("train", "--help", **{plugins.VARIABLE: "sign.py"})
    assert code == 0
    assert re.search(r",\s+sign\.\s", out)  # the last of the methods that --method lists


def test_settings_of_a_method_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*more):
        options = ["--data", "blobs", "--architecture", "2-8-3", "--epochs", "1"]
        with pytest.raises(SystemExit) as left:
            main(["train", *options, "--method", "double-backprop", *more])
        return left.value.code, capsys.readouterr().err

    assert call("--set", "lam=0.5", "--set", "norm=l2squared") == (0, "")
    config = (tmp_path / "runs" / "train" / "config.json").read_text()
    assert '"lam": 0.5' in config
    assert '"norm": "l2squared"' in config
    for wrong, part in (("lam", "expected NAME=VALUE, found 'lam'"), ("mu=1", "double-backprop reads lam")):
        code, err = call("--set", wrong, "--out", "other")
        assert code == 2
        assert part in err


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"format": "minprox experiment 1", "name": "mine", "preset": "paper"}', "add it to EXPERIMENTS"),
        ('{"format": "minprox experiment 1", "name": "mine", "shown": {"title": 1}}', "KeyError"),
        ('{"format": "minprox experiment 1", "name": "mine", "shown": 3}', "TypeError"),
        ("[]", "expected the name of an experiment"),
    ],
)
def test_folders_that_say_nothing_of_their_experiment(tmp_path, text, part):
    (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(ValueError, match=part):
        recall(tmp_path)


def test_a_folder_that_is_no_experiment(tmp_path):
    with pytest.raises(ValueError, match=r"found no experiment\.json"):
        recall(tmp_path)
