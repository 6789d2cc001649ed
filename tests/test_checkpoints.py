"""Checkpoints: killed runs end with the same bits, and damaged files are told by name."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import minprox as mp
from minprox.ground.files import whole_file
from minprox.learning import checkpoints
from minprox.learning.checkpoints import describe, read_arrays

data = mp.datasets.blobs(n=100, dtype="float64")
loss = mp.CrossEntropy()


def small(seed=0, hidden=8, dtype="float64"):
    return mp.Sequential(
        mp.Linear(2, hidden), mp.ReLU(), mp.Dropout(0.3), mp.Linear(hidden, 3), seed=seed, dtype=dtype
    )


def halving(epoch):
    return 0.1 / 2**epoch


OPTIMIZERS = {
    "momentum": lambda net: mp.SGD(net, 0.1, momentum=0.9, nesterov=True),
    "schedule": lambda net: mp.SGD(net, halving, momentum=0.9),
    "adam": lambda net: mp.Adam(net, 0.01),
}


def run(path=None, epochs=6, net=None, optimizer="adam", direction=mp.backprop, batch_size=25, **rest):
    net = net or small()
    optimizer = OPTIMIZERS[optimizer](net)
    history = mp.train(
        net, data, loss, optimizer, direction,
        epochs=epochs, batch_size=batch_size, checkpoint=path, **rest,
    )  # fmt: skip
    return net, optimizer, history


def columns(history):
    values = history.to_dict()
    del values["seconds"]
    return values


def same(first, second):
    arrays = [[*n.parameters, *(a for v in o.state.values() for a in v)] for n, o, _ in (first, second)]
    return (
        all(np.array_equal(a, b) for a, b in zip(*arrays, strict=True))
        and first[1].steps_done == second[1].steps_done
        and columns(first[2]) == columns(second[2])
    )


# Resuming


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, optimizer):
    path = tmp_path / "c.npz"
    run(path, epochs=2, optimizer=optimizer)
    resumed = run(path, net=small(seed=5), optimizer=optimizer, resume=True)
    assert same(resumed, run(optimizer=optimizer))
    assert not same(run(epochs=5, optimizer=optimizer), resumed)


class Stop(Exception):
    pass


def test_an_interrupted_epoch_is_run_again(tmp_path):
    path, calls = tmp_path / "c.npz", iter(range(8))  # 3 batches an epoch: within the third epoch

    def interrupted(net, tape, loss, y):
        if next(calls) == 7:
            raise Stop
        return mp.backprop(net, tape, loss, y)

    interrupted.__qualname__ = mp.backprop.__qualname__
    with pytest.raises(Stop):
        run(path, direction=interrupted)
    assert same(run(path, net=small(seed=5), resume=True), run())


def test_resuming_what_is_not_there_starts_anew(tmp_path):
    assert same(run(tmp_path / "c.npz", resume=True), run())


def test_without_resume_a_run_starts_anew(tmp_path):
    run(tmp_path / "c.npz", epochs=2)
    assert same(run(tmp_path / "c.npz"), run())


def test_a_finished_run_is_returned_and_no_epoch_is_run(tmp_path):
    path = tmp_path / "c.npz"
    first, before = run(path), path.read_bytes()
    never = [lambda net, history: pytest.fail("an epoch was run")]
    again = run(path, net=small(seed=5), resume=True, callbacks=never)
    assert same(first, again)
    assert again[2].seconds == first[2].seconds
    assert path.read_bytes() == before


@pytest.mark.parametrize("end", ["diverged", "stopped"])
def test_a_run_that_ended_early_is_returned_as_it_ended(tmp_path, end):
    def nan(net, tape, loss, y):
        return [np.full_like(theta, np.nan) for theta in net.parameters]

    options = {"direction": nan} if end == "diverged" else {"callbacks": [lambda net, history: True]}
    first = run(tmp_path / "c.npz", **options)
    again = run(tmp_path / "c.npz", net=small(seed=5), resume=True, **options)
    assert (again[2].status, len(again[2])) == (end, 1)
    assert repr(columns(again[2])) == repr(columns(first[2]))  # as text, since NaN ≠ NaN


def test_fewer_epochs_than_the_checkpoint_has_are_refused(tmp_path):
    run(tmp_path / "c.npz", epochs=3)
    with pytest.raises(ValueError, match="at least the 3 of the checkpoint, found 2"):
        run(tmp_path / "c.npz", epochs=2, resume=True)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"batch_size": 20}, "batch_size was 25 and is now 20"),
        ({"seed": 3}, "seed was 0 and is now 3"),
        ({"optimizer": "momentum"}, "optimizer was 'Adam' and is now 'SGD'"),
        ({"net": small(hidden=9)}, "parameter shapes was"),
        ({"net": small(dtype="float32")}, "dtype was 'float64' and is now 'float32'"),
        ({"direction": mp.Explicit()}, r"direction was 'backprop' and is now 'Explicit\(\)'"),
    ],
)
def test_resuming_with_other_settings_is_refused_by_name(tmp_path, change, part):
    path = tmp_path / "c.npz"
    run(path, epochs=2)
    with pytest.raises(ValueError, match=rf"c\.npz: .*{part}"):
        run(path, **{"resume": True, **change})


def test_resuming_on_other_data_of_the_same_size_is_refused(tmp_path, monkeypatch):
    run(tmp_path / "c.npz", epochs=2)
    monkeypatch.setitem(globals(), "data", mp.datasets.blobs(n=100, seed=1, dtype="float64"))
    with pytest.raises(ValueError, match="data was"):
        run(tmp_path / "c.npz", resume=True)


@pytest.mark.parametrize("part", ["x", "y"])
@pytest.mark.parametrize("sample", [1, 31, -1])
def test_resuming_on_data_that_differ_in_one_sample_is_refused(part, sample, tmp_path, monkeypatch):
    run(tmp_path / "c.npz", epochs=2)
    changed = {name: getattr(data.train, name).copy() for name in "xy"}
    changed[part][sample] = 2 - changed[part][sample] if part == "x" else (changed[part][sample] + 1) % 3
    other = dataclasses.replace(data, train=mp.datasets.Split(**changed))
    monkeypatch.setitem(globals(), "data", other)
    with pytest.raises(ValueError, match="data was"):
        run(tmp_path / "c.npz", resume=True)


def test_settings_read_the_same_in_every_process():
    from functools import partial

    direction = partial(mp.proxprop, tau_theta=np.float64(1), solver=[mp.CG(3), lambda A, d, t: d])
    assert describe(direction) == (
        "proxprop(solver=[CG(3), test_settings_read_the_same_in_every_process.<locals>.<lambda>], "
        "tau_theta=1)"
    )
    assert describe(object()) == "object"


# Killed runs

SCRIPT = """
import sys, time
import minprox as mp

