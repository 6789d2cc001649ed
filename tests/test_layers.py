"""Every layer: its forward against a naive one, its adjoint against the definition of one."""

import numpy as np
import pytest
from conftest import adjoint_gap, materialise, named, raises, relative
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.signal import correlate2d

import minprox as mp
from minprox.engine.linear_map import DenseMap

seeds = st.integers(0, 2**32 - 1)


def one_or_two(low, high):
    one = st.integers(low, high)
    return st.one_of(one, st.tuples(one, one))


def both(value):
    return value if isinstance(value, tuple) else (value, value)


@st.composite
def convolutions(draw):
    """A convolution with any of its options, and the shape of a batch that it can read."""
    groups = draw(st.integers(1, 3))
    kernel, dilation = draw(one_or_two(1, 4)), draw(one_or_two(1, 3))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.one_of(st.just("same"), one_or_two(0, 3), st.tuples(sides, sides)))
    stride = draw(one_or_two(1, 4))
    layer = mp.Conv2d(
        groups * draw(st.integers(1, 2)),
        groups * draw(st.integers(1, 3)),
        kernel,
        stride,
        padding,
        dilation,
        groups,
        bias=draw(st.booleans()),
    )
    margins = [99 if padding == "same" else sum(both(p)) for p in both(padding)]
    extents = [
        max(1, d * (k - 1) + 1 - p) + draw(st.integers(0, 5))
        for k, d, p in zip(both(kernel), both(dilation), margins, strict=True)
    ]
    return layer, (draw(st.integers(1, 3)), layer.in_channels, *extents)


@st.composite
def dense_layers(draw):
    n_in, n_out, N = (draw(st.integers(1, 7)) for _ in range(3))
    return mp.Linear(n_in, n_out, bias=draw(st.booleans())), (N, n_in)


transfers = st.one_of(dense_layers(), convolutions())


def drawn(layer, shape, seed):
    """A random θ, input and error that fit the layer."""
    rng = np.random.default_rng(seed)
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal(shape)
    return theta, a, rng.standard_normal((shape[0], *layer.output_shape(shape[1:])))


# Transfers


@given(transfers, seeds)
def test_the_adjoints_of_a_transfer_pass_the_dot_test(case, seed):
    layer, shape = case
    theta, a, delta = drawn(layer, shape, seed)
    z = layer.forward(theta, a)
    assert adjoint_gap(z, delta, theta, layer.adjoint_theta(a, delta)) < 1e-12
    linear = z - layer.forward(theta, np.zeros_like(a))
    assert adjoint_gap(linear, delta, a, layer.adjoint_input(theta, a, delta)) < 1e-12


@given(transfers, seeds)
@example((mp.Conv2d(1, 1, 1, stride=2, padding=1, bias=False), (1, 1, 1, 1)), 0)  # sees nothing but zeros
def test_the_linear_map_is_its_matrix(case, seed):
    layer, shape = case
    theta, a, delta = drawn(layer, shape, seed)
    A, rows = layer.linear_map(a), layer.rows(delta)
    matrix = A.matrix()
    assert matrix.shape[-2:] == A.shape == A.T.shape[::-1]
    assert relative(layer.rows(layer.forward(theta, a)), A @ layer.split(theta)) == 0
    assert relative(matrix @ layer.split(theta), A @ layer.split(theta)) < 1e-13
    assert relative(A.T @ rows, matrix.swapaxes(-1, -2) @ rows) < 1e-13
    assert relative(layer.adjoint_theta(a, delta), layer.join(A.T @ rows)) == 0
    assert relative(A.gram(), matrix @ matrix.swapaxes(-1, -2)) < 1e-13
    assert relative(A.T.gram(), matrix.swapaxes(-1, -2) @ matrix) < 1e-13
    assert relative(layer.matrix(a), matrix) == 0
    n_out = layer.theta_shape[1] // layer.groups
    assert relative(materialise(A, n_out, layer.groups), matrix) == 0


