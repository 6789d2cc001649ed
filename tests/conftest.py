"""What the tests share: backends, random numbers, distances, and dense references written another way."""

import importlib.util
import os
import signal
from contextlib import contextmanager

import hypothesis
import numpy as np
import pytest
import strict_arrays

import minprox as mp

hypothesis.settings.register_profile("here", deadline=None, max_examples=40)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("here"), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def gpu():
    """Whether CuPy is installed and finds a GPU; without CuPy, nothing is imported."""
    if importlib.util.find_spec("cupy") is None:
        return False
    return importlib.import_module("cupy").cuda.is_available()


CUPY = pytest.param(
    "cupy", marks=[pytest.mark.gpu, pytest.mark.skipif(not gpu(), reason="needs CuPy and a GPU")]
)


def pytest_collection_modifyitems(config, items):
    """Put slow tests first where processes share them, so that none is left to one of them at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(params=["numpy", CUPY])
def xp(request):
    """The module of each backend that is there, on which new arrays are made meanwhile."""
    with mp.use(request.param) as module:
        yield module


@pytest.fixture(params=[strict_arrays.NAME, CUPY])
def other(request, monkeypatch):
    """The name of a backend to compare NumPy with: the strict stand-in, and CuPy where there is a GPU."""
    if request.param == strict_arrays.NAME:
        strict_arrays.install(monkeypatch)
    return request.param


def named(part):
    """The name of a test's parameter; of a function only what is the same in every process."""
    return getattr(part, "__name__", None) or repr(part)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def relative(a, b):
    """‖a − b‖ / ‖b‖, over all entries; the plain distance where b vanishes."""
    a, b = np.asarray(a, dtype="float64"), np.asarray(b, dtype="float64")
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.linalg.norm((a - b).ravel()) / (np.linalg.norm(b.ravel()) or 1))


def adjoint_gap(Au, v, u, ATv):
    """|⟨A u, v⟩ − ⟨u, Aᵀ v⟩|, relative to the norms (the dot test)."""
    assert (Au.shape, u.shape) == (v.shape, ATv.shape)
    norms = np.linalg.norm(Au) * np.linalg.norm(v) + np.linalg.norm(u) * np.linalg.norm(ATv)
    return abs(np.vdot(Au, v) - np.vdot(u, ATv)) / (norms or 1)


def materialise(A, n_out=1, groups=1):
    """``A`` column by column, from nothing but ``A @ θ``: shape ``(..., rows, cols)``."""
    columns = []
    for j in range(A.shape[1]):
        theta = np.zeros((groups, A.shape[1], n_out))
        theta[:, j] = 1
        columns.append((A @ (theta if groups > 1 else theta[0]))[..., 0])
    return np.stack(columns, axis=-1)


def dense_step(matrix, delta, tau_theta):
    """(AᵀA + I/τ_θ)⁻¹ Aᵀ δ by the SVD of A, which is accurate for every τ_θ."""
    U, s, Vt = np.linalg.svd(matrix, full_matrices=False)
    filtered = (s / (s**2 + 1 / tau_theta))[..., None] * (U.swapaxes(-1, -2) @ delta)
    return Vt.swapaxes(-1, -2) @ filtered


def slope(J, h=1e-3):
    """J'(0), by central differences whose error is of fourth order."""
    return float(8 * (J(h) - J(-h)) - (J(2 * h) - J(-2 * h))) / (12 * h)


def along(net, J, directions):
    """The function t ↦ J() with the parameters moved by t along the directions."""
    start = [theta.copy() for theta in net.parameters]

    def moved(t):
        net.parameters = [theta + t * v for theta, v in zip(start, directions, strict=True)]
        value = J()
        net.parameters = start
        return value

    return moved


def direction(net, rng):
    """A random direction in the space of all parameters, of length 1."""
    v = [rng.standard_normal(theta.shape) for theta in net.parameters]
    return [u / pairing(v, v) ** 0.5 for u in v]


def pairing(one, other):
    """⟨u, v⟩ of two lists of arrays."""
    return float(sum(np.vdot(u, v) for u, v in zip(one, other, strict=True)))


@contextmanager
def raises(exception, *parts):
    """Expect an error whose text is one sentence that contains all the parts."""
    with pytest.raises(exception) as caught:
        yield
    text = str(caught.value.args[0])
    assert all(part in text for part in parts), text
    assert "\n" not in text
    assert ". " not in text


@pytest.fixture
def interruptible():
    """Let processes that a test starts see Ctrl-C, also where the tests themselves were told to ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)
