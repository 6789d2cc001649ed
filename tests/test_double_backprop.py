"""The penalty on the gradient by the input, against differences and closed forms; attacks in their cube."""

import functools

import numpy as np
import pytest
from conftest import along, direction, pairing, raises, relative, slope

import minprox as mp
from minprox.methods import (
    AdversarialTraining,
    DoubleBackprop,
    WarmUp,
    double_backprop,
    fgsm,
    gradient_penalty,
    penalty_gradient,
    pgd,
    robust_accuracy,
)
from minprox.methods.attacks import sample_losses

LOSS = mp.CrossEntropy()


def mlp(act=mp.Tanh, dtype="float64"):
    return mp.Sequential(
        *(mp.Linear(6, 7), act(), mp.Linear(7, 5), act(), mp.Linear(5, 3)), seed=0, dtype=dtype
    )


def convnet():
    return mp.Sequential(
        *(mp.Conv2d(2, 4, 3, groups=2), mp.Softplus(), mp.MaxPool2d(2), mp.Dropout(0.3), mp.Flatten()),
        mp.Linear(16, 3),
        seed=0,
        dtype="float64",
    )


def residual():
    x = mp.Input((6,))
    h = mp.Add()(x, mp.GELU()(mp.Linear(6, 6)(x)))
    return mp.Graph(x, mp.Linear(6, 3)(h), dtype="float64")


NETS = {"mlp": (mlp, (6,)), "relu": (lambda: mlp(mp.ReLU), (6,)), "convnet": (convnet, (2, 6, 6))}
NETS["residual"] = (residual, (6,))


def problem(name, rng, n=8):
    make, shape = NETS[name]
    return make(), rng.uniform(0.2, 0.8, (n, *shape)), rng.integers(0, 3, n)


def run(net, x):
    return mp.forward(net, x, training=True, seed=3)


def by_hand(net, x, y, norm, of, rows=slice(None)):
    """R, from gradients by the input that central differences of the loss, or of the logits, give."""
    h, flat = 1e-6, x.reshape(len(x), -1)

    def parts(x):
        z = run(net, x).output
        e = np.exp(z - z.max(axis=1, keepdims=True))
        log_p = np.log(e / e.sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y][:, None] if of == "loss" else z

    total = 0
    for j in range(flat.shape[1]):
        unit = (np.arange(flat.shape[1]) == j).reshape(x.shape[1:])
        g = (parts(x + h * unit) - parts(x - h * unit)) / (2 * h)
        total = total + (abs(g) if norm == "l1" else g**2).sum(axis=1)
    return total[rows].mean()


@pytest.mark.parametrize("of", ["loss", "logits"])
@pytest.mark.parametrize("norm", ["l1", "l2squared"])
@pytest.mark.parametrize("name", NETS)
def test_the_penalty_and_its_gradient(name, norm, of, rng):
    """(D1), (D2), (D6): the value from differences of the loss, its gradient from those of the value."""
    net, x, y = problem(name, rng)
    options = {"norm": norm, "of": of}
    assert float(gradient_penalty(net, run(net, x), LOSS, y, **options)) == pytest.approx(
        by_hand(net, x, y, norm, of), rel=1e-7
    )
    v, grads = direction(net, rng), penalty_gradient(net, run(net, x), LOSS, y, **options)
    R = along(net, lambda: gradient_penalty(net, run(net, x), LOSS, y, **options), v)
    assert pairing(grads, v) == pytest.approx(slope(R, h=1e-4), rel=1e-6)


@pytest.mark.parametrize("points", ["clean", "attacked"])
def test_the_penalty_of_one_half_of_the_batch(points, rng):
    net, x, y = problem("mlp", rng)
    rows = slice(0, 4) if points == "clean" else slice(4, 8)
    half = gradient_penalty(net, run(net, x), LOSS, y, points=points)
    assert float(half) == pytest.approx(by_hand(net, x, y, "l1", "loss", rows), rel=1e-7)
    alone = penalty_gradient(net, run(net, x[rows]), LOSS, y[rows])
    found = penalty_gradient(net, run(net, x), LOSS, y, points=points)
    assert relative(mp.pack(found), mp.pack(alone)) < 1e-12