@given(transfers, seeds)
def test_rows_and_groups_are_laid_out_and_back(case, seed):
    layer, shape = case
    theta, _, delta = drawn(layer, shape, seed)
    assert (layer.unrows(layer.rows(delta), delta.shape) == delta).all()
    assert (layer.join(layer.split(theta)) == theta).all()


def loops(layer, theta, a, stride, padding, dilation):
    """The convolution, one multiplication at a time."""
    (s, t), (p, q), (d, e) = both(stride), both(padding), both(dilation)
    k, m = layer.kernel
    x = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)))
    H, W = (x.shape[2] - d * (k - 1) - 1) // s + 1, (x.shape[3] - e * (m - 1) - 1) // t + 1
    channels = layer.in_channels // layer.groups
    outs = layer.out_channels // layer.groups
    weight = layer_weight(layer, theta).reshape(channels, k, m, layer.out_channels)
    z = np.zeros((len(a), layer.out_channels, H, W))
    for n, o, y, w in np.ndindex(z.shape):
        for c, i, j in np.ndindex(channels, k, m):
            pixel = x[n, o // outs * channels + c, y * s + i * d, w * t + j * e]
            z[n, o, y, w] += weight[c, i, j, o] * pixel
        z[n, o, y, w] += theta[-1, o] if layer.has_bias else 0
    return z


def layer_weight(layer, theta):
    return theta[:-1] if layer.has_bias else theta


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"stride": (2, 1), "padding": (0, 2)},
        {"dilation": (1, 2), "padding": 1},
        {"groups": 2, "stride": 3, "padding": 2},
        {"groups": 2, "dilation": 2, "bias": False, "padding": (3, 1)},
    ],
    ids=str,
)
def test_a_convolution_is_its_loops(options, rng):
    layer = mp.Conv2d(4, 6, (3, 2), **options)
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((2, 4, 6, 7))
    arguments = [options.get(name, usual) for name, usual in [("stride", 1), ("padding", 0)]]
    expected = loops(layer, theta, a, *arguments, options.get("dilation", 1))
    assert relative(layer.forward(theta, a), expected) < 1e-14
    assert layer.output_shape(a.shape[1:]) == expected.shape[1:]


@pytest.mark.parametrize(("padding", "mode"), [(0, "valid"), ("same", "same"), ((4, 2), "full")])
def test_a_convolution_is_that_of_scipy(padding, mode, rng):
    layer = mp.Conv2d(1, 1, (5, 3), padding=padding, bias=False)
    theta, a = rng.standard_normal((15, 1)), rng.standard_normal((1, 1, 8, 9))
    expected = correlate2d(a[0, 0], theta.reshape(5, 3), mode=mode)
    assert relative(layer.forward(theta, a)[0, 0], expected) < 1e-14


