"""The benchmark measures what it says; how fast this machine is, no test asks."""

import importlib.util
import io
import json
from contextlib import closing

import numpy as np
import pytest
import strict_arrays
from conftest import raises, relative

import minprox as mp
from minprox.bench import speed as bench
from minprox.bench.peer_apart import PeerApart, serve
from minprox.bench.torch_peer import Peer
from minprox.cli import main


@pytest.fixture
def small(monkeypatch):
    """Nets of the same kinds, small enough for a test, and no PyTorch, whether installed or not."""
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    nets = {
        "mlp": lambda: mp.Sequential(mp.Linear(3072, 6), mp.ReLU(), mp.Linear(6, 10)),
        "convnet": lambda: mp.Sequential(
            mp.Input((3, 32, 32)), mp.Conv2d(3, 2, 5, stride=4), mp.ReLU(), mp.Flatten(), mp.Linear(98, 10)
        ),
    }
    monkeypatch.setattr(bench, "NETS", nets)
    monkeypatch.setattr(bench, "BATCH", 8)


def test_the_nets_are_the_papers():
    assert [layer.theta_shape for layer in bench.NETS["mlp"]().transfers] == [
        (3073, 4000),
        (4001, 1000),
        (1001, 4000),
        (4001, 10),
    ]
    assert [layer.theta_shape for layer in bench.NETS["convnet"]().transfers] == [
        (76, 16),
        (401, 20),
        (501, 20),
        (1281, 10),
    ]


def test_the_record_holds_medians_and_ratios_to_back_propagation(small, tmp_path):
    text = bench.run(repeats=3, out=tmp_path / "bench.json")
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["environment"]["numpy"] == np.__version__
    for name in ("mlp", "convnet"):
        assert name in text
        found = record["nets"][name]
        assert found["ratio"]["back-propagation"] == 1
        for task, seconds in found["seconds"].items():
            assert seconds > 0
            assert found["ratio"][task] == seconds / found["seconds"]["back-propagation"]
            assert f"{1e3 * seconds:.1f}" in text
        assert all(size > 0 for size in found["peak_bytes"].values())


def test_peak_counts_what_is_allocated_at_one_time():
    def task():
        np.ones(10**6)
        np.ones(2 * 10**6)

    assert 16e6 <= bench.peak(task) < 17e6


def test_the_median_is_taken_over_rounds_each_after_an_untimed_run(monkeypatch):
    clock = iter([0, 5, 10, 11, 20, 22])  # rounds of 5, 1 and 2 seconds
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    calls = []
    assert bench.measure({"task": lambda: calls.append("task")}, 3, lambda: calls.append("wait")) == {
        "task": 2.0
    }
    assert calls == 3 * ["task", "wait", "task", "wait"]


def test_on_another_backend_the_same_is_timed_there(small, monkeypatch):
    strict_arrays.install(monkeypatch)
    solvers = []

    def variant(A, delta, tau_theta):
        solvers.append(type(delta))
        return mp.Exact()(A, delta, tau_theta)

    with mp.use(strict_arrays.NAME):
        found = bench.timings(["mlp", "convnet"], 1, variants={"another": variant})
    text = bench.report(found)
    assert found["environment"]["backend"] == strict_arrays.NAME
    assert found["environment"]["gpu"]
    assert set(solvers) == {strict_arrays.ndarray}
    for name in ("mlp", "convnet"):
        assert found["nets"][name]["seconds"]["ProxProp, another"] > 0
        assert found["nets"][name]["peak_bytes"] == {}  # Python does not see a device's memory
    assert "ProxProp, another" in text


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown net 'mlq': expected mlp or convnet"):
        bench.run(["mlq"])
    with pytest.raises(ValueError, match="repeats"):
        bench.run(repeats=0)


def test_peers_without_pytorch_are_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="install the extra minprox"):
        bench.run(["mlp"], repeats=1, peers=True)


# The peer's process


class Told:
    """A peer that notes what it is asked for."""

    def __init__(self):
        self.built, self.done = [], []

    def task(self, words):
        self.built.append(words)
        return lambda: self.done.append(words)

    def close(self):
        self.done.append("close")