@pytest.mark.parametrize("norm", ["l1", "l2squared"])
def test_the_penalty_at_adversarial_points(norm, rng):
    """(D4): taken at ``x + ε sign(∇_x ℓ)``, with the dropout masks of the tape, the points held fixed."""
    net, x, y = problem("convnet", rng)
    tape = run(net, x)
    moved = x + 0.3 * np.sign(mp.input_gradient(net, tape, LOSS, y))
    there = mp.forward(net, moved, like=tape)
    found = penalty_gradient(net, tape, LOSS, y, norm=norm, epsilon=0.3)
    assert relative(mp.pack(found), mp.pack(penalty_gradient(net, there, LOSS, y, norm=norm))) == 0
    kept = penalty_gradient(net, tape, LOSS, y, norm=norm, epsilon=0.3, clip=(0.0, 1.0))
    there = mp.forward(net, moved.clip(0, 1), like=tape)
    assert relative(mp.pack(kept), mp.pack(penalty_gradient(net, there, LOSS, y, norm=norm))) == 0


def test_a_pass_like_another_one_draws_the_same_masks(rng):
    net, x, _ = problem("convnet", rng)
    tape = run(net, x)
    assert np.array_equal(mp.forward(net, x, like=tape).output, tape.output)
    assert not np.array_equal(mp.forward(net, x).output, tape.output)
    with raises(ValueError, "like", "this net", f"found the shape {x.shape}"):
        mp.forward(net, x[1:], like=tape)
    with raises(ValueError, "like", "this net", "another net"):
        mp.forward(problem("convnet", rng)[0], x, like=tape)


def test_of_linear_logits_it_is_the_sum_of_all_weights(rng):
    """(D6): R = Σ |W|, exactly."""
    net = mp.Sequential(mp.Linear(6, 3), seed=0, dtype="float64")
    tape, y = mp.forward(net, rng.standard_normal((5, 6))), rng.integers(0, 3, 5)
    W = net.parameters[0][:-1]
    assert float(gradient_penalty(net, tape, LOSS, y, of="logits")) == pytest.approx(abs(W).sum(), rel=1e-14)
    (found,) = penalty_gradient(net, tape, LOSS, y, of="logits")
    assert np.allclose(found, np.vstack([np.sign(W), np.zeros(3)]), rtol=0, atol=1e-14)


def test_without_lambda_it_is_the_plain_direction_bit_by_bit(rng):
    net, x, y = problem("convnet", rng)
    tape = run(net, x)
    for options, plain in (
        ({}, mp.backprop),
        (
            {"tau_theta": 0.3, "solver": mp.CG(2)},
            functools.partial(mp.proxprop, tau_theta=0.3, solver=mp.CG(2)),
        ),
    ):
        found = double_backprop(net, tape, LOSS, y, lam=0, epsilon=0.1, **options)
        expected = plain(net, tape, LOSS, y)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_direction_is_the_gradient_of_loss_and_penalty(rng):
    """(D1)."""
    net, x, y = problem("residual", rng)
    v = direction(net, rng)
    J = along(
        net,
        lambda: (
            LOSS(run(net, x).output, y) + 0.7 * gradient_penalty(net, run(net, x), LOSS, y, norm="l2squared")
        ),
        v,
    )
    found = double_backprop(net, run(net, x), LOSS, y, lam=0.7, norm="l2squared")
    assert pairing(found, v) == pytest.approx(slope(J, h=1e-4), rel=1e-7)


@pytest.mark.parametrize("tau_theta", [0.05, 20.0])
@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_the_implicit_direction_preconditions_loss_and_penalty_alike(name, tau_theta, rng):
    """(E6) for the right-hand side ``A_lᵀ δ_l + λ ∇_{θ_l} R``; any solver, groups, explicit last layer."""
    net, x, y = problem(name, rng)
    tape = run(net, x)
    g = double_backprop(net, tape, LOSS, y, lam=0.5)
    exact = double_backprop(net, tape, LOSS, y, lam=0.5, tau_theta=tau_theta)
    many = double_backprop(net, tape, LOSS, y, lam=0.5, tau_theta=tau_theta, solver=mp.CG(200))
    R = mp.theory.root(net, tape, LOSS, y, functools.partial(mp.proxprop, tau_theta=tau_theta))
    expected = R @ (R.T @ mp.pack(g))
    assert relative(mp.pack(exact), expected) < 1e-10
    assert relative(mp.pack(many), expected) < 1e-6
    assert all(pairing([a], [b]) > 0 for a, b in zip(exact, g, strict=True))  # it descends  (P3)
    few = double_backprop(net, tape, LOSS, y, lam=0.5, tau_theta=tau_theta, solver=mp.BlockCG(2))
    assert pairing(few, g) > 0


