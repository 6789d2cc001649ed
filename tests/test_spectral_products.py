"""A θ and Aᵀδ of a convolution through spectra: the same as by patches, sample by sample."""

import numpy as np
import pytest
from conftest import relative
from hypothesis import given
from hypothesis import strategies as st
from test_layers import convolutions

import minprox as mp
from minprox.engine.layers import patches, spectral_products
from minprox.ground import parallel


def results(way, layer, a, seed=0):
    """What a layer computes in one of the ways: forward, and both adjoints."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(layer.theta_shape).astype(a.dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "spectra_pay", lambda *_: way == "spectra")
        z = layer.forward(theta, a)
        delta = rng.standard_normal(z.shape).astype(a.dtype)
        return z, layer.adjoint_theta(a, delta), layer.adjoint_input(theta, a, delta)


@given(convolution=convolutions(), seed=st.integers(0, 99))
def test_they_are_those_of_patches(convolution, seed):
    layer, shape = convolution
    a = np.random.default_rng(seed).standard_normal(shape)
    for one, other in zip(*(results(way, layer, a, seed) for way in ("spectra", "patches")), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * max(1, abs(other).max(initial=0)))


@pytest.mark.parametrize("bias", [True, False])
def test_float32_stays_float32_and_is_as_exact(bias):
    layer = mp.Conv2d(8, 12, 5, padding=2, bias=bias)
    a = np.random.default_rng(0).random((40, 8, 9, 9))
    exact = results("patches", layer, a)
    for way in ("spectra", "patches"):
        for found, expected in zip(results(way, layer, a.astype("float32")), exact, strict=True):
            assert found.dtype == "float32"
            assert relative(found, expected) < 1e-6


def test_a_sample_that_is_no_number_spoils_no_other():
    layer = mp.Conv2d(2, 3, 3, padding=1)
    a = np.random.default_rng(0).standard_normal((4, 2, 6, 6))
    spoilt = a.copy()
    spoilt[1, 0, 2, 2] = np.nan
    z, _, _ = results("spectra", layer, a)
    with_nan, gradient, _ = results("spectra", layer, spoilt)
    np.testing.assert_array_equal(np.delete(with_nan, 1, axis=0), np.delete(z, 1, axis=0))
    assert np.isnan(with_nan[1]).any()
    assert np.isnan(gradient).any()


def test_threads_leave_the_bits_as_they_are(monkeypatch):
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    layer, a = mp.Conv2d(3, 4, 5, padding=2), np.random.default_rng(0).standard_normal((20, 3, 7, 8))
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(parallel, "threads", lambda count=count: 1 if parallel._inside.get() else count)
        found.append(results("spectra", layer, a))
    for alone, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_array_equal(alone, other)


def test_it_writes_to_no_argument():
    layer, a = mp.Conv2d(2, 3, 3, padding=1), np.random.default_rng(0).standard_normal((4, 2, 6, 6))
    a.flags.writeable = False
    results("spectra", layer, a)


@pytest.mark.parametrize(
    ("sizes", "pays"),
    [
        ((16, 20, 16, 5, 200), True),  # the second convolution of the paper's net
        ((20, 20, 8, 5, 200), True),  # and the third
        ((3, 16, 32, 5, 200), False),  # and the first, of few channels
        ((16, 20, 16, 5, 2), False),
        ((32, 32, 16, 3, 200), False),
        ((64, 64, 16, 3, 200), False),  # many outputs: products of patches are fast
        ((16, 20, 16, 1, 200), False),
    ],
)
def test_many_places_and_few_outputs_are_worth_spectra(sizes, pays, monkeypatch):
    channels, outputs, size, kernel, N = sizes
    ways = []
    for name in ("spectral_product", "spectral_adjoint"):
        real = getattr(spectral_products, name)
        monkeypatch.setattr(patches, name, lambda *args, real=real: ways.append(real) or real(*args))
    layer = mp.Conv2d(channels, outputs, kernel, padding=kernel // 2)
    a = np.zeros((N, channels, size, size), "float32")
    theta = np.zeros(layer.theta_shape, "float32")
    layer.adjoint_theta(a, layer.forward(theta, a))
    assert len(ways) == 2 * pays


def test_strides_step_over_pixels_and_take_patches(monkeypatch):
    monkeypatch.setattr(patches, "spectral_product", None)
    monkeypatch.setattr(patches, "spectra_pay", lambda *_: True)
    layer = mp.Conv2d(2, 3, 3, stride=2)
    a = np.random.default_rng(0).standard_normal((2, 2, 7, 7))
    assert layer.forward(np.ones(layer.theta_shape), a).shape == (2, 3, 3, 3)
