"""A folder belongs to one run and to one process; what is refused leaves it byte for byte as it was."""

import os
import shutil
import stat
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import pytest
from conftest import raises
from streams import Stream, fast
from test_damage import snapshot

import minprox as mp
from minprox.cli import main
from minprox.experiments import Experiment, Run, execute, load, quick, run
from minprox.experiments import demo as demonstration
from minprox.experiments import folder as folder_module
from minprox.experiments import series as series_module
from minprox.ground.files import check_writable, locked, write_text

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and locks on folders")
RUN = Run(data="blobs", architecture="2-4-3", epochs=2)
FILES = {"checkpoint.npz", "config.json", "environment.json", "history.csv", "history.json"}
TRAIN = ["train", "--data", "blobs", "--architecture", "2-4-3", "--epochs", "2", "--method", "backprop"]
X1 = ["run", "x1", "--preset", "quick", "--methods", "backprop", "--epochs", "1"]


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return left.value.code, *capsys.readouterr()

    return run


def refused(call, folder, *arguments):
    """The one line of a command that is refused and leaves a folder as it was, times and all."""
    before, times = snapshot(folder), stamps(folder)
    code, _, err = call(*arguments)
    assert code == 2
    assert err.startswith("minprox: error: ")
    assert err.count("\n") == 1
    assert (snapshot(folder), stamps(folder)) == (before, times)
    return err


def stamps(folder):
    """Every name below a folder with its mode, of files also with the time of the last change."""
    found = {}
    for root, names, files in os.walk(folder):
        for name in (*names, *files):
            about = os.lstat(os.path.join(root, name))
            found[os.path.join(root, name)] = about.st_mode, about.st_mtime_ns if name in files else 0
    return found


# Nothing is written before everything is checked


def test_a_method_that_the_net_is_not_made_for_leaves_nothing(call, tmp_path):
    part = ["train", "--data", "blobs", "--architecture", "2-4-3", "--method", "interlocking", "--out", "a/b"]
    assert "error: " in refused(call, tmp_path, *part)
    assert os.listdir(tmp_path) == []
    execute(RUN, tmp_path / "a" / "b")
    refused(call, tmp_path, *part, "--resume")


def singular(net, tape, loss, y):
    raise ValueError("this direction is for other nets")


@dataclass(frozen=True, kw_only=True)
class Failing(Stream):
    """A stream that fails where it is told to, which is no setting of it."""

    fails: ClassVar[list[int]] = []

    def advance(self, state, unit):
        if unit in self.fails:
            raise ValueError("it fails")
        return super().advance(state, unit)


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_fails_in_its_first_epoch_leaves_the_folder_as_it_was(tmp_path, resume, monkeypatch):
    method = mp.methods.Method(direction=singular, label="mine")
    with raises(ValueError, "for other nets"):
        execute(replace(RUN, method=method), tmp_path / "a" / "b", resume=resume)
    assert os.listdir(tmp_path) == []
    execute(Failing(blocks=3), tmp_path / "c")
    before = snapshot(tmp_path), stamps(tmp_path)
    monkeypatch.setattr(Failing, "fails", [4 if resume else 1])
    with raises(ValueError, "it fails"):
        execute(Failing(blocks=5), tmp_path / "c", resume=resume)
    assert (snapshot(tmp_path), stamps(tmp_path)) == before


def test_other_settings_and_a_damaged_file_leave_the_folder_as_it_was(call, tmp_path):
    again = [*TRAIN, "--out", "a", "--resume"]
    assert call(*again[:-1])[0] == 0
    assert "seed was 0 and is now 1" in refused(call, tmp_path, *again, "--seed", "1")
    assert "epochs was 2 and is now 1" in refused(call, tmp_path, *again, "--epochs", "1")
    content = (tmp_path / "a" / "checkpoint.npz").read_bytes()
    (tmp_path / "a" / "checkpoint.npz").write_bytes(content[:-9])
    assert "a/checkpoint.npz: not a minprox file" in refused(call, tmp_path, *again, "--epochs", "3")