def test_the_implicit_direction_with_a_proximal_last_layer(rng):
    net, x, y = mlp(), rng.random((8, 6)), rng.standard_normal((8, 3))
    loss, options = mp.SquaredError(), {"tau_theta": 2.0, "last_layer": "proximal"}
    tape = mp.forward(net, x)
    g = double_backprop(net, tape, loss, y, lam=0.5)
    R = mp.theory.root(net, tape, loss, y, functools.partial(mp.proxprop, **options))
    found = double_backprop(net, tape, loss, y, lam=0.5, **options)
    assert relative(mp.pack(found), R @ (R.T @ mp.pack(g))) < 1e-10


def test_lambda_warms_up():
    schedule = WarmUp(0.5, epochs=5)
    assert [schedule(epoch) for epoch in (0, 3, 4, 100)] == [0.1, 0.4, 0.5, 0.5]
    net, x = mlp(), np.full((4, 6), 0.5)
    tape, y = mp.forward(net, x), np.array([0, 1, 2, 0])
    d = DoubleBackprop(schedule, norm="l2squared")
    d.epoch = 3
    expected = double_backprop(net, tape, LOSS, y, lam=0.4, norm="l2squared")
    assert relative(mp.pack(d(net, tape, LOSS, y)), mp.pack(expected)) == 0
    assert repr(d) == "DoubleBackprop(WarmUp(value=0.5, epochs=5), norm='l2squared')"


# Attacks


def test_the_l1_norm_is_dual_to_the_cube(rng):
    """(D3): the step along the signs raises the linearised loss by ε ‖g‖₁, and nothing by more."""
    net, x, y = problem("mlp", rng)
    g = mp.input_gradient(net, mp.forward(net, x), LOSS, y)
    moved = fgsm(net, x, y, LOSS, 0.1, clip=None)
    assert (g * (moved - x)).sum(axis=1) == pytest.approx(0.1 * abs(g).sum(axis=1), rel=1e-12)
    for _ in range(100):
        other = rng.uniform(-0.1, 0.1, x.shape)
        assert ((g * other).sum(axis=1) <= 0.1 * abs(g).sum(axis=1)).all()


@pytest.mark.parametrize("attack", [fgsm, functools.partial(pgd, steps=7, restarts=2)], ids=["fgsm", "pgd"])
def test_attacks_stay_in_the_cube_and_in_the_range(attack, rng):
    """(D4), (D5)."""
    net, x, y = problem("convnet", rng)
    x[0] = 0.97
    moved = attack(net, x, y, LOSS, 0.15, (0.0, 1.0), seed=1)
    assert (abs(moved - x) <= 0.15 + 1e-15).all()
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert (moved.dtype, moved.shape) == (x.dtype, x.shape)
    assert (sample_losses(net, moved, y, LOSS) > sample_losses(net, x, y, LOSS)).mean() > 0.8
    assert np.array_equal(attack(net, x, y, LOSS, 0.15, (0.0, 1.0), seed=1), moved)
    assert np.array_equal(attack(net, x, y, LOSS, 0.0), x)


def test_many_steps_and_restarts_raise_the_loss_further(rng):
    """(D5): of each sample the worst of all starts is kept, and none is worse than the clean one."""
    net, x, y = problem("relu", rng, n=30)
    for theta in net.parameters:
        theta[...] *= 3
    losses = {
        "fgsm": sample_losses(net, fgsm(net, x, y, LOSS, 0.3, None), y, LOSS),
        "pgd": sample_losses(net, pgd(net, x, y, LOSS, 0.3, None, steps=30), y, LOSS),
        "restarts": sample_losses(net, pgd(net, x, y, LOSS, 0.3, None, steps=30, restarts=4), y, LOSS),
    }
    assert losses["pgd"].mean() >= losses["fgsm"].mean() * 0.999
    assert (losses["restarts"] >= losses["pgd"]).all()
    short = sample_losses(net, pgd(net, x, y, LOSS, 0.3, None, steps=1, step_size=1e-9), y, LOSS)
    assert (short >= sample_losses(net, x, y, LOSS)).all()


def test_on_a_linear_net_one_step_is_all_there_is(rng):
    net = mp.Sequential(mp.Linear(6, 2), seed=0, dtype="float64")
    x, y = rng.random((9, 6)), rng.integers(0, 2, 9)
    one, many = fgsm(net, x, y, LOSS, 0.1, None), pgd(net, x, y, LOSS, 0.1, None, steps=20)
    assert np.allclose(one, many, rtol=0, atol=1e-12)


