"""Several processes share a batch: each finds what one process finds, by threads and by MPI."""

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import relative
from hypothesis import given
from hypothesis import strategies as st
from test_sequences import LAYERS

import minprox as mp
from minprox.bench.machine_times import measure
from minprox.bench.machines import METHODS, model, step_cost
from minprox.engine.layers.normalisation import BatchStatistics
from minprox.figures import machine_costs
from minprox.ground.mpi import Crew
from minprox.ground.mpi_communicator import MPICommunicator, taken
from minprox.learning.batches import mini_batches

ROOT = Path(__file__).parents[1]


def dense():
    layers = mp.Linear(6, 20), mp.ReLU(), mp.Dropout(0.3), mp.Linear(20, 15), mp.Tanh(), mp.Linear(15, 3)
    return mp.Sequential(*layers, seed=0, dtype="float64")


def conv():
    layers = (
        *(mp.Conv2d(4, 4, 3, padding=1, groups=2), mp.BatchNorm(4), mp.ReLU(), mp.MaxPool2d(2)),
        *(mp.Conv2d(4, 6, 3, stride=2), mp.Tanh(), mp.GlobalAvgPool2d(), mp.Scale(6), mp.Linear(6, 3)),
    )
    return mp.Sequential(*layers, seed=0, dtype="float64")


def residual():
    return mp.resnet((2, 6, 6), classes=3, widths=(4, 6), seed=0, dtype="float64")


def shared():
    layer, x = mp.Linear(6, 6), mp.Input((6,))
    return mp.Graph(x, mp.Linear(6, 3)(mp.Tanh()(layer(mp.Tanh()(layer(x))))), seed=0, dtype="float64")


NETS = {
    "dense": (dense, (6,)),
    "conv": (conv, (4, 8, 8)),
    "residual": (residual, (2, 6, 6)),
    "shared": (shared, (6,)),
}
SHARES = [(4, 3), (0, 7), (5, 0, 2), (2, 2, 2, 1)]
SOLVERS = [
    *(mp.Explicit(), mp.Exact("primal"), mp.Exact("dual"), mp.CG(3), mp.BlockCG(3), mp.BlockCG(3, "primal")),
    mp.BlockCG(3, "dual"),
]
DIRECTIONS = {"backprop": mp.backprop} | {
    repr(solver): functools.partial(mp.proxprop, tau_theta=0.5, solver=solver) for solver in SOLVERS
}
WEIGHTED = mp.CrossEntropy(class_weights=[1, 2, 0.5])


def places(shares, rank):
    ends = np.cumsum([0, *shares])
    return slice(ends[rank], ends[rank + 1])


def found_apart(make, direction, loss, x, y, shares, training=True):
    """The direction of each process, and what its layers keep."""

    def work(comm):
        net, mine = make(), places(shares, comm.rank)
        tape = mp.forward(net, x[mine], training=training, seed=3, comm=comm)
        return direction(net, tape, loss, y[mine], comm=comm), net.memory

    return mp.simulated(len(shares), work)


def gap(make, direction, loss, x, y, shares, training=True):
    """The largest relative distance of a process's direction, and of what layers keep, to one process's."""
    net = make()
    expected = direction(net, mp.forward(net, x, training=training, seed=3), loss, y)
    found = found_apart(make, direction, loss, x, y, shares, training)
    return max(
        relative(a, b)
        for steps, memory in found
        for a, b in zip([*steps, *memory], [*expected, *net.memory], strict=True)
    )


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_directions_are_those_of_one_process(name, shares, rng):
    make, shape = NETS[name]
    x, y = rng.standard_normal((7, *shape)), rng.integers(0, 3, 7)
    for solver, direction in DIRECTIONS.items():
        if solver == "BlockCG(3, 'dual')" and len(shape) > 1:
            continue  # K is singular where A has more rows than columns, and CG lives on its rounding there
        assert gap(make, direction, WEIGHTED, x, y, shares) < 1e-12


def test_an_average_of_steps_is_another_step(rng):
    """What the test above would notice: implicit steps of shares, averaged, are not that of the batch."""
    x, y = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)

    class Averaging(mp.Communicator):
        def __init__(self, comm):
            self.comm, self.rank, self.size = comm, comm.rank, comm.size

        def sum(self, array):
            return self.comm.sum(array) / self.size

        def gather(self, array, axis=0, counts=None):
            return self.comm.gather(array, axis, counts)

    def averaged(net, tape, loss, y, comm=None):
        return mp.proxprop(net, tape, loss, y, 0.5, mp.Exact("primal"), comm=comm and Averaging(comm))

    assert gap(dense, averaged, WEIGHTED, x, y, (4, 3)) > 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_proximal_last_layer_and_weight_decay(solver, decay, rng):
    x, y = rng.standard_normal((7, 6)), rng.standard_normal((7, 3))
    direction = functools.partial(
        mp.proxprop, tau_theta=0.5, solver=solver, last_layer="proximal", weight_decay=decay
    )
    for shares in SHARES:
        assert gap(dense, direction, mp.SquaredError(), x, y, shares) < 1e-12


def test_a_proximal_last_layer_by_newtons_method(rng):
    """Whose line search looks at the loss of the whole batch."""
    x, y = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)
    direction = functools.partial(mp.proxprop, tau_theta=0.5, last_layer="proximal")
    for shares in SHARES:
        assert gap(dense, direction, WEIGHTED, x, y, shares) < 1e-8  # it stops at 1e-10 of the gradient


