"""The backends: which one arrays belong to, where new ones are made, and what a missing one says."""

import importlib
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox import backend


def test_numpy_is_the_start_and_a_choice():
    assert mp.use("numpy").__enter__() is np
    with mp.use("numpy") as xp:
        assert xp is np
        assert type(backend.asarray([1, 2], "float32")) is np.ndarray


@pytest.mark.parametrize("name", ["torch", "", "NumPy"])
def test_an_unknown_backend_is_named(name):
    with raises(ValueError, repr(name), '"numpy"', '"cupy"'):
        mp.use(name)
    assert backend.asarray([1]).__class__ is np.ndarray


class Elsewhere:
    """An array of the other backend, as far as minprox looks at one before it works on it."""

    dtype, shape, ndim = np.dtype("float32"), (4, 3), 2

    def get(self):
        return np.zeros((4, 3), "float32")


Elsewhere.__module__ = "cupy"


def with_cupy(monkeypatch, module):
    """Let ``import cupy`` give this module, or fail where it is None."""
    real = importlib.import_module

    def import_module(name, *rest):
        if name.partition(".")[0] != "cupy":
            return real(name, *rest)
        if module is None:
            raise ModuleNotFoundError("No module named 'cupy'")
        return module

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(backend, "_modules", {"numpy": np})


def fake_cupy(gpu):
    module = ModuleType("cupy")
    module.cuda = SimpleNamespace(is_available=lambda: gpu)
    module.asarray = lambda array, dtype=None: ("made on the GPU", array)
    return module


def test_cupy_that_is_not_installed(monkeypatch):
    with_cupy(monkeypatch, None)
    with raises(ImportError, "CuPy", "not installed", "minprox[cuda12x]", "minprox[cuda13x]"):
        mp.use("cupy")
    assert type(backend.asarray([1])) is np.ndarray


def test_cupy_without_a_gpu(monkeypatch):
    with_cupy(monkeypatch, fake_cupy(gpu=False))
    with raises(RuntimeError, "GPU", "CuPy is installed"):
        mp.use("cupy")
    assert type(backend.asarray([1])) is np.ndarray


def test_cupy_makes_new_arrays_until_the_context_ends(monkeypatch):
    cupy = fake_cupy(gpu=True)
    with_cupy(monkeypatch, cupy)
    try:
        with mp.use("cupy") as xp:
            assert xp is cupy
            assert backend.asarray([1]) == ("made on the GPU", [1])
            with mp.use("numpy"):
                assert type(backend.asarray([1])) is np.ndarray
            assert backend.asarray([1]) == ("made on the GPU", [1])
        assert type(backend.asarray([1])) is np.ndarray
        with pytest.raises(KeyError), mp.use("cupy"):
            raise KeyError
        assert type(backend.asarray([1])) is np.ndarray
        mp.use("cupy")  # as a statement it stays
        assert backend.asarray([1]) == ("made on the GPU", [1])
    finally:
        mp.use("numpy")


def test_arrays_decide(monkeypatch):
    cupy = fake_cupy(gpu=True)
    with_cupy(monkeypatch, cupy)
    assert mp.array_module(np.ones(2), np.float32(1)) is np
    assert mp.array_module(Elsewhere(), Elsewhere()) is cupy


def test_arrays_of_two_backends_do_not_mix(monkeypatch):
    with_cupy(monkeypatch, fake_cupy(gpu=True))
    with raises(TypeError, "numpy array of shape (2, 3)", "cupy array of shape (4, 3)"):
        mp.array_module(np.zeros((2, 3)), Elsewhere())
    with raises(TypeError, "numpy array of shape (2, 3)", "cupy array of shape (4, 3)"):
        mp.array_module(Elsewhere(), np.zeros((2, 3)))
    with raises(TypeError, "numpy", "cupy", "(4, 3)", "(4, 2)"):
        mp.forward(mp.Sequential(mp.Linear(3, 2)), Elsewhere())
    with raises(TypeError, "numpy", "cupy", "(4, 3)", "(4,)"):
        mp.CrossEntropy()(Elsewhere(), np.zeros(4, int))


@pytest.mark.parametrize("value", [[1.0], 1.0, "a", None, np, np.float32])
def test_what_is_no_array_is_named(value):
    with raises(TypeError, "NumPy or CuPy", type(value).__name__):
        mp.array_module(np.ones(2), value)


def test_arrays_are_fetched():
    assert mp.to_numpy(Elsewhere()).shape == (4, 3)
    x = np.ones(2)
    assert mp.to_numpy(x) is x


def test_conjugate_gradients_of_the_backend(rng):
    B = rng.standard_normal((6, 6))
    M, b = B @ B.T + np.eye(6), rng.standard_normal(6)
    x, done = backend.cg(lambda v: M @ v, b, 50)
    assert np.abs(M @ x - b).max() < 1e-10
    assert done <= 50
    x, done = backend.cg(lambda v: M @ v, b, 2)
    assert done == 2
    assert np.abs(M @ x - b).max() > 1e-6
    x, done = backend.cg(lambda v: M @ v, 0 * b, 5)
    assert done == 0
    assert not x.any()


def test_an_import_of_minprox_imports_no_more_than_numpy():
    code = "import minprox, sys; print(*{m.partition('.')[0] for m in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "minprox" in loaded
    assert "numpy" in loaded
    assert not loaded & {"scipy", "matplotlib", "cupy", "cupyx", "click", "tqdm"}
