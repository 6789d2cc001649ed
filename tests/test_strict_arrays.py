"""minprox on arrays that refuse what CuPy's refuse: the same numbers as with NumPy, and no mixing."""

import copy
import dataclasses
import functools
import operator

import numpy as np
import pytest
import strict_arrays
from conftest import raises, relative
from strict_arrays import ndarray, strictpy

import minprox as mp
from minprox.ground.backend import asarray


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    strict_arrays.install(monkeypatch)


def same(function, *arguments):
    """Run a function where new arrays are NumPy's, then where they are strict, and compare."""
    with mp.use("numpy"):
        expected = function(*arguments)
    with mp.use("strictpy"):
        found = function(*arguments)
    agree(found, expected)


def agree(found, expected):
    """Strict arrays against NumPy's, to 1e-12, in whatever they are wrapped."""
    if dataclasses.is_dataclass(expected):
        found, expected = vars(found), vars(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert type(found) is ndarray
        assert found.dtype == expected.dtype
        assert relative(found.get(), expected) <= 1e-12
    elif isinstance(expected, float):
        assert type(found) is float
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)
    else:
        assert found == expected


def normal(*shape, seed=0):
    """Random numbers on the backend of the moment, the same on each."""
    return asarray(np.random.default_rng([seed, *shape]).standard_normal(shape))


def labels(n, classes=3):
    return asarray(np.arange(n) % classes)


# The arrays themselves

U, N = strictpy.asarray(np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3)
BUFFER = np.zeros((2, 3))


@pytest.mark.parametrize(
    "refused",
    [
        *(lambda: np.asarray(U), lambda: np.array([U, U]), lambda: np.exp(U), lambda: np.maximum(U, 0)),
        *(lambda: np.sum(U), lambda: np.concatenate([U, U]), lambda: np.where(U > 0, 1, 0)),
        *(lambda: np.zeros_like(U), lambda: np.linalg.norm(U), lambda: np.einsum("ij->i", U)),
        *(lambda: U + N, lambda: N + U, lambda: U.T @ N, lambda: N @ U.T, lambda: U == N, lambda: N < U),
        *(lambda: U * np.array(2.0), lambda: U * [1.0, 2.0, 3.0], lambda: U * None),
        *(lambda: operator.iadd(U, N), lambda: operator.iadd(BUFFER, U)),
        *(lambda: operator.setitem(U, ..., N), lambda: operator.setitem(BUFFER, ..., U)),
        *(lambda: U[N > 0], lambda: N[U > 0], lambda: U[[0]], lambda: U[: U.argmax()]),
        *(lambda: strictpy.exp(N), lambda: strictpy.exp([1.0]), lambda: strictpy.sum([1.0])),
        *(lambda: strictpy.concatenate([U, N]), lambda: strictpy.where(U > 0, N, U)),
        *(lambda: strictpy.matmul(U.T, U, out=np.zeros((3, 3))), lambda: strictpy.exp(U, where=U > 0)),
        *(lambda: strictpy.linalg.norm(N), lambda: strictpy.asarray([U, U])),
        *(lambda: float(U), lambda: hash(U)),
    ],
)
def test_refused_with_a_type_error(refused):
    with pytest.raises(TypeError):
        refused()
    assert U.get().tolist() == N.tolist()
    assert not BUFFER.any()


@pytest.mark.parametrize("owner", [strictpy, strictpy.linalg, U])
@pytest.mark.parametrize("name", ["vecdot", "vector_norm", "errstate", "setflags", "__array_interface__"])
def test_what_cupy_lacks_is_not_there(owner, name):
    assert not hasattr(owner, name)


def test_what_is_allowed_stays_on_the_device():
    results = [U[0], U[0, 1], U.sum(), U.T, abs(-U), 2 - U, U @ U.T, U > 1, *U, *U[0]]
    results += [
        np.float64(2) * U,
        U**0.5,
        strictpy.zeros((2, 2)),
        strictpy.maximum(0, U),
        *strictpy.linalg.svd(U),
        sum([U, U]),
    ]
    assert {type(result) for result in results} == {ndarray}
    assert (np.shape(U), np.ndim(U), len(U), U.dtype) == ((2, 3), 2, 2, np.float64)
    assert (float(U.sum()), int(U.argmax()), bool(U.any()), bool(U[0, 0])) == (15.0, 5, True, False)
    U.get()[...], strictpy.asarray(N)[...] = 7.0, 7.0
    assert (float(U.max()), N.max()) == (5.0, 5.0)  # neither way shares memory


