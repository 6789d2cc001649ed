"""The data sets: what is in them, that a seed fixes them, and what bad input is told."""

import dataclasses
import hashlib
from contextlib import contextmanager
from importlib import resources

import numpy as np
import pytest

from minprox.datasets import Dataset, Quadratic, Split, blobs, digit_images, digits, ridge, two_spirals
from minprox.datasets.base import cut, make_dataset


def splits(data):
    return data.train, data.validation, data.test


@contextmanager
def raises(exception, *parts):
    """Expect an error whose text is one sentence that contains all the parts."""
    with pytest.raises(exception) as caught:
        yield
    text = str(caught.value)
    assert all(part in text for part in parts), text
    assert "\n" not in text
    assert ". " not in text


def small(n, shape=(2,), label=0):
    return Split(np.zeros((n, *shape), "float32"), np.full(n, label))


# Digits


def test_the_package_holds_the_digits_with_their_source_and_licence():
    folder = resources.files("minprox.datasets") / "data"
    assert (folder / "digits.npz").is_file()
    notice = (folder / "digits.md").read_text(encoding="utf-8")
    assert "10.24432/C50P49" in notice
    assert "CC BY 4.0" in notice


@pytest.mark.parametrize("place", [0, 5_000, 20_000, -1])
def test_digits_that_are_damaged_are_told(place):
    content = bytearray((resources.files("minprox.datasets") / "data" / "digits.npz").read_bytes())
    digit_images.stored(bytes(content))
    content[place] ^= 1
    with raises(ValueError, "digits.npz in the package is damaged", "install minprox anew"):
        digit_images.stored(bytes(content))


def test_digits_are_the_original_rows_in_the_original_order():
    data = digits(dtype="float64")
    x = np.concatenate([split.x for split in splits(data)]) * 16
    y = np.concatenate([split.y for split in splits(data)])
    rows = np.column_stack([x, y]).astype("uint8")
    digest = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
    assert hashlib.sha256(rows.tobytes()).hexdigest() == digest
    assert x.sum() == 561718


def test_digits_are_cut_in_file_order():
    data = digits()
    assert [len(split) for split in splits(data)] == [1297, 200, 300]
    first = [split.y[:5].tolist() for split in splits(data)]
    assert first == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [6, 3, 2, 1, 7]]
    assert data.test.y[-1] == 8


def test_digits_have_every_class_as_often_as_the_file_has():
    data = digits()
    assert data.classes == tuple("0123456789")
    counts = np.array([np.bincount(split.y, minlength=10) for split in splits(data)])
    assert counts.sum(0).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert counts[2].tolist() == [27, 31, 28, 31, 33, 30, 31, 30, 28, 31]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digits_fill_the_unit_interval_in_sixteenths(dtype):
    for split in splits(digits(dtype=dtype)):
        assert split.x.dtype == dtype
        assert split.y.dtype == "int64"
        assert (split.x.min(), split.x.max()) == (0, 1)
        assert np.array_equal(split.x * 16, np.round(split.x * 16))


def test_digits_as_images_are_the_same_pixels():
    flat, images = digits(), digits(flatten=False)
    assert flat.input_shape == (64,)
    assert images.input_shape == (1, 8, 8)
    assert np.array_equal(images.test.x.reshape(300, 64), flat.test.x)
    assert np.array_equal(images.test.y, flat.test.y)


def test_each_call_gives_arrays_of_its_own():
    digits().train.x[...] = 7
    assert digits().train.x.max() == 1


# Toy sets