def test_an_experiment_whose_first_run_is_refused_leaves_nothing(tmp_path):
    member = replace(RUN, method=mp.methods.Method(direction=singular, label="mine"))
    with raises(ValueError, "for other nets"):
        run(Experiment(name="mine", title="Mine", methods={"a": member}), tmp_path / "x" / "y")
    assert os.listdir(tmp_path) == []


# Nobody's files are lost


LOST = ["checkpoint.npz", "history.json", "history.csv", "history.txt", "environment.json"]


@pytest.mark.parametrize("name", LOST)
def test_files_of_a_run_without_its_configuration_are_of_nobody_knows_which(call, tmp_path, name):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_text("mine")
    assert f"expected a config.json beside {name}" in refused(call, tmp_path, *TRAIN, "--out", "a")
    for resume in (True, False):
        with raises(ValueError, f"expected a config.json beside {name}, found none"):
            execute(RUN, tmp_path / "a", resume=resume)
    member = tmp_path / "x" / "seed-0" / "backprop"
    member.mkdir(parents=True)
    (member / name).write_text("mine")
    error = refused(call, tmp_path, *X1, "--out", "x", "--fresh")
    assert f"expected a config.json beside {name}" in error


def test_files_of_others_are_not_written_over(call, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "convergence.svg").write_text("mine")
    assert "expected the figure of a demo" in refused(call, tmp_path, "demo", "--epochs", "1", "--out", "a")
    for text in ("notes", "{}", "[]", '{"format": "minprox run 1"}'):
        (tmp_path / "a.json").write_text(text)
        assert "a.json: expected" in refused(call, tmp_path, "bench", "--nets", "mlp", "--out", "a.json")
    assert "a: expected a file, found a folder" in refused(call, tmp_path, "bench", "--out", "a")


def test_resuming_what_is_not_there_says_so(call, tmp_path):
    assert "a holds no run to go on with" in refused(call, tmp_path, *TRAIN, "--out", "a", "--resume")
    (tmp_path / "a").mkdir()
    assert "a holds no run to go on with" in refused(call, tmp_path, *TRAIN, "--out", "a", "--resume")


def test_a_folder_that_came_to_hold_a_run_meanwhile_is_kept(tmp_path):
    execute(RUN, tmp_path)
    with raises(ValueError, f"{tmp_path} holds a run already"):
        execute(RUN, tmp_path, resume=False, new=True)


def test_the_history_of_another_seed_is_not_this_runs(tmp_path):
    execute(RUN, tmp_path / "a")
    execute(replace(RUN, seed=1), tmp_path / "b")
    shutil.copy(tmp_path / "b" / "history.json", tmp_path / "a")
    for look in (partial(execute, RUN), load):
        with raises(ValueError, "history.json: this history ", "seed was 1 and is now 0"):
            look(tmp_path / "a")
    execute(fast, tmp_path / "c")
    shutil.copy(tmp_path / "c" / "history.json", tmp_path / "b")
    with raises(ValueError, "history.json: this history ", "kind was 'stream' and is now 'train'"):
        load(tmp_path / "b")


def test_the_folder_of_a_seed_holds_this_seed(tmp_path):
    mine = Experiment(name="mine", title="Mine", methods={"a": RUN}, seeds=(0, 1))
    run(mine, tmp_path)
    shutil.rmtree(tmp_path / "seed-1")
    shutil.copytree(tmp_path / "seed-0", tmp_path / "seed-1")
    with raises(ValueError, "expected a run of seed-1, found the seed 0"):
        mp.experiments.table(mine, tmp_path)


def test_a_configuration_changed_by_hand_is_told_unless_its_check_sum_is_taken_out(tmp_path):
    execute(RUN, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"label": "backprop"', '"label": "mine"'))
    with raises(ValueError, "config.json", "changed by hand"):
        load(tmp_path)
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if "sha256" not in line).replace(
            '"options": {},', '"options": {}'
        )
    )
    assert load(tmp_path)[0] == "mine"


