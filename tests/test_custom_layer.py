"""Transfers of your own: a forward and its two adjoints are enough, a matrix gives exact steps."""

import numpy as np
import pytest
from conftest import (
    adjoint_gap,
    along,
    dense_step,
    direction,
    materialise,
    pairing,
    raises,
    relative,
    slope,
)
from numpy.lib.stride_tricks import sliding_window_view

import minprox as mp


class Conv1d(mp.Transfer):
    """z[n, o, p] = Σ_{c, k} θ[(c, k), o] a[n, c, p + k] + θ[-1, o]."""

    def __init__(self, channels, n_out, kernel):
        super().__init__((channels * kernel + 1, n_out), bias=True)
        self.kernel = kernel

    def patches(self, a):  # (N, channels, positions, kernel)
        return sliding_window_view(a, self.kernel, axis=2)

    def forward(self, theta, a):
        weight = theta[:-1].reshape(a.shape[1], self.kernel, -1)
        return np.einsum("ncpk,cko->nop", self.patches(a), weight) + theta[-1][:, None]

    def adjoint_input(self, theta, a, delta):
        weight = theta[:-1].reshape(a.shape[1], self.kernel, -1)
        error = np.zeros_like(a)
        for k in range(self.kernel):
            error[:, :, k : k + delta.shape[2]] += np.einsum("nop,co->ncp", delta, weight[:, k])
        return error

    def adjoint_theta(self, a, delta):
        d = np.einsum("ncpk,nop->cko", self.patches(a), delta)
        return np.vstack([d.reshape(-1, delta.shape[1]), delta.sum(axis=(0, 2))])


class Conv1dWithMatrix(Conv1d):
    """The same with its patch matrix, for exact steps."""

    def matrix(self, a):
        patches = self.patches(a).swapaxes(1, 2).reshape(-1, self.theta_shape[0] - 1)
        return np.hstack([patches, np.ones((len(patches), 1), a.dtype)])


class Depthwise(mp.Transfer):
    """z[n, c, p] = Σ_k θ[k, c] a[n, c, p + k] over images: every channel is a group of its own."""

    def __init__(self, channels, kernel):
        super().__init__((kernel * kernel, channels), groups=channels)
        self.kernel = kernel

    def patches(self, a):  # (N, channels, H, W, k·k)
        patches = sliding_window_view(a, (self.kernel, self.kernel), axis=(2, 3))
        return patches.reshape(*patches.shape[:4], -1)

    def forward(self, theta, a):
        return np.einsum("nchwk,kc->nchw", self.patches(a), theta)

    def adjoint_input(self, theta, a, delta):
        error, (H, W) = np.zeros_like(a), delta.shape[2:]
        for k, row in enumerate(theta):
            i, j = divmod(k, self.kernel)
            error[:, :, i : i + H, j : j + W] += delta * row[:, None, None]
        return error

    def adjoint_theta(self, a, delta):
        return np.einsum("nchwk,nchw->kc", self.patches(a), delta)


class DepthwiseWithMatrix(Depthwise):
    """The same with one matrix for each group."""

    def matrix(self, a):
        return self.patches(a).swapaxes(0, 1).reshape(a.shape[1], -1, self.theta_shape[0])


class LocallyConnected(mp.Transfer):
    """z[n, o, p] = Σ_k θ[(p, k), o] a[n, p + k]: like a convolution, but no weights are shared."""

    def __init__(self, n_in, n_out, kernel):
        self.places, self.kernel = n_in - kernel + 1, kernel
        super().__init__((self.places * kernel, n_out), fan_in=kernel)

    def forward(self, theta, a):
        weight = theta.reshape(self.places, self.kernel, -1)
        return np.einsum("npk,pko->nop", sliding_window_view(a, self.kernel, axis=1), weight)

    def adjoint_input(self, theta, a, delta):
        weight, error = theta.reshape(self.places, self.kernel, -1), np.zeros_like(a)
        for k in range(self.kernel):
            error[:, k : k + self.places] += np.einsum("nop,po->np", delta, weight[:, k])
        return error

    def adjoint_theta(self, a, delta):
        windows = sliding_window_view(a, self.kernel, axis=1)
        return np.einsum("npk,nop->pko", windows, delta).reshape(-1, delta.shape[1])


class LocallyConnectedWithMatrix(LocallyConnected):
    """The same with its matrix: the windows of a sample stand block-diagonally."""

    def matrix(self, a):
        windows = sliding_window_view(a, self.kernel, axis=1)
        blocks = np.einsum("npk,pq->npqk", windows, np.eye(self.places, dtype=a.dtype))
        return blocks.reshape(-1, self.theta_shape[0])


cases = {
    "Conv1d": (lambda kind: kind(2, 3, 3), (Conv1d, Conv1dWithMatrix), (2, 7)),
    "Depthwise": (lambda kind: kind(3, 2), (Depthwise, DepthwiseWithMatrix), (3, 4, 5)),
    "LocallyConnected": (
        lambda kind: kind(6, 2, 3),
        (LocallyConnected, LocallyConnectedWithMatrix),
        (6,),
    ),
}


