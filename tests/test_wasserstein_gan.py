"""The Wasserstein proximal of GANs: terms, exact steps, critic losses, training that resumes, measures."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from conftest import along, direction, pairing, raises, relative, slope
from scipy.ndimage import gaussian_filter

import minprox as mp
from minprox.ground.array_files import read_arrays
from minprox.ground.backend import asarray as array_of
from minprox.learning.sampled_records import SampledRecord
from minprox.methods import wasserstein_gan as gan

LOSSES = [gan.NonSaturating(), gan.WassersteinGP(2.0), gan.DRAGAN(3.0, noise=0.2)]
losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)
RING = mp.datasets.Gaussians.ring()


def players(dtype="float64", seed=0, act=mp.Tanh, hidden=6):
    G = mp.Sequential(
        *(mp.Input((3,)), mp.Linear(3, hidden), act(), mp.Linear(hidden, 2)), seed=2 * seed, dtype=dtype
    )
    D = mp.Sequential(
        *(mp.Linear(2, hidden), act(), mp.Linear(hidden, hidden), act(), mp.Linear(hidden, 1)),
        seed=2 * seed + 1,
        dtype=dtype,
    )
    return G, D


def adams(*nets, lr=5e-3):
    return [mp.Adam(net, lr=lr, betas=(0.5, 0.999)) for net in nets]


# The terms


@pytest.mark.parametrize("term", ["relaxed", "affine"])
def test_the_error_is_the_derivative_of_the_term(term, rng):
    """(W2) and (W4), along a random direction of samples that are images."""
    value, error = getattr(gan, term), getattr(gan, f"{term}_error")
    g, g_old, v = rng.standard_normal((3, 5, 1, 2, 3))
    found = float((error(g, g_old, 0.3) * v).sum())
    assert found == pytest.approx(slope(lambda t: value(g + t * v, g_old, 0.3)), rel=1e-9)


def test_jensen_the_affine_term_is_never_more_than_the_relaxed_one(rng):
    """(W4) ≤ (W2), with equality where all samples move alike."""
    for seed in range(20):
        g, g_old = np.random.default_rng(seed).standard_normal((2, 7, 3))
        assert gan.affine(g, g_old, 0.2) < gan.relaxed(g, g_old, 0.2)
    alike = g_old + np.arange(3.0)
    assert gan.affine(alike, g_old, 0.2) == pytest.approx(gan.relaxed(alike, g_old, 0.2))


def test_of_a_normal_variable_the_term_is_the_distance():
    """(W2) for g = a + bz: mean (g − g')² = (Δa)² + (Δb)² = W2², over nodes of Gauss and Hermite."""
    z, weights = np.polynomial.hermite_e.hermegauss(20)
    a, b, c, d = 0.3, 1.7, -0.4, 0.6
    moved = (a + b * z) - (c + d * z)
    assert weights @ moved**2 / weights.sum() == pytest.approx((a - c) ** 2 + (b - d) ** 2, rel=1e-12)


def test_the_term_bounds_the_distance_on_a_line(rng):
    """E|g − g'|² ≥ W2² by sorting (W2, W9), with equality for increasing maps."""
    z = rng.standard_normal(200)
    for seed in range(10):
        a, b, c = np.random.default_rng(seed).standard_normal(3)
        g, g_old = np.sin(3 * a * z) + b * z, z**2 + c * z
        term = 2 * float(gan.relaxed(g[:, None], g_old[:, None], 1.0))
        assert term > gan.w2_on_a_line(g, g_old) ** 2
    g, g_old = np.exp(z), z + z**3
    term = 2 * float(gan.relaxed(g[:, None], g_old[:, None], 1.0))
    assert term == pytest.approx(gan.w2_on_a_line(g, g_old) ** 2, rel=1e-12)


# Directions


@losses
@pytest.mark.parametrize("term", [None, "relaxed", "affine"])
def test_the_generators_direction_is_the_gradient(loss, term, rng):
    """(W3): through the critic, with the error that the term adds, against differences."""
    G, D = players()
    z, h = rng.standard_normal((7, 3)), None if term is None else 0.2
    g_old = mp.forward(G, z).output + rng.standard_normal((7, 2))
    found, value = gan.generator_direction(G, D, mp.forward(G, z), loss, g_old, h, term or "relaxed")

    def J():
        g = mp.forward(G, z).output
        scores = mp.forward(D, g).output
        return float(loss.generator_value(scores)) + (float(getattr(gan, term)(g, g_old, h)) if term else 0)

    assert float(value) == float(loss.generator_value(mp.forward(D, mp.forward(G, z).output).output))
    v = direction(G, rng)
    assert pairing(found, v) == pytest.approx(slope(along(G, J, v)), rel=1e-7)


@losses
def test_the_critics_direction_is_the_gradient(loss, rng):
    """(W5), (W6), (W7): with the penalty at points that a seed fixes, against differences."""
    _, D = players()
    real, fake = rng.standard_normal((2, 7, 2))
    found, value = gan.critic_direction(D, real, fake, loss, np.random.default_rng(5))
    if loss.lam:
        points = loss.points(real, fake, np.random.default_rng(5))

    def J():
        scores = mp.forward(D, np.concatenate([real, fake])).output
        penalty = loss.lam * float(gan.norm_penalty(D, points)) if loss.lam else 0
        return float(loss.value(scores[:7], scores[7:])) + penalty

    assert J() - (loss.lam * float(gan.norm_penalty(D, points)) if loss.lam else 0) == pytest.approx(
        float(value)
    )
    v = direction(D, rng)
    assert pairing(found, v) == pytest.approx(slope(along(D, J, v)), rel=1e-6)


def by_hand(net, x):
    """(‖∇_x D‖ − 1)², with gradients by central differences."""
    h = 1e-6
    sides = [
        mp.forward(net, x + h * u).output - mp.forward(net, x - h * u).output for u in np.eye(x.shape[1])
    ]
    return np.mean((np.linalg.norm(np.hstack(sides) / (2 * h), axis=1) - 1) ** 2)


def test_the_penalty_is_that_of_the_gradients_length(rng):
    """(W6)"""
    _, D = players()
    x = rng.standard_normal((9, 2))
    assert float(gan.norm_penalty(D, x)) == pytest.approx(by_hand(D, x), rel=1e-7)


def test_a_critic_that_does_not_depend_on_its_input_has_a_finite_gradient():
    D = mp.Sequential(mp.Linear(2, 1), dtype="float64")
    D.parameters = [np.zeros((3, 1))]
    assert np.isfinite(gan.norm_penalty_gradient(D, np.ones((4, 2)))[0]).all()


def test_pytorch_has_the_same_penalty_and_gradient(rng):
    """(W6)"""
    torch = pytest.importorskip("torch")
    _, D = players()
    x = torch.tensor(rng.standard_normal((7, 2)), requires_grad=True)
    thetas = [torch.tensor(theta, requires_grad=True) for theta in D.parameters]
    a = x
    for i, theta in enumerate(thetas):
        z = a @ theta[:-1] + theta[-1]
        a = torch.tanh(z) if i < 2 else z
    (g,) = torch.autograd.grad(a.sum(), x, create_graph=True)
    penalty = ((g.norm(dim=1) - 1) ** 2).mean()
    penalty.backward()
    assert float(gan.norm_penalty(D, x.detach().numpy())) == pytest.approx(float(penalty.detach()), rel=1e-12)
    for found, theta in zip(gan.norm_penalty_gradient(D, x.detach().numpy()), thetas, strict=True):
        expected = torch.zeros_like(theta) if theta.grad is None else theta.grad
        assert np.allclose(found, expected.numpy(), atol=1e-13)


def test_points_of_the_penalties(rng):
    """(W6): on the lines from samples to data; (W7): around the data."""
    real, fake = rng.standard_normal((2, 50, 2))
    x = gan.WassersteinGP().points(real, fake, rng)
    t = (x - fake) / (real - fake)
    assert np.allclose(t[:, 0], t[:, 1])
    assert 0 <= t.min() < 0.1
    assert 0.9 < t.max() <= 1
    cloud = gan.DRAGAN(noise=0.5).points(np.tile(real, (100, 1)), fake, rng) - np.tile(real, (100, 1))
    assert cloud.std() == pytest.approx(0.5 * real.std(), rel=0.05)


# The exact step


def linear(rng, features=4, out=2, B=9):
    G = mp.Sequential(mp.Linear(features, out), seed=0, dtype="float64")
    z, delta = rng.standard_normal((B, features)), rng.standard_normal((B, out)) / B
    return G, z, delta


def test_the_exact_step_of_a_linear_generator(rng):
    """(W8): θ − h Ĝ⁻¹ ∇F, with Ĝ = (1/B) Σ JᵀJ from the Jacobian of all parameters."""
    G, z, delta = linear(rng)
    d = gan.exact_proximal(G, mp.forward(G, z), delta, h=0.3)
    ones = np.concatenate([z, np.ones((9, 1))], axis=1)
    J = np.stack([np.kron(row, np.eye(2)) for row in ones])  # ∂g(z_i)/∂θ, row by row of θ
    metric = np.einsum("iaj,iak->jk", J, J) / 9
    gradient = np.einsum("iaj,ia->j", J, delta)
    assert relative(d.ravel(), 0.3 * np.linalg.solve(metric, gradient)) < 1e-6


def test_it_is_where_the_inner_steps_lead(rng):
    """(W1), (W3), (W8): many steps on linear loss and relaxed term end at the exact step."""
    G, z, delta = linear(rng)
    d = gan.exact_proximal(G, mp.forward(G, z), delta, h=0.3)
    goal, g_old, h = G.parameters[0] - d, mp.forward(G, z).output, 0.3
    L = np.linalg.eigvalsh(mp.DenseMap(z, bias=True).T.gram())[-1] / (h * 9)
    for _ in range(4000):
        tape = mp.forward(G, z)
        ((_, A, error),) = mp.sweep(G, tape, delta + gan.relaxed_error(tape.output, g_old, h))
        G.parameters = [G.parameters[0] - A.T @ error / L]
    assert relative(G.parameters[0], goal) < 1e-6


def test_reparametrisation_leaves_the_outputs_of_the_exact_step(rng):
    """(W1): the metric is that of samples, whatever coordinates θ is written in; a gradient step differs."""
    G, z, delta = linear(rng)
    R = rng.standard_normal((4, 4))
    H = mp.Sequential(mp.Linear(4, 2), dtype="float64")
    H.parameters = [np.concatenate([np.linalg.solve(R, G.parameters[0][:-1]), G.parameters[0][-1:]])]
    outputs, gradients = [], []
    for net, points in ((G, z), (H, z @ R)):
        tape = mp.forward(net, points)
        d = gan.exact_proximal(net, tape, delta, h=0.3)
        ((_, A, error),) = mp.sweep(net, tape, delta)
        outputs.append(A @ (net.parameters[0] - d))
        gradients.append(A @ (net.parameters[0] - 0.1 * (A.T @ error)))
    assert relative(*outputs) < 1e-7
    assert relative(*gradients) > 1e-3


@pytest.mark.parametrize(
    "layers",
    [
        (mp.Linear(4, 4), mp.Reshape(1, 2, 2)),
        (mp.Reshape(1, 2, 2), mp.ConvTranspose2d(1, 2, 2, 2), mp.Flatten()),
    ],
    ids=["dense", "transposed convolution"],
)
def test_any_transfer_will_do(layers, rng):
    """(W8): for a convolution, too, samples move by the error, projected on what can be reached."""
    G = mp.Sequential(*layers, seed=0, dtype="float64")
    z = rng.standard_normal((6, 4))
    tape = mp.forward(G, z)
    delta = rng.standard_normal(tape.output.shape) / 6
    d = gan.exact_proximal(G, tape, delta, h=0.2)
    ((_, A, error),) = mp.sweep(G, tape, delta)
    Q = np.linalg.svd(A.matrix(), full_matrices=False)[0]
    assert relative(A @ d, 0.2 * 6 * Q @ (Q.T @ error)) < 1e-6
    damped = gan.exact_proximal(G, tape, delta, h=0.2, tau_theta=0.5, solver=mp.CG(200))
    assert relative(damped, 1.2 * mp.Exact()(A, error, 0.5)) < 1e-10


def test_what_is_not_linear_is_refused(rng):
    G, _ = players()
    tape = mp.forward(G, rng.standard_normal((5, 3)))
    with raises(ValueError, "linear in its parameters", "Tanh"):
        gan.exact_proximal(G, tape, tape.output, h=0.1)
    with raises(ValueError, "h: ", "0"):
        gan.exact_proximal(*(G, tape, tape.output), h=0)


# Training


def trained(iterations=20, act=mp.Tanh, seed=0, dtype="float32", **options):
    G, D = players(dtype, seed, act)
    settings = {"iterations": iterations, "every": 10, "batch_size": 16, "measured": 50, "shown": 8}
    record = gan.train(G, D, RING.draw, optimizers=adams(G, D), **settings | options)
    return record, [*G.parameters, *D.parameters]


def same_bits(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_with_one_step_the_term_changes_nothing(loss):
    """(W3) for ℓ = 1, bit by bit."""
    _, plain = trained(adversary=loss)
    for h, term in ((1e-3, "relaxed"), (10.0, "affine")):
        assert same_bits(trained(adversary=loss, h=h, term=term)[1], plain)
    assert not same_bits(trained(adversary=loss, h=0.1, inner=2)[1], trained(adversary=loss, inner=2)[1])


def test_a_long_step_size_is_none_and_a_short_one_freezes_the_batch():
    """(W2): h → ∞ leaves the inner steps alone, h → 0 holds every sample of the batch."""
    _, free = trained(inner=4, dtype="float64")
    _, far = trained(inner=4, h=1e12, dtype="float64")
    assert max(map(relative, far, free)) < 1e-6
    G, D = players()
    z = np.random.default_rng(0).standard_normal((5, 3))
    old, moved = mp.forward(G, z).output, {}
    for h in (1e-4, 1e-1):
        net, _ = players()
        optimizer = mp.SGD(net, lr=1e-2 * h)
        for _ in range(300):
            d, _ = gan.generator_direction(net, D, mp.forward(net, z), gan.NonSaturating(), old, h)
            optimizer.step(d)
        moved[h] = np.abs(mp.forward(net, z).output - old).max()
    assert moved[1e-4] < 1e-2 * moved[1e-1]


def test_a_step_of_the_generator_is_that_by_hand(rng):
    """(W3): the loop does what one would write, draw for draw."""
    G, D = players()
    record = gan.train(
        *(G, D, RING.draw), optimizers=[mp.SGD(n, lr=0.1) for n in (G, D)], inner=3, h=0.2, iterations=1,
        every=1, batch_size=8, seed=4, shown=5, measured=5,
    )  # fmt: skip
    H, E = players()
    draws = np.random.default_rng([4, 1])
    z, bce = draws.standard_normal((8, 3)), mp.BinaryCrossEntropy()
    fake, real = mp.forward(H, z).output, RING.draw(8, draws)
    x, y = np.concatenate([real, fake]), np.repeat([1.0, 0.0], 8)
    E.parameters = [
        t - 0.2 * d for t, d in zip(E.parameters, mp.backprop(E, mp.forward(E, x), bce, y), strict=True)
    ]
    z, old = draws.standard_normal((8, 3)), None
    for _ in range(3):
        tape = mp.forward(H, z)
        old = tape.output if old is None else old
        judged = mp.forward(E, tape.output)
        *_, (_, _, delta) = mp.sweep(E, judged, bce.gradient(judged.output, np.ones(8)), to_input=True)
        delta = delta + (tape.output - old) / (0.2 * 8)
        grads = {l: A.T @ error for l, A, error in mp.sweep(H, tape, delta)}
        H.parameters = [t - 0.1 * grads[l] for l, t in enumerate(H.parameters)]
    assert max(map(relative, [*G.parameters, *D.parameters], [*H.parameters, *E.parameters])) < 1e-12
    z = np.random.default_rng([4, 0]).standard_normal((5, 3))
    assert relative(record.samples[1], mp.forward(H, z).output) < 1e-6


def test_dropout_and_normalisation_act_alike_in_all_inner_steps():
    """The term compares a sample with itself: the masks of an outer iteration are drawn once."""
    G = mp.Sequential(mp.Input((3,)), mp.Linear(3, 8), mp.Dropout(0.5), mp.Linear(8, 2), seed=0)
    _, D = players("float32")
    before = [theta.copy() for theta in G.parameters]
    settings = {
        "h": 1e-9,
        "inner": 4,
        "iterations": 1,
        "every": 1,
        "batch_size": 8,
        "measured": 2,
        "shown": 2,
    }
    gan.train(G, D, RING.draw, optimizers=[mp.SGD(G, lr=1e-10), mp.SGD(D, lr=0.1)], **settings)
    assert max(map(relative, G.parameters, before)) < 1e-4  # other masks would make a term of 1/h


@pytest.mark.parametrize("loss", [gan.NonSaturating(), gan.DRAGAN(1.0)], ids=repr)
def test_it_resumes_with_the_same_bits(tmp_path, loss):
    options = {"h": 0.1, "inner": 2, "adversary": loss}
    whole, expected = trained(40, **options)
    path = tmp_path / "gan.npz"
    trained(20, checkpoint=path, **options)
    record, found = trained(40, checkpoint=path, resume=True, **options)
    assert same_bits(found, expected)
    assert [row["critic_loss"] for row in record.rows()][1:] == whole.critic_loss[1:]
    assert all(np.array_equal(record.samples[k], whole.samples[k]) for k in range(5))
    with raises(ValueError, "h was 0.1 and is now 0.2"):
        trained(40, checkpoint=path, resume=True, **options | {"h": 0.2})
    with raises(ValueError, "iterations", "40", "10"):
        trained(10, checkpoint=path, resume=True, **options)
    other = mp.datasets.Gaussians.ring(radius=2.0)
    G, D = players("float32")
    with raises(ValueError, "data was", "check sum"):
        gan.train(G, D, other.draw, loss, optimizers=adams(G, D), iterations=40, every=10, batch_size=16,
                  h=0.1, inner=2, measured=50, shown=8, checkpoint=path, resume=True)  # fmt: skip


def test_what_the_record_holds():
    seen = []
    record, _ = trained(
        20,
        measures=lambda samples: gan.modes(samples, RING.centres, 0.15),
        callbacks=[lambda net, record: seen.append(len(record))],
    )
    assert (record.iteration, record.block, seen) == ([0, 10, 20], [0, 1, 2], [1, 2])
    assert record.names() == (
        "block", "iteration", "critic_loss", "generator_loss", "modes", "on_mode", "seconds",
    )  # fmt: skip
    assert {k: a.shape for k, a in record.samples.items()} == dict.fromkeys(range(3), (8, 2))
    again = SampledRecord.from_dict(record.to_dict())
    assert repr(again) == repr(record)
    assert again.samples[2].tobytes() == record.samples[2].tobytes()
    for change, part in [
        ({"samples": {"1": {"shape": [3], "float32": "AAAA"}}}, "3 bytes"),
        ({"samples": {"1": {"shape": [0.5], "float32": ""}}}, "0.5"),
        ({"samples": {"first": {"shape": [0], "float32": ""}}}, "first"),
        ({"samples": []}, "samples"),
    ]:
        with pytest.raises((ValueError, TypeError), match=part):
            SampledRecord.from_dict(record.to_dict() | change)
    stopped, _ = trained(20, callbacks=[lambda net, record: True])
    assert (stopped.status, len(stopped)) == ("stopped", 1)


def test_a_schedule_counts_rows():
    """A learning rate that is zero from the second row on leaves the nets there."""
    G, D = players("float32")
    optimizers = [mp.SGD(net, lr=lambda epoch: 0.1 if epoch == 0 else 0.0) for net in (G, D)]
    record = gan.train(G, D, RING.draw, optimizers=optimizers, iterations=6, every=2, measured=4, shown=4)
    assert (record.samples[0] != record.samples[1]).any()
    assert (record.samples[1] == record.samples[3]).all()


def test_data_may_be_an_array():
    """Batches of an array of samples are drawn from it."""
    G, D = players("float32")
    data = RING.draw(100, np.random.default_rng(0)).astype("float32")
    record = gan.train(G, D, data, optimizers=adams(G, D), iterations=2, every=1, measured=4, shown=0)
    assert record.status == "finished"
    assert not record.samples


def test_a_run_that_diverges_ends():
    G, D = players("float32")
    optimizers = [mp.SGD(net, lr=1e38) for net in (G, D)]
    record = gan.train(G, D, RING.draw, optimizers=optimizers, iterations=50, every=5, measured=4, shown=4)
    assert record.status == "diverged"
    assert record.diverged_at < 10


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"h": 0}, ["h: expected", "0"]),
        ({"h": -0.1}, ["h: expected", "-0.1"]),
        ({"inner": 0}, ["inner: expected an integer of at least 1, found 0"]),
        ({"term": "exact"}, ["term", "relaxed", "exact"]),
        ({"iterations": 15}, ["iterations", "multiple", "10", "15"]),
        ({"batch_size": 0}, ["batch_size", "0"]),
        ({"resume": True}, ["resume", "checkpoint"]),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_named(options, parts):
    with raises(ValueError, *parts):
        trained(**options)


