"""Nets as graphs: their shapes, their parameters, and branches, sums and sharing in both passes."""

import numpy as np
import pytest
from conftest import (
    along,
    dense_step,
    direction,
    materialise,
    pairing,
    raises,
    relative,
    slope,
)

import minprox as mp
from minprox.engine.stacked_map import StackedMap


def check_gradient(net, x, y, rng, loss=None):
    """Compare the gradient with central differences along a random direction."""
    loss = loss or mp.CrossEntropy()
    grads = mp.backprop(net, mp.forward(net, x), loss, y)
    v = direction(net, rng)
    J = along(net, lambda: loss(mp.forward(net, x).output, y), v)
    assert slope(J) == pytest.approx(pairing(grads, v), rel=1e-7)


def equal(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


# The table


def test_the_summary_shows_shapes_inputs_and_shared_parameters():
    x, conv = mp.Input((3, 8, 8)), mp.Conv2d(3, 3, 3, padding=1)
    h = mp.Add()(x, mp.ReLU()(conv(x)))
    net = mp.Graph(x, mp.Linear(3, 1000)(mp.GlobalAvgPool2d()(conv(h))), dtype="float64")
    assert net.summary().splitlines() == [
        "   layer                       inputs  output shape  parameters",
        "---------------------------------------------------------------",
        "0  Input                               (3, 8, 8)",
        "1  Conv2d(3, 3, 3, padding=1)  0       (3, 8, 8)             84",
        "2  ReLU()                      1       (3, 8, 8)",
        "3  Add()                       0, 2    (3, 8, 8)",
        "4  Conv2d(3, 3, 3, padding=1)  3       (3, 8, 8)        as in 1",
        "5  GlobalAvgPool2d()           4       (3)",
        "6  Linear(3, 1000)             5       (1000)             4,000",
        "---------------------------------------------------------------",
        "4,084 parameters, float64",
    ]
    start = "Graph(Conv2d(3, 3, 3, padding=1), ReLU(), Add(), Conv2d"
    assert repr(net).startswith(start)


def test_what_is_unknown_before_the_data_is_a_question_mark():
    net = mp.Sequential(mp.Conv2d(3, 4, 3), mp.MaxPool2d(2), mp.Flatten(), mp.Linear(16, 2), mp.Tanh())
    shapes = [line.split("(")[-1] for line in net.summary().splitlines()[3:6]]
    assert [shape.split(")")[0] for shape in shapes] == ["4, ?, ?", "4, ?, ?", "?"]
    assert net.summary().splitlines()[2].split("Input")[1].strip() == "(3, ?, ?)"
    assert mp.forward(net, np.zeros((2, 3, 6, 7), "float32")).output.shape == (2, 2)
    with raises(ValueError, "Linear(16, 2)", "Flatten()", "(16,)", "(36,)"):
        mp.forward(net, np.zeros((2, 3, 8, 9), "float32"))


# Shapes that do not fit


@pytest.mark.parametrize(
    ("layers", "parts"),
    [
        ((mp.Linear(3, 4), mp.Linear(5, 2)), ["Linear(5, 2)", "Linear(3, 4)", "(5,)", "(4,)"]),
        ((mp.Linear(3, 4), mp.ReLU(), mp.Linear(5, 2)), ["Linear(5, 2)", "ReLU()", "(4,)"]),
        ((mp.Input((3,)), mp.Linear(4, 2)), ["Linear(4, 2)", "Input((3,))", "(4,)", "(3,)"]),
        ((mp.Conv2d(3, 8, 3), mp.Conv2d(4, 8, 3)), ["Conv2d(4, 8, 3)", "Conv2d(3, 8, 3)", "(4, "]),
        (
            (mp.Input((3, 8, 8)), mp.Conv2d(3, 8, 5), mp.MaxPool2d(5)),
            ["MaxPool2d(5)", "Conv2d(3, 8, 5)", "(8, 4, 4)"],
        ),
        (
            (mp.Input((1, 4, 4)), mp.Conv2d(1, 2, 3), mp.Linear(8, 2)),
            ["Linear(8, 2)", "Conv2d(1, 2, 3)", "mp.Flatten()"],
        ),
        ((mp.Conv2d(1, 2, 3), mp.Linear(8, 2)), ["Linear(8, 2)", "Conv2d(1, 2, 3)", "mp.Flatten()"]),
    ],
)
def test_two_neighbours_that_do_not_fit_are_both_named(layers, parts):
    with raises(ValueError, "does not fit after", *parts):
        mp.Sequential(*layers)


def test_a_join_names_all_that_it_reads():
    x = mp.Input((4,))
    one, other = mp.Linear(4, 3)(x), mp.Linear(4, 2)(x)
    with raises(ValueError, "Add()", "Linear(4, 3) and Linear(4, 2)", "(3,)", "(2,)"):
        mp.Add()(one, other)


def test_a_layer_of_one_input_refuses_two():
    x = mp.Input((4,))
    for layer in (mp.ReLU(), mp.Linear(4, 2), mp.Flatten()):
        with raises((TypeError, ValueError), repr(layer)):
            layer(x, x)


def test_a_layer_that_knows_no_shapes_is_tried_on_zeros():
    class Twice(mp.Layer):
        def forward(self, a):
            return np.concatenate([a, a], axis=1)

    assert Twice()(mp.Input((3,))).shape == (6,)
    with raises(ValueError, "Linear(3, 2)", "Twice()", "(3,)", "(6,)"):
        mp.Sequential(mp.Linear(2, 3), Twice(), mp.Linear(3, 2))
    assert Twice()(mp.Input(None)).shape is None


# Building


def test_a_chain_is_the_same_net_built_either_way(rng):
    chain = mp.Sequential(mp.Linear(6, 5), mp.Tanh(), mp.Linear(5, 3), seed=3)
    x = mp.Input((6,))
    graph = mp.Graph(x, mp.Linear(5, 3)(mp.Tanh()(mp.Linear(6, 5)(x))), seed=3)
    data, y = rng.standard_normal((4, 6)).astype("float32"), rng.integers(0, 3, 4)
    loss, results = mp.CrossEntropy(), []
    for net in (chain, graph):
        tape = mp.forward(net, data)
        steps = mp.proxprop(net, tape, loss, y, 0.1)
        results.append([*net.parameters, *tape.values, *mp.backprop(net, tape, loss, y), *steps])
    assert equal(*results)
    assert [symbol.shape for symbol in graph.nodes] == [(6,), (5,), (5,), (3,)]
    assert mp.Sequential(mp.Input(6), mp.Linear(6, 2)).nodes[0].shape == (6,)


def test_nodes_stand_after_what_they_read_however_the_graph_branches():
    x = mp.Input((4,))
    symbols = [x]
    for k in range(8):
        symbols.append(mp.Add()(*symbols[-2:]) if k % 2 else mp.Linear(4, 4)(symbols[-1]))
    net = mp.Graph(x, mp.Add()(*symbols))
    assert net.nodes[0] is x
    assert all(i > j for i, node in enumerate(net.nodes) for j in net.inputs(node))
    assert len(net.nodes) == len(symbols) + 1
    deep = mp.Sequential(*[mp.Tanh() for _ in range(3000)])  # no recursion
    assert len(deep.nodes) == 3001


@pytest.mark.parametrize(
    ("make", "error", "parts"),
    [
        (lambda: mp.Sequential(), ValueError, ["Sequential", "none"]),
        (lambda: mp.Sequential(mp.Input((3,))), ValueError, ["Sequential", "Input"]),
        (lambda: mp.Sequential(mp.ReLU()(mp.Input((3,))), mp.ReLU()), ValueError, ["Input"]),
        (lambda: mp.Sequential(mp.Linear(3, 2), "relu"), TypeError, ["Sequential", "str"]),
        (lambda: mp.Sequential(mp.Linear(3, 2), mp.ReLU), TypeError, ["Sequential", "type"]),
        (lambda: mp.Sequential(mp.Linear(3, 2), dtype="float16"), ValueError, ["float16"]),
        (lambda: mp.Sequential(mp.Linear(3, 2), dtype=int), ValueError, ["float32", "int64"]),
        (lambda: mp.Graph(mp.Linear(3, 2), mp.Input(3)), TypeError, ["symbol", "input", "Linear"]),
        (lambda: mp.Graph(mp.Input(3), mp.ReLU()), TypeError, ["symbol", "output", "ReLU"]),
        (
            lambda: mp.Graph(mp.Input(3), mp.ReLU()(mp.Input(4))),
            ValueError,
            ["Input((3,))", "Input((4,))"],
        ),
        (
            lambda: two_inputs(mp.Input(3), mp.Input((None,))),
            ValueError,
            ["Input((3,))", "Input((None,))"],
        ),
    ],
)
def test_what_makes_no_net_is_refused(make, error, parts):
    with raises(error, *parts):
        make()


def two_inputs(one, other):
    return mp.Graph(one, mp.Add()(one, other))


# Parameters


def test_parameters_are_set_in_place_and_all_at_once(rng):
    net = mp.Sequential(mp.Linear(3, 4), mp.ReLU(), mp.Linear(4, 2))
    arrays = net.parameters
    values = [rng.standard_normal(theta.shape) for theta in arrays]
    net.parameters = values
    for theta, array, value in zip(net.parameters, arrays, values, strict=True):
        assert theta is array
        assert (theta == value.astype("float32")).all()
    net.parameters[0][...] = 7
    assert (net.transfers[0].weight == 7).all()
    assert (net.transfers[0].bias == 7).all()
    for wrong in (values[:1], values[::-1]):
        with raises(ValueError, "(4, 4)", "(5, 2)", str([v.shape for v in wrong])):
            net.parameters = wrong
    assert (net.parameters[1] == values[1].astype("float32")).all()


def test_nets_share_a_layer_and_its_parameters():
    body = mp.Linear(4, 3)
    one = mp.Sequential(body, mp.Linear(3, 2), seed=1)
    start = one.parameters[0].copy()
    with pytest.warns(UserWarning, match="seed=2 draws nothing"):
        other = mp.Sequential(body, mp.Tanh(), seed=2)
    assert other.parameters[0] is one.parameters[0]
    assert (start == one.parameters[0]).all()
    with raises(ValueError, "Linear(4, 3)", "float32", "float64"):
        mp.Sequential(body, dtype="float64")


# The forward pass


@pytest.mark.parametrize(
    ("x", "error", "parts"),
    [
        ([[1.0] * 4], TypeError, ["list"]),
        (np.ones((2, 4), int), TypeError, ["floating-point", "int64"]),
        (np.ones((2, 4), complex), TypeError, ["floating-point", "complex128"]),
        (np.ones((2, 5)), ValueError, ["(4,)", "(5,)"]),
        (np.ones(4), ValueError, ["(4,)", "()"]),
        (np.ones((2, 4, 4)), ValueError, ["(4,)", "(4, 4)"]),
    ],
)
def test_a_batch_that_does_not_fit(x, error, parts):
    for net in (mp.Sequential(mp.Linear(4, 2)), mp.Sequential(mp.Input((4,)), mp.Linear(4, 2))):
        with raises(error, *parts):
            mp.forward(net, x)


def test_images_that_do_not_fit():
    net = mp.Sequential(mp.Input((3, 8, None)), mp.Conv2d(3, 2, 3))
    assert mp.forward(net, np.zeros((1, 3, 8, 5))).output.shape == (1, 2, 6, 3)
    with raises(ValueError, "(3, 8, None)", "(3, 7, 5)"):
        mp.forward(net, np.zeros((1, 3, 7, 5)))


def test_a_batch_is_converted_to_the_dtype_of_the_net(rng):
    x = rng.standard_normal((2, 4))
    for dtype in ("float32", "float64"):
        net = mp.Sequential(mp.Linear(4, 3), mp.GELU(), mp.Linear(3, 2), dtype=dtype)
        for batch in (x, x.astype("float32"), x.astype("float16")):
            assert {value.dtype.name for value in mp.forward(net, batch).values} == {dtype}


def test_the_tape_holds_every_value(rng):
    x = mp.Input((4,))
    z1 = mp.Linear(4, 3)(x)
    a1 = mp.Tanh()(z1)
    z2 = mp.Linear(3, 2)(a1)
    net, data = mp.Graph(x, z2, dtype="float64"), rng.standard_normal((5, 4))
    tape, (theta1, theta2) = mp.forward(net, data), net.parameters
    assert (tape[x] == data).all()
    assert relative(tape[z1], data @ theta1[:-1] + theta1[-1]) < 1e-15
    assert (tape[a1] == np.tanh(tape[z1])).all()
    assert relative(tape[z2], tape[a1] @ theta2[:-1] + theta2[-1]) < 1e-15
    assert equal([tape.output, *tape.z], [tape[z2], tape[z1], tape[z2]])
    assert equal(tape.a, [data, tape[a1]])
    with raises(KeyError, "Tanh()", "no node of this net"):
        tape[mp.Tanh()(z1)]


# Branches, sums and sharing


def residual(dtype="float64"):
    """A net in which nodes are read by several others, and branches join."""
    x = mp.Input((4,))
    h = mp.Tanh()(mp.Linear(4, 6)(x))
    r = mp.Add()(h, mp.Tanh()(mp.Linear(6, 6)(h)))
    s = mp.Concat()(r, mp.Sigmoid()(mp.Linear(6, 3)(h)), x)
    return mp.Graph(x, mp.Add()(mp.Linear(13, 3)(s), mp.Linear(6, 3)(r)), dtype=dtype)


def test_branches_of_a_residual_net(rng):
    net = residual()
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    check_gradient(net, x, y, rng)
    assert net.last_transfers == {3, 4}


def test_the_gradient_and_the_step_of_a_residual_net_are_those_of_its_formula(rng):
    layer, head = mp.Linear(4, 4), mp.Linear(4, 3)
    x = mp.Input((4,))
    net = mp.Graph(x, head(mp.Add()(x, mp.Tanh()(layer(x)), mp.Tanh()(layer(x)))), dtype="float64")
    data, y, tau, loss = rng.standard_normal((6, 4)), rng.standard_normal((6, 3)), 0.3, mp.SquaredError()
    theta, head_theta = net.parameters
    A = np.hstack([data, np.ones((6, 1))])
    t = np.tanh(A @ theta)
    B = np.hstack([data + 2 * t, np.ones((6, 1))])
    delta_head = (B @ head_theta - y) / 6
    delta = (1 - t**2) * (delta_head @ head_theta[:-1].T)
    tape = mp.forward(net, data)
    for found, expected in zip(
        mp.backprop(net, tape, loss, y), [2 * A.T @ delta, B.T @ delta_head], strict=True
    ):
        assert relative(found, expected) < 1e-14
    rows, deltas = np.vstack([A, A]), np.vstack([delta, delta])
    expected = np.linalg.solve(rows.T @ rows + np.eye(5) / tau, rows.T @ deltas)
    steps = mp.proxprop(net, tape, loss, y, tau)
    assert relative(steps[0], expected) < 1e-13
    assert relative(steps[1], B.T @ delta_head) < 1e-14


def test_steps_of_a_residual_net_are_dense_solves(rng):
    net, loss, tau = residual(), mp.CrossEntropy(), 0.4
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    tape = mp.forward(net, x)
    steps, grads = mp.proxprop(net, tape, loss, y, tau), mp.backprop(net, tape, loss, y)
    for l, A, delta in mp.errors(net, tape, loss, y):
        if l in net.last_transfers:
            assert (steps[l] == grads[l]).all()
        else:
            assert relative(steps[l], dense_step(materialise(A), delta, tau)) < 1e-12


def dense_twice(first, second):
    x = mp.Input((4,))
    return x, mp.Linear(4, 3)(mp.Tanh()(second(mp.Tanh()(first(x)))))


def images_twice(first, second):
    x = mp.Input((4, 6, 6))
    h = mp.MaxPool2d(2)(mp.Tanh()(first(x)))  # the second place sees a smaller image
    return x, mp.Linear(4, 3)(mp.GlobalAvgPool2d()(mp.Tanh()(second(h))))


def beside(first, second):
    x = mp.Input((4, 6, 6))
    join = mp.Concat()(
        mp.GlobalAvgPool2d()(mp.Tanh()(first(x))), mp.GlobalAvgPool2d()(mp.Tanh()(second(mp.AvgPool2d(2)(x))))
    )
    return x, mp.Linear(8, 3)(join)


sharing = pytest.mark.parametrize(
    ("build", "make", "shape"),
    [
        (dense_twice, lambda: mp.Linear(4, 4), (4,)),
        (dense_twice, lambda: mp.Linear(4, 4, bias=False), (4,)),
        (images_twice, lambda: mp.Conv2d(4, 4, 3, padding=1), (4, 6, 6)),
        (images_twice, lambda: mp.Conv2d(4, 4, 3, padding=1, groups=2), (4, 6, 6)),
        (beside, lambda: mp.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), (4, 6, 6)),
    ],
)


