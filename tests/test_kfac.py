"""K-FAC and the implicit step (K1, K2, K3)."""

import functools

import numpy as np
import pytest
from conftest import raises, relative

import minprox as mp
from minprox.experiments import Run, execute
from minprox.methods import KFAC, METHODS, input_factor, kfac_step, output_factor, split_damping
from minprox.methods.model_targets import drawn_targets


def chain(rng, loss, n_out=3):
    net = mp.Sequential(mp.Linear(4, 6), mp.Tanh(), mp.Linear(6, n_out), seed=1, dtype="float64")
    x = rng.standard_normal((7, 4))
    y = rng.integers(0, n_out, 7) if loss is not mp.SquaredError else rng.standard_normal((7, n_out))
    return net, mp.forward(net, x), loss(), y


def unfolded(a, k, padding):
    """The patches of images ``(N, C, H, W)`` with a column of ones, by NumPy's windows."""
    a = np.pad(a, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(a, (k, k), axis=(2, 3))
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, a.shape[1] * k * k)
    return np.hstack([rows, np.ones((len(rows), 1))])


# The identity (K3)


@pytest.mark.parametrize("tau_theta", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_matrix_of_an_implicit_step_is_that_of_a_damped_input_factor(tau_theta, padding, rng):
    """AᵀA + I/τ_θ = N P (C + I/(N P τ_θ)), C the mean over samples and positions (K3)."""
    layer = mp.Conv2d(2, 4, 3, padding=padding)
    a = rng.standard_normal((5, 2, 6, 7))
    A = layer.linear_map(a)
    rows = unfolded(a, 3, padding)
    C = np.mean(rows[:, :, None] * rows[:, None, :], axis=0)
    n = len(rows)
    assert n == 5 * (4 + 2 * padding) * (5 + 2 * padding)
    assert relative(input_factor(A), C) < 1e-12
    left = A.T.gram() + np.eye(A.shape[1]) / tau_theta
    assert relative(left, n * (C + np.eye(A.shape[1]) / (n * tau_theta))) < 1e-12


@pytest.mark.parametrize(
    "layer", [mp.Linear(5, 3), mp.Linear(5, 3, bias=False), mp.Conv2d(4, 6, 3, groups=2)], ids=repr
)
def test_without_the_output_factor_the_step_is_the_implicit_one(layer, rng):
    """With Γ = I and the damping on the inputs alone (K3): FOOF."""
    a = rng.standard_normal((8, 5) if isinstance(layer, mp.Linear) else (3, 4, 5, 6))
    A, groups, tau = layer.linear_map(a), layer.groups, 0.3
    n = A.shape[0]
    delta = rng.standard_normal((*([groups] if groups > 1 else []), n, layer.theta_shape[1] // groups))
    Gamma = np.broadcast_to(np.eye(delta.shape[-1]), (*delta.shape[:-2], *2 * delta.shape[-1:]))
    d = kfac_step(A.T @ delta, input_factor(A), Gamma, 1 / (n * tau), 0.0)
    assert relative(d / n, mp.Exact()(A, delta, tau)) < 1e-12


# The step (K1) and its damping (K2)


def test_the_step_solves_the_kronecker_system(rng):
    """d = (Ω + a I)⁻¹ G (Γ + b I)⁻¹ is ((Ω + a I) ⊗ (Γ + b I))⁻¹ vec G (K1)."""
    root, other = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    Omega, Gamma, G = root @ root.T, other @ other.T, rng.standard_normal((4, 3))
    d = kfac_step(G, Omega, Gamma, 0.2, 0.7)
    whole = np.kron(Omega + 0.2 * np.eye(4), Gamma + 0.7 * np.eye(3))
    assert relative(whole @ d.ravel(), G.ravel()) < 1e-11


def test_for_one_sample_the_factors_are_the_fisher_matrix(rng):
    """Where nothing is averaged nothing is lost: F = Ω ⊗ Γ (K1)."""
    a, error = rng.standard_normal((1, 4)), rng.standard_normal((1, 3))
    A = mp.DenseMap(a, bias=True)
    g = (A.T @ error).ravel()
    assert relative(np.kron(input_factor(A), output_factor(error, 1)), np.outer(g, g)) < 1e-12


def test_the_damping_is_split_so_that_no_scale_matters(rng):
    """a b = λ, and a factor that moves from Ω to Γ changes no step (K2)."""
    root, other = rng.standard_normal((4, 4)), rng.standard_normal((3, 3))
    Omega, Gamma, G = root @ root.T, other @ other.T, rng.standard_normal((4, 3))
    a, b = split_damping(Omega, Gamma, 0.3)
    assert a * b == pytest.approx(0.3)
    assert a / b == pytest.approx((np.trace(Omega) / 4) / (np.trace(Gamma) / 3))
    moved = split_damping(100 * Omega, Gamma / 100, 0.3)
    steps = kfac_step(G, Omega, Gamma, a, b), kfac_step(G, 100 * Omega, Gamma / 100, *moved)
    assert relative(*steps) < 1e-11
    even = kfac_step(G, 100 * Omega, Gamma / 100, 0.3**0.5, 0.3**0.5)
    assert relative(even, steps[0]) > 0.01  # a split without π does not


def test_a_factor_that_vanishes_leaves_the_damping():
    a, b = split_damping(np.zeros((2, 2)), np.eye(3), 0.25)
    assert (float(a), float(b)) == (0.5, 0.5)


# Directions


@pytest.mark.parametrize("fisher", ["empirical", "sampled"])
def test_a_step_of_a_net_is_that_of_each_layer(fisher, rng):
    net, tape, loss, y = chain(rng, mp.CrossEntropy)
    steps = KFAC(damping=0.2, fisher=fisher, seed=3)(net, tape, loss, y)
    for l, A, delta in mp.errors(net, tape, loss, y):
        drawn = delta
        if fisher == "sampled":
            labels = drawn_targets(loss, tape.output, [3, 0])
            drawn = {k: e for k, _, e in mp.errors(net, tape, loss, labels)}[l]
        Omega, Gamma = A.matrix().T @ A.matrix() / 7, 7 * drawn.T @ drawn
        pi = np.sqrt((np.trace(Omega) / len(Omega)) / (np.trace(Gamma) / len(Gamma)))
        left, right = Omega + pi * 0.2**0.5 * np.eye(len(Omega)), Gamma + 0.2**0.5 / pi * np.eye(len(Gamma))
        assert relative(steps[l], np.linalg.solve(left, A.T @ delta) @ np.linalg.inv(right)) < 1e-10


def test_steps_descend(rng):
    net, tape, loss, y = chain(rng, mp.CrossEntropy)
    grads = mp.backprop(net, tape, loss, y)
    for damping in (1e-4, 1.0):
        for g, d in zip(grads, KFAC(damping)(net, tape, loss, y), strict=True):
            assert (g * d).sum() > 0


def test_the_averages_weigh_the_first_batches_alike_and_then_forget(rng):
    """ρ = min(decay, 1 − 1/k)."""
    net, *_, loss, y = chain(rng, mp.CrossEntropy)
    direction, seen, expected = KFAC(decay=0.6), [], None
    for k in range(1, 6):
        x = rng.standard_normal((7, 4))
        direction(net, mp.forward(net, x), loss, y)
        seen.append(input_factor(net.transfers[0].linear_map(x)))
        rho = min(0.6, 1 - 1 / k)
        expected = seen[-1] if k == 1 else rho * expected + (1 - rho) * seen[-1]
        assert relative(direction.state["Omega"][0], expected) < 1e-12
        if k == 2:
            assert relative(expected, (seen[0] + seen[1]) / 2) < 1e-12
    assert direction.steps == 5


def test_targets_drawn_from_the_model_make_the_fisher_matrix(rng):
    """The mean of Γ over many draws is the curvature of the loss (K1)."""
    output = rng.standard_normal((1, 3))
    p = np.exp(output) / np.exp(output).sum()
    many = np.repeat(output, 40_000, axis=0)
    for loss, expected in ((mp.CrossEntropy(), np.diag(p[0]) - p.T @ p), (mp.SquaredError(), np.eye(3))):
        y = drawn_targets(loss, many, 0)
        Gamma = output_factor(loss.gradient(many, y), len(many))
        assert relative(Gamma, expected) < 0.03


# As a method


def test_a_run_that_is_resumed_ends_with_the_same_bits(tmp_path):
    """The averages are in the checkpoint."""
    data, ends = mp.datasets.blobs(), []
    for stops in ([4], [2, 4]):
        net = mp.Sequential(mp.Linear(2, 8), mp.Tanh(), mp.Linear(8, 3), seed=0)
        for epochs in stops:
            direction = KFAC(damping=0.3, fisher="sampled")
            mp.train(net, data, mp.CrossEntropy(), mp.SGD(net, 0.1, momentum=0.9), direction, epochs=epochs,
                     batch_size=30, checkpoint=tmp_path / f"{len(stops)}.npz", resume=True)  # fmt: skip
        ends.append(net.parameters)
    assert all((a == b).all() for a, b in zip(*ends, strict=True))


def test_it_is_a_method_that_runs_know(tmp_path):
    run = Run(method="kfac", data="blobs", architecture="2-8-3", epochs=3, tau=0.05, options={"damping": 1.0})
    assert dict(run.options)["decay"] == 0.95
    history = execute(run, tmp_path)
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
    assert METHODS["kfac"].bind() is not METHODS["kfac"].bind()  # each run has its own averages


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"damping": 0.0}, "damping: expected a positive finite number, found 0.0"),
        ({"decay": 1.0}, "decay"),
        ({"fisher": "true"}, "fisher: expected one of empirical, sampled, found 'true'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_setting_out_of_its_range(options, part):
    with raises(ValueError, part):
        KFAC(**options)


def test_what_it_cannot_do(rng):
    net, tape, _, y = chain(rng, mp.CrossEntropy)
    with raises(TypeError, "plain CrossEntropy or SquaredError", "label_smoothing=0.1"):
        KFAC(fisher="sampled")(net, tape, mp.CrossEntropy(label_smoothing=0.1), y)
    direction = KFAC()
    direction(net, tape, mp.CrossEntropy(), y)
    other, tape, loss, y = chain(rng, mp.CrossEntropy, n_out=4)
    with raises(ValueError, "found one with other layers"):
        direction(other, tape, loss, y)
    assert "damping=0.1" in repr(functools.partial(direction))


def test_the_averages_of_a_dead_unit_fade_to_zero():
    kfac = KFAC()
    faint = np.full((2, 2), 1e-30, np.float32)
    kfac.remember({0: (faint, faint)})
    for _ in range(900):
        kfac.remember({0: (0 * faint, 0 * faint)})
    assert not kfac.state["Omega"][0].any()
    assert not kfac.state["Gamma"][0].any()
