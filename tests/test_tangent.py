"""The tangent pass: differences of back-propagation, identities, planted errors, and PyTorch as an oracle."""

import importlib.util

import numpy as np
import pytest
from conftest import direction, pairing, raises, relative
from scipy.sparse.linalg import eigsh
from test_custom_layer import Conv1d

import minprox as mp

SMOOTH = (mp.Tanh, mp.Sigmoid, mp.Softplus, mp.GELU, mp.ELU, mp.SELU, mp.SiLU, mp.Mish, mp.Softsign)


def mlp(act=mp.Tanh):
    return mp.Sequential(
        *(mp.Linear(6, 7), act(), mp.Linear(7, 5, bias=False), act(), mp.Linear(5, 3)),
        seed=0,
        dtype="float64",
    )


def convnet(act=mp.Tanh):
    return mp.Sequential(
        *(
            mp.Conv2d(2, 4, 3, padding=1),
            act(),
            mp.MaxPool2d(3, 2, 1),
            mp.Conv2d(4, 6, 3, groups=2, stride=2),
        ),
        *(mp.Softplus(), mp.AvgPool2d(2, 1, 1), mp.Dropout(0.3), mp.Flatten(), mp.Linear(54, 3)),
        seed=0,
        dtype="float64",
    )


def residual():
    x = mp.Input((2, 5, 5))
    a = mp.Tanh()(mp.Conv2d(2, 2, 3, padding=1)(x))
    b = mp.Add()(x, mp.Sigmoid()(mp.Conv2d(2, 2, 3, padding="same", bias=False)(a)))
    return mp.Graph(x, mp.Linear(4, 3)(mp.GlobalAvgPool2d()(mp.Concat()(b, mp.ReLU()(b)))), dtype="float64")


def shared():
    """One layer at two places of a chain, and beside itself."""
    x, layer = mp.Input((6,)), mp.Linear(6, 6)
    a = mp.Tanh()(layer(mp.Tanh()(layer(x))))
    return mp.Graph(x, mp.Linear(6, 3)(mp.Add()(a, layer(a))), seed=1, dtype="float64")


def own():
    """A transfer that knows nothing of tangents: its map is affine in its input, which is enough."""
    return mp.Sequential(
        *(Conv1d(2, 4, 3), mp.Tanh(), Conv1d(4, 2, 2), mp.Flatten(), mp.Linear(6, 3)), seed=0, dtype="float64"
    )


CASES = {
    **{act.__name__: (lambda act=act: mlp(act), (6,)) for act in (*SMOOTH, mp.ReLU, mp.LeakyReLU)},
    "convnet": (convnet, (2, 9, 9)),
    "convnet of ReLUs": (lambda: convnet(mp.ReLU), (2, 9, 9)),
    "residual": (residual, (2, 5, 5)),
    "shared": (shared, (6,)),
    "own": (own, (2, 6)),
    "one layer": (lambda: mp.Sequential(mp.Linear(6, 3), seed=0, dtype="float64"), (6,)),
}
LOSSES = {
    "classes": (mp.CrossEntropy(), lambda rng, n: rng.integers(0, 3, n)),
    "smoothed": (mp.CrossEntropy(label_smoothing=0.2), lambda rng, n: rng.integers(0, 3, n)),
    "targets": (mp.SquaredError(), lambda rng, n: rng.standard_normal((n, 3))),
}
case = pytest.mark.parametrize("case", CASES)


def problem(case, rng, loss="classes", n=7):
    make, shape = CASES[case]
    L, draw = LOSSES[loss]
    return make(), rng.standard_normal((n, *shape)), L, draw(rng, n)


def differences(net, x, loss, y, v=None, s=None, h=1e-5, **forward):
    """The change of the gradient along a motion, by central differences of back-propagation."""
    old, ends = [theta.copy() for theta in net.parameters], []
    for step in (h, -h):
        if v is not None:
            net.parameters = [theta + step * u for theta, u in zip(old, v, strict=True)]
        moved = x if s is None else x + step * s
        ends.append(mp.backprop(net, mp.forward(net, moved, **forward), loss, y))
        net.parameters = old
    return [(a - b) / (2 * h) for a, b in zip(*ends, strict=True)]


