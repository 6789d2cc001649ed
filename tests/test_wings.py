"""Every wing imports only what stands to its left, nothing imports in circles, no file is too long."""

import importlib
from pathlib import Path

import pytest
from wings import ROOT, arrows, circle, climbing, may_import, modules, wing_of

PACKAGE = ROOT / "minprox"


def test_no_import_climbs():
    assert climbing(PACKAGE) == []


def test_no_imports_in_circles():
    assert circle({(importer, imported) for importer, _, imported in arrows(PACKAGE)}) == []


def test_no_file_is_longer_than_a_reader_takes_in_at_one_sitting():
    lengths = {
        p.relative_to(PACKAGE).as_posix(): len(p.read_text("utf-8").splitlines())
        for p in PACKAGE.rglob("*.py")
    }
    assert [name for name, length in lengths.items() if length > 250] == []


def test_no_module_hides_behind_a_function():
    for name in modules(PACKAGE):
        above, _, last = name.rpartition(".")
        if above and last != "__main__":
            module = importlib.import_module(name)
            assert getattr(importlib.import_module(above), last) is module, name


def test_every_wing_says_what_lives_there_and_what_it_may_import():
    for wing in {wing_of(name) for name in modules(PACKAGE)} - {"face"}:
        words = importlib.import_module(f"minprox.{wing}").__doc__
        assert "import" in words.lower(), wing


PLANTED = {
    "at the top": "from minprox.figures import save\n",
    "in a function": "def plot():\n    from minprox import figures\n",
    "for typing": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from minprox.experiments import Run\n"
    ),
    "as a module": "import minprox.cli.main\n",
    "relative": "from ..figures import save\n",
    "of the face": "import minprox as mp\n",
    "of a wing beside": "from minprox.formulas import explain\n",
}


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_a_planted_import_is_rejected(tmp_path: Path, text: str):
    package = tmp_path / "minprox"
    for name in ("ground", "engine", "figures", "experiments", "cli", "formulas"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "cli" / "main.py").touch()
    (package / "engine" / "passes.py").write_text("from minprox.ground import files\n")
    assert climbing(package) == []
    (package / "engine" / "passes.py").write_text(text)
    assert [importer for importer, _, _ in climbing(package)] == ["minprox.engine.passes"]


def test_a_planted_circle_is_found():
    edges = {("a", "b"), ("b", "c"), ("c", "b"), ("a", "a")}
    assert set(circle(edges)) == {"b", "c"}
    assert circle(edges - {("c", "b")}) == []


def test_wings_beside_the_row():
    assert may_import("datasets", "ground")
    assert not may_import("datasets", "engine")
    assert may_import("learning", "datasets")
    assert not may_import("engine", "datasets")
    assert not may_import("exercises", "ground")