def schedule(epoch):
    return 0.01 / (1 + epoch)

net = mp.Sequential(mp.Linear(2, 16), mp.ReLU(), mp.Dropout(0.3), mp.Linear(16, 3), seed=int(sys.argv[2]),
                    dtype="float64")
data = mp.datasets.blobs(n=100, dtype="float64")
pause = [lambda net, history: time.sleep(float(sys.argv[3]))]
mp.train(net, data, mp.CrossEntropy(), mp.Adam(net, schedule), epochs=40, batch_size=10,
         checkpoint=sys.argv[1], resume=True, callbacks=pause)
"""


def start(path, seed, pause):
    return subprocess.Popen([sys.executable, "-W", "error", "-c", SCRIPT, str(path), str(seed), str(pause)])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    killed, undisturbed = tmp_path / "killed.npz", tmp_path / "undisturbed.npz"
    moments, lengths = random.Random(0), []
    for attempt in range(5):
        process = start(killed, attempt, 0.02)
        seen = lengths[-1] if lengths else 0
        deadline = time.monotonic() + 60
        while process.poll() is None and recorded(killed) <= seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.wait()
        lengths.append(recorded(killed))  # what a kill leaves can be read
    assert 0 < lengths[0] < 40
    assert lengths == sorted(lengths)
    for path, seed in ((killed, 9), (undisturbed, 0)):
        assert start(path, seed, 0).wait() == 0
    (arrays, meta), (others, other) = read_arrays(killed), read_arrays(undisturbed)
    assert len(meta["history"].pop("seconds")) == len(other["history"].pop("seconds")) == 40
    assert meta == other
    assert list(arrays) == list(others)
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
    assert sorted(os.listdir(tmp_path)) == ["killed.npz", "undisturbed.npz"]  # no leftovers


def recorded(path):
    return len(read_arrays(path)[1]["history"]["epoch"]) if path.exists() else 0


# Damaged files


def test_a_write_that_fails_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    mp.save_parameters(small(), path)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(before[: len(before) // 2])
        assert path.read_bytes() == before  # not even in between
        raise OSError("no space left")

    monkeypatch.setattr(checkpoints.np, "savez", half)
    with pytest.raises(OSError, match="no space left"):
        mp.save_parameters(small(seed=1), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.npz"]


def test_the_next_write_clears_what_a_killed_one_left(tmp_path):
    (tmp_path / ".a.txt.123.part").write_text("half")
    (tmp_path / ".b.txt.123.part").write_text("of another file")
    with whole_file(tmp_path / "a.txt") as file:
        file.write(b"whole")
    assert sorted(os.listdir(tmp_path)) == [".b.txt.123.part", "a.txt"]


def test_a_file_in_no_folder_is_told():
    with pytest.raises(FileNotFoundError, match="does not exist"):
        mp.save_parameters(small(), "no/such/folder/net.npz")


@pytest.mark.parametrize("part", [0, 10, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_told_by_name_and_changes_nothing(tmp_path, part):
    path, net = tmp_path / "c.npz", small(seed=3)
    run(path, epochs=1)
    content = path.read_bytes()
    path.write_bytes(content[: part if isinstance(part, int) else int(part * len(content))])
    with pytest.raises(ValueError, match=r"c\.npz: not a minprox file, or a damaged one"):
        run(path, net=net, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(net.parameters, small(seed=3).parameters, strict=True))


def test_a_flipped_bit_never_passes_unnoticed(tmp_path):
    path = tmp_path / "net.npz"
    mp.save_parameters(small(), path)
    content, places, refused = path.read_bytes(), random.Random(1), 0
    for _ in range(150):
        damaged = bytearray(content)
        damaged[places.randrange(len(content))] ^= 1 << places.randrange(8)
        path.write_bytes(damaged)
        net = small(seed=4)
        message = refusal(net, path)
        if message:
            assert "net.npz" in message
            refused += 1
        else:  # a bit that means nothing, such as a date in the archive
            assert all(np.array_equal(a, b) for a, b in zip(net.parameters, small().parameters, strict=True))
    assert refused > 50


def refusal(net, path):
    try:
        mp.load_parameters(net, path)
    except ValueError as error:
        return str(error)
    return ""


def test_foreign_files_are_told_by_name(tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, weights=np.ones(3))
    with pytest.raises(ValueError, match=r"c\.npz: not a minprox file"):
        mp.load_parameters(small(), path)
    np.savez(path, meta=np.array('{"format": "other 1"}'))
    with pytest.raises(ValueError, match=r"c\.npz: expected the format 'minprox arrays 1', found 'other 1'"):
        mp.load_parameters(small(), path)
    mp.save_parameters(small(), path)
    with pytest.raises(ValueError, match=r"c\.npz: expected a checkpoint, found parameters only"):
        run(path, resume=True)


def test_a_pickle_is_never_run(tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, meta=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match=r"c\.npz: .*allow_pickle"):
        mp.load_parameters(small(), path)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


# Parameters alone


def test_parameters_come_back_from_a_file_and_from_a_checkpoint(tmp_path):
    net, _, _ = run(tmp_path / "c.npz", epochs=2)
    mp.save_parameters(net, tmp_path / "net.npz")
    for name in ("c.npz", "net.npz"):
        other = small(seed=1)
        mp.load_parameters(other, tmp_path / name)
        assert all(np.array_equal(a, b) for a, b in zip(net.parameters, other.parameters, strict=True))


def test_parameters_of_another_net_are_refused(tmp_path):
    mp.save_parameters(small(), tmp_path / "net.npz")
    with pytest.raises(ValueError, match=r"net\.npz: expected parameters of the shapes"):
        mp.load_parameters(small(hidden=9), tmp_path / "net.npz")
