"""Binary cross-entropy and Huber's loss: from their definitions, far out, and as PyTorch has them."""

import numpy as np
import pytest
from conftest import pairing, raises, relative, slope

import minprox as mp

LOSSES = [mp.BinaryCrossEntropy(), mp.Huber(), mp.Huber(0.3)]


def targets(loss, rng, shape):
    return rng.random(shape) if isinstance(loss, mp.BinaryCrossEntropy) else rng.standard_normal(shape)


def test_binary_cross_entropy_is_its_definition(rng):
    z, y = 3 * rng.standard_normal((7, 4)), rng.random((7, 4))
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / 7
    assert float(mp.BinaryCrossEntropy()(z, y)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("kind", [bool, int, "uint8", float])
def test_two_classes_by_one_logit_are_two_logits_of_which_one_is_zero(kind, rng):
    z, y = rng.standard_normal((7, 1)), rng.integers(0, 2, 7)
    logits = np.concatenate([0 * z, z], axis=1)
    one, two, both = mp.BinaryCrossEntropy(), mp.CrossEntropy(), y.astype(kind)
    assert float(one(z, both)) == pytest.approx(float(two(logits, y)), rel=1e-14)
    assert float(one(z, both[:, None])) == float(one(z, both))
    assert relative(one.gradient(z, both), two.gradient(logits, y)[:, 1:]) < 1e-14
    assert one.correct(z, both) == two.correct(logits, y)


def test_huber_is_its_definition(rng):
    z, y = rng.standard_normal((2, 7, 4))
    expected = 0.0
    for r in np.abs(z - y).ravel():
        expected += r**2 / 2 if r <= 0.8 else 0.8 * (r - 0.4)
    assert float(mp.Huber(0.8)(z, y)) == pytest.approx(expected / 7, rel=1e-14)
    assert float(mp.Huber(100)(z, y)) == pytest.approx(float(mp.SquaredError()(z, y)), rel=1e-14)
    assert relative(mp.Huber(100).gradient(z, y), mp.SquaredError().gradient(z, y)) < 1e-15
    assert mp.Huber().correct(z, y) is None


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_gradients_and_tangents_are_derivatives(loss, rng):
    z, v, motion = rng.standard_normal((3, 7, 5))
    y = targets(loss, rng, z.shape)
    difference = slope(lambda t: loss(z + t * v, y), 1e-4)
    assert difference == pytest.approx(pairing([loss.gradient(z, y)], [v]), rel=1e-8)
    second = (loss.gradient(z + 1e-6 * motion, y) - loss.gradient(z - 1e-6 * motion, y)) / 2e-6
    assert relative(loss.tangent(z, y, motion), second) < 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_are_stable(dtype):
    loss = mp.BinaryCrossEntropy()
    z, wrong = np.array([[1e4], [-1e4], [np.inf], [-np.inf]], dtype), np.array([0, 1, 0, 1])
    assert loss(z, 1 - wrong) == 0
    assert not loss.gradient(z, 1 - wrong).any()
    assert float(loss(z[:2], wrong[:2])) == 1e4
    assert loss(z, wrong) == np.inf
    assert (loss.gradient(z, wrong) == np.array([[1], [-1], [1], [-1]]) / 4).all()
    value, gradient = loss(z, wrong), loss.gradient(z, wrong)
    assert value.dtype == gradient.dtype == dtype
    z = np.array([[60.0]], dtype)  # 1 − p is 0 in this dtype, but the gradient is not
    assert float(loss(z, np.array([1]))) == pytest.approx(np.exp(-60), rel=1e-5)
    assert float(loss.gradient(z, np.array([1]))[0, 0]) == pytest.approx(-np.exp(-60), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses_keep_float32_and_write_to_nothing(loss, rng):
    z, y = rng.standard_normal((4, 3)).astype("float32"), targets(loss, rng, (4, 3))
    for array in (z, y):
        array.setflags(write=False)
    assert loss(z, y).dtype == loss.gradient(z, y).dtype == loss.tangent(z, y, z).dtype == "float32"


def test_right_answers_are_counted_by_sample():
    z = np.array([[1.0, -2], [3, 1], [-1, 5]])
    assert mp.BinaryCrossEntropy().correct(z, np.array([[1, 0], [1, 0], [0, 1]])) == 2


def test_losses_print_as_the_call_that_makes_them():
    for text in ("BinaryCrossEntropy()", "Huber()", "Huber(0.3)"):
        assert repr(eval(f"mp.{text}")) == text


@pytest.mark.parametrize("threshold", [0, -1, float("nan"), float("inf"), "1"])
def test_a_threshold_out_of_range(threshold):
    with raises(ValueError, "threshold of Huber", repr(threshold)):
        mp.Huber(threshold)


@pytest.mark.parametrize(
    ("loss", "shape", "y", "error", "parts"),
    [
        (mp.Huber(), (4, 3), np.zeros(4), ValueError, ["(4, 3)", "(4,)"]),
        (mp.Huber(), (2, 1), np.zeros(2), ValueError, ["(2, 1)", "(2,)"]),
        (mp.Huber(), (2,), np.array(["a", "b"]), TypeError, ["real targets", "<U1"]),
        (mp.SquaredError(), (2,), np.zeros(2, complex), TypeError, ["real targets", "complex128"]),
        (mp.BinaryCrossEntropy(), (4, 3), np.zeros(4), ValueError, ["(4, 3)", "(4,)"]),
        (mp.BinaryCrossEntropy(), (4, 1), np.zeros((1, 4)), ValueError, ["(4, 1)", "(1, 4)"]),
        (mp.BinaryCrossEntropy(), (2, 1), np.array([0, 2]), ValueError, ["[0, 1]", "0 to 2"]),
        (mp.BinaryCrossEntropy(), (2,), np.array([-0.5, 1]), ValueError, ["[0, 1]", "-0.5 to 1"]),
        (mp.BinaryCrossEntropy(), (2,), np.array([np.nan, 1]), ValueError, ["[0, 1]", "nan"]),
    ],
)
def test_targets_that_do_not_fit(loss, shape, y, error, parts):
    for call in (loss, loss.gradient):
        with raises(error, type(loss).__name__, *parts):
            call(np.zeros(shape), y)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses_are_those_of_pytorch(loss, rng):
    """PyTorch's mean is over all outputs, ours over the samples."""
    torch = pytest.importorskip("torch")
    z, y = 3 * rng.standard_normal((7, 4)), targets(loss, rng, (7, 4))
    x = torch.tensor(z, requires_grad=True)
    if isinstance(loss, mp.Huber):
        expected = 4 * torch.nn.functional.huber_loss(x, torch.tensor(y), delta=loss.threshold)
    else:
        expected = 4 * torch.nn.functional.binary_cross_entropy_with_logits(x, torch.tensor(y))
    expected.backward()
    assert float(loss(z, y)) == pytest.approx(expected.item(), rel=1e-14)
    assert relative(loss.gradient(z, y), x.grad) < 1e-14


def test_a_net_learns_two_classes_by_one_logit():
    data = mp.datasets.two_spirals()
    net = mp.Sequential(mp.Linear(2, 40), mp.SiLU(), mp.Linear(40, 40), mp.SiLU(), mp.Linear(40, 1), seed=0)
    history = mp.train(net, data, mp.BinaryCrossEntropy(), mp.Adam(net, 0.01), epochs=40, batch_size=50)
    assert history.train_accuracy[-1] > 0.95
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
