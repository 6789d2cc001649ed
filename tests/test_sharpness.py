"""Sharpness, plain and preconditioned: against dense matrices, and against what steps near the limit do."""

import functools

import numpy as np
import pytest
from conftest import raises, relative
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import minprox as mp
from minprox.paper.sharpness import leading


def implicit(tau_theta=1.0, **options):
    return functools.partial(mp.proxprop, tau_theta=tau_theta, **options)


def mlp():
    return mp.Sequential(
        *(mp.Linear(5, 6), mp.Tanh(), mp.Linear(6, 4, bias=False), mp.Sigmoid(), mp.Linear(4, 3)),
        seed=0,
        dtype="float64",
    )


def convnet():
    return mp.Sequential(
        *(mp.Conv2d(2, 4, 2, groups=2), mp.Tanh(), mp.Conv2d(4, 2, 2), mp.Flatten(), mp.Linear(8, 3)),
        seed=0,
        dtype="float64",
    )


def shared():
    x, layer = mp.Input((5,)), mp.Linear(5, 5)
    return mp.Graph(x, mp.Linear(5, 3)(mp.Tanh()(layer(mp.Tanh()(layer(x))))), dtype="float64")


NETS = {"mlp": (mlp, (5,)), "convnet": (convnet, (2, 4, 4)), "shared": (shared, (5,))}
nets = pytest.mark.parametrize("name", NETS)


def problem(name, rng, n=6):
    make, shape = NETS[name]
    net, x = make(), rng.standard_normal((n, *shape))
    return net, x, mp.forward(net, x), rng.integers(0, 3, n)


def dense_hessian(net, x, loss, y, h=1e-5):
    """By central differences of back-propagation, column by column."""
    old, columns = mp.pack(net.parameters), []
    for unit in np.eye(old.size):
        ends = []
        for step in (h, -h):
            net.parameters = mp.unpack(old + step * unit, net)
            ends.append(mp.pack(mp.backprop(net, mp.forward(net, x), loss, y)))
        columns.append((ends[0] - ends[1]) / (2 * h))
    net.parameters = mp.unpack(old, net)
    return np.array(columns).T