def test_a_history_that_does_not_say_of_which_run_it_is_is_read(tmp_path):
    history = execute(RUN, tmp_path)
    history.save(tmp_path / "history.json")  # as versions before this wrote it
    assert load(tmp_path)[1] == execute(RUN, tmp_path) == history


@pytest.mark.parametrize("name", sorted(FILES))
def test_links_in_the_folder_of_a_run_are_not_written_through(tmp_path, name):
    execute(RUN, tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    os.replace(tmp_path / "a" / name, tmp_path / "elsewhere" / name)
    (tmp_path / "a" / name).symlink_to(tmp_path / "elsewhere" / name)
    before = snapshot(tmp_path)
    for change in ({}, {"resume": False}):
        with raises(ValueError, f"{tmp_path / 'a' / name}: expected a file, found a link"):
            execute(replace(RUN, epochs=3), tmp_path / "a", **change)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", sorted(FILES))
def test_folders_and_pipes_in_the_place_of_files(tmp_path, name):
    for make, found in ((os.mkdir, "a folder"), (os.mkfifo, "a pipe")):
        folder = tmp_path / found
        execute(RUN, folder)
        (folder / name).unlink()
        make(folder / name)
        with raises(ValueError, f"{folder / name}: expected a file, found {found}"):
            execute(replace(RUN, epochs=3), folder)


def test_permissions_survive(tmp_path):
    execute(RUN, tmp_path)
    for number, name in enumerate(sorted(FILES)):
        (tmp_path / name).chmod(0o600 + number)
    execute(replace(RUN, epochs=3), tmp_path)
    for number, name in enumerate(sorted(FILES)):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600 + number


@pytest.mark.parametrize("key", ["../a", "/a", "a/b", "..", ".", "", "a\\b", "a\0b"])
def test_names_of_runs_cannot_leave_their_folder(key):
    with raises(ValueError, "methods: expected names of letters and digits, found"):
        Experiment(name="mine", title="Mine", methods={key: RUN})


@pytest.mark.parametrize("name", ["../a", "/a", "a\\b", "..", "", "a\0", None])
def test_nor_can_those_of_experiments(name):
    with raises(ValueError, "name: expected "):
        Experiment(name=name, title="Mine", methods={"a": RUN})


def test_an_experiment_and_a_demo_write_through_no_links(call, tmp_path):
    mine = Experiment(name="mine", title="Mine", methods={"a": replace(RUN, epochs=1)})
    run(mine, tmp_path / "x")
    os.replace(tmp_path / "x" / "experiment.json", tmp_path / "kept")
    (tmp_path / "x" / "experiment.json").symlink_to(tmp_path / "kept")
    before = snapshot(tmp_path)
    with raises(ValueError, "experiment.json: expected a file, found a link"):
        run(mine, tmp_path / "x")
    assert snapshot(tmp_path) == before
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "convergence.png").symlink_to(tmp_path / "kept")
    assert "convergence.png: expected a file, found a link" in refused(call, tmp_path, "demo", "--out", "d")


def test_labels_are_no_names_of_files(call, tmp_path):
    code, _, err = call(*TRAIN, "--out", "a", "--label", "../../b")
    assert (code, err) == (0, "")
    assert [name for name in snapshot(tmp_path) if "/a/" not in name] == []
    assert load("a")[0] == "../../b"


