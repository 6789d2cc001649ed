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


class Remembers(mp.Layer):
    """tanh, as in a framework with hooks: what the adjoint needs is kept on self."""

    def forward(self, z):
        self.a = np.tanh(z)
        return self.a

    def adjoint(self, delta, a, z):
        return delta * (1 - self.a**2)


class Reuses(mp.Layer):
    """2 z, always in the same array."""

    room = np.zeros((100, 4))

    def forward(self, z):
        out = self.room[: len(z)]
        out[...] = 2 * z
        return out

    def adjoint(self, delta, a, z):
        return 2 * delta


class ReusesOnTheWayBack(mp.Tanh):
    room = np.zeros((100, 4))

    def adjoint(self, delta, a, z):
        out = self.room[: len(z)]
        out[...] = super().adjoint(delta, a, z)
        return out


class Noisy(mp.Layer):
    """Draws in forward, and not in sample."""

    rng = np.random.default_rng(0)

    def forward(self, z):
        return z + 1e-7 * self.rng.standard_normal(z.shape)

    def adjoint(self, delta, a, z):
        return delta


class RemembersInput(mp.Linear):
    def forward(self, theta, a):
        self.a = a
        return super().forward(theta, a)

    def adjoint_theta(self, a, delta):
        return super().adjoint_theta(self.a[: len(delta)], delta)


class RemembersTheta(mp.Linear):
    """The adjoint by the input with the θ of the last forward pass."""

    def forward(self, theta, a):
        self.last = theta
        return super().forward(theta, a)

    def adjoint_input(self, theta, a, delta):
        return super().adjoint_input(self.last, a, delta)


class Counts(mp.Linear):
    """A matrix that changes from call to call."""

    calls = 0

    def matrix(self, a):
        self.calls += 1
        return super().matrix(a) * (1 if self.calls < 3 else 2)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Remembers(), r"Remembers\(\): adjoint of a batch = the same after another batch .* on self"),
        (Reuses(), r"Reuses\(\): what forward returned stays as it was"),
        (ReusesOnTheWayBack(), "what adjoint returned stays as it was"),
        (Noisy(), "forward of a batch = the same after another batch .* random|adjoint of input 1"),
        (RemembersInput(4, 3), "adjoint_theta"),
        (RemembersTheta(4, 3), "adjoint_input"),
        (Counts(4, 3), "matrix of a batch"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, mp.Layer) else "",
)
def test_check_layer_sees_a_memory(layer, words):
    with pytest.raises(mp.CheckError, match=words):
        mp.check_layer(layer, (4,))


class Overwrites(mp.Tanh):
    def __init__(self, what):
        self.what = what

    def adjoint(self, delta, a, z):
        found = super().adjoint(delta, a, z)
        {"delta": delta, "output": a, "input": z}[self.what][...] = 0
        return found


@pytest.mark.parametrize("what", ["delta", "output", "input"])
def test_check_layer_names_a_layer_that_writes_on_the_way_back(what):
    with pytest.raises(mp.CheckError, match=r"Overwrites\(\) writes to an argument"):
        mp.check_layer(Overwrites(what), (4,))


def test_a_layer_with_running_averages_is_checked_as_it_evaluates():
    net, x = mp.Sequential(mp.BatchNorm(4), dtype="float64"), np.random.default_rng(0).standard_normal((9, 4))
    mp.forward(net, x, training=True)
    mp.check_layer(net.nodes[1].layer, (4,))


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


# What is small must be right as well: a planted error in each layer and column


@pytest.fixture(params=[1.0, 1e-2, 1e-3])
def uneven(request):
    """A net whose layers and columns have gradients of very different sizes."""
    rng, small = np.random.default_rng(3), request.param
    net = mp.Sequential(
        *(mp.Linear(4, 5), mp.Tanh(), mp.Linear(5, 4), mp.Tanh(), mp.Linear(4, 3)), seed=0, dtype="float64"
    )
    net.transfers[1].weight[2] *= small  # so that column 2 of layer 0 hardly counts
    net.transfers[2].weight[...] *= small  # nor do both layers below the last
    return net, rng.random((5, 4)), mp.CrossEntropy(), np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize("plant", [lambda g: -g, lambda g: 0 * g, lambda g: 2 * g, lambda g: g * np.nan])