@pytest.fixture(params=cases, ids=str)
def case(request):
    make, kinds, shape = cases[request.param]
    return *map(make, kinds), shape


def net_around(layer, shape, dtype="float64"):
    """A dense layer in front of it and one behind it."""
    n_in = int(np.prod(shape))
    width = int(np.prod(layer.output_shape(shape)))
    front = [mp.Linear(n_in, n_in), mp.Tanh(), Reshape(shape)]
    return mp.Sequential(*front, layer, mp.Tanh(), mp.Flatten(), mp.Linear(width, 3), seed=1, dtype=dtype)


class Reshape(mp.Layer):
    def __init__(self, shape):
        self.shape = shape

    def forward(self, a):
        return a.reshape(len(a), *self.shape)

    def adjoint(self, delta, output, a):
        return delta.reshape(a.shape)


def batch(net, rng, dtype="float64", samples=5):
    n_in = net.transfers[0].n_in
    return rng.standard_normal((samples, n_in)).astype(dtype), rng.integers(0, 3, samples)


def test_the_adjoints_pass_the_dot_test(case, rng):
    for layer in case[:2]:
        theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((5, *case[2]))
        z = layer.forward(theta, a)
        delta = rng.standard_normal(z.shape)
        assert adjoint_gap(z, delta, theta, layer.adjoint_theta(a, delta)) < 1e-12
        linear = z - layer.forward(theta, np.zeros_like(a))
        assert adjoint_gap(linear, delta, a, layer.adjoint_input(theta, a, delta)) < 1e-12
        A = layer.linear_map(a)
        rows = layer.rows(delta)
        assert relative(A @ layer.split(theta), layer.rows(z)) == 0
        assert adjoint_gap(A @ layer.split(theta), rows, layer.split(theta), A.T @ rows) < 1e-12


def test_the_passes_run_through_it(case, rng):
    layer, loss = case[0], mp.CrossEntropy()
    net = net_around(layer, case[2])
    x, y = batch(net, rng)
    grads = mp.backprop(net, mp.forward(net, x), loss, y)
    v = direction(net, rng)
    J = along(net, lambda: loss(mp.forward(net, x).output, y), v)
    assert slope(J) == pytest.approx(pairing(grads, v), rel=1e-7)


@pytest.mark.parametrize("samples", [1, 5])  # with one, the dual form would be the cheaper
@pytest.mark.parametrize("solver", [mp.CG(200), mp.BlockCG(200)], ids=repr)
def test_conjugate_gradients_need_no_matrix(solver, samples, case, rng):
    layer, loss, tau = case[0], mp.CrossEntropy(), 0.3
    net = net_around(layer, case[2])
    x, y = batch(net, rng, samples=samples)
    tape = mp.forward(net, x)
    steps = mp.proxprop(net, tape, loss, y, tau, solver)
    for l, A, delta in mp.errors(net, tape, loss, y):
        if net.transfers[l] is layer:
            n_out = layer.theta_shape[1] // layer.groups
            expected = dense_step(materialise(A, n_out, layer.groups), delta, tau)
            assert relative(steps[l], layer.join(expected)) < 1e-10


def test_explicit_steps_are_the_gradient(case, rng):
    net, loss = net_around(case[0], case[2]), mp.CrossEntropy()
    x, y = batch(net, rng)
    tape = mp.forward(net, x)
    steps = mp.proxprop(net, tape, loss, y, 1.0, mp.Explicit())
    for d, g in zip(steps, mp.backprop(net, tape, loss, y), strict=True):
        assert (d == g).all()


@pytest.mark.parametrize("form", ["auto", "primal", "dual"])
def test_exact_steps_say_what_is_missing(form, case, rng):
    layer = case[0]
    net = net_around(layer, case[2])
    x, y = batch(net, rng)
    tape = mp.forward(net, x)
    with raises(TypeError, repr(layer), "matrix(a)", "CG", "BlockCG"):
        mp.proxprop(net, tape, mp.CrossEntropy(), y, 0.1, mp.Exact(form))


@pytest.mark.parametrize("solver", [mp.Exact(), mp.Exact("primal"), mp.Exact("dual")], ids=repr)
def test_with_a_matrix_exact_steps_are_the_dense_solve(solver, case, rng):
    layer, loss = case[1], mp.CrossEntropy()
    net = net_around(layer, case[2])
    x, y = batch(net, rng)
    tape = mp.forward(net, x)
    steps = mp.proxprop(net, tape, loss, y, 0.7, solver)
    l = net.transfers.index(layer)
    A, delta = next((A, delta) for k, A, delta in mp.errors(net, tape, loss, y) if k == l)
    n_out = layer.theta_shape[1] // layer.groups
    matrix = materialise(A, n_out, layer.groups)
    assert relative(A.matrix(), matrix) < 1e-14
    normal = matrix.swapaxes(-1, -2) @ matrix + np.eye(A.shape[1]) / 0.7
    expected = np.linalg.solve(normal, matrix.swapaxes(-1, -2) @ delta)
    assert relative(steps[l], layer.join(expected)) < 1e-11