LOSSES = {
    "ignored": (mp.CrossEntropy(ignore_index=1), lambda rng: np.array([1, 1, 1, 1, 0, 2, 1])),
    "smoothed": (mp.CrossEntropy(label_smoothing=0.1), lambda rng: rng.integers(0, 3, 7)),
    "huber": (mp.Huber(), lambda rng: rng.standard_normal((7, 3))),
    "nothing counts": (mp.CrossEntropy(ignore_index=1), lambda rng: np.ones(7, int)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_is_that_of_all(name, rng):
    """A share where nothing counts weighs nothing, and a loss that is none of ours counts samples."""
    loss, draw = LOSSES[name]
    x, y = rng.standard_normal((7, 6)), draw(rng)
    assert gap(dense, mp.backprop, loss, x, y, (4, 3)) < 1e-12


def test_a_loss_of_another_class_counts_samples(rng):
    class Linear:
        def gradient(self, output, y):
            return -y / len(y)

    x, y = rng.standard_normal((7, 6)), rng.standard_normal((7, 3))
    assert gap(dense, mp.backprop, Linear(), x, y, (5, 0, 2)) < 1e-12


def test_reports_are_those_of_one_process(rng):
    x, y = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)
    direction = functools.partial(mp.proxprop, tau_theta=0.5, solver=mp.CG(3), report=True)
    net = dense()
    _, expected = direction(net, mp.forward(net, x, training=True, seed=3), WEIGHTED, y)
    for (_, reports), _ in found_apart(dense, direction, WEIGHTED, x, y, (5, 0, 2)):
        assert [r.iterations for r in reports] == [r.iterations for r in expected]
        residuals = [r.residual for r in reports], [r.residual for r in expected]
        np.testing.assert_allclose(*residuals, rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_float32_stays_float32(solver, rng):
    x, y = rng.standard_normal((7, 6)).astype("float32"), rng.integers(0, 3, 7)

    def make():
        return mp.Sequential(mp.Linear(6, 9), mp.ReLU(), mp.Linear(9, 3), seed=0)

    direction = functools.partial(mp.proxprop, tau_theta=0.5, solver=solver)
    assert gap(make, direction, WEIGHTED, x, y, (4, 3)) < 1e-4
    steps, _ = found_apart(make, direction, WEIGHTED, x, y, (4, 3))[0]
    assert {step.dtype.name for step in steps} == {"float32"}


# The map


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 3), st.booleans()
)
def test_the_map_is_that_of_all_rows(counts, cols, n_out, bias):
    rng, rows = np.random.default_rng(0), sum(counts)
    a, theta = rng.standard_normal((rows, cols)), rng.standard_normal((cols + bias, n_out))
    delta, whole = rng.standard_normal((rows, n_out)), mp.DenseMap(a, bias)

    def work(comm):
        mine = places(counts, comm.rank)
        A = mp.RowsApart(mp.DenseMap(a[mine], bias), comm)
        assert A.shape == whole.shape
        assert A.rows_here == counts[comm.rank]
        assert (A.gram_cost, A.normal_cost) == (whole.gram_cost, whole.normal_cost)
        np.testing.assert_array_equal(A.here(whole.matrix()), mp.DenseMap(a[mine], bias).matrix())
        np.testing.assert_array_equal(A.gathered(delta[mine]), delta)
        return A @ theta, A.T @ delta[mine], A.T.gram(), A.gram(), A.matrix()

    found = mp.simulated(len(counts), work)
    np.testing.assert_allclose(np.concatenate([z for z, *_ in found]), whole @ theta, atol=1e-13)
    expected = whole.T @ delta, whole.T.gram(), whole.gram(), whole.matrix()
    for _, *parts in found:
        for part, other in zip(parts, expected, strict=True):
            np.testing.assert_allclose(part, other, atol=1e-13)


def test_an_embedding_stays_diagonal(rng):
    def make():
        x = mp.Input((4,))
        return mp.Graph(x, mp.Linear(3, 5)(mp.Embedding(5, 3)(x)), seed=0, dtype="float64")

    x, y = rng.integers(0, 5, (7, 4)).astype("float64"), rng.integers(0, 5, (7, 4))
    direction = functools.partial(mp.proxprop, tau_theta=0.5)
    assert gap(make, direction, mp.CrossEntropy(), x, y, (5, 0, 2)) < 1e-12


def test_a_map_without_matrix_refuses_the_dual_form_everywhere():
    class Sum(mp.LinearMap):
        shape, dtype = (2, 1), np.dtype("float64")

        def __matmul__(self, theta):
            return np.ones((2, 1)) @ theta

        def adjoint(self, delta):
            return delta.sum(axis=0, keepdims=True)

    def work(comm):
        A, delta = mp.RowsApart(Sum(), comm), np.ones((2, 1))
        assert mp.CG(2)(A, delta, 1.0) == pytest.approx(4 / 5)
        with pytest.raises(TypeError, match="matrix of Sum, which has none"):
            mp.Exact("dual")(A, delta, 1.0)

    mp.simulated(2, work)