@pytest.mark.parametrize("make", [two_spirals, blobs])
class TestToySets:
    def test_sixty_twenty_twenty(self, make):
        data = make(n=203)
        assert [len(split) for split in splits(data)] == [123, 40, 40]
        assert data.input_shape == (2,)

    def test_the_seed_fixes_everything(self, make):
        first, again, other = make(seed=3), make(seed=3), make(seed=4)
        for a, b in zip(splits(first), splits(again), strict=True):
            assert np.array_equal(a.x, b.x)
            assert np.array_equal(a.y, b.y)
        assert not np.array_equal(first.train.x, other.train.x)
        assert not np.array_equal(first.train.y, other.train.y)

    def test_classes_are_as_even_as_can_be(self, make):
        data = make(n=601)
        counts = np.bincount(np.concatenate([split.y for split in splits(data)]))
        assert len(counts) == len(data.classes)
        assert counts.max() - counts.min() <= 1

    def test_dtype(self, make):
        assert make().train.x.dtype == "float32"
        double = make(dtype="float64").train
        assert double.x.dtype == "float64"
        assert double.y.dtype == "int64"

    def test_bad_input(self, make):
        with raises(ValueError, "n: expected an integer of at least 5, found 4"):
            make(n=4)
        with raises(TypeError, "n: expected an integer of at least 5, found '600'"):
            make(n="600")
        with raises(TypeError, "n: expected an integer of at least 5, found 600.0"):
            make(n=600.0)
        with raises(ValueError, "seed: expected an integer of at least 0, found -1"):
            make(seed=-1)
        with raises(TypeError, "seed: expected an integer of at least 0, found None"):
            make(seed=None)
        for dtype in ("int32", "float16", "no such dtype", None):
            with raises(TypeError, f"dtype: expected float32 or float64, found {dtype!r}"):
                make(dtype=dtype)


def test_spirals_without_noise_lie_on_their_curves():
    train = two_spirals(noise=0, turns=2, dtype="float64").train
    radius = np.hypot(*train.x.T)
    assert 3.5 < radius.max() <= 4
    # at radius r, spiral k is at the angle π (r + k)
    arm = np.pi * (radius + train.y)
    expected = radius[:, None] * np.stack([np.cos(arm), np.sin(arm)], axis=1)
    np.testing.assert_allclose(train.x, expected, atol=1e-12)


def test_spiral_noise_has_the_size_asked_for():
    clean, noisy = (two_spirals(n=5000, noise=s, dtype="float64").train for s in (0, 0.3))
    assert np.array_equal(clean.y, noisy.y)
    assert np.std(noisy.x - clean.x) == pytest.approx(0.3, rel=0.05)


def test_blob_centres_are_evenly_spaced_on_a_unit_circle():
    train = blobs(classes=6, features=5, spread=0, dtype="float64").train
    centres = np.array([train.x[train.y == k][0] for k in range(6)])
    assert np.array_equal(train.x, centres[train.y])
    gaps = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 1, atol=1e-12)  # the side of a regular hexagon
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-12)
    assert np.linalg.matrix_rank(centres) == 2


def test_blob_spread_is_the_standard_deviation():
    train = blobs(n=5000, classes=2, features=3, spread=0.4, dtype="float64").train
    for k in range(2):
        np.testing.assert_allclose(train.x[train.y == k].std(axis=0), 0.4, rtol=0.1)


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (lambda: two_spirals(noise=-0.1), ValueError, "noise: expected a finite number of at least 0"),
        (lambda: two_spirals(noise=np.nan), ValueError, "noise: expected a finite number of at least 0"),
        (lambda: two_spirals(turns=np.inf), ValueError, "turns: expected a finite number of at least 0.1"),
        (
            lambda: two_spirals(turns="two"),
            TypeError,
            "turns: expected a finite number of at least 0.1, found 'two'",
        ),
        (lambda: blobs(classes=1), ValueError, "classes: expected an integer of at least 2, found 1"),
        (lambda: blobs(features=1), ValueError, "features: expected an integer of at least 2, found 1"),
        (lambda: blobs(spread=-1), ValueError, "spread: expected a finite number of at least 0, found -1"),
    ],
)
def test_toy_sets_name_the_bad_argument(call, exception, message):
    with raises(exception, message):
        call()


