"""Layers that make images larger: loops, adjoints of convolutions, exact steps, PyTorch as the oracle."""

import numpy as np
import pytest
from conftest import adjoint_gap, dense_step, materialise, raises, relative
from hypothesis import given
from hypothesis import strategies as st

import minprox as mp

OPTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (2, 3), "padding": (1, 0), "bias": False},
    {"stride": 3, "padding": 1, "output_padding": (2, 1)},
    {"dilation": (2, 1), "padding": 1, "groups": 2},
    {"stride": 2, "dilation": 3, "output_padding": (1, 2), "groups": 2, "bias": False},
]
options = pytest.mark.parametrize("options", OPTIONS, ids=str)


def kernels(layer, theta):
    """The painted kernels in PyTorch's order, (in, out/groups, k_h, k_w)."""
    weights = theta[: layer.theta_shape[0] - layer.has_bias]
    n_in, n_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    by_group = weights.reshape(n_in, *layer.kernel, layer.groups, n_out)[:, ::-1, ::-1]
    return by_group.transpose(3, 0, 4, 1, 2).reshape(layer.in_channels, n_out, *layer.kernel)


def painted(layer, theta, a):
    """The transposed convolution, one pixel of the input at a time."""
    (s, t), (d, e), (k, m) = layer.stride, layer.dilation, layer.kernel
    (p, q), (r, u) = layer.padding, layer.output_padding
    N, _, H, W = a.shape
    extent = s * (H - 1) + d * (k - 1) + 1 + r, t * (W - 1) + e * (m - 1) + 1 + u
    z = np.zeros((N, layer.out_channels, *extent))
    kernel, n_in = kernels(layer, theta), layer.in_channels // layer.groups
    n_out = layer.out_channels // layer.groups
    for n, c, y, x in np.ndindex(a.shape):
        for o, i, j in np.ndindex(n_out, k, m):
            place = n, c // n_in * n_out + o, y * s + i * d, x * t + j * e
            z[place] += a[n, c, y, x] * kernel[c, o, i, j]
    z = z[:, :, p : z.shape[2] - p, q : z.shape[3] - q]
    return z + (theta[-1][:, None, None] if layer.has_bias else 0)


def drawn(layer, rng, shape=(2, 4, 3, 4)):
    theta, a = rng.standard_normal(layer.theta_shape), rng.standard_normal(shape)
    return theta, a, rng.standard_normal((len(a), *layer.output_shape(a.shape[1:])))


@options
def test_each_pixel_paints_a_kernel(options, rng):
    layer = mp.ConvTranspose2d(4, 6, (3, 2), **options)
    theta, a, _ = drawn(layer, rng)
    expected = painted(layer, theta, a)
    assert layer.output_shape(a.shape[1:]) == expected.shape[1:]
    assert relative(layer.forward(theta, a), expected) < 1e-14


@options
def test_adjoints_and_linear_map(options, rng):
    layer = mp.ConvTranspose2d(4, 6, (3, 2), **options)
    theta, a, delta = drawn(layer, rng)
    z, A = layer.forward(theta, a), layer.linear_map(a)
    assert adjoint_gap(z, delta, theta, layer.adjoint_theta(a, delta)) < 1e-12
    linear = z - layer.forward(theta, np.zeros_like(a))
    assert adjoint_gap(linear, delta, a, layer.adjoint_input(theta, a, delta)) < 1e-12
    matrix = A.matrix()
    assert relative(materialise(A, layer.theta_shape[1] // layer.groups, layer.groups), matrix) == 0
    assert relative(A.gram(), matrix @ matrix.swapaxes(-1, -2)) < 1e-13
    assert relative(A.T.gram(), matrix.swapaxes(-1, -2) @ matrix) < 1e-13
    mp.check_layer(layer, (4, 3, 4))


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(0, 2**32 - 1),
)
def test_it_is_the_adjoint_of_the_convolution(kernel, stride, padding, seed):
    """Of images read to the last pixel; the padding may cut off more than is painted."""
    size = [max(1, k - 2 * p) + 2 * s for k, s, p in zip(kernel, stride, padding, strict=True)]
    size = [n - (n + 2 * p - k) % s for n, k, s, p in zip(size, kernel, stride, padding, strict=True)]
    conv = mp.Conv2d(2, 3, kernel, stride, padding, bias=False)
    up = mp.ConvTranspose2d(3, 2, kernel, stride, padding, bias=False)
    rng = np.random.default_rng(seed)
    theta, x = rng.standard_normal(conv.theta_shape), rng.standard_normal((2, 2, *size))
    y = rng.standard_normal((2, *conv.output_shape((2, *size))))
    painted = theta.reshape(2, *kernel, 3)[:, ::-1, ::-1].transpose(3, 1, 2, 0).reshape(up.theta_shape)
    assert up.output_shape(y.shape[1:]) == (2, *size)
    assert relative(up.forward(painted, y), conv.adjoint_input(theta, x, y)) < 1e-13
    assert relative(up.adjoint_input(painted, y, x), conv.forward(theta, x)) < 1e-13


@pytest.mark.parametrize("form", ["primal", "dual"])
def test_an_exact_step_is_the_dense_solve(form, rng):
    net = mp.Sequential(
        *(mp.Linear(3, 16), mp.Reshape(4, 2, 2), mp.Tanh(), mp.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2)),
        *(mp.Tanh(), mp.Conv2d(2, 1, 3), mp.Flatten()),
        dtype="float64",
    )
    tape, loss, y = mp.forward(net, rng.standard_normal((5, 3))), mp.SquaredError(), np.zeros((5, 4))
    steps = mp.proxprop(net, tape, loss, y, 0.7, mp.Exact(form))
    _, (_, A, delta), _ = mp.errors(net, tape, loss, y)
    assert relative(steps[1], net.transfers[1].join(dense_step(A.matrix(), delta, 0.7))) < 1e-12