def test_nets_that_do_not_fit_are_named():
    G, D = players()
    wide, blind = mp.Sequential(mp.Linear(5, 1), seed=0), mp.Sequential(mp.Tanh(), mp.Linear(3, 2), seed=0)
    two = mp.Sequential(mp.Linear(2, 2), seed=0)
    for generator, critic, data, parts in [
        (G, wide, RING.draw, ["critic", "(2,)", "(5,)"]),
        (G, two, RING.draw, ["one score for each sample", "(2,)"]),
        (blind, D, RING.draw, ["mp.Input((8,))"]),
        (G, D, np.ones((9, 3)), ["data", "(2,)", "(3,)"]),
    ]:
        with raises(ValueError, *parts):
            gan.train(generator, critic, data, optimizers=adams(generator, critic), iterations=1, every=1)
    with raises(ValueError, "optimizer of the critic", "another net"):
        gan.train(G, D, RING.draw, optimizers=adams(G, G), iterations=1, every=1)
    for data, part in [
        ("ring", "draw(n, rng)"),
        (lambda n: n, "a function of (n, rng)"),
        (RING, "draw(n, rng)"),
    ]:
        with raises(TypeError, "data", part):
            gan.train(G, D, data, optimizers=adams(G, D), iterations=1, every=1)
    for wrong, part in [
        ({"optimizers": adams(G)}, "two optimisers"),
        ({"adversary": "wgan"}, "critic loss"),
        ({"measures": 3}, "a function"),
    ]:
        with raises(TypeError, part):
            gan.train(*(G, D, RING.draw), **{"optimizers": adams(G, D), "iterations": 1, "every": 1} | wrong)


