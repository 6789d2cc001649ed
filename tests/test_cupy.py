"""NumPy and the other backend agree: CuPy where there is a GPU, and everywhere a strict stand-in for it.

The stand-in tells as well whether a value leaves the device, for which a GPU would have to stop.
"""

import copy
import functools
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import strict_arrays
from conftest import CUPY, raises, relative
from test_strict_arrays import (
    ACTIVATIONS,
    LOSSES,
    SIGNALS,
    SOLVERS,
    TRANSFERS,
    Gain,
    convolutional,
    dense,
    residual,
    shared,
)

import minprox as mp
from minprox.experiments import X1, LSTMCloning, Online, Run, execute, quick
from minprox.ground import backend
from minprox.learning.training import mini_batches
from minprox.methods import vsml
from minprox.methods.vsml import hand_set

TOLERANCES = {"float64": 1e-10, "float32": 1e-4}
dtypes = pytest.mark.parametrize("dtype", TOLERANCES)
nets = pytest.mark.parametrize("build", [dense, convolutional, residual, shared])
OPTIMISERS = [
    functools.partial(mp.SGD, lr=0.1),
    functools.partial(mp.SGD, lr=0.1, momentum=0.9, weight_decay=0.01),
    functools.partial(mp.SGD, lr=0.1, momentum=0.9, nesterov=True),
    functools.partial(mp.Adam, lr=0.01),
    functools.partial(mp.AdamW, lr=0.01, weight_decay=0.1),
    functools.partial(mp.RMSprop, lr=0.01),
    functools.partial(mp.RMSprop, lr=0.01, momentum=0.9),
]
optimisers = pytest.mark.parametrize("make", OPTIMISERS)


def kfac(*arguments):
    """A step of K-FAC without a past."""
    return mp.methods.KFAC(damping=0.3)(*arguments)


STEPS = [mp.backprop, kfac]
STEPS += [functools.partial(mp.proxprop, tau_theta=0.1, solver=s) for s in (mp.Explicit(), mp.BlockCG(3))]
STEPS += [functools.partial(mp.proxprop, tau_theta=0.1, solver=mp.Exact(f)) for f in ("primal", "dual")]
directions = pytest.mark.parametrize("direction", STEPS)


def normal(dtype, *shape, seed=0):
    """Random numbers where new arrays are made, the same on each backend."""
    return backend.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), dtype)


def labels(n):
    return backend.asarray(np.arange(n) % 3)


def flat(found):
    """All arrays in nested lists and tuples, one after the other."""
    return [a for part in found for a in flat(part)] if isinstance(found, (list, tuple)) else [found]


def same(function, other, dtype):
    """Run a function on NumPy and on the other backend, and compare all arrays that it returns."""
    with mp.use("numpy"):
        expected = flat(function())
    with mp.use(other):
        found = flat(function())
    assert len(found) == len(expected) > 0
    for one, array in zip(found, expected, strict=True):
        assert type(one).__module__.partition(".")[0] == other
        assert one.dtype == array.dtype
        assert relative(mp.to_numpy(one), array) <= TOLERANCES[dtype]


# Layers, losses, passes, solvers, optimisers


@dtypes
@pytest.mark.parametrize("layer", [*ACTIVATIONS, *SIGNALS], ids=repr)
def test_activations(layer, dtype, other):
    def forward_and_adjoint():
        shape = (3, 4, 7, 6)[: 3 if layer in SIGNALS else 4]
        inputs = [normal(dtype, *shape, seed=i) for i in range(layer.arity or 3)]
        drawn = copy.deepcopy(layer).sample(np.random.default_rng(0), *inputs)  # whose memory is its own
        a = drawn.forward(*inputs)
        return a, drawn.adjoint(normal(dtype, *a.shape, seed=7), a, *inputs)

    same(forward_and_adjoint, other, dtype)


