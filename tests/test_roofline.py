"""Arithmetic and rate of a pass; costs over threads and batch sizes: records, tables, figures, commands."""

import json
import os
from functools import partial

import numpy as np
import pytest
from conftest import raises
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minprox as mp
from minprox import figures
from minprox.bench import batches, layer_times, roofline, speed, threads
from minprox.cli import main
from minprox.engine.layers import patch_gram
from minprox.engine.layers.embedding import OneHotMap
from minprox.engine.layers.scale import ScaleMap
from minprox.ground.blas import blas_threads
from minprox.ground.environment import cores

x, y = np.ones((5, 4), "float32"), np.zeros(5, int)


def test_every_product_of_a_pass_is_counted():
    net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    first, last = 2 * 5 * 5 * 8, 2 * 5 * 9 * 3  # A θ, the column of ones counted
    found = roofline.arithmetic(net, x, y, mp.Exact("dual"))
    assert found["forward"] == first + last
    assert found["back-propagation"] == 2 * first + 3 * last  # no error goes below the first layer
    gram, inverse, product = 5 * 5 * 5 / 2, 5**3 / 2, 5 * 5 * min(5, 8)
    assert found["exact"] == pytest.approx(found["back-propagation"] + 2 * (gram + inverse + product))
    primal = roofline.arithmetic(net, x, y, mp.Exact("primal"))["exact"]
    assert primal == pytest.approx(found["back-propagation"] + 2 * (5 * 5 * 5 / 2 + 5**3 / 6 + 5 * 5 * 8))


def test_convolutions_count_each_group_and_shared_layers_each_place():
    images, group = np.ones((5, 4, 6, 6), "float32"), 2 * (5 * 16) * 18 * 3  # rows · weights · outputs
    conv = mp.Conv2d(4, 6, 3, groups=2, bias=False)
    net = mp.Sequential(mp.Input((4, 6, 6)), conv, mp.Flatten(), mp.Linear(96, 3, bias=False), seed=0)
    found = roofline.arithmetic(net, images, y)
    assert found["forward"] == 2 * group + 2 * 5 * 96 * 3
    layer, inputs = mp.Linear(4, 4, bias=False), mp.Input((4,))
    net = mp.Graph(inputs, mp.Linear(4, 3, bias=False)(layer(mp.ReLU()(layer(inputs)))), seed=0)
    assert roofline.arithmetic(net, x, y)["forward"] == 2 * (2 * 5 * 4 * 4) + 2 * 5 * 4 * 3


def test_the_gram_matrix_of_a_convolution_is_counted_by_what_it_multiplies(monkeypatch):
    """By lines: at least that much, and no more than blocks and a band that is cut at the edges explain."""
    monkeypatch.setattr(patch_gram, "spectra_pay", lambda *_: False)
    A = mp.Conv2d(8, 4, 5, padding=2, bias=False).linear_map(np.ones((50, 8, 20, 20), "float32"))
    counted, matmul = [], np.matmul

    def counting(a, b, out):
        counted.append(out.size * a.shape[-1])
        return matmul(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counting)
    A.T.gram()
    assert 0.8 * A.normal_cost < sum(counted) < 2 * A.normal_cost


def test_maps_with_a_structure_count_no_more_than_dense_ones(rng):
    """``N² c / 2``; only the normal matrix of a table of vectors is less: its diagonal."""
    for A in (
        ScaleMap(rng.standard_normal((7, 1)), bias=True),
        OneHotMap(rng.integers(0, 5, 7).astype(float), 5),
        mp.DenseMap(rng.standard_normal((7, 4)), bias=True),
    ):
        dense = mp.DenseMap(A.matrix(), bias=False)
        assert A.gram_cost == dense.gram_cost
        assert A.normal_cost == (7 * 5 if isinstance(A, OneHotMap) else dense.normal_cost)


def test_the_rate_is_that_of_the_fastest_product(monkeypatch):
    clock = iter([0, 9, 10, 14, 20, 22, 30, 33])  # 9 seconds of warming up, then 4, 2 and 3
    monkeypatch.setattr(roofline.time, "perf_counter", lambda: next(clock))
    assert roofline.gemm_rate(10, repeats=3) == 2 * 10**3 / 2