def test_checkpoints_of_both_nets(tmp_path):
    trained(10, checkpoint=tmp_path / "a.npz")
    arrays, _ = read_arrays(tmp_path / "a.npz")
    assert {name.split(".")[0] for name in arrays} == {"generator", "critic"}
    assert sum(name.startswith("generator.state.") for name in arrays) == 4  # two moments of two θ


# Measures


def test_sorting_is_the_best_pairing(rng):
    """(W9) against all permutations of a few numbers, and against SciPy's assignment for more."""
    from scipy.optimize import linear_sum_assignment

    x, y = rng.standard_normal((2, 6))
    best = min(np.mean((x - np.array(p)) ** 2) for p in permutations(y))
    assert gan.w2_on_a_line(x, y) ** 2 == pytest.approx(best, rel=1e-12)
    x, y = rng.standard_normal((2, 40))
    cost = (x[:, None] - y) ** 2
    assert gan.w2_on_a_line(x, y) ** 2 == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=1e-12)


@pytest.mark.parametrize("shape", [(400, 2), (400, 5), (400, 1, 2, 2)])
def test_the_sliced_distance(shape, rng):
    """(W9): of a shift by b it is about ‖b‖/√features; it is symmetric, and zero for the same set."""
    x = rng.standard_normal(shape)
    assert gan.sliced_w2(x, rng.permutation(x)) < 1e-12
    shift = np.ones(shape[1:])
    assert gan.sliced_w2(x, x + shift, 500) == pytest.approx(1.0, rel=0.1)
    y = rng.standard_normal(shape) * 2
    assert gan.sliced_w2(x, y) == pytest.approx(gan.sliced_w2(y, x))
    assert gan.sliced_w2(x, y) == pytest.approx(1, rel=0.2)  # √mean (2⟨u, x⟩ − ⟨u, x⟩)², twice as wide
    with raises(ValueError, "one shape", "(400,"):
        gan.sliced_w2(x, y[:9])


