"""Cross-entropy in which classes weigh differently and some labels do not count."""

import numpy as np
import pytest
from conftest import pairing, raises, relative, slope

import minprox as mp

WEIGHTS = [0.5, 2.0, 0.0, 1.5]
LOSSES = [
    mp.CrossEntropy(class_weights=WEIGHTS),
    mp.CrossEntropy(ignore_index=-100),
    mp.CrossEntropy(ignore_index=1),
    mp.CrossEntropy(0.2, np.array(WEIGHTS), -100),
]
losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def problem(rng, loss, shape=(9,)):
    """Outputs, and labels some of which are ignored where the loss can ignore them."""
    z, y = rng.standard_normal((*shape, 4)), rng.integers(0, 4, shape)
    if loss.ignore_index is not None:
        y[rng.random(shape) < 0.3] = loss.ignore_index
    return z, y


def naive(loss, z, y):
    """−1/W Σ w_k t_k log p_k, term by term."""
    weights = loss.class_weights or (1.0,) * z.shape[-1]
    total = scale = 0.0
    for row, label in zip(z.reshape(-1, z.shape[-1]), y.ravel(), strict=True):
        if label == loss.ignore_index:
            continue
        for k, p in enumerate(np.exp(row) / np.exp(row).sum()):
            target = (1 - loss.label_smoothing) * (k == label) + loss.label_smoothing / len(row)
            total -= weights[k] * target * np.log(p)
        scale += weights[label]
    return total / scale


@losses
@pytest.mark.parametrize("shape", [(9,), (3, 5)])
def test_the_loss_is_its_definition(loss, shape, rng):
    z, y = problem(rng, loss, shape)
    assert float(loss(z, y)) == pytest.approx(naive(loss, z, y), rel=1e-13)


@losses
def test_gradient_and_tangent_are_derivatives(loss, rng):
    z, y = problem(rng, loss)
    v, motion = rng.standard_normal((2, *z.shape))
    assert slope(lambda t: loss(z + t * v, y)) == pytest.approx(pairing([loss.gradient(z, y)], [v]), rel=1e-9)
    second = (loss.gradient(z + 1e-5 * motion, y) - loss.gradient(z - 1e-5 * motion, y)) / 2e-5
    assert relative(loss.tangent(z, y, motion), second) < 1e-8


def test_a_weight_is_a_number_of_copies(rng):
    z, y = rng.standard_normal((9, 4)), rng.integers(0, 4, 9)
    copies = np.array([3, 1, 0, 2])[y]
    weighted, plain = mp.CrossEntropy(class_weights=[3, 1, 0, 2]), mp.CrossEntropy()
    many, labels = np.repeat(z, copies, axis=0), np.repeat(y, copies)
    assert float(weighted(z, y)) == pytest.approx(float(plain(many, labels)), rel=1e-14)
    each = np.repeat(weighted.gradient(z, y)[copies > 0], copies[copies > 0], axis=0)
    copied = plain.gradient(many, labels) * np.repeat(copies, copies)[:, None]
    assert relative(each, copied) < 1e-14


@pytest.mark.parametrize("ignored", [-100, 255, 2])
def test_an_ignored_sample_might_as_well_not_be_there(ignored, rng):
    z, y = rng.standard_normal((9, 4)), rng.integers(0, 2, 9)
    kept = np.arange(9) % 3 != 1
    y[~kept] = ignored
    loss, plain = mp.CrossEntropy(0.1, ignore_index=ignored), mp.CrossEntropy(0.1)
    assert float(loss(z, y)) == pytest.approx(float(plain(z[kept], y[kept])), rel=1e-14)
    gradient = loss.gradient(z, y)
    assert relative(gradient[kept], plain.gradient(z[kept], y[kept])) < 1e-14
    assert not gradient[~kept].any()
    assert loss.correct(z, y) == plain.correct(z[kept], y[kept])
    assert loss.judged(y) == 6


@losses
def test_a_batch_in_which_nothing_counts_changes_nothing(loss, rng):
    z, y = rng.standard_normal((3, 4)), np.full(3, 2 if loss.ignore_index is None else loss.ignore_index)
    assert loss(z, y) == 0
    assert not loss.gradient(z, y).any()


@losses
def test_float32_stays_float32(loss, rng):
    z, y = problem(rng, loss)
    z = z.astype("float32")
    assert loss(z, y).dtype == loss.gradient(z, y).dtype == loss.tangent(z, y, z).dtype == "float32"