# Threads


@pytest.fixture
def small(monkeypatch):
    net = partial(mp.Sequential, mp.Linear(3072, 6), mp.ReLU(), mp.Linear(6, 10))
    monkeypatch.setattr(speed, "NETS", speed.NETS | {"mlp": net})
    monkeypatch.setattr(threads, "NETS", speed.NETS)
    monkeypatch.setattr(speed, "BATCH", 8)
    monkeypatch.setattr(threads, "SIDE", 20)


def test_every_pass_is_timed_with_every_number_of_threads(small, monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    seen, passes = [], threads.passes

    def watched(name):
        work, tasks = passes(name)
        return work, {
            task: lambda run=run: seen.append(blas_threads()) or run() for task, run in tasks.items()
        }

    monkeypatch.setattr(threads, "passes", watched)
    before = blas_threads()
    record = threads.run([3, 1], ["mlp"], repeats=1, out=tmp_path / "threads.json")
    assert json.loads((tmp_path / "threads.json").read_text()) == record
    assert list(record["gemm"]) == ["1", "3"]
    assert set(record["seconds"]["mlp"]) == {"forward", "back-propagation", "exact", "BlockCG(3)"}
    for times in record["seconds"]["mlp"].values():
        assert list(times) == ["1", "3"]
        assert min(times.values()) > 0
    if before is not None:
        assert seen == [1, 1, 3, 3] * 4  # an untimed run, and a timed one
    assert blas_threads() == before
    text = threads.table(record)
    assert text.count("%") == 2 * 3  # BlockCG has no roof
    figure = figures.thread_scaling(record)
    FigureCanvasAgg(figure).draw()
    (panel,) = figure.axes
    assert len(panel.lines) == 4 + 2
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["1", "3"]


def test_numbers_of_threads_double_up_to_what_there_is():
    assert [threads.powers(n) for n in (1, 2, 3, 8, 12)] == [
        [1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 12],
    ]  # fmt: skip


@pytest.mark.parametrize("counts", [[], [0, 1], [cores() + 1]])
def test_numbers_of_threads_that_are_not_there_are_refused(counts):
    with raises(ValueError, f"counts: expected numbers of threads from 1 to {cores()}, found {counts}"):
        threads.run(counts)
    with raises(ValueError, "unknown net 'mlq': expected mlp or convnet"):
        threads.run([1], ["mlq"])


# Batch sizes


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(batches, "SIDE", 60)
    monkeypatch.setattr(batches, "gemm_rate", partial(roofline.gemm_rate, 60))


def test_steps_are_timed_for_every_batch_size_and_form(narrow, tmp_path):
    record = batches.run([20, 8], repeats=1, out=tmp_path / "batches.json")
    assert json.loads((tmp_path / "batches.json").read_text()) == record
    assert {method: list(times) for method, times in record["seconds"].items()} == {
        method: ["8", "20"] for method in ("BackProp", "dual", "primal")
    }
    primal, dual = (
        record["flops"][form]["8"] - record["flops"]["BackProp"]["8"] for form in ("primal", "dual")
    )
    assert primal > 2 * 61**3 > 10 * dual  # two layers, whose larger matrices are inverted
    text = batches.table(record)
    assert "net 60-60-60-10" in text
    assert "A has 61 columns" in text
    for where, lines in [(None, 3 + 3 + 1), (12.0, 3 + 3 + 2)]:  # times, roofs, their name, the crossing
        figure = figures.batch_scaling(record | {"crossing": where})
        FigureCanvasAgg(figure).draw()
        left, right = figure.axes
        assert (len(left.lines), len(right.lines)) == (lines, 3)


def test_the_forms_cross_where_their_times_are_equal():
    N = np.array([100, 400, 1600])

    def times(exponent, factor):
        return dict(zip(map(str, N), factor * N.astype(float) ** exponent, strict=True))

    assert batches.crossing(times(3, 1.0), times(1, 500.0**2)) == pytest.approx(500, abs=0.1)
    assert batches.crossing(times(3, 1.0), times(1, 1e9)) is None
    assert batches.crossing(times(3, 1.0), times(1, 1.0)) is None  # the primal form is ahead from the first
    assert "do not cross" in batches.table(
        {
            "seconds": {"BackProp": {"1": 1.0}},
            "flops": {"BackProp": {"1": 1.0}},
            **{"gemm": 1.0, "net": "", "repeats": 1, "crossing": None, "cols": 1},
        }
    )


@pytest.mark.parametrize("sizes", [[10], [10, 10], [0, 10]])
def test_too_few_batch_sizes_are_refused(sizes):
    with raises(ValueError, "batches: expected two or more different positive integers, found "):
        batches.run(sizes)


# On the command line


@pytest.mark.parametrize("kind", ["threads", "batches"])
def test_bench_draws_them(kind, small, narrow, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "run", partial(threads.run, [1]))
    monkeypatch.setattr(batches, "run", partial(batches.run, [8, 20]))
    where = ["--out", "a.json", "--figure", "a.svg"]
    with pytest.raises(SystemExit) as left:
        main(["bench", f"--{kind}", "--nets", "mlp", "--repeats", "1", *where])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, "")
    assert "Figure: a.svg" in out
    assert sorted(os.listdir(tmp_path)) == ["a.json", "a.svg"]