def test_each_line_is_a_task_that_is_answered_when_it_is_done():
    peer, answers = Told(), io.StringIO()
    serve(peer, ["backprop\n", "cg3 step\n", "backprop\n"], answers)
    assert peer.built == ["backprop", "cg3 step"]
    assert peer.done == ["backprop", "cg3 step", "backprop"]
    assert answers.getvalue() == "done\n" * 3


def test_a_task_ends_when_the_process_says_so(tmp_path):
    code = "import sys\nfor line in sys.stdin: open(sys.argv[1], 'a').write(line); print('done', flush=True)"
    with closing(PeerApart(str(tmp_path / "told"), code=code)) as peer:
        task = peer.task("exact step")
        task()
        assert (tmp_path / "told").read_text() == "exact step\n"
        task()
        assert (tmp_path / "told").read_text() == "exact step\n" * 2
    assert peer.process.returncode is not None


@pytest.mark.parametrize("code", ["", "input()", "print('no'); input()"])
def test_a_process_that_does_not_do_its_task_is_told(code):
    with (
        closing(PeerApart("mlp", code=code)) as peer,
        raises(ChildProcessError, "before its task 'exact' was done"),
    ):
        peer.task("exact")()


def test_its_last_word_is_passed_on_in_one_line(small, monkeypatch, capsys):
    code = "raise ImportError('no library')"
    monkeypatch.setattr(bench, "peer_of", lambda name, apart: PeerApart(name, code))
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(bench, "version", lambda name: "2.0")
    with pytest.raises(SystemExit) as left:
        main(["bench", "--nets", "mlp", "--repeats", "1"])
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (2, "", 1)
    assert "before its task 'backprop' was done: ImportError: no library" in err


def test_what_is_timed_beside_is_asked_of_the_peer(small, monkeypatch):
    peer = Told()
    monkeypatch.setattr(bench, "peer_of", lambda name, apart: peer)
    found = bench.measured("mlp", 1, torch=True, peers=True, whole=True, variants={})
    kinds = {"plain pass": "backprop", "BackProp": "backprop step"}
    kinds |= {f"ProxProp {solver}": f"{solver} step" for solver in ("exact", "cg3", "cg10")}
    asked = [name.split(", ")[1] for name in found["seconds"] if "PyTorch" in name]
    assert peer.done == [kinds[name] for name in asked for _ in range(2)] + ["close"]
    assert set(asked) == set(kinds)


torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")


@torch
def test_the_peer_works_in_a_process_of_its_own():
    with closing(bench.peer_of("convnet", apart=True)) as peer:
        for words in ("backprop", "cg3 step"):
            peer.task(words)()


@torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_the_peer_takes_the_same_steps(name, rng, monkeypatch):
    """An honest peer computes what minprox computes, to the digits of float32."""
    from torch import from_numpy

    shape = (20, 3072) if name == "mlp" else (20, 3, 32, 32)
    x, y, tau_theta = rng.random(shape, dtype=np.float32), rng.integers(0, 10, 20), 0.05
    peer, net, loss = Peer(name, x, y, tau_theta), bench.NETS[name](), mp.CrossEntropy()
    layers = [layer for layer in peer.net if hasattr(layer, "weight")]
    for layer, transfer in zip(layers, net.transfers, strict=True):
        layer.weight.data.copy_(from_numpy(transfer.weight.T.reshape(layer.weight.shape).copy()))
        layer.bias.data.copy_(from_numpy(transfer.bias.copy()))
    tape = mp.forward(net, x)
    for solver, solve in ((mp.Exact(), peer.exact), (mp.BlockCG(3), peer.cg(3))):
        peer.proxprop(solve)
        steps = mp.proxprop(net, tape, loss, y, tau_theta, solver)
        for layer, d in zip(layers, steps, strict=True):
            weight, bias = layer.weight.grad.numpy(), layer.bias.grad.numpy()
            found = np.vstack([weight.reshape(len(weight), -1).T, bias])
            assert relative(found, d) < 1e-2