def worst(found, expected):
    """The largest relative error of a layer: a small layer may not hide behind a large one."""
    return max(relative(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("moving", ["v", "s", "both"])
@pytest.mark.parametrize("loss", LOSSES)
@case
def test_the_change_of_the_gradient(case, loss, moving, rng):
    """(T1), (T2), (T3): along parameters, batch and both; dropout moves with its mask."""
    net, x, loss, y = problem(case, rng, loss)
    v = None if moving == "s" else direction(net, rng)
    s = None if moving == "v" else rng.standard_normal(x.shape) / 10
    found = mp.tangent(net, mp.forward(net, x, training=True, seed=5), loss, y, v=v, s=s)
    assert worst(found, differences(net, x, loss, y, v, s, training=True, seed=5)) < 1e-7


@case
def test_the_hessian_is_symmetric(case, rng):
    net, x, loss, y = problem(case, rng)
    tape, u, v = mp.forward(net, x), direction(net, rng), direction(net, rng)
    Hu, Hv = mp.tangent(net, tape, loss, y, v=u), mp.tangent(net, tape, loss, y, v=v)
    assert abs(pairing(u, Hv) - pairing(v, Hu)) < 1e-12 * (pairing(Hu, Hu) * pairing(v, v)) ** 0.5


def test_the_tangent_is_linear_in_the_motion(rng):
    net, x, loss, y = problem("residual", rng)
    tape, v, s = mp.forward(net, x), direction(net, rng), rng.standard_normal(x.shape)
    both = mp.tangent(net, tape, loss, y, v=[2 * u for u in v], s=-s)
    alone = mp.tangent(net, tape, loss, y, v=v), mp.tangent(net, tape, loss, y, s=s)
    assert worst(both, [2 * a - b for a, b in zip(*alone, strict=True)]) < 1e-12


def output_jacobian(net, x, h=1e-6):
    """d output / d θ, column by column, by central differences: shape (N, n_out, parameters)."""
    old, columns = mp.pack(net.parameters), []
    for j in range(old.size):
        ends = []
        for step in (h, -h):
            net.parameters = mp.unpack(old + step * (np.arange(old.size) == j), net)
            ends.append(mp.forward(net, x).output)
        columns.append((ends[0] - ends[1]) / (2 * h))
    net.parameters = mp.unpack(old, net)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("case", ["Tanh", "shared", "own"])
def test_gauss_newton_is_jacobian_curvature_jacobian(case, rng):
    """(T4)."""
    net, x, loss, y = problem(case, rng, n=4)
    tape, J = mp.forward(net, x), output_jacobian(net, x)
    e = np.exp(tape.output)
    p = e / e.sum(axis=1, keepdims=True)
    curvature = np.eye(3) * p[:, None] - p[:, :, None] * p[:, None]
    dense = np.einsum("nai,nab,nbj->ij", J, curvature, J) / len(x)
    G = mp.gauss_newton_product(net, tape, loss, y)
    assert relative(G @ np.eye(G.shape[0]), dense) < 1e-7
    assert np.linalg.eigvalsh(G @ np.eye(G.shape[0])).min() > -1e-14


@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_is_the_hessian_of_one_layer_and_of_no_two(loss, rng):
    for case, equal in (("one layer", True), ("Tanh", False)):
        net, x, L, y = problem(case, rng, loss)
        tape, v = mp.forward(net, x), rng.standard_normal(sum(theta.size for theta in net.parameters))
        H, G = (make(net, tape, L, y) @ v for make in (mp.hessian_product, mp.gauss_newton_product))
        assert (relative(G, H) < 1e-13) is equal


def test_the_products_are_operators_for_scipy(rng):
    net, x, loss, y = problem("Tanh", rng)
    tape, n = mp.forward(net, x), sum(theta.size for theta in net.parameters)
    H = mp.hessian_product(net, tape, loss, y)
    assert (H.shape, H.dtype) == ((n, n), np.float64)
    v = direction(net, rng)
    assert np.array_equal(H @ mp.pack(v), mp.pack(mp.tangent(net, tape, loss, y, v=v)))
    dense = H @ np.eye(n)
    assert relative(H.T @ np.eye(n), dense) == 0
    assert eigsh(H, k=1, which="LA")[0] == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-10)


def test_pack_and_unpack_are_inverse_and_keep_the_dtype():
    net = mp.Sequential(mp.Linear(2, 3), mp.Linear(3, 1), seed=0)
    vector = np.arange(13.0)
    parts = mp.unpack(vector[:, None], net)
    assert [part.shape for part in parts] == [theta.shape for theta in net.parameters]
    assert {part.dtype for part in parts} == {np.dtype("float32")}
    assert np.array_equal(mp.pack(parts), vector)
    assert np.array_equal(mp.pack([parts[0].copy(order="F"), parts[1]]), vector)  # whatever the layout
    with raises(ValueError, "a vector of 13 entries", "found 12"):
        mp.unpack(vector[1:], net)


def test_float32_stays_float32_and_nothing_is_written(rng):
    net = mp.Sequential(mp.Conv2d(1, 2, 3), mp.Tanh(), mp.Flatten(), mp.Linear(8, 3), seed=0)
    x, y = rng.standard_normal((4, 1, 4, 4)).astype("float32"), np.array([0, 1, 2, 0])
    tape, v, s = mp.forward(net, x), [theta.copy() for theta in net.parameters], x.copy()
    for array in (*tape.values, *v, s, *net.parameters):
        array.setflags(write=False)
    found = mp.tangent(net, tape, mp.CrossEntropy(), y, v=v, s=s)
    assert {array.dtype for array in found} == {np.dtype("float32")}
    exact = mp.Sequential(mp.Conv2d(1, 2, 3), mp.Tanh(), mp.Flatten(), mp.Linear(8, 3), dtype="float64")
    exact.parameters = net.parameters
    wide = x.astype("float64")
    expected = mp.tangent(
        exact, mp.forward(exact, wide), mp.CrossEntropy(), y, v=[u.astype("float64") for u in v], s=wide
    )
    assert worst(found, expected) < 1e-5


@pytest.mark.parametrize("case", [name for name in CASES if name != "own"])
def test_every_backend_gives_the_same(case, other, rng):
    net, x, loss, y = problem(case, rng)
    v, s = direction(net, rng), rng.standard_normal(x.shape)
    expected = mp.tangent(net, mp.forward(net, x, training=True, seed=1), loss, y, v=v, s=s)
    product = mp.hessian_product(net, mp.forward(net, x), loss, y) @ mp.pack(v)
    with mp.use(other) as xp:
        there = net.to(other)
        x, y, s, v = xp.asarray(x), xp.asarray(y), xp.asarray(s), [xp.asarray(u) for u in v]
        found = mp.tangent(there, mp.forward(there, x, training=True, seed=1), loss, y, v=v, s=s)
        assert {mp.array_module(array) for array in found} == {xp}
        assert worst([mp.to_numpy(array) for array in found], expected) < 1e-12
        H = mp.hessian_product(there, mp.forward(there, x), loss, y)
        assert relative(H @ mp.pack(v), product) < 1e-12


# Planted errors


class Straight(mp.Tanh):
    """A Tanh whose σ'' is forgotten."""

    bends = False


class NoAdjoint:
    """A map whose adjoint is forgotten."""

    def __init__(self, A):
        self.A = A
        self.T = self

    def __matmul__(self, other):
        return self.A @ other if len(other) == self.A.shape[1] else 0.0


class Unmoved(mp.Linear):
    """A dense layer whose Ȧ is forgotten in the reverse sweep."""

    def tangent_map(self, a_dot):
        return NoAdjoint(super().tangent_map(a_dot))


@pytest.mark.parametrize(
    ("first", "act"), [(mp.Linear, Straight), (Unmoved, mp.Tanh)], ids=["no bend", "no tangent map"]
)
def test_a_forgotten_term_is_found_by_differences_and_by_symmetry(first, act, rng):
    net = mp.Sequential(first(6, 5), act(), first(5, 4), act(), first(4, 3), seed=0, dtype="float64")
    x, y, loss = rng.standard_normal((7, 6)), rng.integers(0, 3, 7), mp.CrossEntropy()
    tape, u, v = mp.forward(net, x), direction(net, rng), direction(net, rng)
    Hu, Hv = mp.tangent(net, tape, loss, y, v=u), mp.tangent(net, tape, loss, y, v=v)
    assert worst(Hv, differences(net, x, loss, y, v)) > 1e-3
    assert abs(pairing(u, Hv) - pairing(v, Hu)) > 1e-6 or first is mp.Linear
    G = mp.gauss_newton_product(net, tape, loss, y)
    right = mp.Sequential(
        *(mp.Linear(6, 5), mp.Tanh(), mp.Linear(5, 4), mp.Tanh(), mp.Linear(4, 3)), dtype="float64"
    )
    right.parameters = net.parameters
    G_right = mp.gauss_newton_product(right, mp.forward(right, x), loss, y)
    assert relative(G @ mp.pack(v), G_right @ mp.pack(v)) < 1e-12  # which uses neither


class Wrong(mp.GELU):
    """A GELU in which one thing about its tangents is wrong."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.bends = fault != "bends"

    def tangent(self, motion, a, z):
        found = super().tangent(motion, a, z)
        if self.fault == "tangent":
            found[0, 0] *= 1.001
        if self.fault == "writes":
            motion *= 1
        return found

    def bend(self, delta, motion, a, z):
        found = super().bend(delta, motion, a, z)
        return found * (1 + 1e-3 * (z > 1)) if self.fault == "bend" else found


@pytest.mark.parametrize("fault", ["tangent", "bend", "bends"])
def test_check_layer_rejects_a_wrong_tangent(fault):
    mp.check_layer(Wrong(None), (5,))
    with pytest.raises(mp.CheckError, match=fault):
        mp.check_layer(Wrong(fault), (5,))


def test_check_layer_rejects_writing_to_the_motion():
    with pytest.raises(ValueError, match="read-only"):
        mp.check_layer(Wrong("writes"), (5,))


class Crossed(mp.Layer):
    """a b², of two inputs, one of whose bends may be wrong."""

    arity = None

    def __init__(self, wrong=None):
        self.wrong = wrong

    def forward(self, a, b):
        return a * b**2

    def adjoint(self, delta, output, a, b):
        return delta * b**2, delta * 2 * a * b

    def tangent(self, motion, output, a, b):
        da, db = motion
        return da * b**2 + 2 * a * b * db

    def bend(self, delta, motion, output, a, b):
        da, db = motion
        mixed = 0 if self.wrong == "mixed" else 2 * da * b
        return delta * 2 * b * db, delta * (mixed + 2 * a * db)


def test_check_layer_moves_one_input_at_a_time():
    mp.check_layer(Crossed(), (3,), (3,))
    with pytest.raises(mp.CheckError, match="bend of input 2 along input 1"):
        mp.check_layer(Crossed("mixed"), (3,), (3,))


def test_a_layer_of_several_inputs_in_a_net(rng):
    x = mp.Input((4,))
    product = Crossed()(mp.Linear(4, 3)(x), mp.Tanh()(mp.Linear(4, 3)(x)))
    net = mp.Graph(x, mp.Linear(3, 3)(product), seed=0, dtype="float64")
    x, y, loss, v = rng.standard_normal((6, 4)), rng.integers(0, 3, 6), mp.CrossEntropy(), direction(net, rng)
    assert worst(mp.tangent(net, mp.forward(net, x), loss, y, v=v), differences(net, x, loss, y, v)) < 1e-7


class WrongMap(mp.Linear):
    """A dense layer whose tangent map keeps the ones of the bias, or whose adjoint depends on the input."""

    def __init__(self, fault):
        super().__init__(4, 3)
        self.fault = fault

    def tangent_map(self, a_dot):
        return self.linear_map(a_dot) if self.fault == "ones" else super().tangent_map(a_dot)

    def adjoint_input(self, theta, a, delta):
        found = super().adjoint_input(theta, a, delta)
        return found + theta[-1, 0] ** 2 * (theta[-1, 1] > 0) if self.fault == "square" else found


def test_check_layer_rejects_a_wrong_tangent_map():
    mp.check_layer(WrongMap(None), (4,))
    with pytest.raises(mp.CheckError, match="tangent_map"):
        mp.check_layer(WrongMap("ones"), (4,))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (mp.GELU("tanh"), (7,)),
        *((act(), (7,)) for act in (*SMOOTH, mp.ReLU, mp.LeakyReLU, mp.Dropout, mp.Flatten)),
        *((pool(2), (2, 5)) for pool in (mp.MaxPool1d, mp.layers.AvgPool1d)),
        (mp.MaxPool2d(3, 2, 1), (2, 6, 7)),
        (mp.MaxPool2d(3, 2, dilation=2, ceil_mode=True), (2, 8, 8)),
        (mp.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 6, 7)),
        *((pool(), (2, 3, 4)) for pool in (mp.GlobalAvgPool2d, mp.GlobalMaxPool2d)),
        (mp.Linear(4, 3, bias=False), (4,)),
        (mp.Conv1d(4, 6, 3, groups=2, padding="same", stride=2), (4, 7)),
        (mp.Conv2d(2, 3, 3, dilation=2, padding=((1, 0), (0, 2))), (2, 7, 6)),
        (Conv1d(2, 4, 3), (2, 6)),
    ],
    ids=repr,
)
def test_check_layer_accepts_what_is_right(layer, shape):
    mp.check_layer(layer, shape)


def test_check_layer_accepts_several_inputs():
    mp.check_layer(mp.Add(), (3, 2), (3, 2), (3, 2))
    mp.check_layer(mp.Add(), (3,))
    mp.check_layer(mp.Concat(), (3, 2), (1, 2))


def test_every_layer_has_a_tangent():
    for name in mp.layers.__all__:
        cls = getattr(mp.layers, name)
        if isinstance(cls, type) and issubclass(cls, mp.Layer) and cls not in (mp.Layer, mp.Transfer):
            assert issubclass(cls, mp.Transfer) or cls.tangent is not mp.Layer.tangent, name
            assert issubclass(cls, mp.Transfer) or not cls.bends or cls.bend is not mp.Layer.bend, name


# Bad input


class Square(mp.Layer):
    def forward(self, z):
        return z**2

    def adjoint(self, delta, a, z):
        return 2 * z * delta


class Bare(mp.CrossEntropy):
    tangent = mp.Loss.tangent


def test_what_is_missing_is_named(rng):
    x, y = rng.standard_normal((5, 4)), np.array([0, 1, 2, 0, 1])
    net = mp.Sequential(mp.Linear(4, 3), Square(), mp.Linear(3, 3), dtype="float64")
    tape, loss = mp.forward(net, x), mp.CrossEntropy()
    with raises(TypeError, "Square", "tangent(motion, output, *inputs)", "bend(delta, motion"):
        mp.tangent(net, tape, loss, y, v=net.parameters)
    with raises(TypeError, "Square", "tangent(motion, output, *inputs)"):
        mp.gauss_newton_product(net, tape, loss, y)
    Square.tangent = lambda self, motion, a, z: 2 * z * motion
    assert np.isfinite(mp.gauss_newton_product(net, tape, loss, y) @ mp.pack(net.parameters)).all()
    with raises(TypeError, "Square", "a method bend("):
        mp.hessian_product(net, tape, loss, y)
    del Square.tangent
    smooth = mlp()
    with raises(TypeError, "loss.tangent(output, y, motion)", "found CrossEntropy()"):
        mp.tangent(smooth, mp.forward(smooth, np.ones((5, 6))), Bare(), y, v=smooth.parameters)


def test_bad_motions_are_told(rng):
    net, x, loss, y = problem("Tanh", rng)
    tape = mp.forward(net, x)
    with raises(ValueError, "v of the parameters or s of the batch, found neither"):
        mp.tangent(net, tape, loss, y)
    with raises(ValueError, "motion v of the shapes [(7, 7)", "found [(7, 7)]"):
        mp.tangent(net, tape, loss, y, v=net.parameters[:1])
    with raises(ValueError, "motion s of the batch's shape (7, 6)", "found (7, 5)"):
        mp.tangent(net, tape, loss, y, s=x[:, 1:])
    with raises(ValueError, "another net"):
        mp.tangent(mlp(), tape, loss, y, s=x)
    with raises(TypeError, "array"):
        mp.tangent(net, tape, loss, y, v=[1, 2, 3])
    with raises(TypeError, "array"):
        mp.tangent(net, tape, loss, y, s=[[0.0] * 6] * 7)


# PyTorch as the oracle


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("act", ["tanh", "relu", "gelu", "softplus", "sigmoid"])
def test_pytorch_gives_the_same_products(act, rng):
    import torch

    layer = {
        "tanh": mp.Tanh,
        "relu": mp.ReLU,
        "gelu": mp.GELU,
        "softplus": mp.Softplus,
        "sigmoid": mp.Sigmoid,
    }
    net = mp.Sequential(
        *(mp.Conv2d(2, 4, 3, padding=1, stride=2), layer[act](), mp.MaxPool2d(2), mp.Flatten()),
        *(mp.Linear(16, 5), layer[act](), mp.Linear(5, 3)),
        seed=0,
        dtype="float64",
    )
    x, y = rng.standard_normal((6, 2, 8, 8)), rng.integers(0, 3, 6)
    v, s = direction(net, rng), rng.standard_normal(x.shape)
    F, (conv, first, last) = torch.nn.functional, [torch.tensor(theta) for theta in net.parameters]

    def J(conv, first, last, x):
        kernel = conv[:-1].T.reshape(4, 2, 3, 3)
        a = F.max_pool2d(getattr(F, act)(F.conv2d(x, kernel, conv[-1], stride=2, padding=1)), 2).flatten(1)
        a = getattr(F, act)(a @ first[:-1] + first[-1])
        return F.cross_entropy(a @ last[:-1] + last[-1], torch.tensor(y))

    points = [part.requires_grad_() for part in (conv, first, last, torch.tensor(x))]
    gradient = torch.autograd.grad(J(*points), points, create_graph=True)
    slope = sum((g * torch.tensor(u)).sum() for g, u in zip(gradient, (*v, s), strict=True))
    expected = torch.autograd.grad(slope, points[:3])  # ∂/∂θ ⟨∇J, (v, s)⟩, the Hessian being symmetric
    found = mp.tangent(net, mp.forward(net, x), mp.CrossEntropy(), y, v=v, s=s)
    assert worst(found, [e.numpy() for e in expected]) < 1e-12