@pytest.mark.parametrize("dilation", [1, 2, (3, 1)])
@pytest.mark.parametrize("kernel", [1, 2, 3, (4, 5)])
def test_same_keeps_the_size_and_puts_the_odd_margin_last(kernel, dilation, rng):
    layer = mp.Conv2d(2, 3, kernel, padding="same", dilation=dilation)
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((2, 2, 6, 5))
    z = layer.forward(theta, a)
    assert z.shape == (2, 3, 6, 5) == (2, *layer.output_shape((2, 6, 5)))
    reach = [d * (k - 1) for k, d in zip(both(kernel), both(dilation), strict=True)]
    x = np.pad(a, ((0, 0), (0, 0), *((r // 2, r - r // 2) for r in reach)))
    assert relative(z, loops(layer, theta, x, 1, 0, dilation)) < 1e-14


def test_a_large_batch_is_its_samples_together(rng):
    """However much of the patch matrix is at hand at a time."""
    layer = mp.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    theta, a, delta = drawn(layer, (400, 4, 21, 21), 0)
    A, z = layer.linear_map(a), layer.forward(theta, a)
    parts = [slice(start, start + 50) for start in range(0, 400, 50)]
    assert relative(z, np.concatenate([layer.forward(theta, a[part]) for part in parts])) < 1e-14
    back = np.concatenate([layer.adjoint_input(theta, a[part], delta[part]) for part in parts])
    assert relative(layer.adjoint_input(theta, a, delta), back) < 1e-14
    gradient = sum(layer.adjoint_theta(a[part], delta[part]) for part in parts)
    assert relative(layer.adjoint_theta(a, delta), gradient) < 1e-13
    assert relative(A.T.gram(), sum(layer.linear_map(a[part]).T.gram() for part in parts)) < 1e-13
    assert relative(A.matrix() @ layer.split(theta), layer.rows(z)) < 1e-14


def test_gram_matrices_of_float32_are_summed_in_float64(rng):
    a = rng.standard_normal((5, 2500)).astype("float32") + np.float32(100)
    A = DenseMap(a, bias=True)
    matrix = A.matrix().astype("float64")
    for gram, expected in [(A.gram(), matrix @ matrix.T), (A.T.gram(), matrix.T @ matrix)]:
        assert gram.dtype == "float64"
        assert relative(gram, expected) < 1e-14
    assert A.gram("float32").dtype == A.T.gram("float32").dtype == "float32"
    wide = mp.Conv2d(2, 4, 3, groups=2).linear_map(a[:, :98].reshape(5, 2, 7, 7))
    assert wide.gram().dtype == wide.T.gram().dtype == "float64"


# Layers without parameters


def away_from_kinks(rng, shape):
    """Distinct numbers, none within 0.05 of another or of zero."""
    values = 0.1 * (np.arange(np.prod(shape)) - np.prod(shape) // 2) + 0.05
    return rng.permutation(values).reshape(shape)


images = (2, 3, 6, 5)
activations = [mp.ReLU(), mp.LeakyReLU(0.2), mp.Tanh(), mp.Sigmoid(), mp.Softplus(), mp.GELU()]
activations += [mp.GELU("tanh"), mp.ELU(), mp.ELU(0.5), mp.SELU(), mp.SiLU(), mp.Mish(), mp.Softsign()]
maxima = [
    mp.MaxPool2d(2),
    mp.MaxPool2d((3, 2), stride=1),
    mp.MaxPool2d(3, stride=2, padding=1),
    mp.MaxPool2d((2, 5), stride=(3, 1), padding=(1, 2)),
]
averages = [
    mp.AvgPool2d(2),
    mp.AvgPool2d((3, 2), stride=1),
    mp.AvgPool2d(3, stride=2, padding=(1, 0)),
]
uneven = [  # tests/test_windows.py has their loops
    mp.AvgPool2d((2, 3), stride=3, padding="same", dilation=2, count_include_pad=False),
    mp.AvgPool2d(4, padding=((1, 0), (0, 2)), ceil_mode=True),
]
linear = [*averages, *uneven, mp.GlobalAvgPool2d(), mp.Flatten(), mp.Dropout(0.4), mp.Add(), mp.Concat()]
linear += [mp.Upsample2d()]


@pytest.mark.parametrize("layer", [*activations, *maxima], ids=repr)
def test_the_adjoint_of_a_nonlinear_layer_is_its_derivative(layer, rng):
    for shape in [images, (2, 1, 7, 7)]:
        a, v = away_from_kinks(rng, shape), rng.standard_normal(shape)
        output, h = layer.forward(a), 1e-5
        delta = rng.standard_normal(output.shape)
        difference = (layer.forward(a + h * v) - layer.forward(a - h * v)) / (2 * h)
        error = layer.adjoint(delta, output, a)
        assert adjoint_gap(difference, delta, v, error) < 1e-7
        assert output.shape == (2, *layer.output_shape(shape[1:]))


@pytest.mark.parametrize("layer", [mp.ReLU(), mp.LeakyReLU(0.2)], ids=repr)
def test_the_derivative_at_the_kink_is_that_of_the_negative_side(layer):
    zero, one = np.zeros(1), np.ones(1)
    assert layer.adjoint(one, layer.forward(zero), zero) == layer.adjoint(one, -one, -one)
    assert mp.ELU(0.5).adjoint(one, zero, zero) == 0.5


@pytest.mark.parametrize("layer", linear, ids=repr)
def test_a_linear_layer_passes_the_dot_test(layer, rng):
    several = isinstance(layer, mp.Add | mp.Concat)
    inputs = [rng.standard_normal(images) for _ in range(3 if several else 1)]
    layer = layer.sample(np.random.default_rng(1), *inputs)  # a dropout with its mask drawn
    output = layer.forward(*inputs)
    delta = rng.standard_normal(output.shape)
    found = layer.adjoint(delta, output, *inputs)
    found = found if several else (found,)
    assert [error.shape for error in found] == [a.shape for a in inputs]
    assert adjoint_gap(output, delta, np.stack(inputs), np.stack(found)) < 1e-12
    for i, a in enumerate(inputs):  # and each input by itself
        others = [np.zeros_like(b) if j != i else a for j, b in enumerate(inputs)]
        assert adjoint_gap(layer.forward(*others), delta, a, found[i]) < 1e-12
    assert output.shape == (2, *layer.output_shape(*(a.shape[1:] for a in inputs)))


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (mp.ReLU(), lambda z: np.where(z > 0, z, 0)),
        (mp.LeakyReLU(0.2), lambda z: np.where(z > 0, z, 0.2 * z)),
        (mp.Tanh(), lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))),
        (mp.Sigmoid(), lambda z: 1 / (1 + np.exp(-z))),
        (mp.Softplus(), lambda z: np.log1p(np.exp(z))),
        (mp.GELU(), lambda z: z * np.cumsum(np.exp(-(fine**2) / 2))[at(z)] / np.sqrt(2e8 * np.pi)),
        (mp.ELU(0.5), lambda z: np.where(z > 0, z, 0.5 * (np.exp(z) - 1))),
        (mp.SiLU(), lambda z: z / (1 + np.exp(-z))),
        (mp.Mish(), lambda z: z * ((1 + np.exp(z)) ** 2 - 1) / ((1 + np.exp(z)) ** 2 + 1)),
        (mp.Softsign(), lambda z: z / (1 + np.sqrt(z * z))),
    ],
    ids=named,
)
def test_activations_are_their_formulas(layer, formula):
    z = np.linspace(-6, 6, 121)
    tolerance = 1e-4 if isinstance(layer, mp.GELU) else 1e-14  # a sum for the integral
    assert relative(layer.forward(z), formula(z)) < tolerance


fine = np.arange(-10, 10, 1e-4)


def at(z):
    return np.searchsorted(fine, z)


@pytest.mark.parametrize("layer", activations, ids=repr)
def test_activations_stay_finite_far_out(layer):
    for dtype in ("float32", "float64"):
        z = np.array([-1e4, -100, 0, 100, 1e4], dtype)
        a = layer.forward(z)
        assert np.isfinite(a).all()
        assert np.isfinite(layer.adjoint(np.ones_like(z), a, z)).all()


def windows(layer, a, value):
    """Every window of the padded images, in order, by loops."""
    (k, m), (s, t), (p, q) = layer.kernel, layer.stride, layer.padding
    x = np.pad(a, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=value)
    H, W = (x.shape[2] - k) // s + 1, (x.shape[3] - m) // t + 1
    for n, c, i, j in np.ndindex(*a.shape[:2], H, W):
        yield (n, c, i, j), x[n, c, i * s : i * s + k, j * t : j * t + m]


@pytest.mark.parametrize("layer", [*maxima, *averages], ids=repr)
def test_pooling_is_its_loops(layer, rng):
    a = rng.standard_normal(images)
    output = layer.forward(a)
    largest = isinstance(layer, mp.MaxPool2d)
    count = 0
    for place, window in windows(layer, a, -np.inf if largest else 0):
        assert output[place] == pytest.approx(window.max() if largest else window.mean(), 1e-14)
        count += 1
    assert count == output.size


@pytest.mark.parametrize("layer", maxima, ids=repr)
def test_ties_send_the_error_to_one_place_only(layer, rng):
    a = np.zeros(images)
    delta = rng.standard_normal(layer.forward(a).shape)
    error = layer.adjoint(delta, layer.forward(a), a)
    assert error.sum() == pytest.approx(delta.sum(), 1e-12)
    window = mp.MaxPool2d(2).adjoint(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), a[:1, :1, :2, :2])
    assert window.tolist() == [[[[1, 0], [0, 0]]]]