@sharing
def test_a_shared_layer_has_the_gradient_of_its_places_together(build, make, shape, rng):
    layer = make()
    net = mp.Graph(*build(layer, layer), dtype="float64")
    assert len(net.parameters) == 2
    x, y = rng.standard_normal((3, *shape)), rng.integers(0, 3, 3)
    check_gradient(net, x, y, rng)
    assert len(mp.forward(net, x).z) == 3


@sharing
@pytest.mark.parametrize(
    "solver", [mp.Exact("primal"), mp.Exact("dual"), mp.CG(150), mp.BlockCG(150)], ids=repr
)
def test_the_step_of_a_shared_layer_stacks_the_rows_of_its_places(solver, build, make, shape, rng):
    layer, loss, tau = make(), mp.CrossEntropy(), 0.3
    net = mp.Graph(*build(layer, layer), dtype="float64")
    apart = mp.Graph(*build(make(), make()), dtype="float64")  # two layers of equal values
    apart.parameters = [net.parameters[0], net.parameters[0], net.parameters[1]]
    x, y = rng.standard_normal((3, *shape)), rng.integers(0, 3, 3)
    n_out, groups = layer.theta_shape[1] // layer.groups, layer.groups
    tape = mp.forward(apart, x)
    places = [
        (materialise(A, n_out, groups), delta) for l, A, delta in mp.errors(apart, tape, loss, y) if l < 2
    ]
    A, delta = (np.concatenate(parts, axis=-2) for parts in zip(*places, strict=True))
    steps, reports = mp.proxprop(net, mp.forward(net, x), loss, y, tau, solver, report=True)
    assert relative(steps[0], layer.join(dense_step(A, delta, tau))) < 1e-10
    assert reports[0].residual < 1e-9
    separate = mp.backprop(apart, tape, loss, y)
    together = mp.backprop(net, mp.forward(net, x), loss, y)
    assert relative(together[0], separate[0] + separate[1]) < 1e-14


