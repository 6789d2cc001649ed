"""One set of checks: NumPy's numbers pass wherever Python's do, and one sentence tells what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.ground.arguments import extents, float_dtype, number, one_of, pair, whole

ONE = [1, np.int8(1), np.uint64(1), np.array(1)]
NO_NUMBERS = [None, [1], "1", b"1", 1j, np.complex128(1), np.array([1.5]), True, np.True_, np.ma.masked]


@pytest.mark.parametrize("one", ONE, ids=repr)
def test_every_integer_becomes_one_of_python(one):
    for found in (whole("n", one), *pair("n", one), *pair("n", (one, one)), *extents("n", one)):
        assert (found, type(found)) == (1, int)
    assert type(number("n", one)) is float


@pytest.mark.parametrize(
    "half", [0.5, np.float16(0.5), np.longdouble(0.5), np.array(0.5), Fraction(1, 2)], ids=repr
)
def test_every_real_number_becomes_a_float(half):
    found = number("n", half, above=0, below=1)
    assert (found, type(found)) == (0.5, float)
    with raises(TypeError, "n: expected an integer of at least 1, found ", repr(half)):
        whole("n", half)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value):
    for error in (TypeError, ValueError):  # a wrong kind is also a wrong value
        for check in (whole, number, *([] if value in (None, [1]) else [pair, extents])):
            with raises(error, "n: expected ", f"found {value!r}"):
                check("n", value)


@pytest.mark.parametrize(
    ("bounds", "words", "inside", "outside"),
    [
        ({}, "a finite number", (-1e300, 0, 1e300), ()),
        ({"above": 0}, "a positive finite number", (5e-324, 1e300), (0, -0.0, -1)),
        ({"above": 2}, "a finite number above 2", (2.5,), (2,)),
        ({"least": 0.1}, "a finite number of at least 0.1", (0.1, 3), (0, 0.0999)),
        ({"least": 0, "below": 1}, "a number in [0, 1)", (0, 0.999), (1, -1e-9)),
        ({"above": 0, "below": 1}, "a number in (0, 1)", (0.001, 0.999), (0, 1)),
    ],
    ids=str,
)
def test_bounds_are_told_as_they_hold(bounds, words, inside, outside):
    for value in inside:
        assert number("n", value, **bounds) == value
    for value in (*outside, np.nan, np.inf, -np.inf, 10**400):
        with pytest.raises(ValueError, match=r"^n: expected ") as caught:
            number("n", value, **bounds)
        assert str(caught.value) == f"n: expected {words}, found {value!r}"
        assert not isinstance(caught.value, TypeError)


def test_integers_and_pairs_have_a_least_value():
    assert whole("n", 0, least=0) == 0
    assert pair("n", (0, 3), least=0) == (0, 3)
    with raises(ValueError, "n: expected an integer of at least 2, found 1"):
        whole("n", 1, least=2)
    for value in (-1, (1, 0), (1, 2, 3), (1,), ()):
        with raises(
            ValueError, "n: expected an integer of at least 1, or a pair of them, found ", repr(value)
        ):
            pair("n", value)
    with raises(ValueError, "n: expected a shape of integers of at least 1, found (3, 0)"):
        extents("n", (3, 0))
    assert extents("n", [3, None]) == (3, None)


def test_names_and_dtypes():
    assert one_of("n", "a", {"a": 1, "b": 2}) == "a"
    for value, error in (("c", ValueError), (["a"], TypeError), (None, TypeError)):
        with raises(error, "n: expected one of a, b, found ", repr(value)):
            one_of("n", value, {"a": 1, "b": 2})
    for dtype in ("float32", np.float32, np.dtype(">f4")):
        assert float_dtype("n", dtype) == np.dtype("float32")
    for dtype, found in (
        (None, "None"),
        ("half", "'half'"),
        (np.float16, "'float16'"),
        (int, "'int64'"),
        (3, "3"),
    ):
        with raises(TypeError, f"n: expected float32 or float64, found {found}"):
            float_dtype("n", dtype)


def test_a_net_of_numpy_numbers_is_the_same_net():
    """Counts and rates as they come out of an array or a search: bit by bit what Python's numbers give."""

    def steps(whole, real):
        net = mp.Sequential(
            mp.Input((whole(1), whole(4), whole(4))),
            mp.Conv2d(whole(1), whole(2), whole(3), stride=whole(1), padding=(whole(1), whole(1))),
            mp.MaxPool2d(whole(2)),
            mp.Flatten(),
            mp.Dropout(real(0.25)),
            mp.Linear(whole(8), whole(3)),
            seed=whole(3),
        )
        x = np.linspace(-1, 1, 64, dtype="float32").reshape(4, 1, 4, 4)
        loss, y = mp.CrossEntropy(label_smoothing=real(0.125)), np.array([0, 1, 2, 0])
        for solver in (mp.Exact(), mp.CG(whole(2)), mp.BlockCG(whole(2))):
            tape = mp.forward(net, x, training=True, seed=1)
            d = mp.proxprop(net, tape, loss, y, tau_theta=real(0.5), solver=solver)
            mp.SGD(net, lr=real(0.5), momentum=real(0.5), weight_decay=real(0.125)).step(d)
            mp.Adam(net, lr=real(0.5), betas=(real(0.5), real(0.75)), eps=real(0.25)).step(d)
        return net

    plain = steps(int, float)
    for kinds in ((np.int64, np.float64), (np.uint8, np.float32), (np.array, np.array)):
        net = steps(*kinds)
        assert repr(net) == repr(plain)
        for theta, expected in zip(net.parameters, plain.parameters, strict=True):
            assert theta.dtype == "float32"
            np.testing.assert_array_equal(theta, expected)


