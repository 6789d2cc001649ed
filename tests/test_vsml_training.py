"""Meta-training: search and back-propagation agree, workers do not matter, runs go on with the same bits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import raises, relative

import minprox as mp
from minprox.experiments import EXPERIMENTS, Processes, execute
from minprox.experiments.meta_training import MetaTraining
from minprox.experiments.presets import resized
from minprox.experiments.publishing import publish
from minprox.experiments.vsml_experiment import VSML_TRAINING
from minprox.ground.array_files import read_arrays
from minprox.methods.vsml import Episode, Learner, LSTMCell, Search, Through, Windows, gaussian_tasks
from minprox.methods.vsml.meta import clipped

SHORT = MetaTraining(blocks=4, every=2, inputs=4, classes=2, T=4, batch=4, population=20)
RUNS = {
    "bptt": SHORT,
    "proxprop": replace(SHORT, method="proxprop", tau_theta=1.0),
    "es": replace(SHORT, method="es", batch=2),
    "windows": replace(SHORT, windows=3, short=1),
}


def tasks_of(x, y):
    return lambda rng: (x, y)


def test_classes_are_gaussians_of_unit_variance_behind_a_mix_of_each_task():
    x, y = gaussian_tasks(np.random.default_rng(0), 3, 4000, 5, 2)
    for k in range(3):
        one, two = (x[k][y[k] == b] for b in (0, 1))
        within = np.cov(one.T)
        np.testing.assert_allclose(np.cov(two.T), within, atol=0.15)  # the mix is the task's
        assert np.linalg.matrix_rank(within) == 5
    assert relative(np.cov(x[0].T), np.cov(x[1].T)) > 0.2
    again = gaussian_tasks(np.random.default_rng(0), 3, 4000, 5, 2)
    assert (again[0] == x).all()


def test_the_direction_through_time_is_the_gradient_of_the_meta_loss():
    """(V6) against differences of (V5)."""
    net = Episode(LSTMCell(seed=1, dtype="float64"), (3, 2), 4)
    tasks = partial(gaussian_tasks, N=3, T=4, inputs=3, classes=2)
    loss, accuracy, d = Through(net, tasks)(np.random.default_rng(5))

    def meta_loss():
        rng = np.random.default_rng(5)
        x, y = tasks(rng)
        learner = Learner(net.cell(), (3, 2), episodes=3)
        learner.states = net.start(3, rng)
        logits = learner.run(x, y)
        return float(mp.CrossEntropy()(logits, y)), float((logits.argmax(axis=-1) == y).mean())

    np.testing.assert_allclose((loss, accuracy), meta_loss(), rtol=1e-13)
    rng = np.random.default_rng(0)
    for theta, g in zip(net.parameters, d, strict=True):
        u, kept = rng.standard_normal(theta.shape), theta + 0
        sides = []
        for sign in (1, -1):
            theta[...] = kept + sign * 1e-5 * u
            sides.append(meta_loss()[0])
        theta[...] = kept
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx((g * u).sum(), rel=1e-6)


def windows_of(N, sizes=(3, 2), windows=3, T=4, short=0):
    net = Episode(LSTMCell(seed=1, dtype="float64"), sizes, T)
    tasks = partial(gaussian_tasks, N=N, inputs=sizes[0], classes=sizes[-1])
    return Windows(Through(net, partial(tasks, T=T)), partial(tasks, T=windows * T), windows, short)


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2)])
def test_windows_of_an_episode_are_the_episode(sizes):
    """(V10): one after the other, they are what the learner says along the whole stream."""
    meta = windows_of(1, sizes)
    for episode in range(2):
        rng = np.random.default_rng(episode)
        x, y = meta.tasks(rng)
        learner = Learner(meta.net.cell(), sizes)
        learner.states = meta.net.start(1, rng)
        expected = mp.CrossEntropy()(learner.run(x, y), y)
        losses = [meta(np.random.default_rng(seed))[0] for seed in (episode, 8, 9)]
        assert np.mean(losses) == pytest.approx(float(expected), rel=1e-12)
        assert max(losses) > min(losses)


def test_the_direction_of_a_window_is_the_gradient_from_where_it_starts():
    meta = windows_of(2)
    meta(np.random.default_rng(0))
    start = meta.learner.arrays()
    _, _, d = meta(np.random.default_rng(1))
    assert meta.age.tolist() == [2, 2]
    x, y = meta.x[:, 4:8], meta.y[:, 4:8]

    def loss():
        learner = Learner(meta.net.cell(), (3, 2), 2)
        learner.take_up(start)
        return float(mp.CrossEntropy()(learner.run(x, y), y))

    rng = np.random.default_rng(0)
    for theta, g in zip(meta.net.parameters, d, strict=True):
        u, kept = rng.standard_normal(theta.shape), theta + 0
        sides = []
        for sign in (1, -1):
            theta[...] = kept + sign * 1e-5 * u
            sides.append(loss())
        theta[...] = kept
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx((g * u).sum(), rel=1e-6)


def test_rows_end_their_episodes_in_turn():
    meta = windows_of(4)
    ages = []
    for call in range(7):
        meta(np.random.default_rng(call))
        ages.append(meta.age.tolist())
    assert ages[:3] == [[1, 1, 1, 1], [2, 2, 1, 2], [3, 1, 2, 3]]
    assert ages[3:6] == [[1, 2, 3, 1], [2, 3, 1, 2], [3, 1, 2, 3]]
    assert ages[6] == ages[3]


def test_at_first_episodes_have_one_window():
    short, plain = windows_of(3, short=2), windows_of(3).through
    for call in range(2):
        one, two = (meta(np.random.default_rng(call)) for meta in (short, plain))
        assert one[:2] == two[:2]
        assert all((a == b).all() for a, b in zip(one[2], two[2], strict=True))
    short(np.random.default_rng(2))
    assert short.age.tolist() == [1, 1, 1]


@pytest.mark.parametrize("pairs", [1, 3])
def test_antithetic_pairs_estimate_the_slope_along_each_disturbance(pairs):
    """(V7): as σ → 0 its summands are ``ε ⟨ε, ∇L⟩/σ²``."""
    cell, sigma = LSTMCell(seed=1, dtype="float64"), 1e-5
    x, y = gaussian_tasks(np.random.default_rng(2), 3, 4, 3, 2)
    net = Episode(cell, (3, 2), 4)
    loss, _, found = Search(net, tasks_of(x, y), sigma, 2 * pairs)(np.random.default_rng(0))
    seed = (int(np.random.default_rng(0).integers(2**62)), 0)
    rng = np.random.default_rng(seed)
    epsilon = [sigma * rng.standard_normal((pairs, *theta.shape)) for theta in cell.theta]
    drawn = Learner(cell, (3, 2), episodes=6 * pairs, seed=(*seed, 1)).states
    expected, losses = [0, 0], []
    for k in range(pairs):  # both of a pair have the same tasks and states
        states = [tuple(part[3 * k : 3 * k + 3] for part in state) for state in drawn]
        tape = mp.forward(net, net.packed(x, y, states))
        grads = mp.backprop(net, tape, mp.CrossEntropy(), y)
        slope = sum((e[k] * g).sum() for e, g in zip(epsilon, grads, strict=False))  # (L⁺ − L⁻)/2
        expected = [sum_ + e[k] * slope for sum_, e in zip(expected, epsilon, strict=False)]
        losses.append(mp.CrossEntropy()(tape.output, y))
    assert loss == pytest.approx(np.mean(losses), rel=1e-8)
    for part, sum_ in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, sum_ / sigma**2 / pairs, rtol=1e-4, atol=1e-6)


def test_the_result_does_not_depend_on_the_workers():
    net, rng = Episode(LSTMCell(seed=0), (4, 2), 1), np.random.default_rng
    tasks = partial(gaussian_tasks, N=2, T=4, inputs=4, classes=2)
    alone = Search(net, tasks, population=36)(rng(3))
    pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(3)]
    for pool in pools:
        with pool:
            shared = Search(net, tasks, population=36, executor=pool)(rng(3))
        assert shared[:2] == alone[:2]
        assert [g.tobytes() for g in shared[2]] == [g.tobytes() for g in alone[2]]


@pytest.mark.filterwarnings("ignore")
def test_nor_on_dask():
    distributed = pytest.importorskip("distributed")
    net, rng = Episode(LSTMCell(seed=0), (4, 2), 1), np.random.default_rng
    tasks = partial(gaussian_tasks, N=2, T=4, inputs=4, classes=2)
    alone = Search(net, tasks, population=36)(rng(3))
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        shared = Search(net, tasks, population=36, executor=client.get_executor())(rng(3))
    assert shared[:2] == alone[:2]
    assert [g.tobytes() for g in shared[2]] == [g.tobytes() for g in alone[2]]


@pytest.mark.slow
def test_nor_on_processes(tmp_path):
    expected = execute(RUNS["es"], tmp_path / "alone")
    with Processes(2) as pool:
        found = execute(replace(RUNS["es"], executor=pool), tmp_path / "two")
    assert found.loss == expected.loss
    one, two = (read_arrays(tmp_path / name / "checkpoint.npz")[0] for name in ("alone", "two"))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}


@pytest.mark.parametrize("method", RUNS)
def test_a_meta_training_goes_on_with_the_same_bits(method, tmp_path):
    run = RUNS[method]
    expected = execute(run, tmp_path / "whole")
    execute(replace(run, blocks=2), tmp_path / "parts")
    found = execute(run, tmp_path / "parts")
    assert found.step == [2, 4, 6, 8]
    assert (found.loss, found.accuracy) == (expected.loss, expected.accuracy)
    assert found.held_out == expected.held_out
    one, two = (read_arrays(tmp_path / part / "checkpoint.npz")[0] for part in ("whole", "parts"))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}
    other = execute(replace(run, seed=1), tmp_path / "other")
    assert other.loss != expected.loss


def test_its_checkpoint_is_a_cell(tmp_path):
    execute(SHORT, tmp_path)
    cell = mp.methods.vsml.load(tmp_path / "checkpoint.npz")
    state = SHORT.begin(read_arrays(tmp_path / "checkpoint.npz")[0])
    for theta, expected in zip(cell.theta, state.net.cell().theta, strict=True):
        assert (theta == expected).all()
    assert relative(cell.theta[0], LSTMCell(seed=0).theta[0]) > 1e-3


def test_a_published_cell_tells_where_it_is_from(tmp_path):
    record = execute(SHORT, tmp_path / "run")
    publish(tmp_path / "run", tmp_path / "cell.npz", "a command")
    about = mp.methods.vsml.origin(tmp_path / "cell.npz")
    assert about["command"] == "a command"
    assert about["settings"] == SHORT.configuration()
    assert about["record"]["held_out"] == record.held_out
    assert about["versions"]["numpy"] == np.__version__
    one, two = (mp.methods.vsml.load(tmp_path / name) for name in ("run/checkpoint.npz", "cell.npz"))
    assert all((a == b).all() for a, b in zip(one.theta, two.theta, strict=True))
    with raises(ValueError, "configuration of a run"):
        (tmp_path / "run" / "config.json").write_text("{}")
        publish(tmp_path / "run", tmp_path / "cell.npz", "a command")


@pytest.mark.slow
def test_a_smoke_run_leaves_the_plateau(tmp_path):
    smoke = resized(VSML_TRAINING, "quick").methods["bptt"]
    record = execute(smoke, tmp_path)
    assert abs(record.loss[0] - np.log(2)) < 0.01
    assert record.loss[-1] < 0.64
    still = execute(replace(smoke, tau=1e-9, blocks=1), tmp_path / "still")
    assert not still.loss[-1] < 0.64


def test_every_method_of_the_experiment_runs(tmp_path):
    quick = resized(VSML_TRAINING, "quick").select(epochs=1)
    quick = replace(quick, methods={key: replace(run, every=2) for key, run in quick.methods.items()})
    assert EXPERIMENTS["vsml-training"] is VSML_TRAINING
    records = mp.experiments.run(quick, tmp_path)
    assert {name: record.status for name, record in records.items()} == {
        f"seed-0/{name}": "finished" for name in ("bptt", "windows", "proxprop", "es")
    }
    assert all(0.6 < record.loss[-1] < 0.8 for record in records.values())


def test_directions_are_clipped_over_all_parameters():
    g = [np.array([[3.0]]), np.array([[0.0, 4.0]])]
    assert sum((part**2).sum() for part in clipped(g, 2.0)) == pytest.approx(4.0)
    assert relative(clipped(g, 2.0)[1], g[1] * 0.4) < 1e-15
    assert all(one is two for one, two in zip(clipped(g, 5.0), g, strict=True))


def test_bad_settings():
    with raises(ValueError, "method", "bptt"):
        MetaTraining(method="evolution")
    with raises(ValueError, "tau_theta", "only there", "0.5"):
        MetaTraining(tau_theta=0.5)
    with raises(ValueError, "tau_theta", "None"):
        MetaTraining(method="proxprop")
    with raises(ValueError, "windows", "whole episodes", "2"):
        MetaTraining(method="es", windows=2)
    through = Through(Episode(LSTMCell(), (2, 2), 1), tasks_of(None, None))
    with raises(ValueError, "tasks", "multiple of 2", "5"):
        Windows(through, partial(gaussian_tasks, N=1, T=5, inputs=2, classes=2), 2)
    with raises(ValueError, "population", "even", "3"):
        Search(Episode(LSTMCell(), (2, 2), 1), tasks_of(None, None), population=3)
    assert "executor" not in replace(SHORT, executor=ThreadPoolExecutor(1)).configuration()
