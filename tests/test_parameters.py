"""θ: any memory layout may be given, one is kept; what reaches the net, and what is refused."""

import numpy as np
import pytest
import strict_arrays
from conftest import CUPY, raises

import minprox as mp

LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "transposed": lambda W: W.T.copy().T,
    "strided": lambda W: np.repeat(np.repeat(W, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda W: W[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda W: np.broadcast_to(W, (2, *W.shape))[0],
    "big-endian": lambda W: W.astype(W.dtype.newbyteorder(">")),
}
OPTIMISERS = [
    lambda net: mp.SGD(net, 0.1),
    lambda net: mp.SGD(net, 0.1, weight_decay=0.1),
    lambda net: mp.SGD(net, 0.1, momentum=0.9),
    lambda net: mp.SGD(net, 0.1, momentum=0.9, nesterov=True),
    mp.Adam,
]


def problem(rng, make=lambda: [mp.Linear(4, 5), mp.Tanh(), mp.Linear(5, 3)], dtype="float64"):
    net = mp.Sequential(*make(), seed=0, dtype=dtype)
    return net, rng.standard_normal((6, 4)), rng.integers(0, 3, 6)


def trained(net, x, y, optimiser):
    for _ in range(3):
        optimiser.step(mp.backprop(net, mp.forward(net, x), mp.CrossEntropy(), y))
    return [theta.copy() for theta in net.parameters]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("make", OPTIMISERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimisers_step_the_net_whatever_the_layout_of_theta(layout, make, dtype, rng):
    net, x, y = problem(rng, dtype=dtype)
    values = [rng.standard_normal(theta.shape).astype(dtype) for theta in net.parameters]
    net.parameters = values
    expected = trained(net, x, y, make(net))
    given = [layout(value) for value in values]
    for layer, value in zip(net.transfers, given, strict=True):
        layer.theta = value
        assert np.array_equal(layer.theta, value)
    optimiser = make(net)
    assert equal(trained(net, x, y, optimiser), expected)
    assert equal(given, values)  # the layers keep copies of their own
    net.parameters = given
    assert equal(net.parameters, values)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_an_own_draw_may_have_any_layout(layout, rng):
    class Own(mp.Linear):
        def draw(self, rng):
            return layout(super().draw(rng))

    results = []
    for kind in (mp.Linear, Own):
        net, x, y = problem(np.random.default_rng(1), lambda kind=kind: [kind(4, 5), mp.Tanh(), kind(5, 3)])
        results.append(trained(net, x, y, mp.SGD(net, 0.1, momentum=0.5)))
        assert not equal(results[-1], mp.Sequential(*[kind(4, 5), kind(5, 3)], seed=0).parameters)
    assert equal(*results)


def test_theta_may_come_from_a_file_that_is_mapped_into_memory(tmp_path, rng):
    net, x, y = problem(rng)
    value = rng.standard_normal((5, 5))
    np.save(tmp_path / "theta.npy", value)
    net.transfers[0].theta = np.load(tmp_path / "theta.npy", mmap_mode="r")
    assert type(net.parameters[0]) is np.ndarray
    trained(net, x, y, mp.SGD(net, 0.1))
    assert np.array_equal(np.load(tmp_path / "theta.npy"), value)
    assert not np.array_equal(net.parameters[0], value)


def test_weight_and_bias_stay_views_of_the_theta_that_is_set(rng):
    net, *_ = problem(rng)
    layer = net.transfers[0]
    layer.theta = np.asfortranarray(rng.standard_normal((5, 5)))
    layer.weight[0, 0], layer.bias[2] = 7, 8
    assert (net.parameters[0][0, 0], net.parameters[0][-1, 2]) == (7, 8)


@pytest.mark.parametrize(
    ("value", "error", "parts"),
    [
        (np.ones((5, 4)), ValueError, ["(5, 5)", "(5, 4)"]),
        (np.ones((5, 5), "float32"), TypeError, ["float64", "float32", "astype"]),
        (np.ones((5, 5), int), TypeError, ["float64", "int64"]),
        (np.ones((5, 5), complex), TypeError, ["float64", "complex128"]),
        ([[1.0] * 5] * 5, TypeError, ["list"]),
        (1.0, TypeError, ["float"]),
    ],
)
def test_what_is_no_theta_is_refused_and_changes_nothing(value, error, parts, rng):
    net, *_ = problem(rng)
    layer, old = net.transfers[0], net.parameters[0]
    with raises(error, *parts):
        layer.theta = value
    assert layer.theta is old
    with raises(error, *(part.replace("float64", "float32 or float64") for part in parts[:1])):
        if value is not None and getattr(value, "dtype", None) == np.float32:
            raise error("float32 or float64")  # before a net is built, either dtype will do
        mp.Linear(4, 5).theta = value


def test_a_layer_that_has_its_theta_before_the_net_keeps_it(rng):
    value = rng.standard_normal((5, 5))
    layer = mp.Linear(4, 5)
    layer.theta = value
    net = mp.Sequential(layer, mp.Linear(5, 2), dtype="float64")
    assert np.array_equal(net.parameters[0], value)
    with raises(ValueError, "float64", "float32"):
        mp.Sequential(layer)


def test_a_seed_that_draws_nothing_says_so():
    layers = [mp.Linear(4, 3), mp.Tanh(), mp.Linear(3, 2)]
    first = mp.Sequential(*layers, seed=0).parameters
    with pytest.warns(UserWarning, match=r"seed=1 draws nothing.*layer\.theta = None") as caught:
        second = mp.Sequential(*layers, seed=1).parameters
    assert [warning.filename for warning in caught] == [__file__]
    assert all(one is other for one, other in zip(first, second, strict=True))
    mp.Sequential(*layers)  # no seed, no claim
    mp.Sequential(*layers, mp.Linear(2, 1), seed=1)  # something is drawn
    mp.Sequential(mp.Tanh(), seed=1)
    for layer in layers[::2]:
        layer.theta = None
    assert equal(mp.Sequential(*layers, seed=1).parameters,
                 mp.Sequential(mp.Linear(4, 3), mp.Linear(3, 2), seed=1).parameters)  # fmt: skip


def test_state_of_another_layout_is_not_updated_in_a_copy(rng):
    net, x, y = problem(rng)
    for optimiser in (mp.SGD(net, 0.1, momentum=0.9), mp.Adam(net), mp.RMSprop(net)):
        before = [theta.copy() for theta in net.parameters]
        name = next(iter(optimiser.state))
        optimiser.state[name] = [np.asfortranarray(array) for array in optimiser.state[name]]
        with raises(ValueError, type(optimiser).__name__, "row behind row", "(5, 5)"):
            optimiser.step(mp.backprop(net, mp.forward(net, x), mp.CrossEntropy(), y))
        assert equal(net.parameters, before)


@pytest.mark.parametrize("seed", [False, "", -1, 1.0])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with raises(ValueError, "seed of the net", repr(seed)):
        mp.Sequential(mp.Linear(2, 1), seed=seed)


# The list


CHANGES = [
    lambda p, W: p.__setitem__(0, W),
    lambda p, W: p.__setitem__(slice(None), [W, W]),
    lambda p, W: p.__delitem__(0),
    lambda p, W: p.__iadd__([W]),
    lambda p, W: p.__imul__(2),
    lambda p, W: p.append(W),
    lambda p, W: p.extend([W]),
    lambda p, W: p.insert(0, W),
    lambda p, W: p.pop(),
    lambda p, W: p.remove(W),
    lambda p, W: p.clear(),
    lambda p, W: p.sort(),
    lambda p, W: p.reverse(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_list_is_never_ignored(change, rng):
    net, *_ = problem(rng)
    old = [theta.copy() for theta in net.parameters]
    with raises(TypeError, "net.parameters[l][...] = theta", "would not reach the net"):
        change(net.parameters, np.ones((5, 5)))
    assert equal(net.parameters, old)


def test_the_list_is_a_list(rng):
    net, *_ = problem(rng)
    assert isinstance(net.parameters, list)
    assert type(net.parameters.copy()) is list  # one's own, that takes anything
    before = [theta.copy() for theta in net.parameters]
    net.parameters[0] += 1  # which writes to the array
    assert equal(net.parameters, [before[0] + 1, before[1]])
    net.parameters[0][...] = 2
    assert not equal(net.parameters, before)


def test_all_values_are_set_or_none(rng):
    net, *_ = problem(rng)
    old = [theta.copy() for theta in net.parameters]
    good, other = (rng.standard_normal(theta.shape) for theta in old)
    wrong = [
        ([good], ValueError),
        ([good, other.T], ValueError),
        ([good, other + 1j], TypeError),
        ([good, other.astype(str)], TypeError),
        ([good, np.ma.array(other)], TypeError),
        ([good, other.astype(object)], TypeError),
    ]
    for values, error in wrong:
        with pytest.raises(error):
            net.parameters = values
        assert equal(net.parameters, old)


def test_values_that_are_views_of_other_parameters_are_read_before_anything_is_written(rng):
    net = mp.Sequential(
        mp.Linear(3, 4), mp.Tanh(), mp.Linear(4, 3, bias=False), mp.Linear(3, 4), dtype="float64"
    )
    first, second, third = (theta.copy() for theta in net.parameters)
    p = net.parameters
    net.parameters = [p[2], p[1][:, ::-1], p[0]]
    assert equal(net.parameters, [third, second[:, ::-1], first])


@pytest.mark.parametrize("name", [strict_arrays.NAME, CUPY])
def test_values_of_one_backend_reach_a_net_on_the_other(name, monkeypatch, rng):
    if name == strict_arrays.NAME:
        strict_arrays.install(monkeypatch)
    net, *_ = problem(rng)
    values = [rng.standard_normal(theta.shape) for theta in net.parameters]
    for home, source in ((name, "numpy"), ("numpy", name)):
        net.to(home)
        with mp.use(source) as xp:
            given = [xp.asarray(value) for value in values]
        net.parameters = given
        assert equal([mp.to_numpy(theta) for theta in net.parameters], values)
        net.transfers[0].theta = given[0] + 1
        assert np.array_equal(mp.to_numpy(net.parameters[0]), values[0] + 1)
        assert {type(theta).__module__.partition(".")[0] for theta in net.parameters} == {home}
