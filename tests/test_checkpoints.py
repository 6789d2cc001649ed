"""Checkpoints: killed runs end with the same bits, and damaged files are told by name."""

import copy
import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

import minprox as mp
from minprox.ground.array_files import read_arrays
from minprox.ground.files import whole_file
from minprox.learning import checkpoints
from minprox.learning.identity import describe, differences
from minprox.learning.own_code import own_code

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


def test_an_interrupted_epoch_is_run_again(tmp_path, monkeypatch):
    path, calls = tmp_path / "c.npz", iter(range(8))  # 3 batches an epoch: within the third epoch
    step = mp.Adam.step

    def interrupted(self, directions):
        if next(calls) == 7:
            raise Stop
        step(self, directions)

    with monkeypatch.context() as patch:
        patch.setattr(mp.Adam, "step", interrupted)
        with pytest.raises(Stop):
            run(path)
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


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("part", ["x", "y"])
@pytest.mark.parametrize("sample", [1, 14, -1])
def test_resuming_on_data_that_differ_in_one_sample_is_refused(split, part, sample, tmp_path, monkeypatch):
    run(tmp_path / "c.npz", epochs=1)
    changed = {name: getattr(getattr(data, split), name).copy() for name in "xy"}
    changed[part][sample] = 2 - changed[part][sample] if part == "x" else (changed[part][sample] + 1) % 3
    other = dataclasses.replace(data, **{split: mp.datasets.Split(**changed)})
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


# What was changed in the course of a run


def slower(optimizer):
    """A callback that halves the learning rate after every other epoch."""

    def callback(net, history):
        if len(history) % 2 == 0:
            optimizer.lr = np.float64(optimizer.lr / 2)

    return callback


def changing(path, epochs, make, callback, net=None, direction=mp.backprop, resume=True):
    net = net or small()
    optimizer = make(net)
    history = mp.train(
        net, data, loss, optimizer, direction, epochs=epochs, batch_size=25, checkpoint=path,
        resume=resume, callbacks=[callback(optimizer)],
    )  # fmt: skip
    return net, optimizer, history


@pytest.mark.parametrize("make", [OPTIMIZERS["momentum"], OPTIMIZERS["adam"]])
def test_what_a_callback_changed_in_the_optimizer_is_kept(tmp_path, make):
    whole = changing(tmp_path / "whole.npz", 7, make, slower)
    changing(tmp_path / "part.npz", 3, make, slower)
    resumed = changing(tmp_path / "part.npz", 7, make, slower, net=small(seed=5))
    assert same(resumed, whole)
    assert resumed[1].lr == whole[1].lr < 0.1 / 4


class Averaged(mp.SGD):
    """Keeps a running average of the first θ, how often it was taken, and which betas hold."""

    def __init__(self, net, lr):
        super().__init__(net, lr)
        self.average, self.times, self.betas = net.parameters[0] * 0, 0, (0.5, 0.5)

    def update(self, parameters, directions):
        super().update(parameters, directions)
        self.average, self.times = (self.average + parameters[0]) / 2, self.times + 1
        self.betas = (0.5, 1 / self.times)


def test_attributes_of_ones_own_optimizer_are_kept(tmp_path):
    def nothing(optimizer):
        return lambda net, history: None

    def make(net):
        return Averaged(net, 0.1)

    whole = changing(tmp_path / "whole.npz", 5, make, nothing)[1]
    changing(tmp_path / "part.npz", 2, make, nothing)
    resumed = changing(tmp_path / "part.npz", 5, make, nothing, net=small(seed=5))[1]
    assert np.array_equal(resumed.average, whole.average)
    assert (resumed.times, resumed.betas) == (whole.times, whole.betas) == (15, (0.5, 1 / 15))


class Plateau:
    """A schedule that remembers."""

    def __init__(self):
        self.asked = 0

    def __call__(self, epoch):
        self.asked += 1
        return 0.1 / self.asked

    def __repr__(self):
        return "Plateau()"