# The quadratic


@pytest.mark.parametrize(("rows", "cols"), [(12, 7), (7, 7), (3, 1)])
def test_ridge_has_exactly_the_given_eigenvalues(rows, cols):
    eigenvalues = np.random.default_rng(1).permutation(np.geomspace(1e-3, 10, cols))
    quadratic = ridge(rows, cols, eigenvalues=eigenvalues)
    assert quadratic.A.shape == (rows, cols)
    found = np.linalg.eigvalsh(quadratic.A.T @ quadratic.A)
    np.testing.assert_allclose(found, np.sort(eigenvalues), rtol=1e-10)
    np.testing.assert_array_equal(quadratic.spectrum, np.sort(eigenvalues)[::-1])


def test_ridge_condition_spaces_the_eigenvalues_geometrically():
    quadratic = ridge(9, 4, condition=1000)
    np.testing.assert_allclose(quadratic.spectrum, [1, 0.1, 0.01, 0.001], rtol=1e-12)
    assert np.linalg.cond(quadratic.A) ** 2 == pytest.approx(1000, rel=1e-10)
    assert repr(quadratic) == "Quadratic(A=(9, 4), b=(9, 1), condition=1000)"
    assert ridge(9, 4).spectrum[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_ridge_solution_is_the_minimiser(noise):
    quadratic = ridge(12, 5, condition=100, columns=3, noise=noise)
    expected = np.linalg.lstsq(quadratic.A, quadratic.b)[0]
    np.testing.assert_allclose(quadratic.solution, expected, rtol=1e-9)
    assert np.abs(quadratic.gradient(quadratic.solution)).max() < 1e-13
    least = quadratic.value(quadratic.solution)
    assert least > 0.1 if noise else least < 1e-25


def test_ridge_gradient_is_the_derivative_of_the_value():
    quadratic = ridge(8, 5, condition=50, columns=2, noise=0.1)
    rng = np.random.default_rng(0)
    theta, direction = rng.normal(size=(2, 5, 2))
    slope = np.sum(quadratic.gradient(theta) * direction)

    def central(value, h=1e-3):
        return (value(theta + h * direction) - value(theta - h * direction)) / (2 * h)

    # a quadratic has no third derivative, so the central difference is exact to rounding
    assert central(quadratic.value) == pytest.approx(slope, rel=1e-9)
    planted = dataclasses.replace(quadratic, b=quadratic.b + 1e-3)
    assert central(planted.value) != pytest.approx(slope, rel=1e-6)


def test_ridge_value_by_hand():
    quadratic = Quadratic(np.diag([2.0, 1.0]), np.ones((2, 1)), np.zeros((2, 1)), np.ones(2))
    theta = np.array([[1.0], [4.0]])
    assert quadratic.value(theta) == 0.5 * (1 + 9)
    assert quadratic.gradient(theta).tolist() == [[2.0], [3.0]]


def test_ridge_explicit_step_diverges_just_beyond_two_over_the_largest_eigenvalue():
    quadratic = ridge(10, 4, eigenvalues=[8, 4, 2, 1])

    def error(tau):
        theta = np.zeros((4, 1))
        for _ in range(400):
            theta = theta - tau * quadratic.gradient(theta)
        return np.linalg.norm(theta - quadratic.solution)

    assert error(0.95 * 2 / 8) < 1e-10
    assert error(1.05 * 2 / 8) > 1e3


def test_ridge_is_fixed_by_its_seed():
    first, again, other = (ridge(6, 3, noise=0.1, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.A, again.A)
    assert np.array_equal(first.b, again.b)
    assert not np.array_equal(first.A, other.A)


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (lambda: ridge(3, 4), ValueError, "rows: expected an integer of at least 4, found 3"),
        (lambda: ridge(3, 0), ValueError, "cols: expected an integer of at least 1, found 0"),
        (lambda: ridge(3.0, 2), TypeError, "rows: expected an integer of at least 2, found 3.0"),
        (lambda: ridge(3, 2, columns=0), ValueError, "columns: expected an integer of at least 1, found 0"),
        (lambda: ridge(3, 2, condition=0.5), ValueError, "condition: expected a finite number of at least 1"),
        (lambda: ridge(3, 2, noise=-1), ValueError, "noise: expected a finite number of at least 0"),
        (lambda: ridge(3, 2, [1, 2], 3), ValueError, "give either eigenvalues or condition, found"),
        (lambda: ridge(3, 2, [1]), ValueError, "each of the 2 columns of A, found shape (1,)"),
        (lambda: ridge(3, 2, [1, 0]), ValueError, "must be positive and finite, found 0"),
        (lambda: ridge(3, 2, [1, np.inf]), ValueError, "must be positive and finite, found inf"),
        (lambda: ridge(3, 2, ["a", 1]), TypeError, "must be a sequence of real numbers"),
        (lambda: ridge(3, 2).value(np.zeros(2)), ValueError, "shape (2, 1), found (2,)"),
        (lambda: ridge(3, 2).gradient(np.zeros((1, 2))), ValueError, "shape (2, 1), found (1, 2)"),
    ],
)
def test_ridge_names_the_bad_argument(call, exception, message):
    with raises(exception, message):
        call()