@dtypes
@pytest.mark.parametrize(("layer", "shape"), TRANSFERS, ids=repr)
def test_transfers(layer, shape, dtype, other):
    def everything():
        a, theta = normal(dtype, 3, *shape), normal(dtype, *layer.theta_shape)
        z, A = layer.forward(theta, a), layer.linear_map(a)
        delta = normal(dtype, *z.shape)
        found = [z, layer.adjoint_input(theta, a, delta), layer.adjoint_theta(a, delta)]
        return found if isinstance(layer, Gain) else [*found, A.matrix(), A.gram(), A.T.gram()]

    same(everything, other, dtype)


@pytest.mark.parametrize("other", [CUPY])
def test_a_convolution_never_holds_its_patch_matrix(other, monkeypatch):
    layer = mp.Conv2d(4, 8, 5, padding=2)
    with mp.use(other) as xp:
        a, theta = normal("float32", 64, 4, 32, 32), normal("float32", *layer.theta_shape)
        delta, matrix = layer.forward(theta, a), 4 * 64 * 32 * 32 * 100  # bytes
        calls = [
            lambda: layer.forward(theta, a),
            lambda: layer.adjoint_theta(a, delta),
            lambda: layer.adjoint_input(theta, a, delta),
        ]
        pool = xp.get_default_memory_pool()
        for room, share in [(None, 0.6), (2**18, 0.25)]:  # ROOM bounds the lines of a block of samples
            if room:
                monkeypatch.setattr("minprox.engine.layers.patches.ROOM", room)
            for call in calls:
                pool.free_all_blocks()
                before = pool.total_bytes()
                found = call()
                assert pool.total_bytes() - before < share * matrix
                del found


@dtypes
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses(loss, dtype, other):
    def value_and_gradient():
        output = normal(dtype, 7, 3)
        y = (
            labels(7)
            if isinstance(loss, mp.CrossEntropy)
            else (normal(dtype, 7, 3, seed=1) > 0).astype(dtype)
        )
        return loss(output, y), loss.gradient(output, y)

    same(value_and_gradient, other, dtype)


@dtypes
def test_cross_entropy_of_classes_that_are_ruled_out(dtype, other):
    large = np.finfo(dtype).max

    def value_and_gradient():
        output = backend.asarray(np.array([[1, 2, -np.inf], [large, -large, 0]]), dtype)
        y, loss = backend.asarray(np.array([1, 0])), mp.CrossEntropy()
        return loss(output, y), loss.gradient(output, y)

    same(value_and_gradient, other, dtype)


def problem(build, dtype, n=5):
    net, shape = build(dtype)
    return net, mp.forward(net, normal(dtype, n, *shape), training=True, seed=2), mp.CrossEntropy(), labels(n)


@dtypes
@nets
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_passes_and_solvers(build, solver, dtype, other):
    def passes():
        net, tape, loss, y = problem(build, dtype)
        steps = mp.proxprop(net, tape, loss, y, 0.5, solver)
        steps += mp.proxprop(net, tape, loss, y, 0.5, solver, weight_decay=0.1)
        grads, saliency = mp.backprop(net, tape, loss, y), mp.input_gradient(net, tape, loss, y)
        return net.parameters, tape.values, grads, saliency, steps

    same(passes, other, dtype)


@nets
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_proximal_last_layer(build, loss, other):
    def steps():
        net, tape, _, y = problem(build, "float64")
        if not isinstance(loss, mp.CrossEntropy):
            y = (normal("float64", 5, 3, seed=1) > 0).astype("float64")
        return mp.proxprop(net, tape, loss, y, 0.5, last_layer="proximal", weight_decay=0.1)

    if build is not shared:  # whose last layer stands elsewhere, too
        same(steps, other, "float64")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_what_is_not_finite_does_not_become_finite(solver, value, other):
    with mp.use(other), np.errstate(all="ignore"):
        for rows, cols in [(4, 6), (6, 4)]:
            a, delta = normal("float32", rows, cols), normal("float32", rows, 3)
            for i, j in [(0, 0), (rows - 1, 2)]:
                a_bad, delta_bad = a.copy(), delta.copy()
                a_bad[i, j] = delta_bad[i, j] = value
                d = mp.to_numpy(solver(mp.DenseMap(a_bad, True), delta, 0.5))
                assert not np.isfinite(d[j] if isinstance(solver, mp.Explicit) else d).any()
                d = mp.to_numpy(solver(mp.DenseMap(a, True), delta_bad, 0.5))
                assert not np.isfinite(d[:, j]).any()