def test_the_layers_of_a_pass_are_timed_by_themselves(monkeypatch):
    images = np.random.default_rng(0).random((6, 3, 32, 32), "float32"), np.arange(6)
    monkeypatch.setattr(layer_times, "random_batch", lambda name: images)
    monkeypatch.setattr(layer_times, "gemm_rate", lambda: 1e9)
    told = layer_times.run(1)
    lines = told.splitlines()[4:]
    assert [line.split("(")[0] for line in lines[:4]] == ["Conv2d", "ReLU", "MaxPool2d", "Conv2d"]
    assert "1 GF/s" in told.splitlines()[0]
    assert all(name in lines[-1] for name in ("forward", "backward", "Gram", "solve"))


def test_so_are_those_of_a_dense_net_whose_steps_are_dual(small, monkeypatch, capsys):
    monkeypatch.setattr(layer_times, "NETS", speed.NETS)
    monkeypatch.setattr(layer_times, "gemm_rate", lambda: 1e9)
    shapes, gram = [], mp.DenseMap.gram
    monkeypatch.setattr(mp.DenseMap, "gram", lambda A, *rest: shapes.append(A.shape) or gram(A, *rest))
    layer_times.main(["--repeats", "1", "--net", "mlp"])
    assert set(shapes) == {(8, 3073)}
    assert [line.split("(")[0] for line in capsys.readouterr().out.splitlines()[4:7]] == [
        "Linear",
        "ReLU",
        "Linear",
    ]


def test_a_net_that_is_none_of_the_papers_is_told():
    with raises(ValueError, "name of the net: expected one of mlp, convnet, found 'rnn'"):
        layer_times.run(1, "rnn")


def test_the_times_of_layers_are_summed_and_set_beside_their_arithmetic():
    net = mp.Sequential(mp.Input((3, 4, 4)), mp.Conv2d(3, 2, 3), mp.ReLU(), mp.Flatten(), mp.Linear(8, 3))
    counts = layer_times.products(net, np.ones((5, 3, 4, 4), "float32"))
    conv, dense = 2 * (5 * 4) * 28 * 2, 2 * 5 * 9 * 3
    assert counts == {1: conv, 4: dense}
    names = [(1, "forward"), (1, "Aᵀδ"), (1, "Gram"), (4, "forward"), (4, "Aᵀδ"), (4, "∂a")]
    seconds = dict.fromkeys(names, 0.002) | {(1, "step"): 0.005}
    first, last, sums = layer_times.table(net, seconds, {}, counts, conv / 0.001)
    assert first[1:7] == ["2.0", "50%", "2.0", "50%", "2.0", "1.0"]  # the step: Aᵀδ, Gram, and 1 ms
    assert (last[1], last[3]) == ("2.0", "4.0")
    assert sums == ["forward 4.0", "backward 6.0", "Gram 2.0", "solve 1.0"]