def test_modes_are_counted():
    centres = RING.centres
    rng = np.random.default_rng(0)
    every = gan.modes(RING.draw(4000, rng), centres, 0.15)
    assert every["modes"] == 8
    assert every["on_mode"] == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    three = centres[rng.integers(0, 3, 4000)] + 0.05 * rng.standard_normal((4000, 2))
    three[:40] = centres[5]  # 1 % of the samples are less than a tenth of an eighth
    assert gan.modes(three, centres, 0.15)["modes"] == 3
    assert gan.modes(three, centres, 0.15, share=0.05)["modes"] == 4


def test_the_frechet_distance_of_normal_samples(rng):
    """(W10) against the matrix root of SciPy, and zero to itself."""
    from scipy.linalg import sqrtm

    x, y = rng.standard_normal((300, 4)) @ rng.standard_normal((4, 4)), rng.standard_normal((200, 4)) + 1
    S, T = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(S + T - 2 * np.real(sqrtm(S @ T)))
    assert gan.frechet(x, y) == pytest.approx(expected, rel=1e-9)
    assert gan.frechet(y, x) == pytest.approx(expected, rel=1e-9)
    assert abs(gan.frechet(x, x)) < 1e-8
    with raises(ValueError, "(1, 4)", "(200, 4)"):
        gan.frechet(x[:1], y)