def test_views_write_through():
    x = strictpy.zeros((3, 4))
    x[1] += 1
    strictpy.matmul(strictpy.ones((2, 2)), strictpy.ones((2, 2)), out=x[:2, :2])
    row = x[2]
    row -= 3
    assert x.get().tolist() == [[2, 2, 0, 0], [2, 2, 1, 1], [-3, -3, -3, -3]]


@pytest.mark.gpu
def test_cupy_has_all_of_it():
    cupy, special = pytest.importorskip("cupy"), pytest.importorskip("cupyx.scipy.special")
    s = strict_arrays
    for owner, names in (
        (cupy, f"{s.MAKERS} {s.FUNCTIONS} {s.CONSTANTS} array asarray"),
        (cupy.linalg, s.LINALG),
        (special, s.SPECIAL),
        (cupy.ndarray, f"{s.METHODS} {s.ATTRIBUTES} {s.FETCHES} get"),
    ):
        assert [name for name in names.split() if not hasattr(owner, name)] == []


# Layers and losses


class Gain(mp.Transfer):
    """z[n, c, ...] = θ[0, c] a[n, c, ...]: a transfer with no matrix but the generic, matrix-free map."""

    def __init__(self, channels):
        super().__init__((1, channels), groups=channels)

    def forward(self, theta, a):
        return a * theta[0][:, None, None]

    def adjoint_input(self, theta, a, delta):
        return delta * theta[0][:, None, None]

    def adjoint_theta(self, a, delta):
        return (a * delta).sum(axis=(0, 2, 3))[None]


IMAGES = (4, 7, 6)
ACTIVATIONS = [mp.ReLU(), mp.LeakyReLU(), mp.Tanh(), mp.Sigmoid(), mp.Softplus(), mp.GELU(), mp.Flatten()]
ACTIVATIONS += [mp.GELU("tanh"), mp.ELU(0.7), mp.SELU(), mp.SiLU(), mp.Mish(), mp.Softsign()]
ACTIVATIONS += [
    mp.MaxPool2d(2),
    mp.MaxPool2d(3, 2, padding=1),
    mp.AvgPool2d(2, 1),
    mp.AvgPool2d(3, padding=1),
    mp.MaxPool2d(2, 3, "same", dilation=2, ceil_mode=True),
    mp.AvgPool2d(3, 2, ((1, 0), (0, 1)), ceil_mode=True, count_include_pad=False),
]
ACTIVATIONS += [mp.Upsample2d((2, 3))]
ACTIVATIONS += [mp.GlobalAvgPool2d(), mp.GlobalMaxPool2d(), mp.Add(), mp.Concat(), mp.Dropout(0.3)]
SIGNALS = [mp.MaxPool1d(3, 2, padding="same"), mp.AvgPool1d(2, dilation=2, count_include_pad=False)]
SIGNALS += [mp.GlobalAvgPool1d(), mp.GlobalMaxPool1d()]
SIGNALS += [
    mp.Reshape(2, -1),
    mp.Permute(2, 1),
    mp.Slice(1, 3, axis=1),
    mp.Mean(1),
    mp.Expand(3),
    mp.Multiply(),
]
SIGNALS += [mp.Softmax(), mp.Attention(7, causal=True), mp.LayerNorm(), mp.BatchNorm(4), mp.Positions()]
CONVOLUTIONS = [mp.Conv2d(4, 6, 3), mp.Conv2d(4, 6, (3, 2), stride=(2, 3), padding=(2, 1), groups=2)]
CONVOLUTIONS += [mp.Conv2d(4, 4, 2, padding="same", dilation=2, groups=4, bias=False)]
CONVOLUTIONS += [mp.ConvTranspose2d(4, 6, (3, 2), (2, 3), (2, 1), 1, dilation=2, groups=2)]
TRANSFERS = [
    (mp.Linear(5, 3), (5,)),
    (mp.Linear(5, 3), (4, 5)),
    (mp.Linear(5, 3, bias=False), (5,)),
    (Gain(4), IMAGES),
]
TRANSFERS += [(layer, IMAGES) for layer in CONVOLUTIONS]
TRANSFERS += [(mp.Scale(4, axis=1), IMAGES), (mp.Scale(5), (4, 5))]
TRANSFERS += [(mp.Conv1d(4, 6, 3, 2, (2, 0), 2, groups=2), (4, 9))]
TRANSFERS += [(mp.ColumnsApart(mp.Linear(6, 5), mp.Communicator()), (6,))]


