"""Layers for sequences: adjoints and tangents, what attention may see, exact steps, PyTorch as the oracle."""

from functools import partial

import numpy as np
import pytest
from conftest import raises, relative
from hypothesis import given
from hypothesis import strategies as st

import minprox as mp
from minprox.engine.layers.normalisation import BatchStatistics

LAYERS = [
    (mp.Softmax(), [(3, 5)]),
    (mp.Multiply(), [(4, 5), (4, 5)]),
    (mp.Attention(2, causal=True), [(5, 6)] * 3),
    (mp.Attention(2), [(5, 6), (4, 6), (4, 8)]),
    (mp.LayerNorm(), [(3, 5)]),
    (mp.BatchNorm(3), [(3, 4, 2)]),
    (BatchStatistics(1e-5), [(3, 4, 2)]),
    (BatchStatistics(1e-5), [(3,)]),
    (mp.Positions(), [(4, 3)]),
    (mp.Reshape(2, -1), [(3, 4)]),
    (mp.Permute(3, 1, 2), [(2, 3, 4)]),
    (mp.Slice(1, 3, axis=1), [(5, 2)]),
    (mp.Slice(None, -1), [(5, 4)]),
    (mp.Mean(1), [(3, 4)]),
    (mp.Mean(), [(3, 4)]),
    (mp.Expand(3, 1), [(4,)]),
    (mp.Expand(2, -1), [(4, 2)]),
    (mp.Linear(4, 3), [(2, 4)]),
    (mp.Linear(4, 3), [(2, 5, 4)]),
    (mp.Scale(3), [(5, 3)]),
    (mp.Scale(3, axis=1), [(3, 4, 4)]),
    (mp.Scale(1, bias=False), [(4, 1)]),
]


@pytest.mark.parametrize(("layer", "shapes"), LAYERS, ids=repr)
def test_adjoint_tangent_and_shape(layer, shapes):
    mp.check_layer(layer, *shapes)
    inputs = [np.ones((2, *shape)) for shape in shapes]
    theta = [np.ones(layer.theta_shape)] if isinstance(layer, mp.Transfer) else []
    assert layer.forward(*theta, *inputs).shape[1:] == layer.output_shape(*shapes)
    unknown = [(None,) * len(shape) for shape in shapes]
    if not isinstance(layer, (mp.Linear, mp.Reshape)):
        assert len(layer.output_shape(*unknown)) == len(layer.output_shape(*shapes))


class Blind(mp.Attention):
    """Forgets that the weights move with the queries."""

    def adjoint(self, delta, output, *inputs):
        q, k, v = super().adjoint(delta, output, *inputs)
        return 0 * q, k, v


class Stiff(mp.LayerNorm):
    """Takes the standard deviation for a constant."""

    def bend(self, delta, motion, output, a):
        return 0 * super().bend(delta, motion, output, a)


@pytest.mark.parametrize(("layer", "count", "word"), [(Blind(2), 3, "adjoint"), (Stiff(), 1, "bend")])
def test_planted_errors_are_found(layer, count, word):
    with raises(mp.CheckError, word):
        mp.check_layer(layer, *[(5, 6)] * count)


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_a_causal_place_sees_nothing_that_comes_later(T, heads, seed):
    rng = np.random.default_rng(seed)
    layer = mp.Attention(heads, causal=True)
    inputs = rng.standard_normal((3, 2, T, 2 * heads))
    t = int(rng.integers(T))
    later = inputs.copy()
    later[:, :, t + 1 :] += 1
    before, after = layer.forward(*inputs), layer.forward(*later)
    assert (before[:, : t + 1] == after[:, : t + 1]).all()


def test_each_place_of_a_sequence_is_a_row_of_A(rng):
    layer, a, theta = mp.Linear(4, 3), rng.standard_normal((2, 5, 4)), rng.standard_normal((5, 3))
    A = layer.linear_map(a)
    assert A.shape == (10, 5)
    flat = layer.forward(theta, a.reshape(10, 4))
    assert (layer.forward(theta, a).reshape(10, 3) == flat).all()
    delta = rng.standard_normal((2, 5, 3))
    dense = np.concatenate([a.reshape(10, 4), np.ones((10, 1))], axis=1)
    expected = np.linalg.solve(dense.T @ dense + np.eye(5) / 0.3, dense.T @ delta.reshape(10, 3))
    assert relative(mp.Exact()(A, layer.rows(delta), 0.3), expected) < 1e-12


@pytest.mark.parametrize("tau_theta", [0.05, 1.0, 1e6])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [(mp.Scale(4), (3, 5, 4)), (mp.Scale(4, axis=1), (3, 4, 5)), (mp.Embedding(6, 4), (3, 5))],
)
def test_exact_steps_equal_dense_solves(rng, layer, shape, tau_theta):
    tokens = isinstance(layer, mp.Embedding)
    a = rng.integers(0, 5, shape).astype(float) if tokens else rng.standard_normal(shape)
    A = layer.linear_map(a)
    z = layer.forward(rng.standard_normal(layer.theta_shape), a)
    delta = layer.rows(rng.standard_normal(z.shape))
    M = A.matrix()
    normal = M.swapaxes(-1, -2) @ M
    if A.normal_diagonal() is not None:
        assert (normal == np.diag(A.normal_diagonal())).all()
    expected = np.linalg.solve(normal + np.eye(A.shape[1]) / tau_theta, M.swapaxes(-1, -2) @ delta)
    for solver in (mp.Exact(), mp.CG(60), mp.BlockCG(20)):
        assert relative(solver(A, delta, tau_theta), expected) < 1e-10


