"""Threads share parts: the same bits, whole errors, no deadlock, and nothing where it would not pay."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import strict_arrays
from threadpoolctl import ThreadpoolController

import minprox as mp
from minprox.engine.layers import patches
from minprox.experiments import Processes
from minprox.ground import blas, parallel
from minprox.ground.blas import blas_threads, limit_blas_threads, one_blas_thread
from minprox.ground.parallel import contiguous, in_parts, pieces, share
from minprox.learning import updates

ARRAY = np.zeros(1)


def allow(monkeypatch, count):
    """As many threads, whatever the machine; small arrays count as large."""
    monkeypatch.setattr(parallel, "threads", lambda: 1 if parallel._inside.get() else count)
    monkeypatch.setattr(parallel, "LEAST", 1)
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    monkeypatch.setattr(parallel, "PART", 50)
    monkeypatch.setattr(parallel, "PASS", 50)
    monkeypatch.setattr(patches, "LEAST", 4)
    monkeypatch.setattr(patches, "BLOCK", 1)


@pytest.fixture
def two(monkeypatch):
    allow(monkeypatch, 2)


def meeting():
    """Work of two parts, each of which ends only once the other has begun."""
    barrier = threading.Barrier(2, timeout=30)
    return lambda some: [barrier.wait() for _ in some]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_part_is_done_once(count, monkeypatch):
    allow(monkeypatch, count)
    done = []
    share(ARRAY, range(20), lambda some: done.extend(some))
    assert sorted(done) == list(range(20))


def test_threads_work_side_by_side(two):
    share(ARRAY, range(2), meeting())
    names = set()
    meet = meeting()
    share(
        ARRAY, range(2), lambda some: [(names.add(threading.current_thread().name), meet([0])) for _ in some]
    )
    assert len(names) == 2


def test_threads_go_by_the_limit_of_blas():
    with limit_blas_threads(1):
        assert parallel.threads() == 1
    if blas_threads() is not None:
        with limit_blas_threads(2):
            assert parallel.threads() == min(2, len(os.sched_getaffinity(0)))


# The same bits


def results(seed):
    """What every layer that threads share computes, on arrays of several layouts."""
    rng = np.random.default_rng(seed)
    found = []
    for conv in [
        mp.Conv2d(4, 6, 3, padding=1),
        mp.Conv2d(4, 6, (3, 2), stride=(2, 1), groups=2),
        mp.Conv2d(4, 4, 3, dilation=(2, 1), padding=2, groups=4, bias=False),
        mp.Conv1d(4, 6, 5, stride=2, padding="same"),
    ]:
        shape = (11, 4, 9, 7)[: conv.axes + 2]
        for a in (rng.standard_normal(shape, "float32"), rng.standard_normal(shape[1:] + shape[:1]).T):
            a = a.reshape(shape)
            theta = rng.standard_normal(conv.theta_shape).astype(a.dtype)
            z = conv.forward(theta, a)
            delta = rng.standard_normal(z.shape).astype(a.dtype)
            A = conv.linear_map(a)
            found += [z, conv.adjoint_theta(a, delta), conv.adjoint_input(theta, a, delta), A.matrix()]
            found += [A.T.gram(), A.T.gram("float32")]
            for layer in (
                mp.MaxPool2d(2),
                mp.MaxPool2d(3, stride=1, padding=1),
                mp.AvgPool2d(2, ceil_mode=True),
            ):
                if conv.axes == 2:
                    output = layer.forward(z)
                    error = rng.standard_normal(output.shape).astype(a.dtype)
                    found += [output, layer.adjoint(error, output, z)]
            layers = (mp.ReLU(), mp.Tanh(), mp.GELU(), mp.LeakyReLU(), mp.SiLU(), mp.Softplus(), mp.ELU())
            for layer in (*layers, mp.LayerNorm(), mp.Softmax()):
                output = layer.forward(z)
                found += [output, layer.adjoint(delta, output, z)]
                found += [layer.bend(delta, delta, output, z)] if layer.bends else []
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_the_bits_do_not_depend_on_the_threads(count, monkeypatch):
    allow(monkeypatch, 1)
    alone = results(0)
    allow(monkeypatch, count)
    for _ in range(3):
        for one, other in zip(alone, results(0), strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other)


OPTIMISERS = {
    "descent": partial(mp.SGD, lr=0.1),
    "heavy ball": partial(mp.SGD, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": partial(mp.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "adam": partial(mp.Adam, lr=0.1, weight_decay=0.01),
    "adamw": partial(mp.AdamW, lr=0.1),
    "rmsprop": partial(mp.RMSprop, lr=0.1),
    "rmsprop heavy ball": partial(mp.RMSprop, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_bits_of_updates_do_not_depend_on_the_threads(name, monkeypatch):
    monkeypatch.setattr(updates, "BLOCK", 7)
    found = []
    for count in (1, 3):
        allow(monkeypatch, count)
        net = mp.Sequential(mp.Linear(9, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
        optimizer, rng = OPTIMISERS[name](net), np.random.default_rng(0)
        for _ in range(3):
            optimizer.step([rng.standard_normal(theta.shape, "float32") for theta in net.parameters])
        found.append([theta.copy() for theta in net.parameters])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_whole_passes_have_the_same_bits(monkeypatch):
    net = mp.Sequential(
        *(mp.Input((3, 8, 8)), mp.Conv2d(3, 5, 3, padding=1), mp.ReLU(), mp.MaxPool2d(2)),
        *(mp.Conv2d(5, 4, 3, padding=1), mp.Tanh(), mp.Flatten(), mp.Linear(64, 3)),
        seed=0,
    )
    x, y = np.random.default_rng(0).standard_normal((40, 3, 8, 8)).astype("float32"), np.arange(40) % 3

    def steps():
        loss, tape = mp.CrossEntropy(), mp.forward(net, x)
        solvers = (mp.Exact(), mp.BlockCG(3), mp.CG(2))
        found = [mp.proxprop(net, tape, loss, y, 0.1, solver) for solver in solvers]
        return [array for directions in (mp.backprop(net, tape, loss, y), *found) for array in directions]

    allow(monkeypatch, 1)
    alone = steps()
    allow(monkeypatch, 2)
    for one, other in zip(alone, steps(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 2, 3, 0), (3, 2, 0, 1)])
@pytest.mark.parametrize("count", [2, 4])
def test_pieces_cover_an_array_once_and_keep_its_layout(order, count, two):
    a = np.empty([(4, 5, 6, 7)[axis] for axis in order], "float32").transpose(np.argsort(order))
    a[...] = 0
    for piece in pieces(a, count, 50):
        a[piece] += 1
    assert (a == 1).all()
    assert mp.Tanh().forward(a).strides == a.strides
    assert (contiguous(a).flags.c_contiguous, contiguous(a).shape) == (True, a.shape)


def test_the_context_of_the_caller_holds_in_every_thread(two):
    z = np.zeros((40, 5))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        in_parts(lambda self, z: np.log(z))(None, z)
    seen = []
    with np.errstate(under="raise"):
        meet = meeting()
        share(ARRAY, range(2), lambda some: [(meet([0]), seen.append(np.geterr()["under"])) for _ in some])
    assert seen == ["raise", "raise"]


# Errors


class Refusal(Exception):
    pass


def refuse(part):
    raise Refusal(part)


def test_an_error_in_another_thread_reaches_the_caller_whole(two):
    here, barrier = threading.get_ident(), threading.Barrier(2, timeout=30)

    def work(some):
        for part in some:
            barrier.wait()
            if threading.get_ident() != here:
                refuse(part)

    before = blas_threads()
    with pytest.raises(Refusal) as caught:
        share(ARRAY, range(2), work)
    assert "refuse" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert (blas_threads(), blas._holds) == (before, 0)
    share(ARRAY, range(2), meeting())  # and goes on


def test_after_an_error_no_further_part_begins_and_none_is_left_running(two):
    done = []

    def work(some):
        for part in some:
            if part == 3:
                raise KeyboardInterrupt  # as Ctrl-C does, in whichever thread
            time.sleep(0.01)
            done.append(part)

    with pytest.raises(KeyboardInterrupt):
        share(ARRAY, range(1000), work)
    count = len(done)
    time.sleep(0.05)
    assert len(done) == count < 10


# Within each other, beside each other, in processes


def test_parts_that_share_themselves_do_so_alone(two):
    found = np.zeros((4, 6))

    def outer(some):
        for i in some:
            here = threading.get_ident()

            def inner(some, i=i, here=here):
                assert threading.get_ident() == here
                for j in some:
                    found[i, j] += 1

            share(ARRAY, range(6), inner)

    share(ARRAY, range(4), outer)
    assert (found == 1).all()


def test_many_threads_may_share_at_once(two):
    a = np.random.default_rng(0).standard_normal((50, 40))
    expected = np.tanh(a)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: mp.Tanh().forward(a), range(200)):
            np.testing.assert_array_equal(found, expected)
    assert blas._holds == 0


def test_blas_is_held_until_the_last_block_ends():
    if blas_threads() is None:
        pytest.skip("NumPy's BLAS tells nothing of its threads")
    with limit_blas_threads(2):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert (blas._get(), blas_threads()) == (1, 2)  # what it may use, and will again
        first.__exit__(None, None, None)
        with limit_blas_threads(1):
            assert (blas._get(), blas_threads()) == (1, 1)
        assert blas._get() == 1
        second.__exit__(None, None, None)
        assert blas._get() == 2


def child(queue, count):
    with pytest.MonkeyPatch.context() as patch:
        allow(patch, count)
        share(ARRAY, range(2), meeting())
        queue.put(hash(mp.Tanh().forward(np.linspace(0, 1, 1000)).tobytes()) if count == 1 else "met")


def blas_of(name):
    """What controls the BLAS that a package brings."""
    blas.lapack()
    return [
        each
        for each in ThreadpoolController().select(user_api="blas").lib_controllers
        if name in each.filepath
    ]


@pytest.mark.skipif(not blas_of("scipy.libs"), reason="SciPy brings no BLAS of its own")
def test_the_blas_of_scipy_is_held_with_that_of_numpy():
    (scipy,) = blas_of("scipy.libs")
    with limit_blas_threads(2):
        with one_blas_thread():
            assert scipy.num_threads == 1
            scipy.set_num_threads(2)  # as if it came only now
            blas.lapack.cache_clear()
            blas.lapack()
            assert scipy.num_threads == 1
        assert scipy.num_threads == 2
    with limit_blas_threads(1):
        scipy.set_num_threads(2)
        blas.lapack.cache_clear()
        blas.lapack()
        assert scipy.num_threads == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_fork_computes_and_so_does_its_parent(two):
    share(ARRAY, range(2), meeting())  # there are threads now, which no fork inherits
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, 2))
    process.start()
    assert queue.get(timeout=60) == "met"
    process.join(60)
    assert process.exitcode == 0
    share(ARRAY, range(2), meeting())


def meet():
    with pytest.MonkeyPatch.context() as patch:
        allow(patch, 2)
        share(ARRAY, range(2), meeting())
    return True


def test_spawned_processes_share_too(two):
    share(ARRAY, range(2), meeting())
    with Processes(1) as executor:
        assert executor.submit(meet).result(60)


# Programs: Ctrl-C, and the end

SCRIPT = """
import atexit, sys
import numpy as np
import minprox as mp
from minprox.ground import parallel

