"""Damaged files are refused in one sentence, or read to the same bits; and in little memory."""

import json
import os
import shutil
import tempfile
import tracemalloc
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import raises
from damage import damaged, opened, packed
from streams import fast

import minprox as mp
from minprox.experiments import Run, execute, load
from minprox.ground.array_files import read_arrays, write_arrays
from minprox.ground.files import write_json
from minprox.ground.reading import content_of, read_json, signed
from minprox.learning.history import COLUMNS
from minprox.methods import spauc

RUN = Run(data="blobs", architecture="2-4-3", epochs=2, optimizer="adam", method="proxprop", solver="cg2")
MANY = int(os.environ.get("MINPROX_DAMAGED", "5400"))
FEW = 400


def net_of(path):
    """The parameters that a file of them gives."""
    net = mp.Sequential(mp.Linear(3, 4), mp.BatchNorm(4), mp.ReLU(), mp.Linear(4, 2), seed=1)
    before = [array.copy() for array in (*net.parameters, *net.memory)]
    try:
        mp.load_parameters(net, path)
    except ValueError:
        now = [*net.parameters, *net.memory]
        assert all((a == b).all() for a, b in zip(before, now, strict=True)), "half of it was set"
        raise
    return [array.tolist() for array in (*net.parameters, *net.memory)]


def learner_of(path):
    """The state of a learner that goes through the data once."""
    learner = spauc.SPAUC(3)
    learner.load(path)
    return {name: array.tolist() for name, array in learner.arrays().items()}


def run_in(path):
    """What the folder of a run tells, and what becomes of the run."""
    label, history = load(path.parent)
    longer = execute(replace(RUN, epochs=3), path.parent, progress=False)
    del longer.seconds[-1]  # of the last epoch, which is new
    return label, repr(history.to_dict()), repr(longer.to_dict())


def stream_in(path):
    """The same of a run of another kind."""
    label, record = load(path.parent)
    longer = execute(replace(fast, blocks=4), path.parent, progress=False)
    return label, repr(record.to_dict()), [list(row.values())[:-1] for row in longer.rows()]


def experiment_in(path):
    """How an experiment is shown, and its table."""
    found = mp.experiments.recall(path.parent)
    return repr(found), mp.experiments.table(found, path.parent)


@pytest.fixture(scope="module")
def in_memory():
    """A folder in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield folder


@pytest.fixture(scope="module")
def good(tmp_path_factory, request):
    """Files that are as they should be: for each what reads it, and its folder."""
    there = tmp_path_factory.mktemp("good")
    if os.access("/dev/shm", os.W_OK):  # which waits for no disk
        there = Path(request.getfixturevalue("in_memory"))
    net = mp.Sequential(mp.Linear(3, 4), mp.BatchNorm(4), mp.ReLU(), mp.Linear(4, 2), seed=0)
    (there / "net").mkdir()
    mp.save_parameters(net, there / "net" / "net.npz")
    (there / "learner").mkdir()
    x = np.random.default_rng(0).normal(size=(9, 3))
    spauc.SPAUC(3).learn(x, np.arange(9) % 2 * 2 - 1).save(there / "learner" / "s.npz")
    execute(RUN, there / "run", progress=False)
    execute(replace(fast, blocks=3), there / "stream", progress=False)
    mine = mp.experiments.Experiment(
        name="mine", title="Mine", methods={"a": RUN, "b": replace(RUN, solver="exact")}
    )
    mp.experiments.run(mine, there / "mine")
    return {
        "net/net.npz": net_of,
        "learner/s.npz": learner_of,
        **{f"run/{name}": run_in for name in ("checkpoint.npz", "config.json", "history.json")},
        **{f"stream/{name}": stream_in for name in ("checkpoint.npz", "config.json", "history.json")},
        "mine/experiment.json": experiment_in,
        "mine/seed-0/a/config.json": lambda path: experiment_in(path.parents[2] / "x"),
        "mine/seed-0/a/history.json": lambda path: experiment_in(path.parents[2] / "x"),
    }, there


def check(read, path, expected):
    """Fail unless a file is refused in one sentence, or read to what it was; tell which."""
    try:
        found = read(path)
    except (ValueError, TypeError) as error:
        text = str(error.args[0])
        assert path.name in text or str(path.parent) in text, text
        assert text.isprintable(), text
        assert len(text) < 3000, text[:200]
        return True
    assert found == expected, "another result without a word"
    return False


def restore(folder, files):
    """Put a folder back to what it was."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if path not in files:
                os.unlink(path)
    for path, content in files.items():
        with open(path, "wb") as file:
            file.write(content)