def test_every_layer_is_here():
    public = {value for value in vars(mp).values() if isinstance(value, type) and issubclass(value, mp.Layer)}
    tested = {type(layer) for layer in (*ACTIVATIONS, *SIGNALS, *(layer for layer, _ in TRANSFERS))}
    assert public - {mp.Layer, mp.Transfer, mp.Embedding} == tested - {Gain}


@pytest.mark.parametrize("layer", [*ACTIVATIONS, *SIGNALS], ids=repr)
def test_activations(layer):
    def forward_and_adjoint():
        shape = IMAGES[: 2 if layer in SIGNALS else 3]
        inputs = [normal(3, *shape, seed=i) for i in range(layer.arity or 3)]
        drawn = copy.deepcopy(layer).sample(np.random.default_rng(0), *inputs)  # whose memory is its own
        a = drawn.forward(*inputs)
        return a, drawn.adjoint(normal(*a.shape), a, *inputs)

    same(forward_and_adjoint)


@pytest.mark.parametrize(("layer", "shape"), TRANSFERS, ids=repr)
def test_transfers(layer, shape):
    def everything():
        a, theta = normal(3, *shape), normal(*layer.theta_shape)
        z, A = layer.forward(theta, a), layer.linear_map(a)
        delta = normal(*z.shape)
        adjoints = layer.adjoint_input(theta, a, delta), layer.adjoint_theta(a, delta)
        products = A @ layer.split(theta), A.T @ layer.rows(delta)
        if isinstance(layer, Gain):
            return z, adjoints, products
        return z, adjoints, products, A.matrix(), layer.matrix(a), A.gram(), A.T.gram()

    same(everything)


def test_an_embedding():
    layer = mp.Embedding(6, 3)

    def everything():
        tokens = asarray(np.array([[0.0, 5, 2, 2], [1, 2, 0, 5]]))
        theta, delta = normal(6, 3), normal(8, 3)
        A = layer.linear_map(tokens)
        return layer.forward(theta, tokens), A.T @ delta, A.matrix(), mp.Exact()(A, delta, 0.5)

    same(everything)
    wrong = strictpy.asarray(np.array([[0.0, 6.0, 0.5]]))
    with strict_arrays.fetches_forbidden():
        rows = layer.forward(strictpy.ones((6, 3)), wrong)
    assert np.isnan(rows.get()).all(axis=-1).tolist() == [[False, True, True]]


