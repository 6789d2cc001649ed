"""Losses: their values from the definition, their gradients as derivatives, their limits."""

import numpy as np
import pytest
from conftest import pairing, raises, relative, slope

import minprox as mp


def naive(z, y, smoothing=0.0):
    """−1/N Σ t·log(exp z / Σ exp z), term by term."""
    total = 0.0
    for row, label in zip(z, y, strict=True):
        for k, p in enumerate(np.exp(row) / np.exp(row).sum()):
            target = (1 - smoothing) * (k == label) + smoothing / len(row)
            total -= target * np.log(p)
    return total / len(z)


smoothings = pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.75])


@smoothings
def test_cross_entropy_is_its_definition(smoothing, rng):
    z, y = rng.standard_normal((7, 5)), rng.integers(0, 5, 7)
    loss = mp.CrossEntropy(smoothing)
    assert float(loss(z, y)) == pytest.approx(naive(z, y, smoothing), rel=1e-14)
    assert float(loss(z + 100, y)) == pytest.approx(naive(z, y, smoothing), rel=1e-12)


@pytest.mark.parametrize("loss", [mp.CrossEntropy(), mp.CrossEntropy(0.3), mp.SquaredError()], ids=repr)
def test_gradients_are_derivatives(loss, rng):
    z, v = rng.standard_normal((2, 7, 5))
    y = rng.standard_normal(z.shape) if isinstance(loss, mp.SquaredError) else rng.integers(0, 5, 7)
    difference = slope(lambda t: loss(z + t * v, y))
    assert difference == pytest.approx(pairing([loss.gradient(z, y)], [v]), rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@smoothings
def test_extreme_outputs_are_stable(dtype, smoothing):
    z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [1e4, 1e4, -1e4]], dtype)
    loss, s = mp.CrossEntropy(smoothing), smoothing / 3
    value = loss(z, np.array([0, 0, 2]))
    # log p = (0, −2e4, −1e4), (−2e4, 0, −1e4), (−log 2, −log 2, −2e4 − log 2)
    expected = (s * 3e4 + (1 - smoothing) * 2e4 + s * 3e4 + (1 - smoothing) * 2e4 + s * 2e4) / 3
    assert float(value) == pytest.approx(expected, rel=1e-4)
    gradient = loss.gradient(z, np.array([0, 0, 2]))
    one_hot = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    p = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    assert relative(gradient, (p - (1 - smoothing) * one_hot - s) / 3) < 1e-6
    assert gradient.dtype == value.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_class_that_is_ruled_out_costs_nothing_unless_it_is_the_target(dtype):
    z, ruled_out = np.array([[1, 2, -np.inf]], dtype), np.array([[1, 2, -50]], dtype)
    loss, smoothed = mp.CrossEntropy(), mp.CrossEntropy(0.1)
    assert float(loss(z, np.array([1]))) == pytest.approx(np.log1p(np.exp(-1)), rel=1e-6)  # 0.31326
    p = np.exp([-1.0, 0]) / (1 + np.exp(-1))
    assert relative(loss.gradient(z, np.array([1])), [[p[0], p[1] - 1, 0]]) < 1e-6
    assert loss(z, np.array([2])) == np.inf
    assert relative(loss.gradient(z, np.array([2])), [[p[0], p[1], -1]]) < 1e-6
    for label in range(3):
        y = np.array([label])
        assert smoothed(z, y) == np.inf
        assert relative(smoothed.gradient(z, y), smoothed.gradient(ruled_out, y)) < 1e-6
    motion = np.array([[1, 3, 7]], dtype)
    assert relative(loss.tangent(z, y, motion), loss.tangent(ruled_out, y, motion)) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_further_apart_than_the_largest_float(dtype):
    large = np.finfo(dtype).max
    z = np.array([[large, -large, 0]], dtype)
    for label, value in enumerate([0, np.inf, large]):
        y = np.array([label])
        assert mp.CrossEntropy()(z, y) == value
        assert (mp.CrossEntropy().gradient(z, y) == np.eye(3)[0] - np.eye(3)[label]).all()


def test_a_sure_and_right_output_costs_nothing():
    z, y = np.array([[1e4, 0], [0, 1e4]]), np.array([0, 1])
    assert mp.CrossEntropy()(z, y) == 0
    assert not mp.CrossEntropy().gradient(z, y).any()


def test_squared_error_is_its_definition(rng):
    z, y = rng.standard_normal((2, 4, 3))
    loss = mp.SquaredError()
    value = sum((z[n, k] - y[n, k]) ** 2 for n in range(4) for k in range(3)) / 8
    assert float(loss(z, y)) == pytest.approx(value, rel=1e-14)
    assert relative(loss.gradient(z, y), (z - y) / 4) < 1e-15
    v = rng.standard_normal(z.shape)
    assert relative(loss.gradient(z + v, y) - loss.gradient(z, y), loss.curvature(y) * v) < 1e-14
    assert loss(y, y) == 0