@pytest.mark.parametrize("what", ["function", "memory", "net", "direction"])
def test_what_a_checkpoint_cannot_keep_is_refused_when_it_is_saved(tmp_path, what):
    solver = mp.CG(3)
    direction = partial(mp.proxprop, tau_theta=0.1, solver=solver)
    net = small()

    def change(optimizer):
        def callback(_, history):
            if len(history) == 2 and what == "function":
                optimizer.lr = halving
            elif len(history) == 2 and what == "net":
                net.nodes[3].layer.p = 0.5
            elif len(history) == 2 and what == "direction":
                solver.iterations = 4

        return callback

    lr = Plateau() if what == "memory" else 0.1
    part = {
        "function": "lr of the optimizer, expected a number", "memory": "lr of the optimizer",
        "net": "Dropout", "direction": r"CG\(3\).* and is now .*CG\(4\)",
    }[what]  # fmt: skip
    with pytest.raises(ValueError, match=f"a checkpoint cannot keep what was changed in the run: .*{part}"):
        changing(tmp_path / "c.npz", 4, lambda net: mp.SGD(net, lr), change, net, direction)


def first_schedule():
    def schedule(epoch):
        return 0.1 / (1 + epoch)

    return schedule


def second_schedule():
    def schedule(epoch):
        return 0.1 / (2 + epoch)

    return schedule


def factor(tau):
    def schedule(epoch, tau=tau):
        return tau

    return schedule


def closed(tau):
    def schedule(epoch):
        return tau

    return schedule


class Scaled:
    """A direction without a repr of its own."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, net, tape, loss, y):
        return [self.scale * g for g in mp.backprop(net, tape, loss, y)]


def named(name, function):
    function.__qualname__ = name
    return function


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (named("schedule", first_schedule()), named("schedule", second_schedule())),
        (factor(0.1), factor(0.2)),
        (closed(0.1), closed(0.2)),
        (lambda epoch: 0.1, lambda epoch: 0.2),
        (partial(max, 0.1), partial(max, 0.2)),
    ],
)
def test_another_schedule_of_the_same_name_is_refused(tmp_path, first, second):
    def nothing(optimizer):
        return lambda net, history: None

    path = tmp_path / "c.npz"
    changing(path, 2, lambda net: mp.SGD(net, first), nothing)
    with pytest.raises(ValueError, match=r"(code of the optimizer|lr) was"):
        changing(path, 3, lambda net: mp.SGD(net, second), nothing)
    assert len(changing(path, 3, lambda net: mp.SGD(net, first), nothing)[2]) == 3


def test_another_direction_or_solver_of_the_same_name_is_refused(tmp_path):
    path = tmp_path / "c.npz"
    run(path, epochs=2, direction=Scaled(0.5))
    with pytest.raises(ValueError, match="code of the direction was"):
        run(path, direction=Scaled(0.6), resume=True)
    assert len(run(path, direction=Scaled(0.5), resume=True)[2]) == 6
    solvers = [lambda A, delta, tau_theta: A.T @ delta, lambda A, delta, tau_theta: 0.5 * (A.T @ delta)]
    first, second = (partial(mp.proxprop, tau_theta=1.0, solver=solver) for solver in solvers)
    run(path, epochs=2, direction=first)
    with pytest.raises(ValueError, match="code of the direction was"):
        run(path, direction=second, resume=True)


def test_code_reads_the_same_in_every_process(tmp_path):
    script = "import test_checkpoints as t; print(t.own_code([t.Scaled(2), t.closed(0.1), t.halving]))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert found == {own_code([Scaled(2), closed(0.1), halving, mp.backprop]) + "\n"}
    assert own_code([mp.backprop, mp.CG(3), np.tanh, max, partial(mp.proxprop, tau_theta=1.0)]) == ""


def test_running_averages_are_part_of_the_state(tmp_path):
    def normalised(seed):
        layers = mp.Linear(2, 6), mp.BatchNorm(6), mp.ReLU(), mp.Linear(6, 3)
        return mp.Sequential(*layers, seed=seed, dtype="float64")

    path = tmp_path / "c.npz"
    whole = run(net=normalised(0))
    run(path, epochs=3, net=normalised(0))
    resumed = run(path, net=normalised(5), resume=True)
    assert same(whole, resumed)
    memories = [net.nodes[2].layer.memory for net in (whole[0], resumed[0])]
    assert all(np.array_equal(memories[0][name], memories[1][name]) for name in ("mean", "variance"))
    other = normalised(7)
    mp.load_parameters(other, path)
    assert mp.evaluate(other, data.test, loss) == mp.evaluate(resumed[0], data.test, loss)
    mp.save_parameters(small(), tmp_path / "other.npz")
    before = other.nodes[2].layer.memory["mean"].copy()
    with pytest.raises(ValueError, match="expected parameters of the shapes"):
        mp.load_parameters(other, tmp_path / "other.npz")
    assert np.array_equal(other.nodes[2].layer.memory["mean"], before)


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
    assert len(meta["history"].pop("seconds")) == len(other["history"].pop("seconds")) == 41
    assert repr(meta) == repr(other)  # as text, since NaN ≠ NaN
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


# Own parts with other arguments

RATES = (0.1, 0.2)


def by_name(epoch):
    return rate_of(epoch) * RATES[0]


def rate_of(epoch):
    return 0.1


class Weighted(Scaled):
    """It says its name alone, and holds more than numbers."""

    def __init__(self, scale, weights, table=None):
        super().__init__(scale)
        self.weights, self.table, self._log = weights, table, []

    def __call__(self, net, tape, loss, y):
        self._log.append(1)
        return super().__call__(net, tape, loss, y)

    def __repr__(self):
        return "Weighted()"


class Bent(mp.Layer):
    """A layer whose arguments its ``repr`` does not tell."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, z):
        return self.slope * z

    def adjoint(self, delta, output, z):
        return self.slope * delta