ALL_LAYERS = [(layer, shapes) for layer, shapes in LAYERS if not isinstance(layer, BatchStatistics)] + [
    *((layer(), [(4, 6, 6)]) for layer in (mp.ReLU, mp.LeakyReLU, mp.Tanh, mp.Sigmoid, mp.Softplus, mp.ELU)),
    *((layer(), [(4, 6, 6)]) for layer in (mp.SELU, mp.Softsign, mp.GELU, mp.SiLU, mp.Mish, mp.Dropout)),
    *((layer(), [(4, 6, 6)]) for layer in (mp.Flatten, mp.GlobalAvgPool2d, mp.GlobalMaxPool2d)),
    *((layer(), [(4, 6)]) for layer in (mp.GlobalAvgPool1d, mp.GlobalMaxPool1d)),
    *((layer(2), [(4, 6, 6)]) for layer in (mp.MaxPool2d, mp.AvgPool2d)),
    *((layer(3, stride=1), [(4, 6)]) for layer in (mp.MaxPool1d, mp.AvgPool1d)),
    *((layer(), [(3,), (3,)]) for layer in (mp.Add, mp.Concat)),
    *((mp.Conv2d(4, 6, 3, padding=1, groups=2, stride=2), [(4, 6, 6)]), (mp.Conv1d(4, 6, 3), [(4, 8)])),
    (mp.Embedding(5, 3), [(4,)]),
]


@pytest.mark.parametrize(("layer", "shapes"), ALL_LAYERS, ids=repr)
def test_every_layer_takes_no_samples(layer, shapes):
    """A process without samples runs through the same layers, and adds nothing."""
    none, one = ([np.ones((n, *shape)) for shape in shapes] for n in (0, 1))
    theta = [np.ones(layer.theta_shape)] if isinstance(layer, mp.Transfer) else []
    z = layer.forward(*theta, *none)
    assert z.shape == (0, *layer.forward(*theta, *one).shape[1:])
    if not theta:
        back = layer.adjoint(z, z, *none)
        parts = back if isinstance(back, tuple) else (back,)
        assert [part.shape for part in parts] == [a.shape for a in none]
        return
    A = layer.linear_map(*none)
    assert layer.adjoint_input(*theta, *none, z).shape == none[0].shape
    assert layer.join(A @ layer.split(*theta)).shape[0] == A.shape[0] == 0
    assert not (A.T @ layer.rows(z)).any()
    assert not A.T.gram().any()


# Columns of θ that lie apart


def wide(comm=None):
    """A dense net, or the same with the columns of its hidden layers apart."""

    def split(layer):
        return layer if comm is None else mp.ColumnsApart(layer, comm)

    layers = split(mp.Linear(6, 7)), mp.ReLU(), split(mp.Linear(7, 5, init="he")), mp.Tanh(), mp.Linear(5, 3)
    return mp.Sequential(*layers, seed=0, dtype="float64")


def wide_conv(comm=None):
    def split(layer):
        return layer if comm is None else mp.ColumnsApart(layer, comm)

    layers = (
        *(split(mp.Conv2d(2, 5, 3, padding=1)), mp.ReLU(), split(mp.Conv2d(5, 4, 3, stride=2)), mp.Flatten()),
        *(split(mp.Linear(36, 7, init="glorot")), mp.ReLU(), split(mp.Linear(7, 3))),
    )
    return mp.Sequential(*layers, seed=0, dtype="float64")


def whole(net, arrays):
    """Arrays aligned with the parameters, with the columns of all processes."""
    return [
        layer.comm.gather(array, -1) if isinstance(layer, mp.ColumnsApart) else array
        for layer, array in zip(net.transfers, arrays, strict=True)
    ]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("make", "shape"), [(wide, (6,)), (wide_conv, (2, 8, 8))])
def test_columns_apart_take_the_steps_of_one_process(make, shape, size, rng, monkeypatch):
    monkeypatch.setattr("minprox.engine.columns_apart.DRAWN", 10)  # θ is drawn in many blocks
    x, y, net = rng.standard_normal((7, *shape)), rng.integers(0, 3, 7), make()

    def work(comm, solver):
        part = make(comm)
        steps = mp.proxprop(part, mp.forward(part, x), WEIGHTED, y, 0.5, solver)
        return whole(part, steps), whole(part, part.parameters)

    for solver in (mp.Explicit(), mp.Exact(), mp.Exact("primal"), mp.BlockCG(3)):
        expected = mp.proxprop(net, mp.forward(net, x), WEIGHTED, y, 0.5, solver)
        for steps, thetas in mp.simulated(size, functools.partial(work, solver=solver)):
            assert max(relative(a, b) for a, b in zip(steps, expected, strict=True)) < 1e-12
            for theta, other in zip(thetas, net.parameters, strict=True):
                np.testing.assert_array_equal(theta, other)


def test_nothing_is_told_in_the_solve_of_columns(rng):
    def work(comm):
        layer, x = mp.ColumnsApart(mp.Linear(6, 7), counted := mp.Counted(comm)), rng.standard_normal((5, 6))
        net = mp.Sequential(layer, dtype="float64")
        A, delta = layer.linear_map(x), layer.rows(np.ones((5, 7)))
        calls = counted.calls
        assert mp.Exact()(A, delta, 0.5).shape == net.parameters[0].shape
        return counted.calls - calls

    assert mp.simulated(3, work) == [0, 0, 0]


