"""The benchmark measures what it says; how fast this machine is, no test asks."""

import json

import numpy as np
import pytest

import minprox as mp
from minprox import bench


@pytest.fixture
def small(monkeypatch):
    """Nets of the same kinds, small enough for a test, and the inputs that they take."""
    nets = {
        "mlp": lambda: mp.Sequential(mp.Linear(3072, 6), mp.ReLU(), mp.Linear(6, 10)),
        "convnet": lambda: mp.Sequential(
            mp.Input((3, 32, 32)), mp.Conv2d(3, 2, 5, stride=4), mp.ReLU(), mp.Flatten(), mp.Linear(98, 10)
        ),
    }
    monkeypatch.setattr(bench, "NETS", nets)
    monkeypatch.setattr(bench, "BATCH", 8)


def test_the_nets_are_the_papers():
    assert [layer.theta_shape for layer in bench.mlp().transfers] == [
        (3073, 4000),
        (4001, 1000),
        (1001, 4000),
        (4001, 10),
    ]
    assert [layer.theta_shape for layer in bench.convnet().transfers] == [
        (76, 16),
        (401, 20),
        (501, 20),
        (1281, 10),
    ]


def test_the_record_holds_medians_and_ratios_to_back_propagation(small, tmp_path):
    text = bench.run(repeats=3, out=tmp_path / "bench.json", torch=False)
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
    assert bench.measure({"task": lambda: calls.append(1)}, 3) == {"task": 2.0}
    assert len(calls) == 6


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown net 'mlq': expected mlp or convnet"):
        bench.run(["mlq"])
    with pytest.raises(ValueError, match="repeats"):
        bench.run(repeats=0)