def test_a_stacked_map_is_its_stacked_matrix(rng):
    layer = mp.Conv2d(2, 6, 2, groups=2)
    maps = [layer.linear_map(rng.standard_normal((2, 2, n, 4))) for n in (3, 5, 2)]
    A = StackedMap(maps)
    matrix = np.concatenate([B.matrix() for B in maps], axis=1)
    theta, delta = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, A.shape[0], 3))
    assert A.shape == matrix.shape[1:]
    assert relative(A.matrix(), matrix) == 0
    assert relative(A @ theta, matrix @ theta) < 1e-14
    assert relative(A.T @ delta, matrix.swapaxes(1, 2) @ delta) < 1e-14
    assert relative(A.gram(), matrix @ matrix.swapaxes(1, 2)) < 1e-14
    assert relative(A.T.gram(), matrix.swapaxes(1, 2) @ matrix) < 1e-14


def test_the_last_transfers_are_those_that_no_other_stands_behind():
    def last(output, x):
        net = mp.Graph(x, output)
        return [net.transfers[l].theta_shape[1] for l in sorted(net.last_transfers)]

    x = mp.Input((4,))
    a, b = mp.Linear(4, 5)(x), mp.Linear(4, 6)(x)
    assert last(mp.Linear(11, 2)(mp.Concat()(a, b)), x) == [2]
    assert last(mp.Concat()(a, b), x) == [5, 6]
    assert last(mp.Concat()(mp.Linear(5, 7)(mp.ReLU()(a)), b), x) == [7, 6]
    assert last(mp.Concat()(a, mp.Linear(5, 7)(mp.ReLU()(a))), x) == [7]  # a is read before it too
    assert last(mp.Softplus()(mp.Linear(5, 3)(a)), x) == [3]
    assert mp.Graph(x, mp.ReLU()(x)).last_transfers == set()