def test_rows_and_columns_apart_together(rng):
    """A grid of 2 × 2: each process holds half of the rows, and half of the columns."""
    x, y, net = rng.standard_normal((7, 6)), rng.integers(0, 3, 7), wide()
    expected = mp.proxprop(net, mp.forward(net, x), WEIGHTED, y, 0.5)

    class Part(mp.Communicator):
        """Some processes of another communicator, by what all of them tell each other."""

        def __init__(self, comm, ranks):
            self.comm, self.ranks = comm, ranks
            self.rank, self.size = ranks.index(comm.rank), len(ranks)

        def sum(self, array):
            return sum(self.comm.desk.exchange(self.comm.rank, array.copy())[r] for r in self.ranks)

        def gather(self, array, axis=0, counts=None):
            found = self.comm.desk.exchange(self.comm.rank, array.copy())
            return np.concatenate([found[r] for r in self.ranks], axis)

    def work(comm):
        row, column = divmod(comm.rank, 2)
        rows, columns = Part(comm, [column, 2 + column]), Part(comm, [2 * row, 2 * row + 1])
        part, mine = wide(columns), places((4, 3), rows.rank)
        tape = mp.forward(part, x[mine], comm=rows)
        return whole(part, mp.proxprop(part, tape, WEIGHTED, y[mine], 0.5, comm=rows))

    for steps in mp.simulated(4, work):
        assert max(relative(a, b) for a, b in zip(steps, expected, strict=True)) < 1e-12


def test_training_with_columns_apart(rng):
    data, loss = mp.datasets.blobs(dtype="float64"), mp.CrossEntropy()
    implicit = functools.partial(mp.proxprop, tau_theta=0.1)

    def run(comm=None, **options):
        layer = mp.Linear(2, 9) if comm is None else mp.ColumnsApart(mp.Linear(2, 9), comm)
        net = mp.Sequential(layer, mp.ReLU(), mp.Linear(9, 3), seed=0, dtype="float64")
        optimizer = mp.SGD(net, lr=1.0, momentum=0.9, nesterov=True)
        history = mp.train(net, data, loss, optimizer, implicit, epochs=2, batch_size=50, **options)
        return history, whole(net, net.parameters)

    expected = run()
    for found in mp.simulated(3, run):
        assert distance(found, expected) < 1e-10
    with pytest.raises(ValueError, match="checkpoint: expected none for a net whose columns lie apart"):
        mp.simulated(2, functools.partial(run, checkpoint="state.npz"))


def test_a_layer_whose_columns_lie_apart_is_a_layer():
    mp.check_layer(mp.ColumnsApart(mp.Linear(4, 3), mp.Communicator()), (4,))
    given = mp.Linear(4, 3)
    given.theta = np.arange(15.0).reshape(5, 3)
    for theta in mp.simulated(2, lambda comm: mp.ColumnsApart(given, comm).whole_theta()):
        np.testing.assert_array_equal(theta, given.theta)
    parts = mp.simulated(2, lambda comm: mp.ColumnsApart(given, comm).theta)
    np.testing.assert_array_equal(np.hstack(parts), given.theta)


COLUMNS_REFUSED = {
    "found 2 columns of Linear": (ValueError, lambda: mp.Linear(4, 2)),
    "found 2 groups of Conv2d": (ValueError, lambda: mp.Conv2d(4, 4, 3, groups=2)),
    "a Linear or a convolution, whose columns can lie apart": (TypeError, lambda: mp.Scale(4)),
}


@pytest.mark.parametrize("message", COLUMNS_REFUSED)
def test_columns_that_cannot_lie_apart(message):
    kind, make = COLUMNS_REFUSED[message]
    with pytest.raises(kind, match=message):
        mp.simulated(3, lambda comm: mp.ColumnsApart(make(), comm))


# What it costs


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("processes", [2, 3, 4])
def test_the_model_of_the_cost_counts_to_the_byte(method, processes):
    """For a batch below, between and above the widths of the layers."""
    widths = (20, 30, 12, 25, 4)
    for batch in (8, 18, 40):
        expected = step_cost(method, processes, batch, widths)
        for found in mp.simulated(
            processes, lambda comm, batch=batch: measure(comm, [method], batch, widths, repeats=0)
        ):
            row = found[method]
            assert (row["summed"], row["gathered"], row["calls"]) == expected[:3]


def test_the_recorded_counts_are_those_of_the_model():
    record = json.loads((ROOT / "docs" / "results" / "machines.json").read_text())
    for case in record["measured"]:
        for method, row in case["methods"].items():
            expected = step_cost(method, case["processes"], case["batch"], case["widths"])
            assert (row["summed"], row["gathered"], row["calls"]) == expected[:3]
    assert {case["processes"] for case in record["measured"]} == {2, 3, 4}


def test_the_figure_has_a_circle_for_each_count_of_its_net():
    """Of every row those that differ from the net in nothing but what the row goes over."""
    record = model([1, 2, 4], 50, [20, 10, 6, 3], batches=[25, 50], factors=[1.0, 2.0])
    net, wide, other = [20, 10, 6, 3], [20, 20, 12, 3], [20, 20, 13, 3]
    cases = [
        (4, 50, net),
        (2, 50, net),
        (4, 25, net),
        (4, 50, wide),
        (1, 50, net),
        (2, 25, net),
        (4, 50, other),
    ]
    methods = {"explicit": {"summed": 3e6, "gathered": 2e6}}
    measured = [{"processes": P, "batch": N, "widths": w, "methods": methods} for P, N, w in cases]
    figure = machine_costs(record | {"measured": measured})
    circles = [
        [
            tuple(map(float, (*line.get_xdata(), *line.get_ydata())))
            for line in panel.lines
            if line.get_marker() == "o"
        ]
        for panel in figure.axes
    ]
    found = dict(enumerate(circles))
    assert found.pop(0) == [(4, 6), (2, 4)]  # (2·3 + 2)(P − 1)/P
    assert found.pop(3) == [(50, 6), (25, 6)]
    assert found.pop(6) == [(1, 6), (2, 6)]
    assert found == {i: [] for i in (1, 2, 4, 5, 7, 8)}