def stepwise(milestones):
    def schedule(epoch):
        return 0.1 ** sum(epoch >= m for m in milestones)

    return schedule


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Weighted(1.0, [1, 2]), Weighted(1.0, [1, 3])),
        (Weighted(1.0, np.ones(3)), Weighted(1.0, np.ones(4))),
        (Weighted(1.0, (), {"a": 1}), Weighted(1.0, (), {"b": 1})),
        (Weighted(1.0, {1, 2}), Weighted(1.0, {1, 3})),
        (Bent(0.5), Bent(0.6)),
        (mp.Sequential(Bent(0.5), mp.Linear(2, 2)).nodes, mp.Sequential(Bent(0.6), mp.Linear(2, 2)).nodes),
        (stepwise([1, 2]), stepwise([1, 3])),
        (partial(mp.proxprop, solver=Weighted(1.0, [1])), partial(mp.proxprop, solver=Weighted(1.0, [2]))),
    ],
)
def test_own_parts_with_other_arguments_have_another_check_sum(first, second):
    assert own_code(first) != own_code(second)
    assert own_code(first) == own_code(copy.deepcopy(first))


def test_what_a_function_names_counts_too(monkeypatch):
    found = {own_code(by_name)}
    monkeypatch.setitem(globals(), "RATES", (0.3, 0.2))
    found.add(own_code(by_name))
    monkeypatch.setitem(globals(), "rate_of", halving)
    found.add(own_code(by_name))
    assert len(found) == 3


def test_what_is_marked_as_internal_may_change(tmp_path):
    direction = Weighted(1.0, [1])
    run(tmp_path / "c.npz", epochs=2, direction=direction)
    assert direction._log
    assert len(run(tmp_path / "c.npz", epochs=3, direction=direction, resume=True)[2]) == 3
    with pytest.raises(ValueError, match="code of the direction was"):
        run(tmp_path / "c.npz", epochs=3, direction=Weighted(1.0, [2]), resume=True)


def test_a_layer_of_ones_own_with_another_argument_is_refused(tmp_path):
    def bent(slope):
        return mp.Sequential(mp.Linear(2, 8), Bent(slope), mp.Linear(8, 3), seed=0, dtype="float64")

    run(tmp_path / "c.npz", epochs=2, net=bent(0.5))
    with pytest.raises(ValueError, match="code of the net was"):
        run(tmp_path / "c.npz", epochs=3, net=bent(0.6), resume=True)
    assert len(run(tmp_path / "c.npz", epochs=3, net=bent(0.5), resume=True)[2]) == 3


def test_a_setting_that_only_the_former_run_had_is_a_difference():
    former, now = {"lr": 0.1, "momentum": 0.9, "decay": 0.0}, {"lr": 0.1, "nesterov": True}
    phrases = differences(former, now, free=("decay",))
    assert phrases == ["nesterov was None and is now True", "momentum was 0.9 and is now None"]
