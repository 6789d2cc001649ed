"""Variable shared meta learning: the hand-set cell is gradient descent; symmetries; an episode as a graph."""

from itertools import chain, pairwise

import numpy as np
import pytest
from conftest import raises, relative
from hypothesis import given, settings
from hypothesis import strategies as st

import minprox as mp
from minprox.methods.vsml import HandSetCell, Learner, LSTMCell
from minprox.methods.vsml.hand_set import run
from minprox.methods.vsml.unrolled import Bounded, Episode, Message

seeds = st.integers(0, 2**32 - 1)


def tanh_net(*widths, seed=0):
    layers = [(mp.Tanh(), mp.Linear(n, m)) for n, m in pairwise(widths)]
    return mp.Sequential(*chain(*layers), seed=seed, dtype="float64")


def double(cell):
    return LSTMCell([theta.astype("float64") for theta in cell.theta])


def test_the_hand_set_cell_run_forward_is_online_gradient_descent(rng):
    """The two ticks of (V4) are back-propagation and a step."""
    net, eta = tanh_net(5, 7, 6, 3), 0.1
    cell = HandSetCell(eta)
    states = cell.states(net)
    x, y = rng.standard_normal((200, 5)), rng.integers(0, 3, 200)
    found, outputs = run(cell, states, x, y)
    for x_t, y_t, output in zip(x, y, outputs, strict=True):
        tape = mp.forward(net, x_t[None])
        np.testing.assert_allclose(output, tape.output[0], rtol=0, atol=1e-12)
        grads = mp.backprop(net, tape, mp.CrossEntropy(), np.array([y_t]))
        for theta, g in zip(net.parameters, grads, strict=True):
            theta[:-1] -= eta * g[:-1]
            theta[-1] -= (len(theta) - 1) * eta * g[-1]  # each of I edges has a bias that learns at η
    for (w, b, _), theta in zip(found, net.parameters, strict=True):
        np.testing.assert_allclose(w, theta[:-1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(b.sum(axis=0), theta[-1], rtol=0, atol=1e-12)


def test_a_cell_that_learns_first_and_speaks_then_is_not_gradient_descent(rng):
    class Hasty(HandSetCell):
        def backward(self, state, error):
            state, _ = super().backward(state, error)
            return state, super().backward(state, error)[1]

    net = tanh_net(5, 7, 3)
    x, y = rng.standard_normal((50, 5)), rng.integers(0, 3, 50)
    right, wrong = (run(kind(0.1), kind(0.1).states(net), x, y)[1] for kind in (HandSetCell, Hasty))
    assert relative(wrong, right) > 1e-3


def learner(I, O, hidden=(), seed=0, **options):
    return Learner(double(LSTMCell(seed=1)), (I, *hidden, O), seed=seed, **options)


def stream(seed, I, O, T=6, N=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, T, I)), rng.integers(0, O, (N, T))


@given(seeds, st.integers(1, 5), st.integers(2, 4), st.booleans())
@settings(max_examples=20)
def test_permuted_inputs_leave_the_outputs_and_permuted_classes_permute_them(seed, I, O, backward):
    """The symmetries of the cell (V1) and its messages (V2)."""
    x, y = stream(seed, I, O)
    rng = np.random.default_rng(seed)
    p, q = rng.permutation(I), rng.permutation(O)
    expected = learner(I, O, backward=backward).run(x, y)
    other = learner(I, O, backward=backward)
    other.states = [tuple(part[:, p] for part in other.states[0])]
    np.testing.assert_allclose(other.run(x[..., p], y), expected, rtol=0, atol=1e-13)
    other = learner(I, O, backward=backward)
    other.states = [tuple(part[:, :, q] for part in other.states[0])]
    np.testing.assert_allclose(other.run(x, np.argsort(q)[y]), expected[..., q], rtol=0, atol=1e-13)


@given(seeds, st.integers(1, 4), st.integers(2, 4))
@settings(max_examples=20)
def test_every_input_twice_with_its_state_leaves_the_outputs(seed, I, O):
    x, y = stream(seed, I, O)
    twice = learner(I, O)
    expected = learner(I, O).run(x, y)
    twice.states = [tuple(np.repeat(part, 2, axis=1) for part in twice.states[0])]
    np.testing.assert_allclose(twice.run(np.repeat(x, 2, axis=-1), y), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("backward", [False, True])
def test_a_prediction_does_not_depend_on_its_own_label(backward):
    """The online loop (V3)."""
    x, y = stream(3, 4, 3)
    changed = y.copy()
    changed[:, 2] = (y[:, 2] + 1) % 3
    first, second = (learner(4, 3, (5,), backward=backward).run(x, labels) for labels in (y, changed))
    assert (first[:, :3] == second[:, :3]).all()
    assert not (first[:, 3:] == second[:, 3:]).all()


def test_the_same_parameters_run_at_any_size():
    cell = LSTMCell(seed=0)
    assert sum(theta.size for theta in cell.theta) == 2384
    for sizes in ((1, 2), (7, 3), (3, 9, 2), (64, 10)):
        out = Learner(cell, sizes, episodes=2).run(*stream(0, sizes[0], sizes[-1], T=2, N=2))
        assert out.shape == (2, 2, sizes[-1])
        assert np.isfinite(out).all()
    start = Learner(cell, (50, 40), seed=4).states[0]
    assert not start[0].any()
    assert not start[1][..., 8:].any()
    assert 0.8 < start[1][..., :8].std() * 50**0.5 / 0.88 < 1.2  # of a normal cut at two deviations


@pytest.mark.parametrize("sizes", [(4, 3), (4, 5, 3)])
def test_an_episode_as_a_graph_is_the_learner(sizes):
    one = learner(sizes[0], 3, sizes[1:-1], episodes=3)
    x, y = stream(0, sizes[0], 3, T=5, N=3)
    net = Episode(one.cell, sizes, 5)
    tape = mp.forward(net, net.packed(x, y, one.states))
    np.testing.assert_allclose(tape.output, one.run(x, y), rtol=0, atol=1e-14)
    back = net.cell()
    assert all(relative(a, b) < 1e-15 for a, b in zip(back.theta, one.cell.theta, strict=True))
    mp.check_layer(Message(), (3,))
    mp.check_layer(Bounded(), (3, 2))


def test_back_propagation_through_time_is_the_gradient_of_the_episode():
    cell = double(LSTMCell(seed=2))
    one = Learner(cell, (3, 4, 2), episodes=2)
    x, y = stream(1, 3, 2, T=3, N=2)
    net = Episode(cell, (3, 4, 2), 3)
    target = np.zeros((2, 3, 2))
    mp.check_gradient(net, net.packed(x, y, one.states), mp.SquaredError(), target)


def test_bad_arguments():
    with raises(ValueError, "eta", "found 0"):
        HandSetCell(0)
    with raises(ValueError, "Tanh and Linear"):
        HandSetCell(0.1).states(mp.Sequential(mp.Linear(3, 2)))
    with raises(ValueError, "theta", "(33, 64)"):
        LSTMCell([np.zeros((2, 2))])
    with raises(ValueError, "sizes", "two or more"):
        Learner(LSTMCell(), (3,))