def test_a_run_of_numpy_numbers_is_the_same_run():
    from minprox.experiments import Run

    plain = Run(method="proxprop", tau=0.5, tau_theta=0.25, momentum=0.5, epochs=2, batch_size=7, seed=3)
    run = Run(
        method="proxprop",
        tau=np.float32(0.5),
        tau_theta=np.float64(0.25),
        momentum=np.array(0.5),
        epochs=np.int64(2),
        batch_size=np.uint8(7),
        seed=np.int32(3),
    )
    assert run == plain
    assert repr(run) == repr(plain)


def test_a_history_of_numpy_numbers_can_be_kept(tmp_path):
    history, names = (
        mp.History(),
        ("train_loss", "train_accuracy", "validation_loss", "batch_loss", "seconds"),
    )
    row = {name: np.float32(0.5) for name in names} | {"validation_accuracy": np.float32("nan")}
    history.append(epoch=np.int64(1), **row)
    history.save(tmp_path / "h.json")
    assert mp.History.load(tmp_path / "h.json").train_loss == [0.5]
    assert (tmp_path / "h.json").read_text().count("null") == 4  # what is NaN: the accuracy, and the end
    with raises(ValueError, "seconds: expected a number, found 'x'"):
        history.append(epoch=2, **row | {"seconds": "x"})
    assert len(history.train_loss) == 1  # a row is taken whole, or not at all


@pytest.mark.parametrize("wrong", [object(), type(mp.datasets.blobs()), None, [1.0]])
def test_what_is_no_data_set_is_told_before_training(wrong):
    net = mp.Sequential(mp.Linear(2, 3), seed=0)
    with raises(TypeError, "data", "train, validation and test"):
        mp.train(net, wrong, mp.CrossEntropy(), mp.SGD(net, lr=0.1), epochs=1, batch_size=5)


def test_flattening_is_proposed_for_images_only():
    for shape, proposed in (((5,), False), ((2, 3, 3), True)):
        with pytest.raises(ValueError, match="expected samples of shape") as caught:
            mp.Linear(4, 2).output_shape(shape)
        assert ("mp.Flatten()" in str(caught.value)) == proposed