def test_float32_stays_float32(case, rng):
    net = net_around(case[1], case[2], "float32")
    x, y = batch(net, rng, "float32")
    tape = mp.forward(net, x)
    for solver in [mp.Exact(), mp.CG(2), mp.BlockCG(2), mp.Explicit()]:
        steps = mp.proxprop(net, tape, mp.CrossEntropy(), y, 0.1, solver)
        assert {d.dtype.name for d in steps} == {"float32"}


def test_a_custom_layer_is_that_of_the_library_where_it_has_one(rng):
    a, delta = rng.standard_normal((4, 3, 6, 5)), rng.standard_normal((4, 3, 5, 4))
    own, ours = DepthwiseWithMatrix(3, 2), mp.Conv2d(3, 3, 2, groups=3, bias=False)
    theta = rng.standard_normal(ours.theta_shape)
    assert relative(own.forward(theta, a), ours.forward(theta, a)) < 1e-14
    one, other = (layer.linear_map(a) for layer in (own, ours))  # whose rows may be in any order
    assert relative(one.T.gram(), other.T.gram()) < 1e-14
    steps = [mp.Exact()(A, L.rows(delta), 0.7) for A, L in ((one, own), (other, ours))]
    assert relative(*steps) < 1e-13
    assert relative(own.adjoint_input(theta, a, delta), ours.adjoint_input(theta, a, delta)) < 1e-14


# A transfer that gives its linear map, and one that gives too little


class Gains(mp.LinearMap):
    """z_i = a_i Σ_k c_{ik} θ_k, with fixed numbers c: matrix-free."""

    c = np.arange(12.0).reshape(4, 3)

    def __init__(self, a):
        self.a, self.shape, self.dtype = a, (len(a), 3), a.dtype

    def __matmul__(self, theta):
        return (self.a @ self.c) @ theta

    def adjoint(self, delta):
        return (self.a @ self.c).T @ delta


class GainsWithMatrix(Gains):
    def matrix(self):
        return self.a @ self.c


class ByMap(mp.Transfer):
    """A transfer that gives its map and the adjoint by its input, and nothing else."""

    kind = Gains

    def linear_map(self, a):
        return self.kind(a)

    def adjoint_input(self, theta, a, delta):
        return delta @ theta.T @ Gains.c.T


class ByMapWithMatrix(ByMap):
    kind = GainsWithMatrix


@pytest.mark.parametrize("kind", [ByMap, ByMapWithMatrix])
def test_a_linear_map_gives_forward_adjoint_and_matrix(kind, rng):
    layer, c = kind((3, 2)), Gains.c
    mp.check_layer(layer, (4,))
    theta, a, delta = (rng.standard_normal(shape) for shape in ((3, 2), (5, 4), (5, 2)))
    assert relative(layer.forward(theta, a), a @ c @ theta) < 1e-14
    assert relative(layer.adjoint_theta(a, delta), (a @ c).T @ delta) < 1e-14
    assert layer.output_shape((4,)) == (2,)
    net = mp.Sequential(mp.Linear(4, 4), mp.Tanh(), kind((3, 2)), mp.Linear(2, 2), dtype="float64")
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 2, 5)
    tape, loss = mp.forward(net, x), mp.CrossEntropy()
    solvers = [mp.CG(50)] if kind is ByMap else [mp.CG(50), mp.Exact("primal"), mp.Exact("dual")]
    A, delta = next((A, delta) for l, A, delta in mp.errors(net, tape, loss, y) if l == 1)
    for solver in solvers:
        d = mp.proxprop(net, tape, loss, y, 0.3, solver)[1]
        assert relative(d, dense_step(tape.a[1] @ c, delta, 0.3)) < 1e-10
    if kind is ByMap:
        with raises(TypeError, "Gains", "matrix()", "CG"):
            mp.Exact()(A, delta, 0.3)
        with raises(TypeError, "ByMap()", "matrix(a)", "CG"):
            layer.matrix(a)
    else:
        assert (layer.matrix(a) == a @ c).all()


def test_what_a_transfer_lacks_is_named(rng):
    class Nothing(mp.Transfer):
        pass

    a, theta = rng.standard_normal((5, 4)), np.ones((4, 2))
    for call, part in (
        (lambda: Nothing((4, 2)).forward(theta, a), "forward(theta, a)"),
        (lambda: Nothing((4, 2)).adjoint_theta(a, a), "adjoint_theta(a, delta)"),
        (lambda: Nothing((4, 2)).adjoint_input(theta, a, a), "adjoint_input(theta, a, delta)"),
        (lambda: mp.Sequential(mp.Input(4), Nothing((4, 2))), "forward(theta, a)"),
    ):
        with raises(NotImplementedError, "Nothing()", part):
            call()

    class Twice(mp.Transfer):
        """Two rows for each sample, and no word about how they lie in z."""

        def linear_map(self, a):
            return mp.DenseMap(np.concatenate([a, a]), bias=False)

    with raises(NotImplementedError, "Twice()", "output_shape(shape)"):
        Twice((4, 2)).forward(theta, a)
