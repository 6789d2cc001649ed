"""Nets, tapes and optimisers are values: a copy, also in another process, is the same and independent."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import minprox as mp

loss = mp.CrossEntropy()


def dense():
    layers = [mp.Linear(6, 8), mp.ReLU(), mp.Dropout(0.3), mp.Linear(8, 7, bias=False), mp.GELU()]
    return mp.Sequential(*layers, mp.Linear(7, 3), seed=1), (6,)


def images():
    x, shared = mp.Input((2, 5, 4)), mp.Conv2d(4, 4, 3, padding=1, groups=2)
    h = mp.Tanh()(mp.Conv2d(2, 4, 3, padding=1)(x))
    h = mp.Add()(h, mp.ReLU()(shared(mp.Tanh()(shared(h)))))
    h = mp.Concat()(mp.MaxPool2d(2)(h), mp.AvgPool2d(2)(h))
    return mp.Graph(x, mp.Linear(8, 3)(mp.GlobalAvgPool2d()(h)), seed=1, dtype="float64"), (2, 5, 4)


WAYS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda v, n=n: pickle.loads(pickle.dumps(v, n)) for n in range(2, 6)},
}
ways = pytest.mark.parametrize("again", WAYS.values(), ids=WAYS)
builds = pytest.mark.parametrize("build", [dense, images])


def problem(build):
    net, shape = build()
    rng = np.random.default_rng(0)
    return net, rng.standard_normal((5, *shape)), rng.integers(0, 3, 5)


def directions(net, x, y, tape=None):
    """Gradients and implicit steps, and the masks drawn on the way."""
    tape = tape or mp.forward(net, x, training=True, seed=3)
    return [
        *mp.backprop(net, tape, loss, y),
        *mp.proxprop(net, tape, loss, y, 0.3),
        mp.input_gradient(net, tape, loss, y),
    ]


def equal(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def independent(one, other):
    return not any(np.shares_memory(a, b) for a in one for b in other)


@ways
@builds
def test_a_net_is_a_value(again, build):
    net, x, y = problem(build)
    expected, start = directions(net, x, y), [theta.copy() for theta in net.parameters]
    twin = again(net)
    assert type(twin) is type(net)
    assert str(twin) == str(net)
    assert equal(directions(twin, x, y), expected)
    assert independent(net.parameters, twin.parameters)
    twin.parameters[0][...] = 0
    mp.SGD(twin, 1.0).step(mp.backprop(twin, mp.forward(twin, x), loss, y))
    assert equal(net.parameters, start)
    assert equal(directions(net, x, y), expected)
    with pytest.raises(ValueError, match="another net"):
        mp.backprop(twin, mp.forward(net, x), loss, y)


@ways
def test_shared_layers_stay_shared_in_a_copy_and_with_the_nets_copied_along(again):
    net, _ = images()
    twin = again(net)
    assert [len(places) for places in twin.places] == [len(places) for places in net.places] == [1, 2, 1]
    body = mp.Linear(4, 3)
    one = mp.Sequential(body, mp.Linear(3, 2), seed=1)
    other = mp.Sequential(body, mp.Tanh())
    first, second = again((one, other))
    first.parameters[0][...] = 5
    assert (second.parameters[0] == 5).all()
    assert not (body.theta == 5).any()


@ways
@builds
def test_a_tape_is_a_value(again, build):
    net, x, y = problem(build)
    tape = mp.forward(net, x, training=True, seed=3)
    expected, before = directions(net, x, y, tape), [value.copy() for value in tape.values]
    twin = again(tape)
    assert str(twin) == str(tape)
    assert independent(tape.values, twin.values)
    for value in twin.values[1:]:
        value[...] = 0
    assert equal(tape.values, before)
    twin = again(tape)
    assert equal(directions(twin.net, x, y, twin), expected)
    twin_net, both = again((net, tape))  # a net and its tape go together
    assert equal(directions(twin_net, x, y, both), expected)


@ways
@pytest.mark.parametrize(
    "make",
    [
        lambda net: mp.SGD(net, 0.1),
        lambda net: mp.SGD(net, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        mp.Adam,
    ],
)
def test_an_optimiser_is_a_value(again, make):
    net, x, y = problem(dense)
    optimiser = make(net)

    def step(one):
        one.step(mp.proxprop(one.net, mp.forward(one.net, x), loss, y, 0.3))

    step(optimiser)
    twin = again(optimiser)
    middle = [theta.copy() for theta in net.parameters]
    for _ in range(2):
        step(twin)
    assert equal(net.parameters, middle)
    assert optimiser.steps_done == 1
    for _ in range(2):
        step(optimiser)
    assert equal(net.parameters, twin.net.parameters)
    assert not equal(net.parameters, middle)


@ways
def test_a_long_chain_is_a_value(again):
    layers = [mp.Linear(2, 2) if i % 200 == 0 else mp.Tanh() for i in range(2000)]
    net = mp.Sequential(*layers, seed=0)
    x = np.ones((3, 2), "float32")
    twin = again(net)
    assert len(twin.nodes) == 2001
    assert np.array_equal(mp.forward(twin, x).output, mp.forward(net, x).output)
    assert equal(again(mp.forward(net, x)).values, mp.forward(net, x).values)


def work(net, tape, x, y):
    """What a process does with a net and a tape that come to it."""
    found = directions(net, x, y), directions(net, x, y, tape)
    mp.SGD(net, 0.5).step(mp.backprop(net, tape, loss, y))
    return found, net


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_net_in_a_pool_of_processes(method):
    net, x, y = problem(images)
    tape, start = mp.forward(net, x), [theta.copy() for theta in net.parameters]
    expected = directions(net, x, y), directions(net, x, y, tape)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        found, twin = pool.submit(work, net, tape, x, y).result()
    for one, other in zip(found, expected, strict=True):
        assert equal(one, other)
    assert equal(net.parameters, start)
    mp.SGD(net, 0.5).step(mp.backprop(net, tape, loss, y))
    assert equal(net.parameters, twin.parameters)