def test_processes_share_what_one_multiplies():
    """Of steps without an inverse, each has a share; what is repeated, stays."""
    for method in ("explicit", "cg3"):
        one, four = (step_cost(method, P, 500).products for P in (1, 4))
        assert one == 4 * four
    one, many = (step_cost("primal", P, 500).products for P in (1, 1024))
    assert many / one > 0.8
    assert step_cost("explicit", 1, 500).sent == 0


# What processes tell each other


class Doubling:
    """Stands for a communicator of mpi4py with two processes, the other of which says the same."""

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 2

    def Allreduce(self, sent, total):
        assert sent is None  # in place
        total *= 2

    def Allgatherv(self, sent, received):
        rows, counts = received
        flat = rows.reshape(-1)
        sent = flat[: counts[0]].copy() if sent is None else sent.reshape(-1)
        assert counts == [sent.size] * 2
        flat[...] = np.concatenate([sent, sent])

    def bcast(self, value, root):
        return value


class Still(mp.LinearMap):
    """The identity, which gives back what it is given."""

    def __init__(self, n):
        self.shape, self.dtype = (n, n), np.dtype("float64")

    def __matmul__(self, theta):
        return theta

    def adjoint(self, delta):
        return delta

    def matrix(self):
        return np.eye(self.shape[0])


def test_no_error_is_written_to_by_a_sum(rng):
    """The map of one's own, whose result is its argument, too."""
    delta = rng.standard_normal((3, 2))
    for A in (Still(3), mp.DenseMap(rng.standard_normal((3, 4)), bias=True)):
        given = delta.copy()
        found = mp.RowsApart(A, Doubling()).T @ given
        np.testing.assert_array_equal(given, delta)
        np.testing.assert_allclose(found, 2 * (A.T @ delta), rtol=1e-14)


def test_arrays_of_a_device_go_by_way_of_the_host(other):
    comm = taken(Doubling())
    with mp.use(other) as xp:
        a = xp.asarray(np.arange(6.0).reshape(2, 3))
        total, rows = comm.sum(a.T), comm.gather(a, axis=-1)
        assert mp.array_module(total, rows) is xp
        np.testing.assert_array_equal(mp.to_numpy(total), 2 * np.arange(6.0).reshape(2, 3).T)
        np.testing.assert_array_equal(mp.to_numpy(rows), np.hstack([mp.to_numpy(a)] * 2))
        np.testing.assert_array_equal(mp.to_numpy(a), np.arange(6.0).reshape(2, 3))  # not written to
        same, filled = comm.sum_into(a.T), comm.gather_into(a, [1, 1])
        assert mp.array_module(same, filled) is xp
        np.testing.assert_array_equal(mp.to_numpy(same), mp.to_numpy(total))
        np.testing.assert_array_equal(mp.to_numpy(filled), [[0, 1, 2], [0, 1, 2]])


def test_steps_on_a_device(other, rng):
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)

    def steps(solver, xp, comm=None):
        net = mp.Sequential(mp.Linear(4, 5), mp.ReLU(), mp.Linear(5, 3), seed=0, dtype="float64")
        mine = comm.share(5) if comm else slice(None)
        tape = mp.forward(net, xp.asarray(x[mine]), comm=comm)
        labels = xp.asarray(y[mine])
        found = mp.proxprop(net, tape, mp.CrossEntropy(), labels, 0.5, solver, comm=comm)
        assert mp.array_module(*found) is xp
        return [mp.to_numpy(d) for d in found]

    for solver in SOLVERS:
        expected = steps(solver, np)
        with mp.use(other) as xp:
            shares = mp.simulated(2, functools.partial(steps, solver, xp))
        for a, b in zip([d for found in shares for d in found], [*expected, *expected], strict=True):
            assert relative(a, b) < 1e-12


def test_each_process_takes_a_device(other, monkeypatch):
    """Of two, the fourth process of a machine takes the second one."""
    devices, process = [], object.__new__(Crew)
    process.number = 3
    with mp.use(other) as xp:
        monkeypatch.setattr(xp.cuda, "Device", lambda n: SimpleNamespace(use=lambda: devices.append(n)))
        monkeypatch.setattr(xp.cuda.runtime, "getDeviceCount", lambda: 2, raising=False)
    process.take_device("numpy")
    process.take_device(other)
    assert devices == [1]


@pytest.mark.parametrize("wrap", [lambda comm: comm, mp.Counted], ids=["itself", "counted"])
@pytest.mark.parametrize("size", [1, 3])
def test_what_takes_the_place_of_an_array_is_the_same(size, wrap):
    def work(comm):
        comm = wrap(comm)
        counts = [r + 1 for r in range(comm.size)]
        rows = np.full((sum(counts), 2), comm.rank + 1)
        total, found = comm.sum(rows), comm.gather(rows[: counts[comm.rank]])
        return total, comm.sum_into(rows.copy()), found, comm.gather_into(rows.copy(), counts)

    for total, same, rows, filled in mp.simulated(size, work):
        np.testing.assert_array_equal(same, total)
        np.testing.assert_array_equal(filled, rows)


