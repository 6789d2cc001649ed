"""The reverse sweep from any error: nets behind nets, and gradients with respect to the input."""

import numpy as np
import pytest
from conftest import pairing, raises, relative, slope

import minprox as mp

loss = mp.CrossEntropy()


def dense(*, first, last):
    """A chain, and its two halves with the same layers."""
    one = [mp.Linear(6, 8), mp.Tanh(), mp.Linear(8, 5, bias=False), mp.Sigmoid()]
    other = [mp.Linear(5, 7), mp.Softplus(), mp.Linear(7, 3)]
    return (6,), one[: 4 if first else 0] + other[: 3 if last else 0]


def images(*, first, last):
    one = [mp.Conv2d(2, 4, 3, stride=2, padding=1), mp.Tanh(), mp.Conv2d(4, 4, 3, padding=1, groups=2)]
    other = [mp.MaxPool2d(2), mp.Conv2d(4, 3, 2), mp.GELU(), mp.Flatten(), mp.Linear(3, 3)]
    return (2, 8, 8), one[: 3 if first else 0] + other[: 5 if last else 0]


def joined(build):
    """One net, and the same layers as two nets, one behind the other."""
    shape, layers = build(first=True, last=True)
    cut = len(build(first=True, last=False)[1])
    whole = mp.Sequential(*layers, seed=2, dtype="float64")
    return shape, whole, *(mp.Sequential(*part, dtype="float64") for part in (layers[:cut], layers[cut:]))


builds = pytest.mark.parametrize("build", [dense, images])


@builds
def test_two_nets_one_behind_the_other_are_one_net_error_by_error(build, rng):
    shape, whole, first, second = joined(build)
    x, y = rng.standard_normal((5, *shape)), rng.integers(0, 3, 5)
    expected = list(mp.errors(whole, mp.forward(whole, x), loss, y))
    front = mp.forward(first, x)
    back = mp.forward(second, front.output)
    error = loss.gradient(back.output, y)
    *behind, (l, A, delta) = mp.sweep(second, back, error, to_input=True)
    assert (l, A) == (None, None)
    assert delta.shape == front.output.shape
    before = list(mp.sweep(first, front, delta))
    found = [(l + len(first.transfers), A, d) for l, A, d in behind] + before
    assert [l for l, _, _ in found] == [l for l, _, _ in expected]
    for (_, A, delta), (_, B, error) in zip(found, expected, strict=True):
        assert relative(A.T @ delta, B.T @ error) < 1e-12
        assert relative(delta, error) < 1e-12


@builds
def test_the_sweep_ends_with_the_derivative_by_the_input(build, rng):
    shape, net, _, _ = joined(build)
    x, v, y = rng.standard_normal((4, *shape)), rng.standard_normal((4, *shape)), rng.integers(0, 3, 4)
    tape = mp.forward(net, x)
    *_, (_, _, error) = mp.sweep(net, tape, loss.gradient(tape.output, y), to_input=True)
    assert error.shape == x.shape
    J = lambda t: float(loss(mp.forward(net, x + t * v).output, y))  # noqa: E731
    assert slope(J, 1e-4) == pytest.approx(pairing([error], [v]), rel=1e-7)


def test_the_input_may_be_read_by_several_layers_and_by_none_with_parameters(rng):
    x = mp.Input((4,))
    h = mp.Add()(x, mp.Tanh()(mp.Linear(4, 4)(x)), mp.Sigmoid()(x))
    for net in (mp.Graph(x, h, dtype="float64"), mp.Sequential(mp.Tanh(), mp.Softplus(), dtype="float64")):
        data, v = rng.standard_normal((2, 3, 4))
        u = rng.standard_normal((3, 4))
        *_, (_, _, error) = mp.sweep(net, mp.forward(net, data), u, to_input=True)
        J = lambda t, net=net, data=data, v=v, u=u: (mp.forward(net, data + t * v).output * u).sum()  # noqa: E731
        assert slope(J, 1e-4) == pytest.approx(pairing([error], [v]), rel=1e-8)


@builds
def test_the_input_gradient_is_that_of_each_sample_by_itself(build, rng):
    shape, net, _, _ = joined(build)
    x, y = rng.standard_normal((5, *shape)), rng.integers(0, 3, 5)
    found = mp.input_gradient(net, mp.forward(net, x), loss, y)
    assert found.shape == x.shape
    for i in range(5):
        one, label, v = x[i : i + 1], y[i : i + 1], rng.standard_normal((1, *shape))
        alone = mp.input_gradient(net, mp.forward(net, one), loss, label)
        assert relative(found[i : i + 1], alone) < 1e-12
        J = lambda t, one=one, v=v, label=label: float(loss(mp.forward(net, one + t * v).output, label))  # noqa: E731
        assert slope(J, 1e-4) == pytest.approx(pairing([alone], [v]), rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_input_gradient_does_not_depend_on_the_weights_of_other_samples(dtype, rng):
    weighted = mp.CrossEntropy(class_weights=[1.0, 5.0, 0.5], ignore_index=-1)
    net = mp.Sequential(mp.Linear(4, 5), mp.Tanh(), mp.Linear(5, 3), dtype=dtype)
    x, y = rng.standard_normal((5, 4)).astype(dtype), np.array([0, 1, -1, 2, 1])
    found = mp.input_gradient(net, mp.forward(net, x), weighted, y)
    plain = mp.input_gradient(net, mp.forward(net, x), loss, np.maximum(y, 0))
    assert found.dtype == dtype
    expected = np.array([1.0, 5.0, 0.0, 0.5, 5.0])[:, None] * plain  # w_y ∇ℓ
    assert relative(found, expected) < (1e-6 if dtype == "float32" else 1e-13)


def test_a_sweep_keeps_the_dtype_of_the_net_and_writes_to_nothing(rng):
    net = mp.Sequential(mp.Linear(4, 5), mp.ReLU(), mp.Linear(5, 3))
    x = rng.standard_normal((6, 4)).astype("float32")
    error = rng.standard_normal((6, 3))  # float64, of some other net
    x.setflags(write=False)
    error.setflags(write=False)
    assert {d.dtype.name for _, _, d in mp.sweep(net, mp.forward(net, x), error, to_input=True)} == {
        "float32"
    }


def test_what_is_no_error_at_the_output_is_refused(rng):
    net = mp.Sequential(mp.Linear(4, 3))
    tape, other = mp.forward(net, np.ones((5, 4))), mp.Sequential(mp.Linear(4, 3))
    with raises(ValueError, "error", "(5, 3)", "(3,)"):
        mp.sweep(net, tape, np.ones(3))
    with raises(ValueError, "another net"):
        mp.sweep(other, tape, np.ones((5, 3)))


def test_a_gradient_of_another_shape_is_refused():
    class Summed(mp.Loss):
        def gradient(self, output, y):
            return output.sum(axis=1)

    net = mp.Sequential(mp.Linear(4, 3))
    tape = mp.forward(net, np.ones((5, 4)))
    for call in (mp.backprop, mp.errors, mp.input_gradient, lambda *args: mp.proxprop(*args, 0.1)):
        with raises(ValueError, "Summed()", "(5, 3)", "(5,)"):
            call(net, tape, Summed(), np.zeros(5, int))