@dtypes
@optimisers
def test_optimisers(make, dtype, other):
    def updates():
        net, tape, loss, y = problem(convolutional, dtype)
        optimiser = make(net)
        for _ in range(3):
            optimiser.step(mp.backprop(net, mp.forward(net, tape.values[0]), loss, y))
        return net.parameters, list(optimiser.state.values())

    same(updates, other, dtype)


def test_every_batch_has_the_same_samples(other):
    def orders():
        split = mp.datasets.digits().train
        return [y for _, y in mini_batches(split, 100, [3, 1])]

    same(orders, other, "float64")


# Moving


@nets
@pytest.mark.parametrize("fisher", ["empirical", "sampled"])
def test_kfac(build, fisher, other):
    def steps():
        net, tape, loss, y = problem(build, "float64")
        direction = mp.methods.KFAC(damping=0.3, fisher=fisher)
        return [direction(net, tape, loss, y), direction(net, tape, loss, y)]

    same(steps, other, "float64")


def test_a_run_of_kfac_goes_on_on_the_other_backend(other, tmp_path):
    net, *_ = train(2, "numpy", direction=mp.methods.KFAC(1.0))
    train(1, "numpy", direction=mp.methods.KFAC(1.0), checkpoint=tmp_path / "c.npz")
    direction = mp.methods.KFAC(1.0)
    moved, *_ = train(2, other, direction=direction, checkpoint=tmp_path / "c.npz", resume=True)
    assert type(direction.state["Omega"][0]).__module__.partition(".")[0] == other
    for theta, reference in zip(moved.parameters, net.parameters, strict=True):
        assert relative(mp.to_numpy(theta), reference) < 1e-10


@pytest.mark.parametrize("backward", [False, True])
@dtypes
def test_nets_of_cells_run_forward(dtype, backward, other):
    def run():
        learner = vsml.Learner(vsml.LSTMCell(seed=1, dtype=dtype), (5, 4, 3), 2, backward=backward)
        y = backend.asarray(np.arange(12).reshape(2, 6) % 3)
        return [learner.run(normal(dtype, 2, 6, 5), y), *learner.states[0], *learner.states[1]]

    same(run, other, dtype)


@dtypes
def test_hand_set_and_cloned_cells_run_forward(dtype, other):
    def run_both():
        net = mp.Sequential(mp.Tanh(), mp.Linear(5, 4), mp.Tanh(), mp.Linear(4, 3), seed=0, dtype=dtype)
        states = vsml.HandSetCell(0.1).states(net)
        clone = vsml.CloneCell(0.1, vsml.clone_net(seed=1, dtype=dtype))
        x, y = normal(dtype, 6, 5), backend.asarray(np.arange(6) % 3)
        return [hand_set.run(cell, states, x, y) for cell in (vsml.HandSetCell(0.1), clone)]

    same(run_both, other, dtype)


@dtypes
def test_clones_in_the_lstm_run_forward(dtype, other):
    def run():
        net = mp.Sequential(mp.Tanh(), mp.Linear(5, 4, bias=False), seed=0, dtype=dtype)
        clone = vsml.LSTMClone(vsml.imitator(seed=1, dtype=dtype))
        x, y = normal(dtype, 4, 5), backend.asarray(np.arange(4))
        states, logits = hand_set.run(clone, clone.states(net), x, y)
        return [logits, clone.weight(states[0])]

    same(run, other, dtype)