def test_dropout_is_the_identity_until_it_is_sampled(rng):
    a, layer = np.ones((400, 500), "float32"), mp.Dropout(0.3)
    assert layer.forward(a) is a
    assert layer.adjoint(a, a, a) is a
    mask = layer.sample(rng, a).forward(a)
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((mask == 0).mean() - 0.3) < 4 * (0.21 / a.size) ** 0.5
    again = layer.sample(np.random.default_rng(0), a).forward(a)
    assert (again == mask).all()
    assert (layer.sample(rng, a).forward(a) != mask).any()
    assert (mp.Dropout(0).sample(rng, a).forward(a) == a).all()


every_layer = [
    *activations,
    mp.LeakyReLU(np.float64(0.2)),
    mp.Dropout(np.float64(0.2)),
    *maxima,
    mp.GlobalMaxPool2d(),
    *linear,
    mp.Linear(5, 4),
    mp.Conv2d(3, 4, 3, groups=1),
    mp.ConvTranspose2d(3, 4, 3, 2),
]


@pytest.mark.parametrize("layer", every_layer, ids=repr)
def test_float32_stays_float32_and_nothing_is_written_to(layer, rng):
    a = away_from_kinks(rng, (3, 5) if isinstance(layer, mp.Linear) else images).astype("float32")
    a.setflags(write=False)
    if isinstance(layer, mp.Transfer):
        theta = rng.standard_normal(layer.theta_shape).astype("float32")
        theta.setflags(write=False)
        z = layer.forward(theta, a)
        delta = rng.standard_normal(z.shape).astype("float32")
        delta.setflags(write=False)
        A, rows = layer.linear_map(a), layer.rows(delta)
        found = [z, layer.adjoint_theta(a, delta), layer.adjoint_input(theta, a, delta)]
        found += [A @ theta, A.T @ rows, A.matrix(), A.gram("float32"), A.T.gram("float32")]
    else:
        inputs = (a, a) if isinstance(layer, mp.Add | mp.Concat) else (a,)
        layer = layer.sample(rng, *inputs)
        output = layer.forward(*inputs)
        delta = rng.standard_normal(output.shape).astype("float32")
        output.setflags(write=False)
        delta.setflags(write=False)
        errors = layer.adjoint(delta, output, *inputs)
        found = [output, *(errors if isinstance(errors, tuple) else (errors,))]
    assert {array.dtype.name for array in found} == {"float32"}