@given(st.integers(0, 40), st.integers(1, 7))
def test_shares_are_even_and_leave_nothing_out(n, size):
    parts = mp.simulated(size, lambda comm: list(range(n))[comm.share(n)])
    assert [i for part in parts for i in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_what_one_raises_all_raise():
    def work(comm):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            comm.first(lambda: open("nowhere"))  # noqa: SIM115
        return comm.first(lambda: comm.rank), comm.any(comm.rank == 2), comm.any(False)

    assert mp.simulated(3, work) == [(0, True, False)] * 3
    with pytest.raises(ZeroDivisionError):
        mp.simulated(3, lambda comm: comm.sum(np.ones(2) / (comm.rank or 1)) if comm.rank < 2 else 1 / 0)


@pytest.mark.parametrize("bad", [3, "world", object(), mp.Communicator])
def test_what_is_no_communicator(bad, rng):
    net = dense()
    with pytest.raises(TypeError, match=r"comm: expected a communicator, such as mp.world\(\)"):
        mp.forward(net, rng.standard_normal((2, 6)), comm=bad)


def test_one_process_alone_needs_samples(rng):
    with pytest.raises(ValueError, match="expected one sample or more"):
        mp.forward(dense(), np.zeros((0, 6)), comm=mp.Communicator())


# Training


def settings(comm, *, solver="exact", net=dense, data=None, epochs=3, **options):
    data = data or mp.datasets.blobs(dtype="float64")
    net = mp.Sequential(
        *(mp.Linear(2, 12), mp.ReLU(), mp.Dropout(0.2), mp.Linear(12, 8), mp.ReLU(), mp.Linear(8, 3)),
        seed=0 if comm is None or comm.rank == 0 else 9,  # process 0's parameters are those of all
        dtype="float64",
    )
    direction = options.pop("direction", None) or functools.partial(mp.proxprop, tau_theta=0.1)
    optimizer = mp.SGD(net, lr=1.0, momentum=0.9, nesterov=True)
    history = mp.train(
        *(net, data, WEIGHTED, optimizer, direction),
        **{"epochs": epochs, "batch_size": 50, "comm": comm, **options},
    )
    return history, net.parameters


def distance(one, other):
    """The largest distance of two histories, seconds left out, and of two nets."""
    (h, p), (g, q) = one, other
    assert h.status == g.status
    columns = [name for name in h.names() if name not in ("epoch", "seconds")]
    rows = max(np.nanmax(np.abs(np.subtract(getattr(h, name), getattr(g, name)))) for name in columns)
    ends = max(abs(h.test_loss - g.test_loss), abs(h.test_accuracy - g.test_accuracy))
    return max(rows, ends, *(abs(a - b).max() for a, b in zip(p, q, strict=True)))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [50, 149])
def test_training_is_that_of_one_process(size, batch_size):
    """With dropout, weighted classes, and a last batch with fewer samples than processes."""
    expected = settings(None, batch_size=batch_size)
    for found in mp.simulated(size, functools.partial(settings, batch_size=batch_size)):
        assert distance(found, expected) < 1e-10


def test_batches_are_those_of_one_process():
    split = mp.datasets.blobs().train
    whole = [y for _, y in mini_batches(split, 40, [0, 1])]
    parts = mp.simulated(3, lambda comm: [y for _, y in mini_batches(split, 40, [0, 1], comm)])
    for y, shares in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(shares), y)


def test_a_checkpoint_is_taken_up_by_any_number(tmp_path):
    expected, path = settings(None, epochs=4), tmp_path / "state.npz"
    place = {"checkpoint": path, "resume": True}
    for epochs, size in ((1, 3), (2, 1), (3, 2), (4, 3)):
        found = mp.simulated(size, functools.partial(settings, epochs=epochs, **place))
    assert distance(found[2], expected) < 1e-10
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


def test_a_wish_of_one_stops_all():
    def work(comm):
        history, _ = settings(comm, callbacks=[lambda net, history: comm.rank == 1 and len(history) == 2])
        return history.status, len(history)

    assert mp.simulated(2, work) == [("stopped", 2)] * 2


def test_a_run_that_diverges_does_so_everywhere():
    def work(comm):
        history, _ = settings(
            comm, direction=lambda *parts, comm=None: [1e200 * g for g in mp.backprop(*parts)]
        )
        return history.status, history.diverged_at

    assert mp.simulated(2, work) == [("diverged", 1)] * 2


class Noise(mp.Layer):
    """Draws for the samples that it sees."""

    def forward(self, a):
        return a

    def adjoint(self, delta, output, a):
        return delta

    def sample(self, rng, a):
        return self


def drifting(net, tape, loss, y, comm=None):
    return [(1 + comm.rank) * g for g in mp.backprop(net, tape, loss, y, comm=comm)]