LOSSES = [mp.CrossEntropy(), mp.CrossEntropy(0.1), mp.SquaredError(), mp.BinaryCrossEntropy(), mp.Huber(0.5)]
LOSSES += [mp.CrossEntropy(0.1, [1, 2, 0.5]), mp.CrossEntropy(ignore_index=1)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses(loss):
    def value_and_gradient():
        output = normal(7, 3)
        y = labels(7) if isinstance(loss, mp.CrossEntropy) else (normal(7, 3, seed=1) > 0).astype("int64")
        return loss(output, y), loss.gradient(output, y), loss.correct(output, y)

    same(value_and_gradient)


def test_every_loss_is_here():
    public = {value for value in vars(mp).values() if isinstance(value, type) and issubclass(value, mp.Loss)}
    assert public - {mp.Loss} == set(map(type, LOSSES))


def test_weights_and_ignored_labels_fetch_nothing():
    loss, output = mp.CrossEntropy(class_weights=[1, 2, 3], ignore_index=3), strictpy.ones((8, 3))
    with strict_arrays.fetches_forbidden():
        y = strictpy.arange(8) % 4
        found = loss(output, y), loss.gradient(output, y), loss.weight(y), loss.judged(y)
    assert [float(found[0]), float(found[2]), int(found[3])] == [pytest.approx(np.log(3)), 12, 6]


def test_targets_out_of_range_are_nan_until_somebody_counts():
    loss, output, y = mp.BinaryCrossEntropy(), strictpy.ones((4, 1)), strictpy.arange(4) % 3
    with strict_arrays.fetches_forbidden():
        value, gradient = loss(output, y), loss.gradient(output, y)
    assert np.isnan(float(value))
    assert np.isnan(gradient.get()).ravel().tolist() == [False, False, True, False]
    with raises(ValueError, "[0, 1]", "from 0 to 2"):
        loss.correct(output, y)


def test_labels_out_of_range_are_nan_until_somebody_counts():
    loss, output, y = mp.CrossEntropy(), strictpy.ones((8, 3)), strictpy.arange(8) % 4
    with strict_arrays.fetches_forbidden():
        value, gradient = loss(output, y), loss.gradient(output, y)
    assert np.isnan(float(value))
    assert np.isnan(gradient.get()).all(axis=1).tolist() == [label == 3 for label in y.tolist()]
    with raises(ValueError, "from 0 to 2", "from 0 to 3"):
        loss.correct(output, y)


# Passes


def dense(dtype="float64"):
    layers = [mp.Linear(6, 8), mp.ReLU(), mp.Dropout(0.2), mp.Linear(8, 7, bias=False), mp.GELU()]
    return mp.Sequential(*layers, mp.Linear(7, 3), seed=1, dtype=dtype), (6,)


def convolutional(dtype="float64"):
    layers = [mp.Conv2d(2, 4, 3, padding="same"), mp.ReLU(), mp.MaxPool2d(2)]
    layers += [mp.Conv2d(4, 4, 2, stride=2, padding=1, groups=2), mp.Softplus(), mp.Flatten()]
    return mp.Sequential(*layers, mp.Linear(16, 3), seed=1, dtype=dtype), (2, 5, 6)


def residual(dtype="float64"):
    x = mp.Input((2, 5, 4))
    h = mp.Tanh()(mp.Conv2d(2, 4, 3, padding=1, init="he")(x))
    r = mp.Add()(h, mp.LeakyReLU()(mp.Conv2d(4, 4, 3, padding=1)(h)), h)
    s = mp.Concat()(r, x, mp.Sigmoid()(mp.Conv2d(2, 3, 1, init="glorot")(x)))
    return mp.Graph(x, mp.Linear(9, 3)(mp.GlobalAvgPool2d()(s)), seed=1, dtype=dtype), (2, 5, 4)


def shared(dtype="float64"):
    x, conv, linear = mp.Input((3, 4, 4)), mp.Conv2d(3, 3, 3, padding=1, groups=3), mp.Linear(12, 12)
    h = mp.Flatten()(mp.AvgPool2d(2)(mp.Tanh()(conv(mp.Tanh()(conv(x))))))
    h = mp.Tanh()(linear(mp.Tanh()(linear(h))))
    return mp.Graph(x, mp.Linear(12, 3)(h), seed=1, dtype=dtype), (3, 4, 4)


nets = pytest.mark.parametrize("build", [dense, convolutional, residual, shared])
SOLVERS = [mp.Explicit(), mp.Exact(), mp.Exact("primal"), mp.Exact("dual"), mp.CG(3), mp.BlockCG(3)]
SOLVERS += [mp.BlockCG(3, "primal"), mp.BlockCG(3, "dual")]


def problem(build):
    net, shape = build()
    x, y = normal(5, *shape), labels(5)
    return net, mp.forward(net, x, training=True, seed=2), mp.CrossEntropy(), y


@nets
def test_forward_and_backprop(build):
    def passes():
        net, tape, loss, y = problem(build)
        return net.parameters, tape.values, tape.z, tape.a, mp.backprop(net, tape, loss, y)

    same(passes)


@nets
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_proxprop(build, solver):
    def steps():
        net, *rest = problem(build)
        d, reports = mp.proxprop(net, *rest, 0.5, solver, report=True)
        assert d[0].shape == net.parameters[0].shape
        return d, reports, mp.proxprop(net, *rest, 0.5, solver, weight_decay=0.1)

    same(steps)


@pytest.mark.parametrize("solver", [mp.Exact(), mp.BlockCG(3), [mp.Exact("dual"), mp.CG(2), mp.BlockCG(2)]])
def test_proximal_last_layer(solver):
    def steps():
        net, tape, _, _ = problem(dense)
        y, taus = normal(5, 3), (0.1, 0.2, 0.3)
        return mp.proxprop(net, tape, mp.SquaredError(), y, taus, solver, last_layer="proximal", report=True)

    same(steps)


def test_vanishing_errors():
    """Where δ is zero, the iterations end at once, and the reports say so."""

    def steps():
        net, tape, _, _ = problem(dense)
        return [
            mp.proxprop(net, tape, mp.SquaredError(), tape.output, 0.5, solver, report=True)
            for solver in SOLVERS
        ]

    same(steps)


def test_a_transfer_of_your_own():
    def steps():
        x = mp.Input((4, 5, 5))
        h = mp.Tanh()(Gain(4)(mp.Conv2d(4, 4, 1)(x)))
        net = mp.Graph(x, mp.Linear(100, 3)(mp.Flatten()(h)), seed=0, dtype="float64")
        tape = mp.forward(net, normal(5, 4, 5, 5))
        return [
            mp.proxprop(net, tape, mp.CrossEntropy(), labels(5), 0.5, solver)
            for solver in (mp.CG(2), mp.BlockCG(2), mp.BlockCG(2, "primal"))
        ]

    same(steps)


# The paper's text, and what the propositions say


@pytest.mark.parametrize("build", [dense, convolutional])
def test_algorithms(build):
    def sweeps():
        net, shape = build()
        x, y, loss = normal(5, *shape), labels(5), mp.CrossEntropy()
        one = mp.algorithm_1(net, x, loss, y, tau=0.1, gamma=2.0, rho=3.0)
        two = mp.algorithm_2(net, x, loss, y, tau=0.1, tau_theta=[0.5, 0.7, 1.0])
        E = mp.energy(net, loss, y, two.theta_next, one.a, two.z, gamma=2.0, rho=3.0)
        return one, two, E

    same(sweeps)


@nets
def test_theory(build):
    def measured():
        net, shape = build()
        x, y, loss = normal(5, *shape), labels(5), mp.CrossEntropy()
        tape = mp.forward(net, x)
        grads, steps = mp.backprop(net, tape, loss, y), mp.proxprop(net, tape, loss, y, 0.5)
        found = [mp.theory.descent(net, tape, loss, y, 0.5), mp.armijo(net, x, loss, y, steps)]
        found += [mp.theory.angle(g, d) for g, d in zip(grads, steps, strict=True)]
        for _, A, delta in mp.errors(net, tape, loss, y):
            eigenvalues = mp.theory.spectrum(A)
            assert type(eigenvalues) is np.ndarray
            found += [mp.theory.condition(A, 0.5), mp.theory.condition_bound(A, 0.5), *net.parameters]
            found += [mp.theory.largest_stable_step(eigenvalues), mp.theory.small_step_limit(A, delta)]
            found += [mp.theory.implicit_factor(eigenvalues, 0.5).tolist()]
            d = mp.Exact()(A, delta, 0.5)
            found += [mp.theory.subproblem(A, delta, 0.5, d), mp.check_step(A, delta, 0.5, d) < 1e-12]
            if build is not shared:
                found += [mp.theory.large_step_limit(A, delta)]
        return found

    same(measured)


def test_check_gradient():
    with mp.use("strictpy"):
        net, shape = residual()
        x, y, loss = normal(5, *shape), labels(5), mp.CrossEntropy()
        assert mp.check_gradient(net, x, loss, y) < 1e-6
        wrong = [1.01 * g for g in mp.backprop(net, mp.forward(net, x), loss, y)]
        with pytest.raises(mp.CheckError):
            mp.check_gradient(net, x, loss, y, wrong)


# Training


def sgd(net):
    return mp.SGD(net, lr=lambda epoch: 0.3 / (1 + epoch), momentum=0.9, nesterov=True, weight_decay=0.01)


def adam(net):
    return mp.Adam(net, lr=0.01, weight_decay=0.01)


def adamw(net):
    return mp.AdamW(net, lr=lambda epoch: 0.03 / (1 + epoch), weight_decay=0.1)


def rmsprop(net):
    return mp.RMSprop(net, lr=0.01, momentum=0.5)


MAKERS = [lambda net: mp.SGD(net, lr=0.3), sgd, adam, adamw, lambda net: mp.RMSprop(net), rmsprop]
optimisers = pytest.mark.parametrize("make", MAKERS)
IMPLICIT = functools.partial(mp.proxprop, tau_theta=0.1, solver=mp.Exact())


@optimisers
def test_optimisers(make):
    def updates():
        net, tape, loss, y = problem(convolutional)
        optimiser = make(net)
        for _ in range(3):
            optimiser.step(mp.backprop(net, mp.forward(net, tape.values[0]), loss, y))
        return net.parameters, optimiser.state

    same(updates)


def training(epochs, make=sgd, direction=IMPLICIT, **options):
    """The state and the history, but for the seconds, of a run from the start or from a checkpoint."""
    data = mp.datasets.blobs(dtype="float64")
    layers = [mp.Linear(2, 10), mp.ReLU(), mp.Dropout(0.2), mp.Linear(10, 3)]
    net = mp.Sequential(*layers, seed=0, dtype="float64")
    optimiser = make(net)
    options = {"epochs": epochs, "batch_size": 50, **options}
    history = mp.train(net, data, mp.CrossEntropy(), optimiser, direction, **options).to_dict()
    del history["seconds"]
    figures = mp.evaluate(net, data.test, mp.CrossEntropy(), batch_size=7)
    return net.parameters, optimiser.state, history, figures


@optimisers
@pytest.mark.parametrize("direction", [mp.backprop, IMPLICIT])
def test_training(make, direction):
    same(training, 2, make, direction)


@pytest.mark.parametrize(
    ("first", "then"), [("strictpy", "strictpy"), ("numpy", "strictpy"), ("strictpy", "numpy")]
)
def test_resumed_from_a_checkpoint_of_either_backend(tmp_path, first, then):
    path = tmp_path / "run.npz"
    expected, _, history, _ = training(4)
    with mp.use(first):
        training(2, checkpoint=path)
    with mp.use(then):
        parameters, _, resumed, _ = training(4, checkpoint=path, resume=True)
    assert {type(theta).__module__ for theta in parameters} == {then}
    assert [mp.to_numpy(theta).tolist() for theta in parameters] == [theta.tolist() for theta in expected]
    assert resumed == history


def test_a_run_that_diverges():
    def singular(net, tape, loss, y):
        raise np.linalg.LinAlgError("the system is at fault, not the values")

    with mp.use("strictpy"):
        history = training(5, lambda net: mp.SGD(net, lr=1e200), mp.backprop)[2]
        assert history["status"] == "diverged"
        with pytest.raises(np.linalg.LinAlgError, match="at fault"):
            training(1, direction=singular)


def test_parameters_in_files(tmp_path):
    path = tmp_path / "net.npz"
    net, _ = dense()
    mp.save_parameters(net, path)
    with mp.use("strictpy"):
        other, _ = dense()
        other.parameters = [0 * theta for theta in other.parameters]
        mp.load_parameters(other, path)
        mp.save_parameters(other, path)
    agree(other.parameters, net.parameters)
    mp.load_parameters(net, path)
    agree(other.parameters, net.parameters)


@pytest.mark.parametrize("make", [mp.datasets.digits, mp.datasets.blobs])
def test_data_sets_are_placed(make):
    def splits():
        data = make()
        return [(split.x, split.y) for split in (data.train, data.validation, data.test)]

    same(splits)


# Planted errors: each passes with NumPy, and is caught here

OFFSET = np.ones(8)


@pytest.mark.parametrize(
    ("function", "error", "part"),
    [
        (lambda z: np.maximum(z, 0), TypeError, "ufunc"),
        (lambda z: np.where(z > 0, z, 0), TypeError, "np.where"),
        (lambda z: z + OFFSET, TypeError, "Unsupported type"),
        (lambda z: mp.array_module(z).maximum(z, OFFSET), TypeError, "Unsupported type"),
        (lambda z: mp.array_module(z).asarray(np.asarray(z)), TypeError, "Implicit conversion"),
        (lambda z: mp.array_module(z).vecdot(z, z)[:, None] * z, AttributeError, "vecdot"),
    ],
)
@pytest.mark.parametrize("where", ["forward", "adjoint"])
def test_planted_errors(function, error, part, where):
    def passes():
        layer = mp.Tanh()
        setattr(layer, where, lambda z, *rest: function(z))
        net = mp.Sequential(mp.Linear(6, 8), layer, mp.Linear(8, 3), dtype="float64")
        tape = mp.forward(net, normal(5, 6))
        return mp.backprop(net, tape, mp.CrossEntropy(), labels(5))

    assert len(passes()) == 2
    with mp.use("strictpy"), pytest.raises(error, match=part):
        passes()


def test_arrays_of_two_backends_do_not_mix():
    net, x, z = dense()[0], strictpy.ones((5, 6)), strictpy.ones((5, 3))
    with raises(TypeError, "strictpy array of shape (5, 6)", "numpy array of shape (7, 8)"):
        mp.forward(net, x)
    with raises(TypeError, "strictpy array of shape (5, 3)", "numpy array of shape (5,)"):
        mp.CrossEntropy()(z, labels(5))