def test_accuracy_under_attack(rng):
    data = mp.datasets.digits()
    net = mp.Sequential(mp.Linear(64, 10), seed=0)
    mp.train(net, data, LOSS, mp.Adam(net, lr=0.01), epochs=5, batch_size=50)
    clean = robust_accuracy(net, data.test, LOSS, 0)
    assert clean == pytest.approx(mp.evaluate(net, data.test, LOSS)[1])
    found = [robust_accuracy(net, data.test, LOSS, epsilon, batch_size=70) for epsilon in (0.05, 0.1, 0.2)]
    assert clean > found[0] > found[1] > found[2]
    x = fgsm(net, data.test.x, data.test.y, LOSS, 0.1)
    right = mp.forward(net, x).output.argmax(axis=1) == data.test.y
    assert found[1] == pytest.approx(right.mean())
    assert robust_accuracy(net, data.test, LOSS, 0.1, pgd, steps=5, restarts=2) <= found[1]


def test_adversarial_training_doubles_the_batch(rng):
    """(D7)."""
    net, x, y = problem("mlp", rng)
    both, labels = AdversarialTraining(0.1).batch(net, LOSS, x, y)
    assert np.array_equal(both[:8], x)
    assert np.array_equal(both[8:], fgsm(net, x, y, LOSS, 0.1))
    assert np.array_equal(labels, np.concatenate([y, y]))
    alone, labels = AdversarialTraining(0.1, pgd, keep=False, steps=3).batch(net, LOSS, x, y, seed=[0, 4])
    assert np.array_equal(alone, pgd(net, x, y, LOSS, 0.1, seed=[0, 4], steps=3))
    assert labels is y


def test_every_backend_gives_the_same(other, rng):
    net, x, y = problem("convnet", rng)
    calls = {
        "explicit": lambda net, x, y: double_backprop(
            net, mp.forward(net, x), LOSS, y, 0.3, epsilon=0.1, clip=(0, 1)
        ),
        "implicit": lambda net, x, y: double_backprop(net, mp.forward(net, x), LOSS, y, 0.3, tau_theta=1.0),
        "cg": lambda net, x, y: double_backprop(
            net, mp.forward(net, x), LOSS, y, 0.3, tau_theta=1.0, solver=mp.BlockCG(3), of="logits"
        ),
        "attack": lambda net, x, y: [pgd(net, x, y, LOSS, 0.1, steps=3)],
        "batch": lambda net, x, y: [*AdversarialTraining(0.1).batch(net, LOSS, x, y)],
    }
    expected = {name: call(net, x, y) for name, call in calls.items()}
    with mp.use(other) as xp:
        there = net.to(other)
        x, y = xp.asarray(x), xp.asarray(y)
        for name, call in calls.items():
            found = [mp.to_numpy(array) for array in call(there, x, y)]
            assert relative(mp.pack(found), mp.pack(expected[name])) < 1e-10, name


def test_float32_stays_float32(rng):
    net, x, y = mlp(dtype="float32"), rng.random((8, 6)).astype("float32"), rng.integers(0, 3, 8)
    tape = mp.forward(net, x)
    for options in ({}, {"tau_theta": 0.3}, {"epsilon": 0.1, "clip": (0.0, 1.0)}, {"of": "logits"}):
        found = double_backprop(net, tape, LOSS, y, lam=0.1, **options)
        assert {array.dtype for array in found} == {np.dtype("float32")}
    assert fgsm(net, x, y, LOSS, 0.1).dtype == pgd(net, x, y, LOSS, 0.1, steps=2).dtype == np.float32


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lam": -1}, "lam"),
        ({"lam": float("nan")}, "lam"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"norm": "l2"}, "norm"),
        ({"of": "output"}, "of"),
        ({"points": "half"}, "points"),
        ({"clip": (1, 0)}, "clip"),
        ({"tau_theta": 0}, "tau_theta"),
    ],
)
def test_bad_options_are_told(options, words, rng):
    net, x, y = problem("mlp", rng)
    with raises(ValueError, words, "expected", "found"):
        double_backprop(net, mp.forward(net, x), LOSS, y, **{"lam": 0.1, **options})