def test_the_distance_of_digits_ranks_what_is_no_digit():
    """(W10): 500 fresh digits are nearest; then a wrong balance of classes, blurred digits, and noise."""
    data, rng = mp.datasets.digits(), np.random.default_rng(0)
    fresh = np.concatenate([data.validation.x, data.test.x])
    y = np.concatenate([data.validation.y, data.test.y])
    share = np.where(y < 5, 5.0, 1.0)
    unbalanced = fresh[rng.choice(500, 500, p=share / share.sum())]
    blurred = np.stack([gaussian_filter(image.reshape(8, 8), 1.2).ravel() for image in fresh])
    found = [gan.digit_distance(x) for x in (fresh, unbalanced, blurred, rng.uniform(size=(500, 64)))]
    assert found == sorted(found)
    assert all(later > 1.5 * before for before, later in pairwise(found))
    assert found[0] < 0.5


def test_gaussians_where_they_are_said_to_be():
    grid = mp.datasets.Gaussians.grid(side=5, width=4.0, spread=0.1)
    assert grid.centres.shape == (25, 2)
    assert sorted(set(grid.centres[:, 0])) == [-2, -1, 0, 1, 2]
    x = grid.draw(20000, np.random.default_rng(0))
    nearest = np.linalg.norm(x[:, None] - grid.centres, axis=2).argmin(axis=1)
    assert np.bincount(nearest).min() > 650
    assert (x - grid.centres[nearest]).std() == pytest.approx(0.1, rel=0.02)
    for make, parts in [
        (lambda: mp.datasets.Gaussians(np.ones(3)), ["centres", "two axes"]),
        (lambda: mp.datasets.Gaussians.ring(0), ["modes", "0"]),
        (lambda: mp.datasets.Gaussians.grid(1), ["side", "1"]),
        (lambda: mp.datasets.Gaussians.ring(spread=-1), ["spread", "-1"]),
    ]:
        with raises(ValueError, *parts):
            make()