def test_an_embedding_at_two_places_adds_its_counts(rng):
    table = mp.Embedding(4, 3)
    x = mp.Input((2, 5))
    first, second = (mp.Reshape(5)(mp.Slice(k, k + 1, axis=1)(x)) for k in range(2))
    net = mp.Graph(x, mp.Linear(3, 2)(mp.Mean(1)(mp.Add()(table(first), table(second)))), dtype="float64")
    tokens = rng.integers(0, 4, (6, 2, 5)).astype(float)
    tape, y = mp.forward(net, tokens), rng.integers(0, 2, 6)
    (A, delta) = next((A, delta) for l, A, delta in mp.errors(net, tape, mp.CrossEntropy(), y) if l == 0)
    assert A.normal_diagonal().tolist() == np.bincount(tokens.astype(int).ravel(), minlength=4).tolist()
    M = A.matrix()
    expected = np.linalg.solve(M.T @ M + np.eye(4) / 2, M.T @ delta)
    assert relative(mp.Exact()(A, delta, 2.0), expected) < 1e-12
    assert not mp.input_gradient(net, tape, mp.CrossEntropy(), y).any()


def test_batch_statistics_in_training_and_their_averages_in_evaluation(rng):
    layer = mp.BatchNorm(3, momentum=0.25)
    net = mp.Sequential(mp.Input((3, 2, 2)), layer, dtype="float64")
    x = 2 + 3 * rng.standard_normal((20, 3, 2, 2))
    out = mp.forward(net, x, training=True).output
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(out.var(axis=(0, 2, 3)), 1, atol=1e-4)
    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.memory["mean"], 0.25 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.memory["variance"], 0.75 + 0.25 * variance, rtol=1e-12)
    kept = {name: value.copy() for name, value in layer.memory.items()}
    alone = mp.forward(net, x[:1]).output
    np.testing.assert_allclose(alone, mp.forward(net, x).output[:1], rtol=1e-12)
    assert all((layer.memory[name] == kept[name]).all() for name in kept)
    single = mp.Sequential(mp.Input((3,)), mp.BatchNorm(3), dtype="float64")
    with raises(ValueError, "two or more values for each channel", "found 1"):
        mp.forward(single, np.ones((1, 3)), training=True)


def test_cross_entropy_of_sequences_is_that_of_their_places(rng):
    loss, output, y = mp.CrossEntropy(0.1), rng.standard_normal((4, 5, 3)), rng.integers(0, 3, (4, 5))
    flat, labels, motion = output.reshape(20, 3), y.ravel(), rng.standard_normal((4, 5, 3))
    assert loss(output, y) == loss(flat, labels)
    assert (loss.gradient(output, y).reshape(20, 3) == loss.gradient(flat, labels)).all()
    assert (
        loss.tangent(output, y, motion).reshape(20, 3) == loss.tangent(flat, labels, motion.reshape(20, 3))
    ).all()
    assert loss.correct(output, y) * 5 == pytest.approx(float(loss.correct(flat, labels)))
    with raises(ValueError, "(4, 5)", "one for each place", "(4,)"):
        loss(output, y[:, 0])


def test_a_transformer_trains_and_its_gradient_is_right():
    data = mp.datasets.number_names(length=8, train=40, validation=10, test=10, dtype="float64")
    net = mp.transformer(len(data.classes), 8, features=8, heads=2, blocks=1, dtype="float64")
    loss = mp.CrossEntropy()
    mp.check_gradient(net, data.train.x[:3], loss, data.train.y[:3])
    direction = partial(mp.proxprop, tau_theta=1.0)
    history = mp.train(
        net, data, loss, mp.Adam(net, 0.01), direction, epochs=8, batch_size=10, progress=False
    )
    assert history.train_loss[-1] < 0.8 * history.train_loss[0]
    assert 0.2 < history.validation_accuracy[-1] < 1


def test_a_residual_net_trains_by_implicit_steps():
    data = mp.datasets.digits(flatten=False)
    net = mp.resnet(data.input_shape, 10, widths=(8, 8))
    direction = partial(mp.proxprop, tau_theta=0.5)
    history = mp.train(
        net,
        data,
        mp.CrossEntropy(),
        mp.SGD(net, 1.0, 0.9),
        direction,
        epochs=2,
        batch_size=50,
        progress=False,
    )
    assert history.validation_accuracy[-1] > 0.5