def test_check_gradient_rejects_an_error_in_each_layer_and_column(plant, uneven):
    net, x, loss, y = uneven
    assert mp.check_gradient(net, x, loss, y) < 1e-6
    gradient = mp.backprop(net, mp.forward(net, x), loss, y)
    for l, g in enumerate(gradient):
        for column in range(g.shape[1]):
            wrong = [v.copy() for v in gradient]
            wrong[l][:, column] = plant(g[:, column])
            with pytest.raises(mp.CheckError, match=rf"layer {l}, Linear.*column {column},"):
                mp.check_gradient(net, x, loss, y, wrong)


def test_check_gradient_rejects_a_gradient_where_there_is_none(problem):
    net, x, loss, y = problem
    net.transfers[1].weight[3] = 0  # column 3 of layer 0 reaches no output
    gradient = mp.backprop(net, mp.forward(net, x), loss, y)
    assert not gradient[0][:, 3].any()
    assert mp.check_gradient(net, x, loss, y) < 1e-6
    gradient[0][:, 3] = 1e-6
    with pytest.raises(mp.CheckError, match=r"layer 0, .*column 3,"):
        mp.check_gradient(net, x, loss, y, gradient)
    with pytest.raises(mp.CheckError, match="shapes"):
        mp.check_gradient(net, x, loss, y, gradient[:1])


@pytest.mark.parametrize("error", [1e-5, 1e-4, 1e-2])
def test_check_gradient_rejects_small_errors(problem, error):
    net, x, loss, y = problem
    gradient = mp.backprop(net, mp.forward(net, x), loss, y)
    with pytest.raises(mp.CheckError):
        mp.check_gradient(net, x, loss, y, [g * (1 + error) for g in gradient])


@pytest.mark.parametrize(
    "plant", [lambda d: -d, lambda d: 0 * d, lambda d: d * (1 + 1e-6), lambda d: d * np.nan]
)
@pytest.mark.parametrize("size", [1.0, 1e-9, 1e-100, 1e-200, 1e200])
def test_check_step_rejects_an_error_in_each_column(plant, size, rng):
    A, delta = mp.DenseMap(rng.standard_normal((8, 5)), bias=True), rng.standard_normal((8, 3))
    delta[:, 1] *= size
    d = mp.Exact()(A, delta, 3.0)
    assert mp.check_step(A, delta, 3.0, d) < 1e-12
    for column in range(3):
        wrong = d.copy()
        wrong[:, column] = plant(d[:, column])
        with pytest.raises(mp.CheckError, match=f"fails in column {column}: relative residual"):
            mp.check_step(A, delta, 3.0, wrong)


def test_check_step_names_the_group_and_refuses_steps_from_nothing(rng):
    layer = mp.Conv2d(4, 6, 2, groups=2)
    A = layer.linear_map(rng.standard_normal((2, 4, 3, 3)))
    delta = rng.standard_normal((2, 8, 3))
    delta[1, :, 2] = 0
    d = mp.Exact()(A, delta, 3.0)
    assert mp.check_step(A, delta, 3.0, d) < 1e-12
    d[1, :, 2] = 1e-9
    with pytest.raises(mp.CheckError, match="column 2 of group 1: relative residual inf"):
        mp.check_step(A, delta, 3.0, d)
    with pytest.raises(mp.CheckError, match=r"shape \(2, 9, 3\)"):
        mp.check_step(A, delta, 3.0, d[0])