def test_upsampling_is_nearest(rng):
    layer, a = mp.Upsample2d((2, 3)), rng.standard_normal((2, 3, 2, 2))
    assert (layer.forward(a) == a.repeat(2, axis=2).repeat(3, axis=3)).all()
    mp.check_layer(layer, (3, 2, 2))
    pool = mp.AvgPool2d((2, 3))
    assert relative(pool.forward(layer.forward(a)), a) < 1e-14  # the mean of a block is its pixel


@options
def test_pytorch_has_the_same_values_and_gradients(options, rng):
    torch = pytest.importorskip("torch")
    layer = mp.ConvTranspose2d(4, 6, (3, 2), **options)
    theta, a, delta = drawn(layer, rng)
    weight, x = torch.tensor(kernels(layer, theta).copy()), torch.tensor(a)
    bias = torch.tensor(theta[-1]) if layer.has_bias else None
    for tensor in (weight, x):
        tensor.requires_grad_()
    names = {name: value for name, value in options.items() if name != "bias"}
    z = torch.nn.functional.conv_transpose2d(x, weight, bias, **names)
    z.backward(torch.tensor(delta))
    assert relative(layer.forward(theta, a), z.detach().numpy()) < 1e-13
    assert relative(layer.adjoint_input(theta, a, delta), x.grad.numpy()) < 1e-13
    assert relative(kernels(layer, layer.adjoint_theta(a, delta)), weight.grad.numpy()) < 1e-13
    up = torch.nn.Upsample(scale_factor=(2, 3))(x).detach().numpy()
    assert (mp.Upsample2d((2, 3)).forward(a) == up).all()


class Shifted(mp.ConvTranspose2d):
    """Paints one pixel further on than its adjoint believes."""

    def adjoint_input(self, theta, a, delta):
        return np.roll(super().adjoint_input(theta, a, delta), 1, axis=3)


class Thin(mp.Upsample2d):
    """Forgets all but one pixel of each block."""

    def adjoint(self, delta, output, a):
        return delta[:, :, :: self.scale[0], :: self.scale[1]]


@pytest.mark.parametrize("layer", [Shifted(2, 3, 3, 2), Thin(2)], ids=["shifted", "thin"])
def test_planted_errors_are_found(layer):
    with raises(mp.CheckError, "adjoint"):
        mp.check_layer(layer, (2, 4, 4))


def test_what_does_not_fit_is_named():
    for make, parts in [
        (lambda: mp.ConvTranspose2d(2, 3, 3, padding="same"), ["padding", "pixels", "same"]),
        (lambda: mp.ConvTranspose2d(2, 3, 3, 2, output_padding=2), ["output_padding", "fewer", "2"]),
        (lambda: mp.ConvTranspose2d(2, 3, 3, groups=2), ["ConvTranspose2d", "groups", "2", "3"]),
        (lambda: mp.ConvTranspose2d(2, 3, 3)(mp.Input((3, 4, 4))), ["(2, height, width)", "(3, 4, 4)"]),
        (lambda: mp.ConvTranspose2d(2, 3, 1, padding=2)(mp.Input((2, 4, 4))), ["cuts off all", "(2, 4, 4)"]),
        (lambda: mp.Upsample2d(0), ["scale of Upsample2d", "0"]),
        (lambda: mp.Upsample2d(2)(mp.Input((4,))), ["(channels, height, width)", "(4,)"]),
    ]:
        with raises(ValueError, *parts):
            make()


def test_shapes_that_are_not_known_yet():
    layer = mp.ConvTranspose2d(2, 3, 4, 2, 1)
    assert layer.output_shape(None) == layer.output_shape((2, None, None)) == (3, None, None)
    assert mp.Upsample2d(2).output_shape(None) == (None, None, None)
    assert mp.Upsample2d(2).output_shape((2, None, 3)) == (2, None, 6)
    assert mp.ConvTranspose2d(2, 3, 4, 2, 1).fan_in == 2 * 4  # a pixel sees two by two taps of the kernel