def dataset(ignored):
    """Blobs of three classes, in which every third label is a fourth, "unknown"."""
    data = mp.datasets.blobs(n=100, dtype="float64")
    splits = []
    for split in (data.train, data.validation, data.test):
        y = split.y.copy()
        y[::3] = ignored
        splits.append(mp.datasets.Split(split.x, y))
    train, validation, test = splits
    return mp.datasets.Dataset(data.name, train, validation, test, (*data.classes, "unknown"))


@pytest.mark.parametrize(
    "loss",
    [mp.CrossEntropy(class_weights=[1, 2, 7], ignore_index=3), mp.CrossEntropy(ignore_index=3)],
    ids=repr,
)
def test_means_over_batches_are_the_mean_over_all(loss):
    data = dataset(3)
    net = mp.Sequential(mp.Linear(2, 8), mp.Tanh(), mp.Linear(8, 3), seed=1, dtype="float64")
    output, y = mp.forward(net, data.train.x).output, data.train.y
    value, accuracy = float(loss(output, y)), (output.argmax(axis=1) == y)[y != 3].mean()
    for batch_size in (1, 7, 60):
        assert mp.evaluate(net, data.train, loss, batch_size) == pytest.approx((value, accuracy), rel=1e-13)
    history = mp.train(net, data, loss, mp.SGD(net, lr=1e-300), epochs=1, batch_size=7)
    assert history.batch_loss[1] == pytest.approx(value, rel=1e-13)
    assert history.train_accuracy[0] == pytest.approx(accuracy, rel=1e-13)


def test_a_rare_class_is_learnt_when_it_weighs_more():
    data = mp.datasets.blobs(n=300, seed=3)
    rare = (data.train.y != 2) | (np.arange(len(data.train)) % 20 == 0)
    train = mp.datasets.Split(data.train.x[rare], data.train.y[rare])

    def recall(loss):
        net = mp.Sequential(mp.Linear(2, 3), seed=0)
        for _ in range(100):
            tape = mp.forward(net, train.x)
            mp.SGD(net, lr=0.3).step(mp.backprop(net, tape, loss, train.y))
        chosen = mp.forward(net, data.test.x).output.argmax(axis=1)
        return (chosen == 2)[data.test.y == 2].mean()

    assert recall(mp.CrossEntropy(class_weights=[1, 1, 20])) > recall(mp.CrossEntropy()) + 0.2


@losses
def test_the_loss_is_that_of_pytorch(loss, rng):
    torch = pytest.importorskip("torch")
    z, y = problem(rng, loss)
    x = torch.tensor(z, requires_grad=True)
    weights = None if loss.class_weights is None else torch.tensor(loss.class_weights, dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(
        x,
        torch.tensor(y),
        weights,
        ignore_index=-100 if loss.ignore_index is None else loss.ignore_index,
        label_smoothing=loss.label_smoothing,
    )
    expected.backward()
    assert float(loss(z, y)) == pytest.approx(expected.item(), rel=1e-13)
    assert relative(loss.gradient(z, y), x.grad) < 1e-13


def test_losses_print_as_the_call_that_makes_them():
    text = "CrossEntropy(label_smoothing=0.2, class_weights=[0.5, 2.0], ignore_index=-100)"
    assert repr(eval(f"mp.{text}")) == text
    assert repr(mp.CrossEntropy(ignore_index=0)) == "CrossEntropy(ignore_index=0)"


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"class_weights": 2.0}, ["class_weights", "2.0"]),
        ({"class_weights": []}, ["class_weights", "[]"]),
        ({"class_weights": [1, -1]}, ["class_weights", "-1"]),
        ({"class_weights": [1, float("nan")]}, ["class_weights", "nan"]),
        ({"class_weights": [[1, 2]]}, ["class_weights", "[1, 2]"]),
        ({"class_weights": [0, 0]}, ["class_weights", "above 0", "[0, 0]"]),
        ({"class_weights": ["a"]}, ["class_weights", "a"]),
        ({"ignore_index": 1.5}, ["ignore_index", "integer", "1.5"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(options, parts):
    with raises(ValueError, *parts):
        mp.CrossEntropy(**options)


def test_labels_and_outputs_that_do_not_fit():
    for call in (mp.CrossEntropy(class_weights=[1, 2]), mp.CrossEntropy(class_weights=[1, 2]).gradient):
        with raises(ValueError, "2 classes", "class weights", "(3, 4)"):
            call(np.zeros((3, 4)), np.zeros(3, int))
    with raises(ValueError, "0 to 3", "-1 to 0"):
        mp.CrossEntropy(ignore_index=-100)(np.zeros((3, 4)), np.array([-100, -1, 0]))