def test_losses_keep_float32_and_write_to_nothing(rng):
    z = rng.standard_normal((4, 3)).astype("float32")
    labels, targets = rng.integers(0, 3, 4), rng.standard_normal((4, 3))
    for array in (z, labels, targets):
        array.setflags(write=False)
    for loss, y in [(mp.CrossEntropy(np.float64(0.1)), labels), (mp.SquaredError(), targets)]:
        assert loss.gradient(z, y).dtype == "float32"
        assert np.ndim(loss(z, y)) == 0


def test_right_answers_are_counted():
    z = np.array([[1.0, 2], [3, 1], [0, 5]])
    assert mp.CrossEntropy().correct(z, np.array([1, 1, 1])) == 2
    assert mp.SquaredError().correct(z, z) is None


def test_losses_print_as_the_call_that_makes_them():
    assert repr(mp.CrossEntropy()) == "CrossEntropy()"
    assert repr(mp.CrossEntropy(0.1)) == "CrossEntropy(label_smoothing=0.1)"
    assert repr(mp.SquaredError()) == "SquaredError()"


@pytest.mark.parametrize("smoothing", [-0.1, 1, float("nan")])
def test_label_smoothing_out_of_range(smoothing):
    with raises(ValueError, "label_smoothing", "[0, 1)", repr(smoothing)):
        mp.CrossEntropy(smoothing)


@pytest.mark.parametrize(
    ("shape", "y", "error", "parts"),
    [
        ((4,), [0, 1, 0, 1], ValueError, ["(N, classes)", "(4,)"]),
        ((2, 3, 3, 3), [0, 1], ValueError, ["(N, classes)", "(2, 3, 3, 3)"]),
        ((2, 3), [0.0, 1.0], TypeError, ["integer", "float64"]),
        ((2, 3), [True, False], TypeError, ["integer", "bool"]),
        ((2, 3), [0, 1, 2], ValueError, ["(2,)", "(3,)"]),
        ((2, 3), [[0], [1]], ValueError, ["(2,)", "(2, 1)"]),
        ((2, 3), [0, 3], ValueError, ["0 to 2", "0 to 3"]),
        ((2, 3), [-1, 2], ValueError, ["0 to 2", "-1 to 2"]),
    ],
)
def test_labels_that_do_not_fit(shape, y, error, parts):
    for call in (mp.CrossEntropy(), mp.CrossEntropy().gradient):
        with raises(error, "CrossEntropy", *parts):
            call(np.zeros(shape), np.array(y))


def test_targets_that_do_not_fit():
    for call in (mp.SquaredError(), mp.SquaredError().gradient):
        with raises(ValueError, "SquaredError", "(4, 3)", "(4,)"):
            call(np.zeros((4, 3)), np.zeros(4))
    with raises(TypeError, "list"):
        mp.SquaredError()(np.zeros((1, 1)), [[0.0]])


# Losses of one's own


class Gradient:
    """What a pass needs, and no more; it derives from nothing."""

    def gradient(self, output, y):
        return (output - y) / len(y)


class Whole(Gradient):
    def __call__(self, output, y):
        return ((output - y) ** 2).sum() / (2 * len(y))

    def correct(self, output, y):
        return None


def line():
    x = np.linspace(0, 1, 20)[:, None]
    split = mp.datasets.Split(x, 2 * x)
    return mp.datasets.Dataset("line", split, split, split), x, 2 * x


def test_a_loss_that_derives_from_nothing_gives_the_same_passes_and_the_same_training():
    data, x, y = line()
    results = []
    for loss in (mp.SquaredError(), Whole()):
        net = mp.Sequential(mp.Linear(1, 3), mp.Tanh(), mp.Linear(3, 1), seed=0, dtype="float64")
        tape = mp.forward(net, x)
        steps = [*mp.backprop(net, tape, loss, y), *mp.proxprop(net, tape, loss, y, 0.5)]
        history = mp.train(net, data, loss, mp.SGD(net, 0.1), epochs=2, batch_size=7)
        results.append([*steps, *net.parameters, history.train_loss])
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (object(), ["loss.gradient(output, y)", "object"]),
        (mp.SquaredError, ["make one", "SquaredError()"]),
        (lambda output, y: 0.0, ["loss.gradient(output, y)"]),
        (mp.Loss(), ["loss.gradient(output, y)", "Loss()"]),
        (None, ["loss.gradient(output, y)", "None"]),
    ],
)
def test_what_is_no_loss_is_refused_by_every_pass(loss, parts):
    net = mp.Sequential(mp.Linear(1, 1), dtype="float64")
    x = np.ones((2, 1))
    tape = mp.forward(net, x)
    for call in (mp.backprop, mp.errors, mp.input_gradient, lambda *args: mp.proxprop(*args, 0.1)):
        with raises(TypeError, "expected a loss with", *parts):
            call(net, tape, loss, x)