# The claim


@pytest.mark.slow
def test_the_term_keeps_all_modes_and_is_ahead_of_one_step():
    """(W3) on the ring, ℓ = 5 and h = 0.1: all modes in four of five seeds; midway 0.1 above ℓ = 1."""
    midway, modes = {1: [], 5: []}, []
    for seed in range(5):
        for inner, h, blocks in ((1, None, 5), (5, 0.1, 20)):
            duel = mp.experiments.GANRun(inner=inner, h=h, seed=seed).begin()
            rows = [duel.advance(unit) for unit in range(1, blocks + 1)]
            midway[inner].append(rows[4]["on_mode"])  # after 1,000 outer iterations
        modes.append(rows[-1]["modes"])
    assert modes.count(8) >= 4
    assert np.median(midway[5]) >= np.median(midway[1]) + 0.1


@pytest.mark.slow
def test_from_a_steeper_start_the_lead_over_one_step_lasts():
    """(W3) from the initialisation of He: all modes in four of five seeds, at the end 0.2 above ℓ = 1."""
    on_mode, modes = {1: [], 5: []}, []
    for seed in range(5):
        for inner, h in ((1, None), (5, 0.1)):
            duel = mp.experiments.GANRun(inner=inner, h=h, init="he", seed=seed).begin()
            row = [duel.advance(unit) for unit in range(1, 21)][-1]
            on_mode[inner].append(row["on_mode"])
        modes.append(row["modes"])
    assert modes.count(8) >= 4
    assert np.median(on_mode[5]) >= np.median(on_mode[1]) + 0.2


