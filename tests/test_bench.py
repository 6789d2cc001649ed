"""The benchmark measures what it says; how fast this machine is, no test asks."""

import importlib.util
import json

import numpy as np
import pytest
import strict_arrays
from conftest import relative

import minprox as mp
from minprox.bench import speed as bench
from minprox.bench.torch_peer import Peer


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


torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")


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