def test_running_statistics_are_kept_by_files_and_checkpoints(tmp_path):
    data = mp.datasets.digits()

    def trained(epochs, checkpoint):
        net = mp.Sequential(mp.BatchNorm(64), mp.Scale(64), mp.Linear(64, 10), dtype="float64")
        optimizer = mp.SGD(net, 0.1)
        options = {"checkpoint": checkpoint, "resume": True, "progress": False, "batch_size": 100}
        mp.train(net, data, mp.CrossEntropy(), optimizer, mp.backprop, epochs=epochs, **options)
        return net

    whole = trained(3, tmp_path / "whole.npz")
    trained(1, tmp_path / "parts.npz")
    parts = trained(3, tmp_path / "parts.npz")
    assert len(whole.memory) == 2
    assert all((a == b).all() for a, b in zip(whole.memory, parts.memory, strict=True))
    assert all((a == b).all() for a, b in zip(whole.parameters, parts.parameters, strict=True))
    other = mp.Sequential(mp.BatchNorm(64), mp.Scale(64), mp.Linear(64, 10), dtype="float64")
    mp.save_parameters(whole, tmp_path / "net.npz")
    mp.load_parameters(other, tmp_path / "net.npz")
    x = data.test.x[:5]
    assert (mp.forward(other, x).output == mp.forward(whole, x).output).all()
    without = mp.Sequential(mp.Scale(64), mp.Linear(64, 10), dtype="float64")
    with raises(ValueError, "expected 0 arrays that layers keep, found 2"):
        mp.load_parameters(without, tmp_path / "net.npz")


def test_what_does_not_fit():
    with raises(ValueError, "tokens", "from 0 to 3", "found 4"):
        mp.Embedding(4, 2).forward(np.zeros((4, 2)), np.array([[0.0, 4.0]]))
    with raises(ValueError, "tokens", "found 0.5"):
        mp.Embedding(4, 2).forward(np.zeros((4, 2)), np.array([[0.5]]))
    with raises(ValueError, "Reshape(3)", "does not fit after", "(4,)"):
        mp.Reshape(3)(mp.Input((4,)))
    with raises(ValueError, "a multiple of 4 features", "(5, 6)"):
        mp.Attention(4)(*[mp.Input((5, 6))] * 3)
    with raises(TypeError, "3 symbols", "found 2"):
        mp.Attention(4)(*[mp.Input((5, 4))] * 2)
    with raises(ValueError, "the batch"):
        mp.Mean(0)
    with raises(ValueError, "permutation"):
        mp.Permute(0, 1)
    with raises(ValueError, "one shape"):
        mp.Multiply()(mp.Input((2,)), mp.Input((3,)))
    with raises(ValueError, "3 channels"):
        mp.Scale(3)(mp.Input((2, 4)))
    with raises(ValueError, "mp.Flatten()"):
        mp.Linear(8, 2)(mp.Input((1, 2, 4)))


# PyTorch, where it is installed


def test_attention_and_normalisation_are_pytorchs(rng):
    torch = pytest.importorskip("torch")
    inputs = rng.standard_normal((3, 2, 5, 6))
    q, k, v = (torch.tensor(a.reshape(2, 5, 2, 3).swapaxes(1, 2), requires_grad=True) for a in inputs)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    layer, delta = mp.Attention(2, causal=True), rng.standard_normal((2, 5, 6))
    out = layer.forward(*inputs)
    expected.backward(torch.tensor(delta.reshape(2, 5, 2, 3).swapaxes(1, 2)))
    assert relative(out, expected.detach().numpy().swapaxes(1, 2).reshape(2, 5, 6)) < 1e-12
    for found, leaf in zip(layer.adjoint(delta, out, *inputs), (q, k, v), strict=True):
        assert relative(found, leaf.grad.numpy().swapaxes(1, 2).reshape(2, 5, 6)) < 1e-12
    a = torch.tensor(rng.standard_normal((7, 4, 3)), requires_grad=True)
    peer, ours = torch.nn.BatchNorm1d(4, affine=False, dtype=torch.float64), mp.BatchNorm(4)
    peer(a).backward(torch.ones(7, 4, 3, dtype=torch.float64) * torch.tensor(np.arange(3.0)))
    net = mp.Sequential(mp.Input((4, 3)), ours, mp.Conv1d(4, 1, 1), dtype="float64")
    tape = mp.forward(net, a.detach().numpy(), training=True)
    back = tape.layers[1].adjoint(np.ones((7, 4, 3)) * np.arange(3.0), tape.values[1], a.detach().numpy())
    assert relative(back, a.grad.numpy()) < 1e-10
    assert relative(ours.memory["variance"], peer.running_var.numpy()) < 1e-12
    assert relative(ours.memory["mean"], peer.running_mean.numpy()) < 1e-12


def test_positions_are_those_of_the_paper_of_transformers():
    """Place 100 of 4 features: waves of period 2π and 2π·100."""
    found = mp.Positions().forward(np.zeros((1, 101, 4)))[0, 100]
    np.testing.assert_allclose(found, [np.sin(100), np.cos(100), np.sin(1), np.cos(1)], rtol=1e-12)