# Splits and data sets


def test_a_split_needs_as_many_inputs_as_targets():
    with raises(ValueError, "x and y must hold the same number of examples, found 3 inputs and 4 targets"):
        Split(np.zeros((3, 2)), np.zeros(4))
    with raises(TypeError, "x must be an array with the examples along its first axis, found list"):
        Split([1, 2], np.zeros(2))
    with raises(TypeError, "y must be an array with the examples along its first axis, found ndarray"):
        Split(np.zeros((1, 2)), np.array(1.0))


def test_a_split_cannot_be_rebound():
    split = small(3)
    assert len(split) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.x = None


def test_a_dataset_checks_its_labels():
    good = small(3)
    Dataset("d", good, good, small(0), ("a", "b"))
    with raises(ValueError, "from 0 to 1, found 2 in the test split"):
        Dataset("d", good, good, small(3, label=2), ("a", "b"))
    with raises(ValueError, "from 0 to 1, found -1 in the validation split"):
        Dataset("d", good, small(3, label=-1), good, ("a", "b"))
    with raises(ValueError, "labels must be", "found shape (3,) of float64 in the train split"):
        Dataset("d", small(3, label=0.0), good, good, ("a", "b"))


def test_a_dataset_needs_one_shape_of_example():
    with raises(ValueError, "every example must", "(2,), found (3,) in the test split"):
        Dataset("d", small(4), small(4), small(4, shape=(3,)))


def test_a_dataset_shows_its_sizes():
    shown = repr(Dataset("d", small(4), small(2), small(1), ("a", "b")))
    assert shown == "Dataset('d', train=4, validation=2, test=1, input_shape=(2,), classes=2)"


def test_regression_targets_keep_their_values_in_the_dtype_of_the_inputs():
    pair = np.ones((2, 3)), np.array([[0.25], [-1.5]])
    data = make_dataset("line", pair, pair, pair, dtype="float32")
    assert data.train.y.dtype == "float32"
    assert data.train.y.tolist() == [[0.25], [-1.5]]


def test_cut_keeps_the_order_and_wants_the_right_total():
    x = np.arange(6)
    parts = cut(x, 10 * x, 3, 1, 2)
    assert [part.tolist() for part, _ in parts] == [[0, 1, 2], [3], [4, 5]]
    assert [part.tolist() for _, part in parts] == [[0, 10, 20], [30], [40, 50]]
    with raises(ValueError, "the sizes must add up to 6 examples, found (3, 2)"):
        cut(x, x, 3, 2)