REFUSED = {
    "whose batch several processes can share, by an argument comm, backprop or proxprop, found": {
        "direction": lambda net, tape, loss, y: mp.backprop(net, tape, loss, y)
    },
    "callbacks: expected none with a method batch": {
        "callbacks": [mp.methods.AdversarialTraining(0.1)],
    },
    "come to different parameters, by more than rounding": {"direction": drifting},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_shared(message):
    with pytest.raises(ValueError, match=message):
        mp.simulated(2, functools.partial(settings, **REFUSED[message]))


def test_settings_that_differ_are_told():
    with pytest.raises(ValueError, match="same settings in every process as in process 0"):
        mp.simulated(2, lambda comm: settings(comm, seed=comm.rank))


def test_a_layer_that_draws_for_its_own_samples_only(rng):
    def work(comm):
        net = mp.Sequential(mp.Linear(2, 3), Noise(), dtype="float64")
        mp.forward(net, np.ones((2, 2)), training=True, comm=comm)

    with pytest.raises(TypeError, match=r"give the class a method sample_apart\(rng, comm, \*inputs\)"):
        mp.simulated(2, work)


# The command, with MPI

scripts = sysconfig.get_path("scripts")
MPIEXEC = shutil.which("mpiexec", path=scripts) or shutil.which("mpiexec")
PROBE = "from mpi4py import MPI; assert MPI.COMM_WORLD.allreduce(1) == 2"


@functools.cache
def missing():
    """Why MPI cannot be had here, or nothing; none of our code is asked."""
    if MPIEXEC is None or importlib.util.find_spec("mpi4py") is None:
        return "needs the extra minprox[mpi]: mpi4py, and mpiexec of an MPI library"
    try:
        command = [MPIEXEC, "-n", "2", sys.executable, "-c", PROBE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "two processes of this MPI do not come to an end"
    return f"this MPI starts no two processes: {done.stderr.strip()[-200:]}" if done.returncode else ""


@pytest.fixture(autouse=True)
def mpi_is_there(request):
    if request.node.get_closest_marker("mpi") and missing():
        pytest.skip(missing())


SMALL = ["--architecture", "64-20-10", "--dtype", "float64", "--batch-size", "150", "--tau-theta", "0.1"]


def mpi(size, *arguments, wait=True):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [MPIEXEC, "-n", str(size), sys.executable, *map(str, arguments)]
    process = subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    return (*process.communicate(timeout=300), process.returncode) if wait else process


def state(folder):
    """History and parameters in the folder of a run."""
    with np.load(folder / "checkpoint.npz") as file:
        parameters = [file[name] for name in file.files if name.startswith("parameters")]
    return mp.History.load(folder / "history.json"), parameters


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one process, of five epochs on the digits."""
    folder = tmp_path_factory.mktemp("alone")
    command = [sys.executable, "-m", "minprox", "train", *SMALL, "--epochs", "5", "--out", folder]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    return state(folder)


@pytest.mark.mpi
@pytest.mark.parametrize("size", [2, 3])
def test_mpi_training_is_that_of_one_process(size, alone, tmp_path):
    out, errors, code = mpi(size, "-m", "minprox", "train", *SMALL, "--epochs", 5, "--out", tmp_path / "run")
    assert (errors, code) == ("", 0)
    assert out.count("\n") == 2  # process 0 tells it, once
    assert distance(state(tmp_path / "run"), alone) < 1e-10
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["processes"] == size


SUMS = """
import numpy as np, minprox as mp
import minprox.ground.mpi_communicator
minprox.ground.mpi_communicator.PIECE = 20  # five entries of twelve
comm = mp.world()
x = np.arange(12.0, dtype="float32").reshape(4, 3)[:, ::-1]
assert (comm.sum(x * (comm.rank + 1)) == x * sum(range(1, comm.size + 1))).all()
assert comm.sum(np.array(1.0)).shape == () and comm.sum(x).dtype == x.dtype
mine = x[: comm.rank]
rows = comm.gather(mine)
assert (rows == np.concatenate([x[:r] for r in range(comm.size)])).all()
assert (comm.gather(mine.T, axis=-1) == rows.T).all()
assert (comm.gather(np.stack([mine, mine]), -2, list(range(comm.size))) == np.stack([rows, rows])).all()
P, total = comm.size, sum(range(1, comm.size + 1))
given = np.arange(12.0).reshape(3, 4)
kept, fixed = given.copy(), given.copy()
fixed.flags.writeable = False
assert (comm.sum(kept) == P * given).all() and (kept == given).all()
assert (comm.sum_into(kept) == P * given).all() and (kept == P * given).all()  # in place
assert (comm.sum_into(fixed) == P * given).all() and (fixed == given).all()
assert (comm.sum_into(given.T * (comm.rank + 1)) == total * given.T).all()
assert comm.sum_into(np.zeros((0, 3))).shape == (0, 3)
side = comm.gather(given[:, : comm.rank], -1)
assert side.flags.c_contiguous and (side == np.hstack([given[:, :r] for r in range(P)])).all()
room = np.full((sum(range(P)), 3), np.nan, "float32")
start = sum(range(comm.rank))
room[start : start + comm.rank] = mine
assert (comm.gather_into(room, range(P)) == rows).all()
assert comm.tell({"rank": comm.rank}) == {"rank": 0} and comm.any(comm.rank == 1) and not comm.any(False)
try:
    comm.first(lambda: 1 / 0)
except ZeroDivisionError:
    print("fine")
"""


@pytest.mark.mpi
@pytest.mark.parametrize("size", [2, 3])
def test_mpi_sums_and_gathers(size, tmp_path):
    out, errors, code = mpi(size, "-c", SUMS)
    assert (errors, code, "".join(out.split())) == ("", 0, "fine" * size)


COLUMNS = """
import minprox as mp, numpy as np
comm, rng = mp.world(), np.random.default_rng(0)
x, y = rng.standard_normal((7, 2, 8, 8)), rng.integers(0, 3, 7)

def step(split):
    layers = (
        *(split(mp.Conv2d(2, 5, 3, stride=2)), mp.ReLU(), mp.Flatten(), split(mp.Linear(45, 7)), mp.Tanh()),
        mp.Linear(7, 3),
    )
    net = mp.Sequential(*layers, seed=0, dtype="float64")
    steps = mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, 0.5)
    apart = [isinstance(layer, mp.ColumnsApart) for layer in net.transfers]
    return [comm.gather(d, -1) if a else d for d, a in zip(steps, apart)]

steps, expected = step(lambda layer: mp.ColumnsApart(layer, comm)), step(lambda layer: layer)
assert all(abs(d - e).max() < 1e-12 * abs(e).max() for d, e in zip(steps, expected, strict=True))
print("fine")
"""


@pytest.mark.mpi
@pytest.mark.parametrize("size", [2, 3])
def test_mpi_columns_apart(size):
    out, errors, code = mpi(size, "-c", COLUMNS)
    assert (errors, code, "".join(out.split())) == ("", 0, "fine" * size)


SHORTER = {  # what the scripts of the how-to page do here
    "epochs=20": "epochs=1",
    "epochs=50": "epochs=1",
    "cifar10(flatten=True)": "digits()",
    "[3072, 4000, 1000, 4000]": "[64, 20, 10, 20]",
    "Linear(4000, 10)": "Linear(20, 10)",
}


@pytest.mark.mpi
def test_the_scripts_of_the_how_to_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "howto" / "several-machines.rst").read_text()
    for one, other in SHORTER.items():
        assert text.count(one) == 1
        text = text.replace(one, other)
    scripts = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", text)
    assert len(scripts) == 2
    for script in scripts:
        assert mpi(2, "-c", textwrap.dedent(script)) == ("", "", 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "columns-0.npz",
        "columns-1.npz",
        "history.json",
    ]
    assert len(mp.History.load("history.json")) == 1


@pytest.mark.mpi
@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_by_another_number(alone, tmp_path):
    """Killed is one process of the run; the launcher ends the others, and what process 0 wrote is whole."""
    folder, sizes = tmp_path / "run", [2, 3, 2, 3]
    words = ["-m", "minprox", "train", *SMALL, "--epochs", 5, "--out", folder]
    for attempt, size in enumerate(sizes):
        process = mpi(size, *words, *["--resume"] * (folder / "config.json").exists(), wait=False)
        done = rows(folder)
        while process.poll() is None and rows(folder) == done:
            time.sleep(0.01)
        time.sleep(0.003 * attempt)  # somewhere in the next epoch, or while it is written
        children = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True)
        inner = [int(p) for p in children.stdout.split() if int(p) != process.pid and is_python(int(p))]
        if inner:
            os.kill(inner[attempt % len(inner)], 9)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        state(folder)  # whole
    _, errors, code = mpi(2, *words, "--resume")
    assert (errors, code) == ("", 0)
    assert distance(state(folder), alone) < 1e-10
    assert not [file for file in folder.iterdir() if file.suffix == ".part"]


def rows(folder):
    """How many rows the history in a folder has."""
    path = folder / "history.json"
    return len(mp.History.load(path).epoch) if path.exists() and (folder / "checkpoint.npz").exists() else 0


def is_python(pid):
    try:
        return Path(f"/proc/{pid}/exe").resolve() == Path(sys.executable).resolve()
    except OSError:
        return False


FAULTS = {
    "taken": (["train", "--out", "."], "holds a run already"),
    "another command": (
        ["demo"],
        "expected minprox train, the one command whose work several processes share",
    ),
    "another method": (
        ["train", "--method", "double-backprop", "--out", "new"],
        "expected one whose batch several processes can share",
    ),
}


@pytest.mark.mpi
@pytest.mark.parametrize("fault", FAULTS)
def test_a_mistake_is_told_once(fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    words, message = FAULTS[fault]
    out, errors, code = mpi(2, "-m", "minprox", *words)
    assert (out, code) == ("", 2)
    assert errors.count("\n") == 1
    assert message in errors


PLUGIN = """
import minprox as mp
from minprox.ground.mpi import world

def failing(net, tape, loss, y, comm=None):
    if comm.rank == 1:
        raise ValueError("the file of this process is damaged")
    return mp.backprop(net, tape, loss, y, comm=comm)

mp.methods.add("failing", failing)
"""


@pytest.mark.mpi
def test_one_process_that_fails_ends_all_with_one_line(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    words = ["--plugin", tmp_path / "plugin.py", "--method", "failing", "--out", tmp_path / "run"]
    out, errors, code = mpi(3, "-m", "minprox", "train", *words)
    assert (out, code) == ("", 2)
    assert errors == "minprox: process 1 of 3: error: the file of this process is damaged\n"


def test_a_launcher_without_mpi4py_is_told(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('none')")
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "PMI_SIZE": "2",
        "PMI_RANK": "0",
    }
    command = [sys.executable, "-m", "minprox", "train", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "minprox: error: several processes need mpi4py, which is not installed: "
        "install the extra minprox[mpi]\n"
    )


LONELY = """
class Comm:
    def Get_rank(self):
        return 0
    def Get_size(self):
        return 1
class MPI:
    COMM_WORLD = Comm()
"""


def test_a_launcher_of_another_mpi_is_told(tmp_path):
    (tmp_path / "mpi4py.py").write_text(LONELY)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PMI_SIZE": "3"}
    for rank, lines in ((0, 1), (1, 0)):  # one of them speaks
        command = [sys.executable, "-m", "minprox", "train", "--out", str(tmp_path / "run")]
        variables = environment | {"PMI_RANK": str(rank)}
        done = subprocess.run(command, capture_output=True, text=True, env=variables)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", lines)
        assert "3 processes were started, and to mpi4py each is alone" in done.stderr or rank


def test_mpi4py_is_imported_at_one_place_and_only_when_asked_for():
    places = [path for path in (ROOT / "minprox").rglob("*.py") if "import MPI" in path.read_text()]
    assert [path.name for path in places] == ["mpi.py"]
    script = "import sys, minprox, minprox.cli; print('mpi4py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_communicator_of_one_process_tells_nothing():
    class One(Doubling):
        def Get_size(self):
            return 1

    comm, a = MPICommunicator(One()), np.ones(2)
    assert comm.sum(a) is a
    assert comm.gather(a) is a