def test_an_imitation_is_trained_on_the_other_backend(other):
    def run():
        chosen = LSTMCloning(blocks=1, every=2, batch=3)
        state = chosen.begin()
        chosen.advance(state, 1)
        return [*state.net.parameters, backend.asarray(state.c)]

    same(run, other, "float32")


def test_directions_of_meta_training(other):
    def both():
        tasks = functools.partial(vsml.gaussian_tasks, N=2, T=3, inputs=4, classes=2)
        net = vsml.Episode(vsml.LSTMCell(seed=1, dtype="float64"), (4, 2), 3)
        metas = [vsml.Through(net, tasks), vsml.Search(net, tasks, population=6)]
        metas.append(vsml.Through(net, tasks, functools.partial(mp.proxprop, tau_theta=1.0)))
        longer = vsml.Windows(metas[0], functools.partial(tasks, T=6), windows=2)
        later = [longer(np.random.default_rng(call))[2] for call in range(3)]
        return [*(meta(np.random.default_rng(0))[2] for meta in metas), *later]

    same(both, other, "float64")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rivals_of_cells(optimizer, other):
    def run():
        rivals = vsml.Rivals((4, 5, 3), [0.1, 0.2], optimizer, dtype="float64")
        for t in range(4):
            logits = rivals.predict(normal("float64", 1, 4, seed=t))
            rivals.learn(logits, backend.asarray(np.array([t % 3])))
        return rivals.theta

    same(run, other, "float64")


def test_a_stream_is_learned_on_the_other_backend(other, tmp_path):
    one, two = Online(marks=2, every=5), Online(marks=2, every=5, method="adam")
    for k, run in enumerate((one, two)):
        here = execute(run, tmp_path / f"{k}", backend="numpy")
        there = execute(run, tmp_path / f"{k}-there", backend=other)
        assert (here.accuracy, here.recent) == (there.accuracy, there.recent)


def test_a_net_moves_with_its_views_and_keeps_every_bit(other):
    net = mp.Sequential(mp.Linear(3, 4), mp.ReLU(), mp.Linear(4, 2, bias=False), seed=3)
    before = [theta.copy() for theta in net.parameters]
    assert net.to(other) is net
    assert {type(theta).__module__.partition(".")[0] for theta in net.parameters} == {other}
    first = net.transfers[0]
    first.bias[...] = 7
    assert mp.to_numpy(net.parameters[0][-1]).tolist() == [7] * 4  # still views
    first.bias[...] = backend.moved(before[0][-1], other)
    net.to("numpy")
    for theta, old in zip(net.parameters, before, strict=True):
        assert (theta.dtype, theta.tobytes()) == (old.dtype, old.tobytes())
    assert net.to("numpy").parameters[0] is net.parameters[0]


def test_data_move_into_a_new_set(other):
    data = mp.datasets.digits()
    there = data.to(other)
    assert repr(there) == repr(data)
    assert type(data.train.x) is np.ndarray
    assert type(there.test.y).__module__.partition(".")[0] == other
    back = there.to("numpy")
    for part in ("train", "validation", "test"):
        one, two = getattr(data, part), getattr(back, part)
        assert (one.x.tobytes(), one.y.tobytes()) == (two.x.tobytes(), two.y.tobytes())
        assert (one.x.dtype, one.y.dtype) == (two.x.dtype, two.y.dtype)