def test_errors_stop_where_nothing_before_learns(rng):
    class NoAdjoint(mp.Layer):
        def forward(self, a):
            return 2 * a

    net = mp.Sequential(NoAdjoint(), mp.Linear(4, 3), dtype="float64")
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    (grad,) = mp.backprop(net, mp.forward(net, x), mp.CrossEntropy(), y)
    assert grad.shape == (5, 3)
    plain = mp.Sequential(mp.Tanh())
    assert mp.backprop(plain, mp.forward(plain, x), mp.CrossEntropy(), y % 4) == []


def test_inputs_that_do_not_fit_are_both_named():
    with pytest.raises(ValueError, match=r"found \(3, 4\) and \(3, 5\)"):
        mp.Add().output_shape(None, (3, 4), (3, 4), (3, 5))


@pytest.mark.parametrize("first_through_a_transfer", [True, False])
def test_one_path_with_a_transfer_is_enough_not_to_be_last(first_through_a_transfer):
    x = mp.Input((2,))
    a = mp.Linear(2, 3)(x)
    paths = [mp.Linear(3, 3)(a), mp.ReLU()(a)]
    net = mp.Graph(x, mp.Add()(*(paths if first_through_a_transfer else paths[::-1])))
    assert [net.transfers[l].theta_shape for l in net.last_transfers] == [(4, 3)]
