"""Optimisers against a literal implementation of their formulas, entry for entry."""

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.learning.optimizer import Optimizer
from minprox.learning.updates import flush


def sgd(theta, directions, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = np.zeros_like(theta)
    for k, g in enumerate(directions):
        tau = lr(k) if callable(lr) else lr
        g = g + weight_decay * theta
        v = momentum * v + g
        theta = theta - tau * (g + momentum * v if nesterov else v)
    return theta


def adam(theta, directions, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m = v = np.zeros_like(theta)
    for k, g in enumerate(directions):
        tau, t = lr(k) if callable(lr) else lr, k + 1
        g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean, square = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        theta = theta - tau * mean / (np.sqrt(square) + eps)
    return theta


def adamw(theta, directions, weight_decay=0.01, **options):
    m = v = np.zeros_like(theta)
    tau, (b1, b2), eps = options.get("lr", 1e-3), options.get("betas", (0.9, 0.999)), options.get("eps", 1e-8)
    for k, g in enumerate(directions):
        lr, t = tau(k) if callable(tau) else tau, k + 1
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        scaled = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
        theta = theta - lr * weight_decay * theta - lr * scaled
    return theta


def rmsprop(theta, directions, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0):
    v = b = np.zeros_like(theta)
    for k, g in enumerate(directions):
        g = g + weight_decay * theta
        v = alpha * v + (1 - alpha) * g**2
        b = momentum * b + g / (np.sqrt(v) + eps)
        theta = theta - (lr(k) if callable(lr) else lr) * b
    return theta


def schedule(epoch):
    return 0.3 / (1 + epoch)


variants = [
    (mp.SGD, sgd, {"lr": 0.3}),
    (mp.SGD, sgd, {"lr": schedule, "weight_decay": 0.1}),
    (mp.SGD, sgd, {"lr": 0.3, "momentum": 0.9}),
    (mp.SGD, sgd, {"lr": schedule, "momentum": 0.95, "nesterov": True}),
    (mp.SGD, sgd, {"lr": 0.3, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    (mp.Adam, adam, {}),
    (mp.Adam, adam, {"lr": schedule, "betas": (0.5, 0.75), "eps": 0.1}),
    (mp.Adam, adam, {"lr": 0.1, "weight_decay": 0.1}),
    (mp.Adam, adam, {"lr": 0.1, "betas": (0.0, 0.0)}),
    (mp.AdamW, adamw, {}),
    (mp.AdamW, adamw, {"lr": schedule, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.3}),
    (mp.RMSprop, rmsprop, {}),
    (mp.RMSprop, rmsprop, {"lr": schedule, "alpha": 0.5, "eps": 0.1, "weight_decay": 0.1}),
    (mp.RMSprop, rmsprop, {"alpha": 0.9, "momentum": 0.8, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("size", [1, 1000, 2**16, 2**16 + 1, 200_003])  # small, and larger than a cache
@pytest.mark.parametrize(("optimiser", "literal", "options"), variants)
def test_an_optimiser_is_its_formula(optimiser, literal, options, size, rng):
    """Without momentum it is the explicit step (E2)."""
    net = mp.Sequential(mp.Linear(1, size, bias=False), mp.Linear(size, 2), dtype="float64")
    arrays = net.parameters
    start = [theta.copy() for theta in arrays]
    steps = [[rng.standard_normal(theta.shape) for theta in arrays] for _ in range(4)]
    for step in steps:
        for d in step:
            d.setflags(write=False)
    one = optimiser(net, **options)
    for epoch, step in enumerate(steps):
        one.epoch = epoch
        one.step(step)
    assert one.steps_done == 4
    for l, theta in enumerate(net.parameters):
        assert theta is arrays[l]  # in place
        expected = literal(start[l], [step[l] for step in steps], **options)
        assert np.abs(theta - expected).max() <= 1e-14 * max(1, np.abs(expected).max())
        assert (theta != start[l]).all()


def test_directions_of_any_layout_are_read_right(rng):
    net = mp.Sequential(mp.Linear(300, 400, bias=False), dtype="float64")
    theta, d = net.parameters[0].copy(), rng.standard_normal((400, 300)).T
    mp.SGD(net, lr=0.5).step([d])
    assert (net.parameters[0] == theta - 0.5 * d).all()


@pytest.mark.parametrize(("optimiser", "options"), [(o, options) for o, _, options in variants])
def test_float32_parameters_and_state_stay_float32(optimiser, options):
    net = mp.Sequential(mp.Linear(3, 2))
    one = optimiser(net, **options)
    one.step([np.ones((4, 2))])  # even where the direction is float64
    assert {array.dtype.name for part in [net.parameters, *one.state.values()] for array in part} == {
        "float32"
    }


def test_the_learning_rate_follows_the_epoch():
    net = mp.Sequential(mp.Linear(3, 2))
    for optimiser in (mp.SGD(net, schedule), mp.Adam(net, schedule)):
        assert optimiser.tau == 0.3
        optimiser.epoch = 2
        assert optimiser.tau == pytest.approx(0.1)


def test_steps_of_another_shape_change_nothing():
    net = mp.Sequential(mp.Linear(3, 2), mp.Linear(2, 1))
    start = [theta.copy() for theta in net.parameters]
    for optimiser in (mp.SGD(net, 1.0, momentum=0.5), mp.Adam(net)):
        for wrong in ([np.ones((4, 2))], [np.ones((4, 2)), np.ones((2, 3))]):
            with raises(ValueError, "(4, 2)", "(3, 1)", str([d.shape for d in wrong])):
                optimiser.step(wrong)
        assert optimiser.steps_done == 0
        assert not any(array.any() for part in optimiser.state.values() for array in part)
    for theta, old in zip(net.parameters, start, strict=True):
        assert (theta == old).all()


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda net: mp.SGD(net, -0.1), ["SGD", "lr", "-0.1"]),
        (lambda net: mp.SGD(net, float("nan")), ["SGD", "lr", "nan"]),
        (lambda net: mp.SGD(net, float("inf")), ["SGD", "lr", "inf"]),
        (lambda net: mp.SGD(net, 0.1, momentum=1.0), ["SGD", "momentum", "1.0"]),
        (lambda net: mp.SGD(net, 0.1, momentum=-0.5), ["SGD", "momentum", "-0.5"]),
        (lambda net: mp.SGD(net, 0.1, nesterov=True), ["SGD", "nesterov", "momentum"]),
        (lambda net: mp.SGD(net, 0.1, weight_decay=-1), ["SGD", "weight_decay", "-1"]),
        (lambda net: mp.Adam(net, -1), ["Adam", "lr", "-1"]),
        (lambda net: mp.Adam(net, betas=(0.9, 1.0)), ["Adam", "betas", "1.0"]),
        (lambda net: mp.Adam(net, betas=(-0.1, 0.9)), ["Adam", "betas", "-0.1"]),
        (lambda net: mp.Adam(net, eps=0), ["Adam", "eps", "0"]),
        (lambda net: mp.AdamW(net, betas=(0.9, 1.0)), ["betas of AdamW", "1.0"]),
        (lambda net: mp.AdamW(net, weight_decay=-0.1), ["weight_decay of AdamW", "-0.1"]),
        (lambda net: mp.RMSprop(net, alpha=1), ["alpha of RMSprop", "1"]),
        (lambda net: mp.RMSprop(net, eps=0), ["eps of RMSprop", "0"]),
        (lambda net: mp.RMSprop(net, momentum=-0.1), ["momentum of RMSprop", "-0.1"]),
        (lambda net: mp.Adam(net, weight_decay=float("nan")), ["Adam", "weight_decay", "nan"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(make, parts):
    with raises(ValueError, *parts):
        make(mp.Sequential(mp.Linear(3, 2)))


def test_optimisers_print_what_they_are():
    net = mp.Sequential(mp.Linear(3, 2))
    assert repr(mp.SGD(net, 0.1, 0.9, True)) == "SGD(lr=0.1, momentum=0.9, nesterov=True)"
    assert repr(mp.Adam(net)) == "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08)"
    assert repr(mp.AdamW(net)) == "AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"
    assert repr(mp.RMSprop(net)) == "RMSprop(lr=0.01, alpha=0.99, eps=1e-08, momentum=0.0)"


FADING = {
    "heavy ball": lambda net: mp.SGD(net, lr=0.1, momentum=0.95),
    "Nesterov": lambda net: mp.SGD(net, lr=0.1, momentum=0.95, nesterov=True),
    "Adam": lambda net: mp.Adam(net),
    "AdamW": lambda net: mp.AdamW(net),
    "RMSprop": lambda net: mp.RMSprop(net, momentum=0.95),
}


@pytest.mark.parametrize("make", FADING.values(), ids=FADING)
def test_the_state_of_a_dead_unit_fades_to_zero(make):
    """By a factor alone it would rest at subnormal numbers: ``0.95 v`` rounds to ``v``, and is slow."""
    net = mp.Sequential(mp.Linear(2, 3), dtype="float32", seed=0)
    optimizer = make(net)
    optimizer.step([np.full((3, 3), 1e-17, np.float32)])
    for _ in range(3200):
        optimizer.step([np.zeros((3, 3), np.float32)])
    assert optimizer.state
    assert not any(v.any() for values in optimizer.state.values() for v in values)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [np.array, np.transpose, lambda v: v[::2, 1:], lambda v: v[0, 0]])
def test_flushing_touches_subnormal_numbers_alone(dtype, layout):
    tiny, least = np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal
    row = [least, -least, tiny - least, least - tiny, tiny, -tiny, 1, 0, np.inf, np.nan]
    flushed = [0, 0, 0, 0, tiny, -tiny, 1, 0, np.inf, np.nan]
    v, expected = (layout(np.array([line] * 5, dtype)) for line in (row, flushed))
    v = v if v.ndim else np.array(v)
    flush([v])
    np.testing.assert_array_equal(v, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flushing_early_takes_what_is_nothing_beside_any_parameter(dtype):
    tiny, eps = (float(getattr(np.finfo(dtype), name)) for name in ("tiny", "eps"))
    v = np.array([tiny, -100 * tiny, 0.9 * tiny / eps, 1.1 * tiny / eps, -1, np.nan], dtype)
    expected = [0, 0, 0, *v[3:]]
    flush([v], early=True)
    np.testing.assert_array_equal(v, np.array(expected, dtype))


def test_a_state_of_whole_numbers_is_left_alone():
    class Counting(Optimizer):
        def update(self, parameters, directions):
            self.state["steps"][0] += 1

    optimizer = Counting(mp.Sequential(mp.Linear(1, 1, bias=False)), lr=0.1)
    optimizer.state = {"steps": [np.zeros((1, 1), int)]}
    for _ in range(65):
        optimizer.step([np.zeros((1, 1), np.float32)])
    assert optimizer.state["steps"][0] == 65


def test_flushing_leaves_the_way_of_the_parameters_as_it_is():
    """A literal Nesterov step without it ends at the same bits, with velocity that is nothing by then."""
    rng = np.random.default_rng(0)
    net = mp.Sequential(mp.Linear(9, 6, bias=False), dtype="float32", seed=0)
    theta, v = net.parameters[0].copy(), np.zeros((9, 6), np.float32)
    optimizer = mp.SGD(net, lr=0.05, momentum=0.7, nesterov=True)
    tau, mu = np.float32(0.05), np.float32(0.7)
    for _ in range(400):
        g = rng.standard_normal((9, 6), dtype=np.float32) * (rng.random((9, 6)) < 0.002)
        v = mu * v + g
        theta = theta - tau * (g + mu * v)
        optimizer.step([g])
    np.testing.assert_array_equal(net.parameters[0], theta)
    assert np.any((v != 0) & (optimizer.state["velocity"][0] == 0))
