"""Activations with gates, and those that level off: accurate over all of float32, and PyTorch's."""

import numpy as np
import pytest
from conftest import named, raises, relative
from scipy import special

import minprox as mp

SELU = np.longdouble("1.05070098735548049342"), np.longdouble("1.67326324235437728482")
TINY = np.finfo("float32").tiny  # below it, float32 has fewer digits


def long(z):
    return np.asarray(z, np.longdouble)


def logistic(z):
    return 1 / (1 + np.exp(-long(z)))


def mish(z):
    n = np.exp(np.minimum(long(z), 100))
    return (n * n + 2 * n) / (n * n + 2 * n + 2)


def mish_slope(z):
    n = np.exp(np.minimum(long(z), 100))
    return 4 * n * (1 + n) / (n * n + 2 * n + 2) ** 2


def phi(z):
    return special.erfc(-z / np.sqrt(2)) / 2


def density(z):
    return np.exp(-(long(z) ** 2) / 2) / np.sqrt(2 * long(np.pi))


def cubic(z):
    return np.sqrt(2 / long(np.pi)) * (z + 0.044715 * long(z) ** 3)


def cubic_slope(z):
    return np.sqrt(2 / long(np.pi)) * (1 + 0.134145 * long(z) ** 2) / 2 / np.cosh(cubic(z)) ** 2


# σ, σ', and of σ' the size of its parts, between which it may cancel
CASES = [
    (mp.ReLU(), lambda z: np.maximum(z, 0), lambda z: z > 0),
    (mp.LeakyReLU(0.25), lambda z: np.maximum(z, z / 4), lambda z: np.where(z > 0, 1, 0.25)),
    (mp.Tanh(), lambda z: np.tanh(long(z)), lambda z: np.cosh(long(z)) ** -2),
    (mp.Sigmoid(), logistic, lambda z: logistic(z) * logistic(-z)),
    (mp.Softplus(), lambda z: np.logaddexp(long(z), 0), logistic),
    (mp.ELU(0.5), lambda z: np.where(z > 0, long(z), np.expm1(long(z)) / 2), lambda z: np.exp(long(z)) / 2),
    (
        mp.SELU(),
        lambda z: SELU[0] * np.where(z > 0, long(z), SELU[1] * np.expm1(long(z))),
        lambda z: np.where(z > 0, SELU[0], SELU[0] * SELU[1] * np.exp(long(z))),
    ),
    (mp.SiLU(), lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * logistic(-z))),
    (mp.Mish(), lambda z: z * mish(z), lambda z: mish(z) + z * mish_slope(z)),
    (mp.GELU(), lambda z: z * phi(z.astype(float)), lambda z: phi(z.astype(float)) + z * density(z)),
    (
        mp.GELU("tanh"),
        lambda z: z * logistic(2 * cubic(z)),
        lambda z: logistic(2 * cubic(z)) + z * cubic_slope(z),
    ),
    (mp.Softsign(), lambda z: z / (1 + np.abs(long(z))), lambda z: (1 + np.abs(long(z))) ** -2),
]


@pytest.mark.parametrize(("layer", "value", "slope"), CASES, ids=named)
def test_activations_are_accurate_over_all_of_float32(layer, value, slope):
    sizes = np.concatenate([np.geomspace(TINY, 3.2e38, 20_000), np.linspace(0, 110, 20_001)])
    z = np.concatenate([sizes, -sizes]).astype("float32")
    a, one = layer.forward(z), np.ones_like(z)
    assert a.dtype == "float32"
    with np.errstate(all="ignore"):
        expected, derivative = value(long(z)), slope(long(z))
    if isinstance(layer, mp.ELU):
        derivative = np.where(z > 0, 1, derivative)
    found = layer.adjoint(one, a, z)
    assert (np.abs(a - expected) <= 1e-6 * np.abs(expected) + 1e-6 * TINY).all()
    parts = np.abs(derivative)
    if isinstance(layer, mp.SiLU | mp.Mish | mp.GELU):  # σ' = g + z g' has a zero
        parts = parts + 2 * np.abs(expected / np.where(z == 0, 1, z))
    assert (np.abs(found - derivative) <= 1e-6 * parts + 1e-6 * TINY).all()


@pytest.mark.parametrize(
    ("layer", "bend"),
    [
        (mp.Tanh(), lambda z: -2 * np.tanh(long(z)) * np.cosh(long(z)) ** -2),
        (mp.Sigmoid(), lambda z: -logistic(z) * logistic(-z) * np.tanh(long(z) / 2)),
        (mp.Softplus(), lambda z: logistic(z) * logistic(-z)),
    ],
    ids=named,
)
def test_second_derivatives_are_accurate_over_all_of_float32(layer, bend):
    sizes = np.concatenate([np.geomspace(TINY, 3.2e38, 2_000), np.linspace(0, 110, 2_001)])
    z = np.concatenate([sizes, -sizes]).astype("float32")
    one = np.ones_like(z)
    with np.errstate(all="ignore"):
        expected = bend(long(z))
    assert (
        np.abs(layer.bend(one, one, layer.forward(z), z) - expected) <= 1e-6 * np.abs(expected) + TINY
    ).all()


def test_selu_keeps_mean_and_variance():
    """∫ SELU(z) φ(z) dz = 0 and ∫ SELU(z)² φ(z) dz = 1, each half by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    z = np.concatenate([6 * (nodes - 1), 6 * (nodes + 1)])
    density = 6 * np.tile(weights, 2) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    a = mp.SELU().forward(z)
    assert abs((density * a).sum()) < 1e-12
    assert (density * a**2).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        (mp.Tanh(), "tanh", {}),
        (mp.Sigmoid(), "sigmoid", {}),
        (mp.Softplus(), "softplus", {"threshold": 1000}),
        (mp.ELU(0.7), "elu", {"alpha": 0.7}),
        (mp.SELU(), "selu", {}),
        (mp.SiLU(), "silu", {}),
        (mp.Mish(), "mish", {}),
        (mp.GELU(), "gelu", {}),
        (mp.GELU("tanh"), "gelu", {"approximate": "tanh"}),
        (mp.Softsign(), "softsign", {}),
    ],
    ids=repr,
)
def test_activations_are_those_of_pytorch(layer, name, options, rng):
    torch = pytest.importorskip("torch")
    z, delta = 4 * rng.standard_normal((2, 500))
    x = torch.tensor(z, requires_grad=True)
    a = getattr(torch.nn.functional, name)(x, **options)
    assert relative(layer.forward(z), a.detach()) < 1e-14
    a.backward(torch.tensor(delta))
    assert relative(layer.adjoint(delta, layer.forward(z), z), x.grad) < 1e-14


def test_another_approximation_is_refused():
    with raises(ValueError, "approximate of GELU", "none, tanh", "erf"):
        mp.GELU("erf")