def test_other_bad_input_is_told(rng):
    net, x, y = problem("mlp", rng)
    tape = mp.forward(net, x)
    with raises(ValueError, "clean samples and as many attacked ones", "found 7 samples"):
        double_backprop(net, mp.forward(net, x[1:]), LOSS, y[1:], points="attacked")
    with raises(ValueError, "range (0.0, 1.0)", "to 3"):
        fgsm(net, x * 0 + 3, y, LOSS, 0.1)
    for bad in ((0, 1, 2), 3, "range", (0.0, float("nan"))):
        with raises(ValueError, "clip", "expected a pair low < high"):
            fgsm(net, x, y, LOSS, 0.1, clip=bad)
    with raises(ValueError, "epsilon", "found nan"):
        AdversarialTraining(float("nan"))
    with raises(ValueError, "steps"):
        pgd(net, x, y, LOSS, 0.1, steps=0)
    with raises(ValueError, "restarts"):
        pgd(net, x, y, LOSS, 0.1, restarts=0)
    with raises(ValueError, "step_size"):
        pgd(net, x, y, LOSS, 0.1, step_size=-1)
    with raises(ValueError, "epochs"):
        WarmUp(0.1, 0)
    with raises(ValueError, "lam"):
        DoubleBackprop(-1.0)
    images = mp.Sequential(mp.Conv2d(2, 3, 3), dtype="float64")
    with raises(ValueError, "(N, classes)"):
        penalty_gradient(images, mp.forward(images, np.zeros((1, 2, 3, 3))), LOSS, y, of="logits")

    class NoCurvature(mp.Loss):
        def __call__(self, output, y):
            return output.sum()

        def gradient(self, output, y):
            return output * 0 + 1

    with raises(TypeError, "loss.tangent(output, y, motion)"):
        double_backprop(net, tape, NoCurvature(), y)
    with raises(ValueError, "knows an accuracy"):
        robust_accuracy(net, mp.datasets.Split(x, rng.random((8, 3))), mp.SquaredError(), 0)


# In the loop


def small_net():
    return mp.Sequential(mp.Linear(64, 20), mp.ReLU(), mp.Dropout(0.1), mp.Linear(20, 10), seed=0)


def trained(direction, callbacks=(), **options):
    net, data = small_net(), mp.datasets.digits()
    adam = mp.Adam(net)
    history = mp.train(
        net, data, LOSS, adam, direction, **{"epochs": 3, "batch_size": 50} | options, callbacks=callbacks
    )
    return net, history


def test_the_loop_tells_the_direction_its_epoch_and_lets_callbacks_replace_batches():
    seen = []

    class Noted(DoubleBackprop):
        def __call__(self, net, tape, loss, y):
            seen.append((self.epoch, len(y)))
            return super().__call__(net, tape, loss, y)

    trained(Noted(WarmUp(0.1, 2), points="attacked"), [AdversarialTraining(0.1)])
    steps = -(-1297 // 50)
    assert [epoch for epoch, _ in seen] == [epoch for epoch in range(3) for _ in range(steps)]
    assert {n for _, n in seen} == {100, 2 * (1297 % 50)}


def test_several_callbacks_replace_a_batch_one_after_the_other():
    shapes = []

    class Halved:
        def batch(self, net, loss, x, y, seed):
            return x[: len(x) // 2], y[: len(y) // 2]

        def __call__(self, net, history):
            shapes.append(len(history))

    net, data = small_net(), mp.datasets.digits()
    mp.train(
        net, data, LOSS, mp.Adam(net), epochs=1, batch_size=50, callbacks=[Halved(), AdversarialTraining(0.1)]
    )
    assert shapes == [1]


def test_a_run_without_lambda_or_epsilon_is_the_plain_one_bit_by_bit():
    plain, _ = trained(mp.backprop)
    penalised, _ = trained(DoubleBackprop(0.0))
    assert all(np.array_equal(a, b) for a, b in zip(plain.parameters, penalised.parameters, strict=True))


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    def setting():
        return DoubleBackprop(WarmUp(0.1, 3)), [AdversarialTraining(0.1, pgd, steps=2)]

    whole, _ = trained(*setting())
    path = tmp_path / "run.npz"
    trained(*setting(), epochs=1, checkpoint=path)
    with raises(ValueError, "other settings"):
        trained(setting()[0], [AdversarialTraining(0.2)], checkpoint=path, resume=True)
    resumed, history = trained(*setting(), checkpoint=path, resume=True)
    assert len(history) == 3
    assert all(np.array_equal(a, b) for a, b in zip(whole.parameters, resumed.parameters, strict=True))


@pytest.mark.parametrize("name", ["double-backprop", "double-proxprop"])
def test_runs_take_it_by_name(name, tmp_path):
    run = mp.experiments.Run(
        method=name, architecture="64-10", optimizer="adam", epochs=1, options={"lam": 0.01}
    )
    assert dict(run.options)["lam"] == 0.01
    assert mp.experiments.execute(run, tmp_path).status == "finished"
    with raises(ValueError, "norm", "l1, l2squared"):
        mp.experiments.Run(method=name, options={"norm": "l7"})