def dense_inverse(net, tape, loss, y, direction):
    """M⁻¹, as the direction itself shows it: it is linear in the error, and the error can be anything."""
    n = sum(theta.size for theta in net.parameters)
    inverse, at = np.zeros((n, n)), 0
    matrices = {l: A for l, A, _ in mp.errors(net, tape, loss, y)}
    taus = direction.keywords["tau_theta"] if isinstance(direction, functools.partial) else None
    for l, layer in enumerate(net.transfers):
        cols, n_out = layer.theta_shape
        A, block = matrices[l].matrix(), np.eye(cols * n_out)
        if taus and l not in net.last_transfers:
            A = A.reshape(layer.groups, *A.shape[-2:])
            block = np.zeros((cols, n_out, cols, n_out))
            for o in range(n_out):
                mine = A[o // (n_out // layer.groups)]
                block[:, o, :, o] = np.linalg.inv(mine.T @ mine + np.eye(cols) / taus)
            block = block.reshape(cols * n_out, -1)
        inverse[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return inverse


@nets
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(name, rng):
    """(T5): Λ and its eigenvector, and what each layer holds of it."""
    net, x, tape, y = problem(name, rng)
    loss = mp.CrossEntropy()
    values, vectors = np.linalg.eigh(dense_hessian(net, x, loss, y))
    found = mp.theory.sharpness(net, tape, loss, y, tolerance=1e-10)
    assert found.value == pytest.approx(values[-1], rel=1e-6)
    assert abs(mp.pack(found.vector) @ vectors[:, -1]) == pytest.approx(1, rel=1e-6)
    masses = [float((part**2).sum()) for part in mp.unpack(vectors[:, -1], net)]
    assert found.shares == pytest.approx(masses, abs=1e-5)
    assert found.limit == mp.theory.largest_stable_step(found.value)


@pytest.mark.parametrize("tau_theta", [0.05, 50.0])
@nets
def test_preconditioned_sharpness_is_that_of_a_dense_product(name, tau_theta, rng):
    """(T6): the eigenvalues of M⁻¹ H."""
    net, x, tape, y = problem(name, rng)
    loss, direction = mp.CrossEntropy(), implicit(tau_theta)
    inverse = dense_inverse(net, tape, loss, y, direction)
    R = mp.theory.root(net, tape, loss, y, direction)
    assert relative(R @ R.T @ np.eye(len(inverse)), inverse) < 1e-12
    product = inverse @ dense_hessian(net, x, loss, y)
    expected = np.linalg.eigvals(product).real.max()
    found = mp.theory.sharpness(net, tape, loss, y, direction, tolerance=1e-10)
    assert found.value == pytest.approx(expected, rel=1e-6)
    u = mp.pack(found.vector)
    assert relative(product @ u, found.value * u) < 1e-5
    assert sum(found.shares) == pytest.approx(1)


def quadratic(rng):
    """One layer and the squared error: the Hessian is AᵀA/N, and steps are linear maps of the error."""
    net = mp.Sequential(mp.Linear(4, 2), seed=0, dtype="float64")
    x = rng.standard_normal((9, 4)) * [1, 2, 3, 4]
    return net, x, np.zeros((9, 2)), mp.SquaredError()


def test_on_a_quadratic_it_is_known(rng):
    """(T5), (T6), with the last layer proximal: λ/(cλ + 1/τ_θ) stays below 1, whatever τ_θ."""
    net, x, y, loss = quadratic(rng)
    tape = mp.forward(net, x)
    largest = mp.theory.spectrum(mp.DenseMap(x, bias=True))[-1] / 9
    assert mp.theory.sharpness(net, tape, loss, y).value == pytest.approx(largest, rel=1e-12)
    for tau_theta in (0.1, 10.0, 1e4):
        direction = implicit(tau_theta, last_layer="proximal")
        found = mp.theory.sharpness(net, tape, loss, y, direction)
        assert found.value == pytest.approx(largest / (largest + 1 / tau_theta), rel=1e-10)
        assert found.limit > 2


@pytest.mark.parametrize("direction", [mp.backprop, implicit(0.5, last_layer="proximal")], ids=["GD", "prox"])
def test_steps_below_the_limit_come_together_and_above_part(direction, rng):
    net, x, y, loss = quadratic(rng)
    found = mp.theory.sharpness(net, mp.forward(net, x), loss, y, direction)
    for share, grows in ((0.99, False), (1.01, True)):
        net.parameters = found.vector
        for _ in range(5):
            step = direction(net, mp.forward(net, x), loss, y)
            net.parameters = [a - share * found.limit * d for a, d in zip(net.parameters, step, strict=True)]
        gap = np.linalg.norm(mp.pack(net.parameters)) / np.linalg.norm(mp.pack(found.vector))
        assert gap == pytest.approx(abs(1 - 2 * share) ** 5, rel=1e-9)
        assert (gap > 1) == grows


@pytest.mark.parametrize(
    ("spectrum", "absolute"),
    [
        (np.linspace(-1, 2, 60), 1e-4),
        (np.r_[-1e6, np.linspace(-1, 1e-3, 400)], 1e-1),  # hopeless to a part of 1e-3
        (np.r_[np.full(200, 3.0), np.zeros(200)], 1e-4),
        (-np.logspace(0, 3, 300), 1e-1),
    ],
    ids=["spread", "small beside large", "clustered", "negative"],
)
def test_the_leading_eigenvalue_of_any_spectrum(spectrum, absolute, rng):
    Q, _ = np.linalg.qr(rng.standard_normal((len(spectrum),) * 2))
    S = aslinearoperator((Q * spectrum) @ Q.T)
    value, vector = leading(S, 1e-5, seed=0)
    assert value == pytest.approx(spectrum.max(), abs=absolute)
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_an_eigenvalue_that_is_not_found_is_told(monkeypatch, rng):
    monkeypatch.setattr("minprox.paper.sharpness.RESTARTS", 1)
    S = aslinearoperator(np.diag(np.linspace(0, 1, 3000)))
    with raises(ValueError, "Lanczos finds no leading eigenvalue to 1e-12", "larger tolerance"):
        leading(S, 1e-12, seed=0)


class Scaled:
    """The gradient, each layer times a positive number of its own: linear, and it gives its root."""

    def __init__(self, *scales):
        self.scales = scales

    def __call__(self, net, tape, loss, y):
        return [c * g for c, g in zip(self.scales, mp.backprop(net, tape, loss, y), strict=True)]

    def root(self, net, tape, loss, y):
        r = mp.pack([np.full(p.shape, c**0.5) for c, p in zip(self.scales, net.parameters, strict=True)])
        return LinearOperator(
            (r.size, r.size), matvec=lambda v: r * v.ravel(), rmatvec=lambda v: r * v.ravel()
        )


def test_a_direction_of_ones_own_gives_its_root(rng):
    net, x, tape, y = problem("mlp", rng)
    loss = mp.CrossEntropy()
    plain = mp.theory.sharpness(net, tape, loss, y).value
    assert mp.theory.sharpness(net, tape, loss, y, Scaled(3, 3, 3)).value == pytest.approx(
        3 * plain, rel=1e-5
    )
    only_last = mp.theory.sharpness(net, tape, loss, y, Scaled(0, 0, 1))
    assert only_last.shares == pytest.approx([0, 0, 1])
    H = dense_hessian(net, x, loss, y)[-15:, -15:]
    assert only_last.value == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-5)


def test_float32_and_every_backend(other, rng):
    net, x, tape, y = problem("convnet", rng)
    loss, direction = mp.CrossEntropy(), implicit(1.0)
    expected = mp.theory.sharpness(net, tape, loss, y, direction)
    single = mp.Sequential(
        *(mp.Conv2d(2, 4, 2, groups=2), mp.Tanh(), mp.Conv2d(4, 2, 2), mp.Flatten(), mp.Linear(8, 3)), seed=0
    )
    single.parameters = net.parameters
    tape = mp.forward(single, x.astype("float32"))
    assert mp.theory.sharpness(single, tape, loss, y, direction).value == pytest.approx(
        expected.value, rel=1e-4
    )
    with mp.use(other) as xp:
        there = net.to(other)
        tape = mp.forward(there, xp.asarray(x))
        found = mp.theory.sharpness(there, tape, loss, xp.asarray(y), direction)
        assert found.value == pytest.approx(expected.value, rel=1e-10)
        assert {mp.array_module(u) for u in found.vector} == {xp}


def test_the_watch_measures_after_every_epoch():
    data, loss = mp.datasets.blobs(), mp.CrossEntropy()
    net = mp.Sequential(mp.Linear(2, 8), mp.Tanh(), mp.Linear(8, 3), seed=0)
    direction = implicit(0.1)
    watch = mp.theory.SharpnessWatch(data.train.x, data.train.y, loss, direction, every=2)
    watch(net)
    mp.train(net, data, loss, mp.SGD(net, lr=1.0), direction, epochs=4, batch_size=50, callbacks=[watch])
    assert [row["epoch"] for row in watch.rows] == [0, 2, 4]
    tape = mp.forward(net, data.train.x)
    for name, d in (("sharpness", mp.backprop), ("preconditioned", direction)):
        found = mp.theory.sharpness(net, tape, loss, data.train.y, d)
        assert watch.rows[-1][name] == found.value
        assert watch.rows[-1][f"{name}_shares"] == found.shares
    net.parameters[0][...] = np.inf
    with np.errstate(all="ignore"):
        row = watch.measure(net)
    assert np.isnan(
        [row["loss"], row["sharpness"], row["preconditioned"], *row["preconditioned_shares"]]
    ).all()


def test_the_watch_is_precise_unless_told_otherwise():
    data, loss = mp.datasets.blobs(), mp.CrossEntropy()
    x, y = data.train.x[:200], data.train.y[:200]
    net = mp.Sequential(mp.Linear(2, 8), mp.Tanh(), mp.Linear(8, 10), seed=0)
    exact = mp.theory.sharpness(net, mp.forward(net, x), loss, y, tolerance=1e-12).value
    for options, gap in (({}, 1e-7), ({"tolerance": 1.0}, 1e-3)):
        found = mp.theory.SharpnessWatch(x, y, loss, **options).measure(net)["sharpness"]
        assert found == pytest.approx(exact, rel=gap)


def test_bad_input_is_told(rng):
    net, x, tape, y = problem("mlp", rng)
    loss = mp.CrossEntropy()
    for direction, words in (
        (implicit(1.0, solver=mp.CG(3)), "proxprop with CG"),
        (implicit(1.0, solver=[mp.Exact(), mp.BlockCG(3), mp.Exact()]), "proxprop with BlockCG"),
        (functools.partial(mp.proxprop, tau_theta=1.0, report=True), None),
        (lambda net, tape, loss, y: [], "found <function"),
    ):
        if words is None:
            assert mp.theory.sharpness(net, tape, loss, y, direction).value > 0
            continue
        with raises(TypeError, "linear in the gradient", words):
            mp.theory.sharpness(net, tape, loss, y, direction)
    with raises(ValueError, "tau_theta"):
        mp.theory.sharpness(net, tape, loss, y, implicit(-1.0))
    with raises(ValueError, "tolerance"):
        mp.theory.sharpness(net, tape, loss, y, tolerance=0)
    with raises(ValueError, "every"):
        mp.theory.SharpnessWatch(x, y, loss, every=0)
    net.parameters[0][...] = np.nan
    with raises(ValueError, "finite", "NaN"):
        mp.theory.sharpness(net, tape, loss, y)
