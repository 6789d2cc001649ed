"""The checkers accept what is right, and reject every planted error in words."""

import numpy as np
import pytest

import minprox as mp


class Wrong(mp.Linear):
    """A dense layer in which one thing is wrong."""

    def __init__(self, fault):
        super().__init__(4, 3)
        self.fault = fault

    def forward(self, theta, a):
        if self.fault == "writes":
            theta *= 1
        z = super().forward(theta, a)
        if self.fault == "not linear":
            return np.abs(z)
        if self.fault == "mixes columns":
            return z + z[:, ::-1]
        return z

    def adjoint_input(self, theta, a, delta):
        found = super().adjoint_input(theta, a, delta)
        return -found if self.fault == "sign" else found

    def adjoint_theta(self, a, delta):
        if self.fault == "missing bias":
            return np.vstack([a.T @ delta, np.zeros((1, 3))])
        if self.fault == "transposed":
            return super().adjoint_theta(a, delta).T
        if self.fault == "mixes columns":
            return super().adjoint_theta(a, delta + delta[:, ::-1])
        return super().adjoint_theta(a, delta)

    def matrix(self, a):
        found = super().matrix(a)
        return found[:, ::-1] if self.fault == "matrix" else found


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("sign", "adjoint_input"),
        ("missing bias", "adjoint_theta"),
        ("transposed", "shape of adjoint_theta"),
        ("not linear", "θ'"),
        ("mixes columns", "adjoint_input|column"),
        ("matrix", "matrix"),
    ],
)
def test_check_layer_rejects(fault, words):
    mp.check_layer(Wrong(None), (4,))
    with pytest.raises(mp.CheckError, match=words):
        mp.check_layer(Wrong(fault), (4,))


def test_check_layer_rejects_writing_to_an_argument():
    with pytest.raises(ValueError, match="read-only"):
        mp.check_layer(Wrong("writes"), (4,))


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (mp.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), [(4, 9, 8)]),
        (mp.Conv2d(2, 3, 4, padding="same", bias=False), [(2, 5, 6)]),
        (mp.MaxPool2d(3, 2, 1), [(2, 7, 6)]),
        (mp.AvgPool2d(2, 1, 1), [(2, 5, 5)]),
        (mp.GlobalAvgPool2d(), [(2, 5, 5)]),
        (mp.GELU(), [(7,)]),
        (mp.Add(), [(3, 2), (3, 2), (3, 2)]),
        (mp.Concat(), [(3, 2), (1, 2)]),
    ],
    ids=repr,
)
def test_check_layer_accepts_what_is_right(layer, shapes):
    mp.check_layer(layer, *shapes)


def test_check_layer_rejects_a_missing_error():
    class One(mp.Add):
        def adjoint(self, delta, output, *inputs):
            return delta

    with pytest.raises(mp.CheckError, match="expected 2 errors"):
        mp.check_layer(One(), (3,), (3,))


@pytest.fixture
def problem(rng):
    net = mp.Sequential(mp.Linear(4, 6), mp.Tanh(), mp.Linear(6, 3), seed=0, dtype="float64")
    return net, rng.random((5, 4)), mp.CrossEntropy(), np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize("fault", ["sign", "factor", "bias", "one entry"])
def test_check_gradient_rejects(problem, fault):
    net, x, loss, y = problem
    before = [theta.copy() for theta in net.parameters]
    assert mp.check_gradient(net, x, loss, y) < 1e-7
    gradient = [g.copy() for g in mp.backprop(net, mp.forward(net, x), loss, y)]
    if fault == "sign":
        gradient[0] *= -1
    elif fault == "factor":
        gradient[1] *= len(x)
    elif fault == "bias":
        gradient[1][-1] = 0
    else:
        gradient[0][0, 0] += 1e-3
    with pytest.raises(mp.CheckError, match="relative error"):
        mp.check_gradient(net, x, loss, y, gradient)
    for theta, old in zip(net.parameters, before, strict=True):
        np.testing.assert_array_equal(theta, old)


def test_check_gradient_wants_float64(problem):
    _, x, loss, y = problem
    with pytest.raises(ValueError, match="float64, found float32"):
        mp.check_gradient(mp.Sequential(mp.Linear(4, 3)), x, loss, y)


def test_check_step_rejects_planted_errors(rng):
    A, delta, tau = mp.DenseMap(rng.standard_normal((8, 5)), bias=True), rng.standard_normal((8, 2)), 3.0
    assert mp.check_step(A, delta, tau, mp.Exact()(A, delta, tau)) < 1e-13
    matrix = A.matrix()
    forgotten = np.linalg.lstsq(matrix, delta, rcond=None)[0]  # no 1/τ_θ
    a = mp.DenseMap(A.a, bias=False)
    no_bias = np.vstack([mp.Exact()(a, delta, tau), np.zeros((1, 2))])
    for wrong in (forgotten, no_bias, -mp.Exact()(A, delta, tau), A.T @ delta, mp.CG(2)(A, delta, tau)):
        with pytest.raises(mp.CheckError, match="relative residual"):
            mp.check_step(A, delta, tau, wrong)