@optimisers
def test_an_optimiser_follows_its_net_or_says_so(make, other):
    def step(net, optimiser):
        d = [backend.moved(np.ones(theta.shape), home(net)) for theta in net.parameters]
        optimiser.step(d)

    def home(net):
        return type(net.parameters[0]).__module__.partition(".")[0]

    nets = [mp.Sequential(mp.Linear(3, 2), seed=1, dtype="float64") for _ in range(2)]
    one, two = (make(net) for net in nets)
    for net, optimiser in zip(nets, (one, two), strict=True):
        step(net, optimiser)
    nets[1].to(other)
    if two.state:
        with raises(TypeError, type(two).__name__, f"live on {other}", "numpy", f'optimizer.to("{other}")'):
            step(nets[1], two)
    assert two.to(other) is two
    for net, optimiser in zip(nets, (one, two), strict=True):
        step(net, optimiser)
    assert two.steps_done == 2
    assert relative(mp.to_numpy(nets[1].parameters[0]), nets[0].parameters[0]) < 1e-15


# Training


def train(epochs, place, make=OPTIMISERS[2], direction=STEPS[-1], **options):
    """The net, the optimiser and the history, but for the seconds, of a run on a backend."""
    with mp.use(place):
        data = mp.datasets.blobs(dtype="float64")
        layers = [mp.Linear(2, 10), mp.ReLU(), mp.Dropout(0.2), mp.Linear(10, 3)]
        net = mp.Sequential(*layers, seed=0, dtype="float64")
        optimiser = make(net)
        options = {"epochs": epochs, "batch_size": 50, **options}
        history = mp.train(net, data, mp.CrossEntropy(), optimiser, direction, **options).to_dict()
        del history["seconds"]
        return net, optimiser, history