# Initialisation


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [(mp.Linear(300, 200), 300), (mp.Conv2d(8, 400, 3, groups=4), 18), (mp.Linear(300, 200, False), 300)],
    ids=repr,
)
def test_parameters_start_uniform_in_one_over_the_root_of_fan_in(layer, fan_in, rng):
    theta = layer.draw(rng)
    bound = fan_in**-0.5
    assert theta.shape == layer.theta_shape
    assert np.abs(theta).max() <= bound
    for part in (theta[:-1], theta[-1]):  # the bias row too
        assert abs(part.mean()) < 5 * bound / (3 * part.size) ** 0.5
        assert part.var() == pytest.approx(bound**2 / 3, rel=5 / part.size**0.5)


@pytest.mark.parametrize(
    ("kind", "sizes", "n_in", "n_out"),
    [(mp.Linear, (300, 200), 300, 200), (mp.Conv2d, (12, 200, 5), 12 * 25, 200 * 25)],
)
def test_he_and_glorot_have_their_variances_and_no_bias(kind, sizes, n_in, n_out, rng):
    he, glorot = kind(*sizes, init="he"), kind(*sizes, init="glorot")
    for layer, variance in [(he, 2 / n_in), (glorot, 2 / (n_in + n_out))]:
        theta = layer.draw(rng)
        assert (theta[-1] == 0).all()
        assert theta[:-1].var() == pytest.approx(variance, rel=0.03)
        assert abs(theta[:-1].mean()) < 5 * (variance / theta.size) ** 0.5
    bound = (6 / (n_in + n_out)) ** 0.5
    assert 0.99 * bound < np.abs(theta).max() <= bound  # uniform
    assert np.abs(he.draw(rng)).max() > 3 * (2 / n_in) ** 0.5  # normal
    assert np.abs(mp.Linear(4, 3, bias=False, init="he").draw(rng)[-1]).min() > 0


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (mp.Conv2d(12, 200, 5, groups=4, init="glorot"), 3 * 25, 50 * 25),
        (mp.Conv1d(64, 64, 9, groups=64, init="glorot"), 9, 9),
    ],
    ids=repr,
)
def test_glorot_counts_what_one_input_reaches_within_its_group(layer, fan_in, fan_out, rng):
    theta, bound = layer.draw(rng)[:-1], (6 / (fan_in + fan_out)) ** 0.5
    assert 0.97 * bound < np.abs(theta).max() <= bound
    assert theta.var() == pytest.approx(bound**2 / 3, rel=5 / theta.size**0.5)