def without(name):
    """A whole loss, but for one of its parts."""
    return type("Partial", (), {k: v for k, v in (vars(Gradient) | vars(Whole)).items() if k != name})()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("__call__", "loss(output, y)"),
        ("gradient", "loss.gradient(output, y)"),
        ("correct", "loss.correct(output, y)"),
    ],
)
def test_what_a_loss_lacks_is_said_before_training(name, part):
    data, *_ = line()
    net = mp.Sequential(mp.Linear(1, 1), seed=0, dtype="float64")
    start = net.parameters[0].copy()
    with raises(TypeError, part, "Partial"):
        mp.train(net, data, without(name), mp.SGD(net, 0.1), epochs=1, batch_size=5)
    assert (net.parameters[0] == start).all()


def test_whatever_asks_a_loss_says_what_it_lacks():
    data, x, y = line()
    net = mp.Sequential(mp.Linear(1, 2), mp.Tanh(), mp.Linear(2, 1), seed=0, dtype="float64")
    d = mp.backprop(net, mp.forward(net, x), Whole(), y)
    for call, name in (
        (lambda loss: mp.evaluate(net, data.train, loss), "correct"),
        (lambda loss: mp.evaluate(net, data.train, loss), "__call__"),
        (lambda loss: mp.armijo(net, x, loss, y, d), "__call__"),
        (lambda loss: mp.algorithm_1(net, x, loss, y, tau=0.1), "gradient"),
        (lambda loss: mp.algorithm_2(net, x, loss, y, tau=0.1, tau_theta=1.0), "gradient"),
    ):
        call(Whole())
        with raises(TypeError, "expected a loss with", "Partial"):
            call(without(name))


@pytest.mark.parametrize("name", ["__call__", "correct"])
def test_what_is_no_number_is_said_before_training(name):
    data, *_ = line()
    net = mp.Sequential(mp.Linear(1, 1), seed=0, dtype="float64")
    start = net.parameters[0].copy()
    loss = type("Listing", (Whole,), {name: lambda self, output, y: output[:, 0]})()
    with raises(ValueError, "Listing", "one number", "(2,)"):
        mp.train(net, data, loss, mp.SGD(net, 0.1), epochs=1, batch_size=5)
    assert (net.parameters[0] == start).all()


def test_a_loss_without_a_tangent_or_a_curvature_says_so(rng):
    class Own(mp.Loss):
        def __init__(self, scale):
            self.scale = scale

        def gradient(self, output, y):
            return self.scale * (output - y) / len(y)

    net, x = mp.Sequential(mp.Linear(2, 1), dtype="float64"), rng.standard_normal((4, 2))
    with raises(NotImplementedError, "Own(scale=3)", "tangent(output, y, motion)"):
        Own(3).tangent(x, x, x)
    with raises(ValueError, "Own(scale=3)", "linear solve"):
        mp.proxprop(net, mp.forward(net, x), Own(3), x[:, :1], 1.0, last_layer="proximal")
    assert Own(3).correct(x, x) is None


def test_a_loss_of_ones_own_with_a_curvature_has_a_proximal_last_layer(rng):
    class Twice(mp.Loss):
        def gradient(self, output, y):
            return 2 * (output - y) / len(y)

        def curvature(self, y):
            return 2 / len(y)

    net = mp.Sequential(mp.Linear(2, 1), dtype="float64")
    x, y, loss, tau = rng.standard_normal((4, 2)), rng.standard_normal((4, 1)), Twice(), 0.7
    (d,) = mp.proxprop(net, mp.forward(net, x), loss, y, tau, last_layer="proximal")
    net.parameters = [net.parameters[0] - d]
    assert relative(mp.backprop(net, mp.forward(net, x), loss, y)[0], d / tau) < 1e-12


@pytest.mark.parametrize("kind", [Whole, type("Own", (mp.Loss,), {k: vars(c)[k] for c, k in (
    (Gradient, "gradient"), (Whole, "__call__"))})])  # fmt: skip
def test_a_run_with_a_loss_without_repr_goes_on(kind, tmp_path):
    data, *_ = line()
    path, results = tmp_path / "run.npz", []
    for stops in ([4], [2, 4]):
        net = mp.Sequential(mp.Linear(1, 3), mp.Tanh(), mp.Linear(3, 1), seed=0, dtype="float64")
        for epochs in stops:  # each time with a new loss
            mp.train(net, data, kind(), mp.SGD(net, 0.1), epochs=epochs, batch_size=7,
                     checkpoint=path, resume=len(stops) > 1)  # fmt: skip
        results.append(net.parameters)
        path.unlink()
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))
