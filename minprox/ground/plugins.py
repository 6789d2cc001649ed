"""Files of one's own that are loaded by their path, here and in the processes that are started from here."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

VARIABLE = "MINPROX_PLUGINS"  # paths, separated as in PATH


def load_plugin(path: str | os.PathLike[str]) -> ModuleType:
    """Load a file of Python, once, as the module of its name; processes that start later load it too.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its name is that of another module, or its code raises an exception.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise FileNotFoundError(f"{path}: expected a file of Python, found none")
    known = sys.modules.get(file.stem)
    if known is not None:
        if getattr(known, "__file__", None) == str(file):
            return known
        raise ValueError(f"{path}: {file.stem} is the name of another module; give the file another name")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path}: expected a file of Python, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # where pickle looks for what the file defines
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever somebody wrote
        del sys.modules[file.stem]
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    paths = [p for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p]
    if str(file) not in paths:
        os.environ[VARIABLE] = os.pathsep.join([*paths, str(file)])
    return module


def load_plugins() -> None:
    """Load the files that the environment variable ``MINPROX_PLUGINS`` names."""
    for path in os.environ.get(VARIABLE, "").split(os.pathsep):
        if path:
            load_plugin(path)
