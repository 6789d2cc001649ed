"""Every wing imports only what stands to its left, nothing imports in circles, no file is too long."""

from pathlib import Path

import pytest
from wings import ROOT, arrows, circle, climbing, may_import

PACKAGE = ROOT / "minprox"


def test_no_import_climbs():
    assert climbing(PACKAGE) == []


def test_no_imports_in_circles():
    assert circle({(importer, imported) for importer, _, imported in arrows(PACKAGE)}) == []


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
