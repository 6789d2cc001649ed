"""The backends: which one arrays belong to, where new ones are made, and what a missing one says."""

import importlib
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox import cli
from minprox.ground import backend


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
            raise ModuleNotFoundError("No module named 'cupy'", name="cupy")
        return module.products if name == "cupy._core._routines_linalg" else module

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(backend, "_modules", {"numpy": np})


def fake_cupy(gpu, capability="90"):
    module, types = ModuleType("cupy"), {"float32": 1}
    module.cuda = SimpleNamespace(
        is_available=lambda: gpu, Device=lambda: SimpleNamespace(compute_capability=capability)
    )
    module.products = SimpleNamespace(
        COMPUTE_TYPE_DEFAULT=1,
        COMPUTE_TYPE_TF32=7,
        get_compute_type=types.__getitem__,
        set_compute_type=types.__setitem__,
    )
    module.asarray = lambda array, dtype=None: ("made on the GPU", array)
    return module


def test_cupy_that_is_not_installed(monkeypatch):
    with_cupy(monkeypatch, None)
    with raises(ImportError, "CuPy", "not installed", "minprox[cuda12x]", "minprox[cuda13x]"):
        mp.use("cupy")
    assert type(backend.asarray([1])) is np.ndarray


def test_cupy_that_does_not_load_says_why(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'cuda'", name="cuda")

    monkeypatch.setattr(importlib, "import_module", broken)
    with raises(ImportError, "No module named 'cuda'"):
        mp.use("cupy")


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


def test_tf32_is_a_choice_on_a_gpu_alone(monkeypatch):
    with raises(ValueError, "tf32", "cupy"):
        mp.use("numpy", tf32=True)
    cupy = fake_cupy(gpu=True)
    with_cupy(monkeypatch, cupy)
    cupy.products.set_compute_type("float32", 7)  # as by CUPY_TF32=1
    kind = lambda: cupy.products.get_compute_type("float32")  # noqa: E731
    with mp.use("cupy"):
        assert kind() == 1
        assert not backend.current()["tf32"]
        with mp.use("cupy", tf32=True):
            assert kind() == 7
            assert backend.current() == {"name": "cupy", "tf32": True}
        assert kind() == 1
    assert kind() == 7
    assert backend.current() == {"name": "numpy", "tf32": False}
    with_cupy(monkeypatch, fake_cupy(gpu=True, capability="75"))
    with raises(ValueError, "8.0", "75"):
        mp.use("cupy", tf32=True)
    assert backend.current()["name"] == "numpy"


@pytest.mark.gpu
def test_the_switch_for_tf32_is_where_cupy_has_it():
    pytest.importorskip("cupy")
    switch = importlib.import_module("cupy._core._routines_linalg")
    assert switch.get_compute_type("float32") == switch.COMPUTE_TYPE_DEFAULT
    assert switch.COMPUTE_TYPE_TF32 != switch.COMPUTE_TYPE_DEFAULT
    switch.set_compute_type("float32", switch.COMPUTE_TYPE_DEFAULT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fused_update_is_its_formula_on_every_backend(xp, dtype):
    @backend.fused
    def update(x, v, y, tau, mu):
        """Add."""
        v *= mu
        v += y
        x += tau * (y + mu * v) / (v**0.5 + 1)

    x, v, y = xp.zeros((4, 3), dtype), xp.ones((4, 3), dtype), xp.full((4, 3), 0.5, dtype)
    assert update(x, v, y, 0.25, 0.5) is None
    assert (x.dtype, update.__doc__) == (np.dtype(dtype), "Add.")
    assert mp.to_numpy(v).tolist() == [[1.0] * 3] * 4
    assert mp.to_numpy(x).tolist() == [[0.125] * 3] * 4


def test_the_backend_of_the_moment_is_recorded(xp):
    found = backend.record()
    assert found["backend"] == xp.__name__ == backend.current()["name"]
    assert all(found.values()) or not found["tf32"]
    x = backend.asarray(np.arange(3.0))
    assert mp.to_numpy(backend.moved(x, "numpy")).tolist() == [0, 1, 2]
    assert backend.moved(x, xp.__name__) is x
    assert backend.at_once(x, 7) == (7 if xp is np else 2**27)
    backend.synchronise(x)


@pytest.mark.parametrize("module", [None, "without a GPU"])
@pytest.mark.parametrize(
    "command", [["train", "--out"], ["demo", "--out"], ["bench", "--full", "--out"], ["bench"]]
)
def test_a_command_tells_what_is_missing_in_one_line(command, module, monkeypatch, tmp_path, capsys):
    arguments = [*command, "--backend", "cupy"]
    if command[-1] == "--out":
        arguments.insert(len(command), str(tmp_path / "out"))
    with_cupy(monkeypatch, module and fake_cupy(gpu=False))
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    lines = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert len(lines) == 1
    assert ("minprox[cuda12x]" if module is None else "CuPy is installed but finds none") in lines[0]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/*"))


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


def test_an_import_of_minprox_imports_no_more_than_numpy():
    code = "import minprox, sys; print(*{m.partition('.')[0] for m in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "minprox" in loaded
    assert "numpy" in loaded
    assert not loaded & {"scipy", "matplotlib", "cupy", "cupyx", "click", "tqdm"}
