"""What an install gives: the package, wherever the clone lies and however it was installed."""

import os
import shutil
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
MODES = {
    "editable": ["--editable"],
    "strict": ["--config-settings", "editable_mode=strict", "--editable"],
    "copied": [],
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A folder that holds a clone called minprox, and an environment that has NumPy."""
    parent = tmp_path_factory.mktemp("parent")
    clone = parent / "minprox"
    shutil.copytree(ROOT / "minprox", clone / "minprox", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tutorials" / "exercises", clone / "tutorials" / "exercises")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    venv.create(parent / "env", with_pip=True)
    (site,) = (parent / "env").rglob("site-packages")
    (site / "numpy-of-the-tests.pth").write_text(str(Path(np.__file__).parents[1]))
    return parent


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_script_beside_the_clone_finds_the_package(parent, mode):
    """To Python the folder of the clone, which holds no __init__.py, is a namespace called minprox."""
    scripts = parent / "env" / ("Scripts" if os.name == "nt" else "bin")

    def run(*command):
        environment = os.environ | {"PYTHONPATH": ""}
        return subprocess.run(command, cwd=parent, capture_output=True, text=True, env=environment)

    pip = [scripts / "python", "-m", "pip", "install", "--no-deps", "--force-reinstall"]
    done = run(*pip, *MODES[mode], parent / "minprox")
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("setuptools cannot be fetched")
    assert done.returncode == 0, done.stderr
    script = "import minprox as mp; print(mp.Linear(2, 3), mp.datasets.digits(), mp.__file__)"
    (parent / "script.py").write_text(script)
    for arguments in (["script.py"], ["-c", script]):
        done = run(scripts / "python", *arguments)
        assert done.stderr == ""
        assert done.stdout.startswith("Linear(2, 3) Dataset('digits'")
        home = parent / ("env" if mode == "copied" else "minprox")
        assert Path(done.stdout.split()[-1]).is_relative_to(home)
    assert run(scripts / "minprox", "--version").stdout.startswith("minprox, version ")
    given = run(scripts / "minprox", "exercise", "05", "--folder", f"given-{mode}")
    assert (given.returncode, given.stderr) == (0, "")
    assert (parent / f"given-{mode}" / "ex05_proxprop.py").exists()