def small_net(seed, dtype="float32"):
    return mp.Sequential(
        mp.Conv2d(2, 3, 3), mp.ReLU(), mp.GlobalAvgPool2d(), mp.Linear(3, 2), seed=seed, dtype=dtype
    )


def test_a_seed_fixes_the_parameters_and_float32_are_the_rounded_float64():
    for one, same, other, exact in zip(
        *(small_net(*arguments).parameters for arguments in [(1,), (1,), (2,), (1, "float64")]), strict=True
    ):
        assert one.dtype == "float32"
        assert exact.dtype == "float64"
        assert (one == same).all()
        assert (one != other).any()
        assert (one == exact.astype("float32")).all()


def test_weight_and_bias_are_views_of_theta():
    layer = mp.Linear(3, 2)
    assert layer.weight is None
    assert layer.bias is None
    net = mp.Sequential(layer)
    layer.weight[...], layer.bias[...] = 1, 2
    assert net.parameters[0].tolist() == [[1, 1], [1, 1], [1, 1], [2, 2]]
    plain = mp.Conv2d(1, 2, 1, bias=False)
    mp.Sequential(plain)
    assert plain.weight is plain.theta
    assert plain.bias is None


# Words


@pytest.mark.parametrize(
    "text",
    [
        "Linear(3, 4)",
        "Linear(3, 4, bias=False)",
        "Conv2d(3, 4, 5)",
        "Conv2d(4, 8, (3, 5), padding='same', dilation=3, groups=2, bias=False)",
        "Conv2d(4, 8, 3, stride=(1, 2), padding=(0, 1))",
        "Conv2d(4, 8, 3, padding=((1, 2), (1, 2)))",
        "Conv1d(4, 8, 3, stride=2, padding=(2, 0), dilation=2)",
        "Conv1d(4, 8, 3, padding=1, groups=2)",
        "ConvTranspose2d(4, 8, 3, stride=2, padding=1, groups=2, output_padding=1)",
        "ConvTranspose2d(4, 8, (3, 5), bias=False)",
        "Upsample2d((2, 3))",
        "ReLU()",
        "LeakyReLU(0.2)",
        "Tanh()",
        "Sigmoid()",
        "Softplus()",
        "GELU()",
        "GELU('tanh')",
        "ELU()",
        "ELU(0.5)",
        "SELU()",
        "SiLU()",
        "Mish()",
        "Softsign()",
        "MaxPool2d(2)",
        "MaxPool2d((2, 3), stride=1, padding=1)",
        "AvgPool2d(3, stride=(2, 1), padding=(1, 0))",
        "MaxPool2d(3, padding=((1, 0), (0, 1)), dilation=(1, 2), ceil_mode=True)",
        "AvgPool2d(2, padding='same', count_include_pad=False)",
        "MaxPool1d(3, stride=2, padding=1)",
        "AvgPool1d(3, padding=(0, 1))",
        "GlobalAvgPool2d()",
        "GlobalMaxPool1d()",
        "Flatten()",
        "Add()",
        "Concat()",
        "Dropout(0.25)",
    ],
)
def test_a_layer_prints_as_the_call_that_makes_it(text):
    assert repr(eval(text, vars(mp).copy())) == text


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: mp.Linear(0, 3), ["Linear", "n_in", "0"]),
        (lambda: mp.Linear(3, 2.0), ["Linear", "n_out", "2.0"]),
        (lambda: mp.Linear(3, True), ["Linear", "n_out", "True"]),
        (lambda: mp.Linear(3, 2, init="xavier"), ["init", "glorot", "xavier"]),
        (lambda: mp.Conv2d(3, 0, 3), ["Conv2d", "out_channels", "0"]),
        (lambda: mp.Conv2d(3, 4, 0), ["kernel_size", "1", "0"]),
        (lambda: mp.Conv2d(3, 4, (3, 3, 3)), ["kernel_size", "pair", "(3, 3, 3)"]),
        (lambda: mp.Conv2d(3, 4, 3, stride=0), ["stride", "0"]),
        (lambda: mp.Conv2d(3, 4, 3, stride=1.5), ["stride", "1.5"]),
        (lambda: mp.Conv2d(3, 4, 3, padding=-1), ["padding", "-1"]),
        (lambda: mp.Conv2d(3, 4, 3, padding="full"), ["padding", "full"]),
        (lambda: mp.Conv2d(3, 4, 3, padding=((1, 2), (3,))), ["padding", "((1, 2), (3,))"]),
        (lambda: mp.Conv1d(3, 4, (3, 3)), ["kernel_size", "an int", "(3, 3)"]),
        (lambda: mp.Conv1d(3, 4, 3, padding=(1, -1)), ["padding", "(before, after)", "(1, -1)"]),
        (lambda: mp.Conv1d(3, 4, 3, groups=2), ["Conv1d", "groups", "2", "3", "4"]),
        (lambda: mp.MaxPool1d(3, dilation=0), ["dilation", "0"]),
        (lambda: mp.MaxPool1d(3, padding=(0, 2)), ["padding", "half", "(3,)", "(0, 2)"]),
        (lambda: mp.AvgPool1d(3, padding="full"), ["padding", "full"]),
        (lambda: mp.Conv2d(3, 4, 3, dilation=0), ["dilation", "0"]),
        (lambda: mp.Conv2d(3, 4, 3, groups=2), ["groups", "2", "3", "4"]),
        (lambda: mp.Conv2d(4, 6, 3, groups=4), ["groups", "4", "6"]),
        (lambda: mp.Conv2d(4, 6, 3, groups=0), ["groups", "0"]),
        (lambda: mp.Conv2d(4, 6, 3, init="zero"), ["init", "zero"]),
        (lambda: mp.Transfer((3, 4), groups=3), ["4", "3 groups"]),
        (lambda: mp.MaxPool2d(0), ["kernel_size", "0"]),
        (lambda: mp.MaxPool2d(2, stride=0), ["stride", "0"]),
        (lambda: mp.AvgPool2d(3, padding=2), ["padding", "half", "(3, 3)", "(2, 2)"]),
        (lambda: mp.ELU(0), ["alpha of ELU", "0"]),
        (lambda: mp.ELU(float("inf")), ["alpha of ELU", "inf"]),
        (lambda: mp.Dropout(1), ["p", "[0, 1)", "1"]),
        (lambda: mp.Dropout(float("nan")), ["p", "nan"]),
        (lambda: mp.Input((3, 0)), ["Input", "(3, 0)"]),
        (lambda: mp.Input((3, 1.5)), ["Input", "1.5"]),
        (lambda: mp.Input(-1), ["Input", "-1"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(make, parts):
    with raises(ValueError, *parts):
        make()


@pytest.mark.parametrize(
    ("layer", "shapes", "parts"),
    [
        (mp.Linear(4, 2), [(5,)], ["(4,)", "(5,)"]),
        (mp.Linear(48, 2), [(3, 4, 4)], ["(48,)", "(3, 4, 4)", "mp.Flatten()"]),
        (mp.Conv2d(3, 2, 3), [(4, 8, 8)], ["(3, height, width)", "(4, 8, 8)"]),
        (mp.Conv2d(3, 2, 3), [(3,)], ["(3, height, width)", "(3,)"]),
        (mp.Conv2d(3, 2, 5, dilation=2), [(3, 8, 9)], ["extent 9", "(3, 8, 9)"]),
        (mp.MaxPool2d(3), [(3, 2, 9)], ["(3, 3)", "(3, 2, 9)"]),
        (mp.AvgPool2d(3), [(9,)], ["(channels, height, width)", "(9,)"]),
        (mp.Conv1d(3, 2, 3), [(4, 8)], ["(3, length)", "(4, 8)"]),
        (mp.MaxPool1d(3), [(3, 2)], ["(3,)", "(3, 2)"]),
        (mp.AvgPool1d(3), [(3, 4, 4)], ["(channels, length)", "(3, 4, 4)"]),
        (mp.GlobalMaxPool1d(), [(3, 4, 4)], ["(channels, length)", "(3, 4, 4)"]),
        (mp.MaxPool1d(2, dilation=3, padding=2), [(3, 1)], ["see no pixel", "(2,)", "(3, 1)"]),
        (mp.GlobalAvgPool2d(), [(9,)], ["(channels, height, width)", "(9,)"]),
        (mp.Add(), [(3, 4), (3, 5)], ["(3, 4)", "(3, 5)"]),
        (mp.Concat(), [(3, 4, 4), (3, 4, 5)], ["(3, 4, 4)", "(3, 4, 5)"]),
        (mp.Concat(), [(3, 4, 4), (3,)], ["(3, 4, 4)", "(3,)"]),
    ],
    ids=str,
)
def test_a_shape_that_does_not_fit_is_named_beside_the_expected_one(layer, shapes, parts):
    with raises(ValueError, repr(layer), "Input", *parts):
        layer(*map(mp.Input, shapes))


def test_layers_are_called_on_symbols():
    with raises(TypeError, "ReLU()", "ndarray", "mp.forward"):
        mp.ReLU()(np.ones(3))
    with raises(TypeError, "ReLU()", "one symbol"):
        mp.ReLU()()


def test_what_a_class_lacks_is_named():
    for call, name in [
        (lambda: mp.Layer().forward(0), "forward"),
        (lambda: mp.Layer().adjoint(0, 0, 0), "adjoint"),
        (lambda: mp.Transfer((2, 2)).forward(0, 0), "forward"),
        (lambda: mp.Transfer((2, 2)).adjoint_input(0, 0, 0), "adjoint_input"),
        (lambda: mp.Transfer((2, 2)).adjoint_theta(0, 0), "adjoint_theta"),
    ]:
        with raises(NotImplementedError, name):
            call()
