"""Windows on images and signals, with every kind of padding: pooling by loops, signals as images."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from conftest import adjoint_gap, dense_step, raises, relative
from hypothesis import given
from hypothesis import strategies as st
from test_layers import away_from_kinks

import minprox as mp


def per_axis(value, axes, width=1):
    """The value for each axis: an int for all, or a tuple; for the padding, pairs."""
    values = value if isinstance(value, tuple) else (value,) * axes
    if width == 2:
        values = (values,) if axes == 1 and len(values) == 2 else values
        return [v if isinstance(v, tuple) else (v, v) for v in values]
    return values


def starts(n, k, s, d, before, after, ceil):
    """Where the windows begin along one axis, counted from the first pixel of the image."""
    fitting = list(range(-before, n + after - d * (k - 1), s))
    if ceil:
        following = fitting[-1] + s if fitting else -before
        covered = fitting and fitting[-1] + d * (k - 1) == n + after - 1
        if not covered and following < n:
            fitting.append(following)
    return fitting


def axis_windows(layer, axis, n):
    """Of each window along one axis: the pixels it sees in the image, and how many with the padding."""
    axes = len(layer.kernel)
    k, s, d = layer.kernel[axis], layer.stride[axis], layer.dilation[axis]
    if layer.padding == "same":  # TensorFlow's formula
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        before, after = total // 2, total - total // 2
    else:
        before, after = per_axis(layer.padding, axes, 2)[axis]
    for start in starts(n, k, s, d, before, after, layer.ceil_mode and layer.padding != "same"):
        taps = [start + i * d for i in range(k)]
        yield [p for p in taps if 0 <= p < n], sum(-before <= p < n + after for p in taps)


def loops(layer, a):
    """The pooled images, one window at a time."""
    lines = [list(axis_windows(layer, axis, n)) for axis, n in enumerate(a.shape[2:])]
    z = np.empty((*a.shape[:2], *map(len, lines)))
    for place in np.ndindex(*map(len, lines)):
        seen = [line[i] for line, i in zip(lines, place, strict=True)]
        entries = np.stack([a[(..., *pixel)] for pixel in product(*(pixels for pixels, _ in seen))])
        if isinstance(layer, mp.MaxPool1d | mp.MaxPool2d):
            z[(..., *place)] = entries.max(axis=0)
        else:
            count = np.prod([count for _, count in seen]) if layer.count_include_pad else len(entries)
            z[(..., *place)] = entries.sum(axis=0) / count
    return z


@st.composite
def pools(draw):
    """A pooling layer with any of its options, and the shape of a batch in which no window is empty."""
    axes = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(axes))
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    half = [(d * (k - 1) + 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    pairs = tuple((draw(st.integers(0, h)), draw(st.integers(0, h))) for h in half)
    padding = draw(st.sampled_from(["same", 0, pairs if axes == 2 else pairs[0]]))
    kinds = {1: [mp.MaxPool1d, mp.AvgPool1d], 2: [mp.MaxPool2d, mp.AvgPool2d]}[axes]
    kind, stride = draw(st.sampled_from(kinds)), tuple(draw(st.integers(1, 4)) for _ in range(axes))
    if kind in (mp.AvgPool1d, mp.AvgPool2d):
        kind = partial(kind, count_include_pad=draw(st.booleans()))
    layer = kind(kernel, stride, padding, dilation=dilation, ceil_mode=draw(st.booleans()))
    extents = [d * k + draw(st.integers(0, 5)) for k, d in zip(kernel, dilation, strict=True)]
    return layer, (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *extents)


@given(pools(), st.integers(0, 2**32 - 1))
def test_pooling_is_its_loops(case, seed):
    layer, shape = case
    rng = np.random.default_rng(seed)
    a = away_from_kinks(rng, shape)
    z, v = layer.forward(a), rng.standard_normal(shape)
    assert z.shape[1:] == layer.output_shape(shape[1:])
    assert relative(z, loops(layer, a)) < 1e-14
    delta, h = rng.standard_normal(z.shape), 1e-3
    difference = (layer.forward(a + h * v) - layer.forward(a - h * v)) / (2 * h)
    assert adjoint_gap(difference, delta, v, layer.adjoint(delta, z, a)) < 1e-11


@pytest.mark.parametrize("make", [mp.MaxPool2d, mp.AvgPool2d])
def test_pooling_is_that_of_pytorch(make, rng):
    torch = pytest.importorskip("torch")
    kinds = {mp.MaxPool2d: [{}, {"dilation": (2, 1)}], mp.AvgPool2d: [{}, {"count_include_pad": False}]}[make]
    peer = torch.nn.functional.max_pool2d if make is mp.MaxPool2d else torch.nn.functional.avg_pool2d
    for kernel, stride, padding, ceil, options in product(
        [2, (3, 2)], [1, 2, (3, 4)], [0, 1], [False, True], kinds
    ):
        layer = make(kernel, stride, padding, ceil_mode=ceil, **options)
        a = rng.standard_normal((2, 3, 8, 9))
        x = torch.tensor(a, requires_grad=True)
        expected = peer(x, kernel, stride, padding, ceil_mode=ceil, **options)
        z, delta = layer.forward(a), rng.standard_normal(expected.shape)
        assert relative(z, expected.detach()) < 1e-14
        expected.backward(torch.tensor(delta))
        assert relative(layer.adjoint(delta, z, a), x.grad) < 1e-14


@pytest.mark.parametrize(("make", "dim"), [(mp.MaxPool2d, 2), (mp.AvgPool2d, 2), (mp.MaxPool1d, 1)])
def test_same_puts_the_odd_pixel_at_the_end(make, dim):
    """Five pixels, stride 2, kernel 2: three windows, the last of which hangs over by one pixel."""
    a = np.broadcast_to(np.arange(5.0), (1, 1, *(1,) * (dim - 1), 5))
    layer = make(2 if dim == 1 else (1, 2), 2 if dim == 1 else (1, 2), "same")
    assert layer.forward(a).ravel().tolist() == ([0.5, 2.5, 2] if make is mp.AvgPool2d else [1, 3, 4])
    if make is mp.AvgPool2d:
        layer = make((1, 2), (1, 2), "same", count_include_pad=False)
        assert layer.forward(a).ravel().tolist() == [0.5, 2.5, 4]


@pytest.mark.parametrize("layer", [mp.MaxPool2d(3), mp.AvgPool2d((3, 1), 2), mp.Conv2d(2, 2, 3)], ids=repr)
def test_a_window_larger_than_the_image_is_refused_at_the_call_too(layer):
    a = np.ones((2, 2, 2, 9))
    with raises(ValueError, "(3, ", "larger than the image", "(2, 2, 9)"):
        layer.forward(*([np.ones(layer.theta_shape)] if isinstance(layer, mp.Transfer) else []), a)


@pytest.mark.parametrize("layer", [mp.GlobalMaxPool1d(), mp.GlobalMaxPool2d()], ids=repr)
def test_the_maximum_of_a_whole_image(layer, rng):
    shape = (2, 3, 6, 5)[: layer.axes + 2]
    mp.check_layer(layer, shape[1:])
    a, delta = rng.standard_normal(shape), rng.standard_normal((2, 3))
    assert (layer.forward(a) == [[c.max() for c in sample] for sample in a]).all()
    error = layer.adjoint(delta, layer.forward(0 * a), 0 * a)  # all entries are the largest
    assert (error.reshape(2, 3, -1)[:, :, 0] == delta).all()
    assert (error.reshape(2, 3, -1)[:, :, 1:] == 0).all()


# Convolutions


@pytest.mark.parametrize("stride", [1, 2, (3, 2)])
@pytest.mark.parametrize("padding", [((1, 2), (0, 3)), ((4, 0), (2, 2)), "same"])
def test_a_convolution_with_uneven_padding_is_that_of_padded_images(padding, stride, rng):
    layer, plain = (mp.Conv2d(2, 3, (3, 2), stride, p, dilation=2) for p in (padding, 0))
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((2, 2, 8, 7))
    s = stride if isinstance(stride, tuple) else (stride, stride)
    totals = [max(0, (-(-n // s) - 1) * s + r - n) for n, s, r in zip((8, 7), s, (5, 3), strict=True)]
    margins = [(t // 2, t - t // 2) for t in totals] if padding == "same" else padding
    x = np.pad(a, ((0, 0), (0, 0), *margins))
    z = layer.forward(theta, a)
    assert z.shape[1:] == layer.output_shape(a.shape[1:])
    assert relative(z, plain.forward(theta, x)) < 1e-15
    if padding == "same":
        assert z.shape[2:] == (-(-8 // s[0]), -(-7 // s[1]))
    mp.check_layer(layer, (2, 8, 7))


signals = [
    {},
    {"stride": 2, "padding": 3, "bias": False},
    {"padding": (4, 0), "dilation": 2},
    {"padding": "same", "stride": 3, "groups": 2},
]


@pytest.mark.parametrize("options", signals, ids=str)
def test_a_convolution_of_signals_is_its_loops(options, rng):
    layer = mp.Conv1d(4, 6, 3, **options)
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((2, 4, 10))
    s, d, groups = (options.get(name, 1) for name in ("stride", "dilation", "groups"))
    padding = options.get("padding", 0)
    padding = {0: (0, 0), 3: (3, 3), "same": (1, 1)}.get(padding, padding)  # 4 windows of 3 see 12 pixels
    x = np.pad(a, ((0, 0), (0, 0), padding))
    T = (x.shape[2] - 2 * d - 1) // s + 1
    channels, outs = 4 // groups, 6 // groups
    z = np.zeros((2, 6, T))
    for n, o, t in np.ndindex(z.shape):
        for c, k in np.ndindex(channels, 3):
            z[n, o, t] += theta[3 * c + k, o] * x[n, o // outs * channels + c, s * t + k * d]
        z[n, o, t] += theta[-1, o] if layer.has_bias else 0
    assert relative(layer.forward(theta, a), z) < 1e-14
    mp.check_layer(layer, (4, 10))


def test_a_causal_convolution_does_not_see_ahead(rng):
    layer = mp.Conv1d(2, 3, 3, padding=(4, 0), dilation=2)
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal((1, 2, 9))
    later = a.copy()
    later[:, :, 5:] += 1
    change = layer.forward(theta, later) - layer.forward(theta, a)
    assert change.shape == (1, 3, 9)
    assert not change[:, :, :5].any()
    assert change[:, :, 5:].all()


@pytest.mark.parametrize("options", signals, ids=str)
def test_signals_are_images_of_height_one(options, rng):
    one = mp.Conv1d(4, 6, 3, **options)
    options = {name: (1, v) if name in ("stride", "dilation") else v for name, v in options.items()}
    margins = {3: (0, 3), (4, 0): ((0, 0), (4, 0))}
    options |= {"padding": margins.get(options.get("padding", 0), options.get("padding", 0))}
    two = mp.Conv2d(4, 6, (1, 3), **options)
    theta, a = rng.standard_normal(one.theta_shape), rng.standard_normal((2, 4, 10))
    image, z = a[:, :, None], one.forward(theta, a)
    delta = rng.standard_normal(z.shape)
    assert (z[:, :, None] == two.forward(theta, image)).all()
    back = one.adjoint_input(theta, a, delta)[:, :, None]
    assert (back == two.adjoint_input(theta, image, delta[:, :, None])).all()
    A, B = one.linear_map(a), two.linear_map(image)
    assert (A.matrix() == B.matrix()).all()
    assert (A.T.gram() == B.T.gram()).all()


@pytest.mark.parametrize("form", ["primal", "dual"])
def test_an_exact_step_through_signals_is_the_dense_solve(form, rng):
    layers = [mp.Conv1d(2, 4, 3, stride=2, padding="same", groups=2), mp.MaxPool1d(2), mp.Tanh()]
    net = mp.Sequential(*layers, mp.Conv1d(4, 3, 2), mp.GlobalMaxPool1d(), dtype="float64")
    tape = mp.forward(net, rng.standard_normal((5, 2, 12)))
    loss, y = mp.CrossEntropy(), np.array([0, 1, 2, 0, 1])
    steps = mp.proxprop(net, tape, loss, y, 0.7, mp.Exact(form))
    (_, A, delta) = list(mp.errors(net, tape, loss, y))[1]
    expected = net.transfers[0].join(dense_step(A.matrix(), delta, 0.7))
    assert relative(steps[0], expected) < 1e-12
