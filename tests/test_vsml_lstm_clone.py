"""The LSTM clone: it is shown what the hand-set cell does, and what runs is what was trained (V11)."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import raises, relative

import minprox as mp
from minprox.experiments import LSTMCloning, execute
from minprox.experiments.vsml_experiment import VSML_CLONE
from minprox.ground.array_files import read_arrays
from minprox.methods import vsml
from minprox.methods.vsml.cell import SIZE
from minprox.methods.vsml.hand_set import run
from minprox.methods.vsml.imitation import lesson
from minprox.methods.vsml.lstm_clone import SHARE

ETA, T = 0.1, 3
SHORT = LSTMCloning(blocks=4, every=5, batch=8)


def edges(rng, N):
    h, c = 0.3 * rng.standard_normal((2, N, SIZE))
    return h, c


def heard(inputs):
    """Messages x and e, of the shape (N, T)."""
    return inputs[:, :T], inputs[:, T : 2 * T]


def test_the_targets_are_what_the_hand_set_cell_says(rng):
    h, c = edges(rng, 5)
    inputs, targets, scale = lesson(rng, h, c, T, ETA)
    cell = vsml.HandSetCell(ETA, bias=False)
    for n, (x, e) in enumerate(zip(*heard(inputs), strict=True)):
        state, said = (np.full((1, 1), c[n, 0] / SHARE), np.zeros((1, 1)), np.zeros((1, 1))), []
        for t in range(T):
            state, up = cell.forward(state, x[t : t + 1])
            state, down = cell.backward(state, e[t : t + 1])
            said += [up[0], down[0], state[0][0, 0] / ETA]
        np.testing.assert_allclose(targets[n], said * scale[n], rtol=1e-12, atol=1e-13)
    assert not np.allclose(targets, lesson(rng, h, c, T, 2 * ETA)[1])


def test_what_runs_in_a_net_is_what_was_trained(rng):
    """(V11): the graph of the imitation against the ticks of the clone, on single edges."""
    cell = vsml.imitator(seed=1, dtype="float64")
    h, c = edges(rng, 4)
    inputs, _, scale = lesson(rng, h, c, T, ETA)
    net, clone = vsml.Imitation(cell, T), vsml.LSTMClone(cell)
    tape = mp.forward(net, inputs)
    for n, (x, e) in enumerate(zip(*heard(inputs), strict=True)):
        state, said = tuple(part[n].reshape(1, 1, 1, SIZE) for part in (h, c)), []
        for t in range(T):
            state, up = clone.forward(state, x[t : t + 1])
            state, down = clone.backward(state, e[t : t + 1])
            said += [up[0], down[0], state[1][0, 0, 0, 0] / SHARE / ETA]
        np.testing.assert_allclose(tape.output[n], said * scale[n], rtol=1e-11, atol=1e-12)
        for end, part in zip(net.ends, state, strict=True):
            np.testing.assert_allclose(tape[end][n], part[0], rtol=0, atol=1e-13)
    assert all(relative(a, b) < 1e-15 for a, b in zip(net.cell().theta, cell.theta, strict=True))


def test_messages_are_summed_over_edges(rng):
    clone, (I, O) = vsml.LSTMClone(vsml.imitator(dtype="float64")), (4, 3)
    state = tuple(0.3 * rng.standard_normal((2, 1, I, O, SIZE)))
    x, e = rng.standard_normal(I), rng.standard_normal(O)
    after, up = clone.forward(state, x)
    _, down = clone.backward(after, e)

    def edge(a, b):
        one, said = clone.forward(tuple(part[:, a : a + 1, b : b + 1] for part in state), x[a : a + 1])
        return said[0], clone.backward(one, e[b : b + 1])[1][0]

    single = np.array([[edge(a, b) for b in range(O)] for a in range(I)])
    np.testing.assert_allclose(up, single[..., 0].sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(down, single[..., 1].sum(axis=1), rtol=1e-12)


def test_a_net_of_clones_starts_with_the_weights_of_the_net():
    net = mp.Sequential(mp.Tanh(), mp.Linear(4, 3, bias=False), seed=0)
    ((h, c),) = vsml.LSTMClone(vsml.imitator()).states(net)
    assert (c[0, ..., 0] == SHARE * net.parameters[0]).all()
    assert not h.any()
    assert not c[..., 1:].any()
    with raises(ValueError, "without bias"):
        vsml.LSTMClone(vsml.imitator()).states(mp.Sequential(mp.Tanh(), mp.Linear(4, 3)))


def test_a_hand_set_cell_without_biases_is_gradient_descent_on_a_net_without(rng):
    net = mp.Sequential(
        *(mp.Tanh(), mp.Linear(5, 4, bias=False), mp.Tanh(), mp.Linear(4, 3, bias=False)),
        seed=0,
        dtype="float64",
    )
    cell, x, y = vsml.HandSetCell(0.1, bias=False), rng.standard_normal((50, 5)), rng.integers(0, 3, 50)
    states, _ = run(cell, cell.states(net), x, y)
    for x_t, y_t in zip(x, y, strict=True):
        grads = mp.backprop(net, mp.forward(net, x_t[None]), mp.CrossEntropy(), np.array([y_t]))
        for theta, g in zip(net.parameters, grads, strict=True):
            theta -= 0.1 * g
    for (w, b, _), theta in zip(states, net.parameters, strict=True):
        np.testing.assert_allclose(w, theta, rtol=0, atol=1e-12)
        assert not b.any()


def test_edges_are_replaced_now_and_then(rng):
    state = SHORT.begin()
    SHORT.renew(state, rng, first=True)
    c = state.c + 0
    assert (c[:, 0] != 0).all()
    replace(SHORT, life=10**9).renew(state, rng, first=False)
    assert (state.c == c).all()
    replace(SHORT, life=SHORT.T).renew(state, rng, first=False)
    assert (state.c[:, 0] != c[:, 0]).all()


def test_an_imitation_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(LSTMCloning, "last", lambda self, state: {})
    expected = execute(SHORT, tmp_path / "whole")
    course = SHORT.course()
    for unit in (1, 2):
        course.advance(unit)
    again = SHORT.course()
    again.take_up(course.arrays())
    assert [again.advance(unit)["error"] for unit in (3, 4)] == expected.error[2:]
    one, two = read_arrays(tmp_path / "whole" / "checkpoint.npz")[0], again.arrays()
    assert {k: v.tobytes() for k, v in one.items()} == {k: np.asarray(v).tobytes() for k, v in two.items()}
    cell = vsml.load(tmp_path / "whole" / "checkpoint.npz")
    assert (cell.theta[0] == again.state.net.cell().theta[0]).all()


@pytest.mark.slow
def test_an_imitation_learns_the_products(tmp_path, monkeypatch):
    monkeypatch.setattr(LSTMCloning, "last", lambda self, state: {})
    record = execute(replace(VSML_CLONE.methods["lstm"], blocks=4), tmp_path)
    assert record.error[-1] < 0.4 * record.error[0]