def test_checkpoints_that_cannot_be_written_are_refused_before_the_first_epoch(tmp_path):
    net = mp.Sequential(mp.Linear(2, 3), seed=0)
    never = [lambda net, history: pytest.fail("an epoch was run")]

    def train(path):
        data = mp.datasets.blobs()
        options = {"epochs": 1, "batch_size": 50, "checkpoint": path, "callbacks": never}
        mp.train(net, data, mp.CrossEntropy(), mp.SGD(net, 0.1), **options)

    before = net.parameters[0].copy()
    os.mkfifo(tmp_path / "pipe")
    for path, error, part in (
        (tmp_path, IsADirectoryError, "expected the name of a file, found a folder"),
        (tmp_path / "pipe", ValueError, "expected a file, found a pipe"),
        (tmp_path / "no" / "c.npz", FileNotFoundError, "does not exist"),
        (tmp_path / ("x" * 254), OSError, "File name too long"),
        ("/proc/c.npz", OSError, "/proc/c.npz"),
    ):
        with pytest.raises(error, match=part):
            train(path)
    assert (net.parameters[0] == before).all()
    check_writable(tmp_path / "c.npz")
    assert os.listdir(tmp_path) == ["pipe"]


# One process works in a folder


@pytest.fixture
def impatient(monkeypatch):
    for module in (folder_module, series_module, demonstration):
        monkeypatch.setattr(module, "locked", partial(locked, patience=0.05))


@pytest.mark.parametrize("command", [TRAIN, X1, [*X1, "--fresh"], ["demo", "--epochs", "1"]])
def test_the_second_process_gets_one_sentence_whatever_the_command(call, tmp_path, impatient, command):
    (tmp_path / "a").mkdir()
    with locked(tmp_path / "a"):
        assert "a: another process is at work here" in refused(call, tmp_path, *command, "--out", "a")


def test_a_new_start_waits_for_the_members_of_an_experiment(tmp_path, impatient):
    part = quick(mp.experiments.X1).select(methods=["backprop"], epochs=1)
    run(part, tmp_path)
    before = snapshot(tmp_path / "seed-0")
    with locked(tmp_path / "seed-0" / "backprop"), raises(BlockingIOError, "another process is at work here"):
        run(part, tmp_path, resume=False)
    assert snapshot(tmp_path / "seed-0") == before


def test_a_figure_can_be_drawn_while_a_run_goes_on(call, tmp_path):
    execute(RUN, tmp_path / "a")
    with locked(tmp_path / "a"):
        assert call("plot", "a", "-o", "f.png")[0] == 0


def test_a_folder_that_was_made_is_taken_away_if_nothing_came_of_it(tmp_path):
    with raises(KeyError, "x"), locked(tmp_path / "a" / "b", make=True):
        raise KeyError("x")
    assert os.listdir(tmp_path) == []
    with raises(KeyError, "x"), locked(tmp_path / "a" / "b", make=True):
        write_text(tmp_path / "a" / "b" / "c", "")
        raise KeyError("x")
    assert snapshot(tmp_path) == {str(tmp_path / "a" / "b" / "c"): b""}


def test_a_folder_that_was_taken_away_while_one_waited_is_made_anew(tmp_path, monkeypatch):
    real, calls = os.path.samestat, []

    def samestat(a, b):
        if not calls:
            calls.append(1)
            (tmp_path / "a").rmdir()
            return os.path.exists(tmp_path / "a")
        return real(a, b)

    monkeypatch.setattr(os.path, "samestat", samestat)
    with locked(tmp_path / "a", make=True):
        write_text(tmp_path / "a" / "x", "")
    assert os.listdir(tmp_path / "a") == ["x"]


def test_the_parts_of_a_killed_process_are_taken_away_also_from_a_run_that_has_ended(tmp_path):
    history = execute(RUN, tmp_path)
    for name in FILES:
        (tmp_path / f".{name}.123-abcdef01.part").write_text("half")
    (tmp_path / ".mine.part").write_text("of somebody else")
    with open(tmp_path / ".history.csv.1-a.part", "wb") as living:
        mp.ground.files.hold(living)
        assert execute(RUN, tmp_path) == history
        assert set(os.listdir(tmp_path)) == FILES | {".mine.part", ".history.csv.1-a.part"}
    execute(RUN, tmp_path)
    assert set(os.listdir(tmp_path)) == FILES | {".mine.part"}