parallel.threads = lambda: 1 if parallel._inside.get() else 2
parallel.LEAST = parallel.PART = 1000
a = np.ones((100, 100))
"""


def script(body):
    return [sys.executable, "-c", SCRIPT + textwrap.dedent(body)]


@pytest.mark.skipif(os.name != "posix", reason="signals of other systems are others")
def test_ctrl_c_stops_a_program_in_the_middle_of_its_parts():
    body = """
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("ready", flush=True)
    try:
        while True:
            mp.Tanh().forward(a)
    except KeyboardInterrupt:
        assert (mp.Tanh().forward(a) == np.tanh(a)).all()
        sys.exit(42)
    """
    for delay in (0.0, 0.01, 0.05):
        with subprocess.Popen(script(body), stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "ready\n"
                time.sleep(delay)
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 42
            finally:
                process.kill()


def test_a_program_ends_and_may_compute_while_it_does():
    body = """
    mp.Tanh().forward(a)
    atexit.register(lambda: print((mp.Tanh().forward(a) == np.tanh(a)).all()))
    """
    found = subprocess.run(script(body), capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "True\n", "")


# Where it would not pay


def nobody(*arguments):
    raise AssertionError("a thread was asked for help")


def test_small_arrays_are_left_alone(monkeypatch):
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    monkeypatch.setattr(parallel, "ask", nobody)
    results(0)
    with pytest.raises(AssertionError, match="asked for help"):
        mp.ReLU().forward(np.zeros((1000, 1000)))


def test_another_device_is_left_alone(two, monkeypatch):
    xp = strict_arrays.install(monkeypatch)
    monkeypatch.setattr(parallel, "ask", nobody)
    with mp.use(strict_arrays.NAME):
        net = mp.Sequential(mp.Input((2, 8, 8)), mp.Conv2d(2, 4, 3), mp.ReLU(), mp.MaxPool2d(2), mp.Flatten())
        mp.forward(net, xp.asarray(np.ones((30, 2, 8, 8), "float32")))


def test_arrays_that_are_broadcast_are_left_whole(two):
    z = np.linspace(-1, 1, 200).reshape(20, 10)
    np.testing.assert_array_equal(mp.ReLU().adjoint(np.ones(10), z, z), 1.0 * (z > 0))


def test_a_limit_of_one_thread_asks_nobody(monkeypatch):
    monkeypatch.setattr(parallel, "ask", nobody)
    monkeypatch.setattr(parallel, "LEAST", 1)
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    with limit_blas_threads(1):
        results(0)


@pytest.mark.parametrize("layer", [mp.ReLU(), mp.MaxPool2d(2)])
def test_memory_is_that_of_the_result_and_a_few_parts(layer, monkeypatch):
    from minprox.bench.speed import peak

    a = np.random.default_rng(0).standard_normal((50, 8, 40, 40)).astype("float32")
    output = layer.forward(a)
    for task in (partial(layer.forward, a), partial(layer.adjoint, output, output, a)):
        result = task().nbytes
        allow(monkeypatch, 1)
        alone = peak(task)
        allow(monkeypatch, 2)
        monkeypatch.setattr(parallel, "PART", 2**12)
        monkeypatch.setattr(parallel, "PASS", 2**12)
        assert (
            peak(task) < result + 2 * (alone - result) + 2**14
        )  # each thread its part, and what threads cost
