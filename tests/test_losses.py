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