def snapshot(folder):
    """The contents of all files below a folder."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                found[path] = file.read()
    return found


def try_all(good, seeds):
    """Damage each file in many ways; return how many were refused, and how many read as they were."""
    readers, there = good
    former, counts = snapshot(there), [0, 0]
    for name, read in readers.items():
        path, content = there / name, former[str(there / name)]
        expected = read(path)
        restore(there, former)
        for seed in seeds:
            worse, kind = damaged(content, f"{name} {seed}")
            if worse == content:
                continue
            path.write_bytes(worse)
            try:
                counts[check(read, path, expected)] += 1
            except BaseException as error:
                error.add_note(f"{name}, damage {seed} ({kind})")
                raise
            finally:
                restore(there, former)
    return counts


def test_damaged_files_are_refused_or_read_to_the_same_bits(good):
    same, refused = try_all(good, range(FEW // len(good[0])))
    assert refused > 0.6 * FEW
    assert same + refused > 0.9 * FEW


@pytest.mark.slow
def test_so_are_thousands(good):
    """5,400 damaged files; as many as ``MINPROX_DAMAGED`` says."""
    same, refused = try_all(good, range(1000, 1000 + MANY // len(good[0])))
    assert same + refused > 0.93 * MANY


def test_the_check_of_damage_notices_what_passes_unseen(good, tmp_path):
    """A reader that does not look, one that fails in words of Python, one that tells another file."""
    readers, there = good
    path = there / "net" / "net.npz"
    expected = readers["net/net.npz"](path)

    def blind(path):
        return [[0.0], *expected[1:]]

    def silent(path):
        raise ValueError("matmul: Input operand 1 has a mismatch")

    def broken(path):
        return {}["parameters.0"]

    for reader, error in ((blind, AssertionError), (silent, AssertionError), (broken, KeyError)):
        with pytest.raises(error):
            check(reader, path, expected)
    assert check(readers["net/net.npz"], path, expected) is False


def test_a_bit_that_was_flipped_in_a_parameter_by_somebody_who_knows_the_format(tmp_path):
    net = mp.Sequential(mp.Linear(3, 4), seed=0)
    mp.save_parameters(net, tmp_path / "net.npz")
    members = opened((tmp_path / "net.npz").read_bytes())
    members["parameters.0.npy"] = members["parameters.0.npy"][:-1] + b"\x00"
    (tmp_path / "net.npz").write_bytes(packed(members))
    with raises(ValueError, "net.npz: not a minprox file, or a damaged one", "sha256"):
        mp.load_parameters(net, tmp_path / "net.npz")


def test_files_without_check_sums_are_read_as_before(tmp_path):
    """As they were written by versions before this."""
    net, other = (mp.Sequential(mp.Linear(3, 4), seed=seed) for seed in (0, 1))
    mp.save_parameters(net, tmp_path / "net.npz")
    members = opened((tmp_path / "net.npz").read_bytes())
    del members["sha256.npy"]
    (tmp_path / "net.npz").write_bytes(packed(members))
    mp.load_parameters(other, tmp_path / "net.npz")
    assert (other.parameters[0] == net.parameters[0]).all()
    write_json(tmp_path / "a.json", signed({"b": [1, 2.5, None], "ä": "ö"}))
    text = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert read_json(tmp_path / "a.json") == {name: v for name, v in text.items() if name != "sha256"}
    (tmp_path / "a.json").write_text('{"b": 2}')
    assert read_json(tmp_path / "a.json") == {"b": 2}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 10**5 + "]" * 10**5, "many times its size"),
        ("[" * 60 + "]" * 60, "at most 50 deep, found 60"),
        ('{"a": 1, "a": 2}', "a field is there twice"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
        (b"\xff\xfe", "can't decode byte"),
    ],
)
def test_what_is_no_json_of_ours(tmp_path, text, part):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with raises(ValueError, "a.json: expected a JSON file, found none", part):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("told", ['"0"', "0", "[]", "{}", "true"])
def test_what_has_another_check_sum(tmp_path, told):
    (tmp_path / "a.json").write_text(f'{{"a": 1, "sha256": {told}}}')
    with raises(ValueError, "a.json: damaged, or changed by hand: expected the sha256"):
        read_json(tmp_path / "a.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in folders")
def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    net = mp.Sequential(mp.Linear(2, 3))
    for name, found in (("pipe", "a pipe"), ("zero", "a device"), ("folder", "a folder")):
        for read in (read_json, read_arrays, mp.History.load, lambda path: mp.load_parameters(net, path)):
            with raises(ValueError, f"{tmp_path / name}: expected a file, found {found}"):
                read(tmp_path / name)
    for name, found in (("pipe", "a pipe"), ("zero", "a device")):
        with raises(ValueError, f"{tmp_path / name}: expected a file, found {found}"):
            mp.save_parameters(net, tmp_path / name)
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2**33)  # a hole, which takes no room on the disk
    with raises(ValueError, "expected a file of at most", "found 8,589,934,592"):
        mp.load_parameters(net, tmp_path / "huge")
    with raises(ValueError, "expected a file of at most 5 bytes, found 6"):
        (tmp_path / "six").write_bytes(b"123456")
        content_of(tmp_path / "six", 5)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f2", "bool", "M8[s]", "i4,f4", "O", "f8", "i4"])
def test_other_dtypes_are_refused_and_nothing_is_set(tmp_path, dtype):
    net = mp.Sequential(mp.Linear(2, 3, bias=False), mp.Linear(3, 1, bias=False))
    before = [theta.copy() for theta in net.parameters]
    arrays = {"parameters.0": before[0] + 1, "parameters.1": np.zeros((3, 1), dtype)}
    np.savez(tmp_path / "net.npz", meta=np.array('{"format": "minprox arrays 1"}'), **arrays)
    with raises(ValueError, f"{tmp_path / 'net.npz'}: "):
        mp.load_parameters(net, tmp_path / "net.npz")
    assert all((a == b).all() for a, b in zip(net.parameters, before, strict=True))


def test_what_could_not_be_read_is_not_written(tmp_path):
    for arrays, part in (
        ({"a": np.array([None])}, "a: expected numbers, found Python objects"),
        ({"a": np.zeros(2, ">f4")}, "a: expected numbers as this machine has them, found dtype >f4"),
        ({"meta": np.zeros(2)}, "an array cannot have the name meta"),
        ({"file": np.zeros(2)}, "an array cannot have the name file"),
    ):
        with raises(ValueError, part):
            write_arrays(tmp_path / "a.npz", arrays, {})
    assert os.listdir(tmp_path) == []


BIG = 3 * 2**20  # bytes
DENSE = {"lists": "[],", "objects": '{"a":1},', "words": '"ab",', "integers": "257,", "floats": "0.5,"}


@pytest.mark.parametrize("what", ["arrays", "members", "history", *DENSE])
def test_memory_is_at_most_ten_times_the_file(tmp_path, what):
    path, good, read = tmp_path / "x.json", what in ("arrays", "history"), read_json
    if what == "arrays":
        write_arrays(path, {"a": np.zeros(BIG // 8)}, {})
        read = read_arrays
    elif what == "members":
        path.write_bytes(packed({f"{i}.npy": b"x" * 200 for i in range(BIG // 330)}))
        read = read_arrays
    elif what == "history":
        history, row = mp.History(), dict.fromkeys(COLUMNS, 0.5)
        for epoch in range(BIG // 160):
            history.append(**{**row, "epoch": epoch, "batch_loss": 1 / 3, "seconds": epoch / 7})
        history.save(path)
        read = mp.History.load
    else:
        unit = DENSE[what]
        path.write_text("[" + unit * (BIG // len(unit)) + "0]")
    tracemalloc.start()
    with nullcontext() if good else suppress(ValueError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * path.stat().st_size


def test_steps_and_epochs_hang_together(tmp_path):
    """Also in a file without a check sum, and the net and the optimiser stay as they were."""

    def train(epochs):
        net = mp.Sequential(mp.Linear(2, 3), seed=0)
        optimizer = mp.Adam(net, 0.01)
        options = {"epochs": epochs, "batch_size": 50, "checkpoint": tmp_path / "c.npz", "resume": True}
        mp.train(net, mp.datasets.blobs(), mp.CrossEntropy(), optimizer, **options)

    train(2)
    arrays, meta = read_arrays(tmp_path / "c.npz")
    steps = int(arrays["steps_done"])
    for value, part in (
        (np.array(steps - 1), f"expected at least {steps} after 2 epochs, found {steps - 1}"),
        (np.array(-1), "steps_done: expected an integer of at least 0, found"),
        (np.array(0.5), "steps_done: expected an integer of at least 0, found"),
    ):
        write_arrays(tmp_path / "c.npz", {**arrays, "steps_done": value}, meta)
        with raises(ValueError, "c.npz: this checkpoint is damaged: ", part):
            train(3)
    write_arrays(tmp_path / "c.npz", arrays, meta)
    train(3)


@pytest.mark.parametrize("name", ["update", "step", "net", "state", "tau", "__class__", "a b", "history"])
def test_no_method_comes_out_of_a_file(tmp_path, name):
    net = mp.Sequential(mp.Linear(2, 3), seed=0)
    options = {"epochs": 1, "batch_size": 50, "checkpoint": tmp_path / "c.npz", "resume": True}
    arguments = net, mp.datasets.blobs(), mp.CrossEntropy(), mp.SGD(net, 0.1)
    mp.train(*arguments, **options)
    arrays, meta = read_arrays(tmp_path / "c.npz")
    for more in ({"changed": np.array(json.dumps({name: 1}))}, {f"attribute.{name}": np.zeros(2)}):
        write_arrays(tmp_path / "c.npz", arrays | more, meta)
        with raises(ValueError, "c.npz: this checkpoint is damaged: expected settings of SGD", name):
            mp.train(*arguments, **{**options, "epochs": 2})


def test_epochs_follow_each_other_when_they_are_recorded_as_when_they_are_read(tmp_path):
    history = mp.History()
    row = dict.fromkeys(COLUMNS, 0.5)
    history.append(**{**row, "epoch": 1})
    with raises(ValueError, "epoch: expected 2 behind 1, found 3"):
        history.append(**{**row, "epoch": 3})
    history.save(tmp_path / "h.json")
    assert mp.History.load(tmp_path / "h.json") == history


@pytest.mark.parametrize(
    ("place", "change", "part"),
    [
        ((), {"table": ["i"]}, "column: expected one of epoch, train_loss"),
        ((), {"table": True}, "table: expected a list, found True"),
        ((), {"columns": [1]}, "columns: expected a text, found 1"),
        ((), {"settings": {"tau": 1}}, "tau: expected a text, found 1"),
        (("measures", "train_loss"), {"head": True}, "head: expected a text, found True"),
        (("measures", "train_loss"), {"factor": "x"}, "factor: expected a finite number"),
        (("measures", "train_loss"), {"form": "{:999999999}"}, "form: expected a format"),
        (("measures", "train_loss"), {"form": "{0.real}"}, "form: expected a format"),
        (("methods", "a"), {"step": [1, 2, 3]}, "step: expected a text, found 1"),
    ],
)
def test_an_experiment_that_says_nonsense_of_how_it_is_shown(good, tmp_path, place, change, part):
    """Also without a check sum, as somebody may have written it."""
    shutil.copytree(good[1] / "mine", tmp_path / "mine")
    content = read_json(tmp_path / "mine" / "experiment.json")
    within = content["shown"]
    for key in place:
        within = within[key]
    within.update(change)
    write_json(tmp_path / "mine" / "experiment.json", content)
    with raises(ValueError, part):
        experiment_in(tmp_path / "mine" / "x")


def test_a_setting_of_great_length_is_told_by_its_beginning(tmp_path):
    execute(RUN, tmp_path)
    content = read_json(tmp_path / "config.json")
    write_json(tmp_path / "config.json", {**content, "tau": "0" * 10_000})
    with raises(ValueError, "tau was '000", "… and is now 0.001"):
        execute(RUN, tmp_path)