# Backends


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_every_backend_trains_alike(loss, other):
    def numbers():
        G, D = players("float64", act=mp.Tanh)
        record = gan.train(
            *(G, D, RING.draw, loss), optimizers=adams(G, D), h=0.1, inner=3, iterations=4, every=2,
            batch_size=8, measured=6, shown=6,
        )  # fmt: skip
        return [mp.to_numpy(theta) for theta in (*G.parameters, *D.parameters)], record

    with mp.use("numpy"):
        expected, record = numbers()
    with mp.use(other):
        found, twin = numbers()
    assert max(map(relative, found, expected)) < 1e-9
    assert relative(twin.samples[2], record.samples[2]) < 1e-5
    assert twin.critic_loss[1:] == pytest.approx(record.critic_loss[1:], rel=1e-9)


def test_the_exact_step_on_every_backend(other):
    def step():
        rng, G = np.random.default_rng(0), mp.Sequential(mp.Linear(4, 2), seed=0, dtype="float64")
        z, delta = (array_of(rng.standard_normal(shape)) for shape in ((9, 4), (9, 2)))
        return mp.to_numpy(gan.exact_proximal(G, mp.forward(G, z), delta, h=0.3))

    with mp.use("numpy"):
        expected = step()
    with mp.use(other):
        assert relative(step(), expected) < 1e-10