@pytest.mark.parametrize("make", OPTIMISERS[1:])
@pytest.mark.parametrize("there_first", [True, False])
def test_a_run_goes_on_on_the_other_backend(make, there_first, other, tmp_path):
    first, then = (other, "numpy") if there_first else ("numpy", other)
    net, _, expected = train(4, "numpy", make)
    train(2, first, make, checkpoint=tmp_path / "c.npz")
    moved, optimiser, history = train(4, then, make, checkpoint=tmp_path / "c.npz", resume=True)
    assert optimiser.steps_done == 4 * 8
    for theta, reference in zip(moved.parameters, net.parameters, strict=True):
        assert type(theta).__module__.partition(".")[0] == then
        assert relative(mp.to_numpy(theta), reference) < 1e-10
    assert history["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-10)


def test_curves_of_an_experiment(other, tmp_path):
    part = quick(X1).select(epochs=3)
    in_float64 = {name: replace(method, dtype="float64") for name, method in part.methods.items()}
    part = replace(part, methods=in_float64)  # float32 would blow rounding up, more at every step
    expected = mp.experiments.run(part, tmp_path / "numpy")
    found = mp.experiments.run(part, tmp_path / other, backend=other)
    assert len(found) == 5
    for name, history in found.items():
        assert history.train_loss == pytest.approx(expected[name].train_loss, rel=1e-5)
        assert history.batch_loss == pytest.approx(expected[name].batch_loss, rel=1e-5, nan_ok=True)
        environment = json.loads((tmp_path / other / name / "environment.json").read_text())
        assert (environment["backend"], environment["tf32"]) == (other, False)
        assert environment["gpu"]
    assert mp.experiments.run(part, tmp_path / other) == found  # the same runs, whatever the backend


def test_the_workers_of_an_executor_compute_on_the_chosen_backend(other, tmp_path):
    part = quick(X1).select(methods=["backprop", "exact", "cg3"], epochs=1)
    with ThreadPoolExecutor(3) as pool, mp.use(other):
        histories = mp.experiments.run(part, tmp_path, pool)
    assert backend.current()["name"] == "numpy"
    for name in histories:
        assert json.loads((tmp_path / name / "environment.json").read_text())["backend"] == other


def test_a_finished_run_needs_no_backend(tmp_path):
    run = Run(data="blobs", architecture="2-10-3", epochs=1)
    history = execute(run, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "_load", lambda name: pytest.fail(f"{name} was asked for"))
        assert execute(run, tmp_path, backend="cupy") == history


# Nothing is fetched within a step


@pytest.fixture
def strict(monkeypatch):
    strict_arrays.install(monkeypatch)
    with mp.use(strict_arrays.NAME) as module:
        yield module


def one_step(build, direction, make):
    net, tape, loss, y = problem(build, "float32", n=6)
    x, optimiser = tape.values[0], make(net)
    with strict_arrays.fetches_forbidden():
        for seed in range(2):
            tape = mp.forward(net, x, training=True, seed=seed)
            value = loss(tape.output, y)
            optimiser.step(direction(net, tape, loss, y))
    assert float(value) > 0


@nets
@directions
@optimisers
def test_a_step_fetches_nothing(build, direction, make, strict):
    one_step(build, direction, make)


@directions
def test_an_epoch_fetches_one_number_and_waits_before_the_clock_is_read(direction, strict, monkeypatch):
    """The loss is fetched once, at the end of the epoch; the clock is read after a wait for the device."""
    events = []
    monkeypatch.setattr("minprox.learning.training.mini_batches", noting(events, "batches", mini_batches))
    monkeypatch.setattr(strict_arrays, "fetch", events.append)
    monkeypatch.setattr(strict_arrays.Device, "synchronize", lambda self: events.append("wait"))
    monkeypatch.setattr("minprox.learning.training.time.perf_counter", lambda: events.append("clock") or 0.0)
    train(1, strict_arrays.NAME, direction=direction)
    first = events.index("clock")
    last = first + 1 + events[first + 1 :].index("clock")
    assert events[first - 1 : last + 1] == ["wait", "clock", "batches", "__float__", "wait", "clock"]


def noting(events, name, function):
    @functools.wraps(function)
    def noted(*args):
        events.append(name)
        return function(*args)

    return noted


@pytest.mark.parametrize(
    "plant",
    [
        lambda z: z * float(z.max()),
        lambda z: z if z.any() else 0 * z,
        lambda z: z * int(abs(z).argmax()),
        lambda z: z * z.max().item(),
        lambda z: z + strict_arrays.strictpy.asarray(z.get()),
        lambda z: z * len(z[z > 0]),
    ],
)
@pytest.mark.parametrize("where", ["forward", "adjoint"])
def test_a_planted_fetch_in_a_step_is_caught(plant, where, strict):
    def planted(dtype):
        layer = mp.Tanh()
        setattr(layer, where, lambda z, *rest: plant(z))
        return mp.Sequential(mp.Linear(4, 5), layer, mp.Linear(5, 3), dtype=dtype), (4,)

    net, shape = planted("float64")
    x, y, loss = normal("float64", 6, *shape), labels(6), mp.CrossEntropy()
    with strict_arrays.fetches_forbidden():
        if where == "adjoint":
            tape = mp.forward(net, x)  # this one is clean
        with pytest.raises(strict_arrays.FetchError):
            mp.backprop(net, tape, loss, y) if where == "adjoint" else mp.forward(net, x)


def test_planted_numbers_in_a_fused_update_are_caught(strict):
    def combined(x, tau, mu):
        x += (tau * mu) * x

    def decided(x, tau, mu):
        x += x if tau else mu

    for function in (combined, decided):
        function(np.ones(3), 0.5, 0.5)
        with pytest.raises(TypeError):
            backend.fused(function)(strict.ones(3), 0.5, 0.5)


@directions
@pytest.mark.parametrize("other", [CUPY])
def test_cupy_itself_detects_no_synchronisation_in_a_step(direction, other):
    cupyx = pytest.importorskip("cupyx")
    with mp.use(other):
        net, tape, loss, y = problem(dense, "float32", n=6)
        optimiser = mp.Adam(net)
        optimiser.step(direction(net, tape, loss, y))  # kernels are compiled
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with cupyx.allow_synchronize(False):
                tape = mp.forward(net, tape.values[0])
                optimiser.step(direction(net, tape, loss, y))