def test_check_step_forgives_what_rounding_leaves_of_nothing():
    """δ is orthogonal to the range of A, but for its last digits."""
    a = np.random.default_rng(0).standard_normal((9, 4))
    delta = np.random.default_rng(1).standard_normal((9, 2))
    delta = delta - a @ np.linalg.lstsq(a, delta, rcond=None)[0]
    A = mp.DenseMap(a, bias=False)
    assert mp.check_step(A, delta, 3.0, mp.Exact()(A, delta, 3.0)) < 1e-8


class Uneven(mp.Transfer):
    """A dense layer whose channel 1 is small, and has an adjoint of the wrong sign where it is told to."""

    def __init__(self, fault=None):
        super().__init__((4, 3))
        self.fault, self.sizes = fault, np.array([1, 1e-14, 1])

    def faulty(self, name):
        return self.sizes * [1, -1, 1] if self.fault == name else self.sizes

    def forward(self, theta, a):
        return (a @ theta) * self.sizes

    def adjoint_input(self, theta, a, delta):
        return (delta * self.faulty("adjoint_input")) @ theta.T

    def adjoint_theta(self, a, delta):
        return a.T @ (delta * self.faulty("adjoint_theta"))


class UnevenTanh(mp.Tanh):
    """Hyperbolic tangents of which channel 1 is small."""

    def __init__(self, fault=None):
        self.fault, self.sizes = fault, np.array([1, 1e-8, 1])

    def forward(self, z):
        return super().forward(z) * self.sizes

    def adjoint(self, delta, a, z):
        sizes = self.sizes * [1, -1, 1] if self.fault else self.sizes
        return super().adjoint(delta * sizes, a, z)

    tangent, bend = mp.Layer.tangent, mp.Layer.bend


@pytest.mark.parametrize("fault", ["adjoint_theta", "adjoint_input"])
def test_check_layer_rejects_an_error_in_a_small_channel(fault):
    mp.check_layer(Uneven(), (4,))
    with pytest.raises(mp.CheckError, match=f"{fault}.*column 1"):
        mp.check_layer(Uneven(fault), (4,))
    mp.check_layer(UnevenTanh(), (3,))
    with pytest.raises(mp.CheckError, match="channel 1 of the output"):
        mp.check_layer(UnevenTanh(fault), (3,))


# Small errors, and NaN


class Slightly(mp.Linear):
    """A dense layer of which one thing is wrong by a factor near 1."""

    def __init__(self, fault, factor):
        super().__init__(4, 3)
        self.fault, self.factor = fault, factor

    def times(self, name, array):
        return array * self.factor if self.fault == name else array

    def adjoint_input(self, theta, a, delta):
        return self.times("adjoint_input", super().adjoint_input(theta, a, delta))

    def linear_map(self, a):
        return SlightlyMap(self, a)


class SlightlyMap(mp.DenseMap):
    def __init__(self, layer, a):
        super().__init__(a, True)
        self.layer = layer

    def __matmul__(self, theta):
        return self.layer.times("forward", super().__matmul__(theta))

    def adjoint(self, delta):
        return self.layer.times("adjoint", super().adjoint(delta))

    def matrix(self):
        return self.layer.times("matrix", super().matrix())


class SlightlyTanh(mp.Tanh):
    def __init__(self, fault, factor):
        self.fault, self.factor = fault, factor

    def adjoint(self, delta, a, z):
        found = super().adjoint(delta, a, z)
        return found * self.factor if self.fault == "adjoint" else found

    tangent, bend = mp.Layer.tangent, mp.Layer.bend


@pytest.mark.parametrize("factor", [1 + 1e-5, 1 + 1e-3, np.nan])
@pytest.mark.parametrize("fault", ["adjoint_input", "forward", "adjoint", "matrix"])
def test_check_layer_rejects_small_errors_and_nan(fault, factor):
    mp.check_layer(Slightly("", factor), (4,))
    with pytest.raises(mp.CheckError):
        mp.check_layer(Slightly(fault, factor), (4,))
    if fault == "adjoint":
        mp.check_layer(SlightlyTanh("", factor), (4,))
        with pytest.raises(mp.CheckError):
            mp.check_layer(SlightlyTanh(fault, factor), (4,))
