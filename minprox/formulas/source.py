"""The source of what implements a formula, found by its dotted name and never copied."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from minprox.formulas.labels import docstring_of, labels_in, prose

ROOT = Path(__file__).parents[2]
PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class Source:
    """The source of a function, a class or a constant.

    Attributes
    ----------
    name : str
        Dotted, as it was asked for.
    module, anchor : str
        Where it is defined, and its path within that module.
    file : str
        Relative to the folder that holds the package.
    lines : dict of int to str
        By their numbers in the file; of a long docstring only the first.
    labels : dict of int to set of str
        The labels in the comments and docstrings of all its lines.

    Examples
    --------
    >>> source = find("minprox.paper.theory.explicit_factor")
    >>> source.name, source.carries("P5")
    ('minprox.paper.theory.explicit_factor', True)
    """

    name: str
    module: str
    anchor: str
    file: str
    lines: dict[int, str]
    labels: dict[int, set[str]]

    @property
    def defined(self) -> bool:
        """Whether this is a function or a class, and no constant."""
        return self.dedented()[0].startswith(("def ", "class "))

    def dedented(self) -> list[str]:
        """Return the shown lines, moved to the left margin."""
        return textwrap.dedent("\n".join(self.lines.values())).splitlines()

    def marked(self, label: str) -> list[int]:
        """Return the numbers of the shown lines that carry a label, or stand below a comment that does.

        Returns
        -------
        list of int
        """
        carrying = {i for i, labels in self.labels.items() if label in labels}
        below = {i + 1 for i in carrying if self.lines.get(i, "").lstrip().startswith("#")}
        return [i for i in self.lines if i in carrying | below]

    def carries(self, label: str) -> bool:
        """Tell whether any line carries the label; an experiment is named by it."""
        return any(label in labels for labels in self.labels.values()) or self.name.endswith(f".{label}")


def find(name: str) -> Source:
    """Return the source of an object.

    Parameters
    ----------
    name : str
        Dotted: of a function, a class, a method, or a constant of a module.

    Raises
    ------
    ValueError
        If there is no such object, or it has no source of its own.

    Examples
    --------
    >>> from minprox.formulas import find
    >>> source = find("minprox.paper.theory.implicit_factor")
    >>> source.file, source.lines[max(source.lines)]
    ('minprox/paper/theory.py', '    return 1 / (1 + tau_theta * numbers(eigenvalue))')
    """
    module, path = defined_in(name)
    source = inspect.getsource(module)
    node = descend(ast.parse(source), path)
    if node is None:
        raise ValueError(f"{name}: found no source in {module.__name__}")
    lines, words = source.splitlines(), prose(source)
    span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    shown = {i: lines[i - 1] for i in span}
    docstring = docstring_of(node)
    if docstring is not None and docstring.end_lineno != docstring.lineno:
        shown[docstring.lineno] += ' […]"""'
        for i in range(docstring.lineno + 1, (docstring.end_lineno or 0) + 1):
            del shown[i]
    file = Path(inspect.getfile(module)).resolve().relative_to(ROOT.resolve()).as_posix()
    labels = {i: labels_in(words[i]) for i in span if i in words}
    return Source(name, module.__name__, ".".join(path), file, shown, labels)


def defined_in(name: str) -> tuple[ModuleType, list[str]]:
    """Return the module that defines an object, and the object's path within that module."""
    parts = name.split(".") if isinstance(name, str) else []
    if len(parts) < 2 or parts[0] != PACKAGE or not all(part.isidentifier() for part in parts):
        told = name if isinstance(name, str) and name.isprintable() and len(name) < 100 else shown(name)
        raise ValueError(f"{told}: no such module of {PACKAGE}, whose names are dotted")
    owner, path = innermost_module(parts)
    found: Any = owner
    for part in path:
        if not hasattr(found, part):
            raise ValueError(f"{name}: {owner.__name__} has no {'.'.join(path)}")
        found = getattr(found, part)
    if hasattr(found, "__qualname__"):
        if found.__module__.partition(".")[0] != PACKAGE:  # nothing else is imported
            raise ValueError(f"{name}: expected something that {PACKAGE} defines, found {found.__module__}'s")
        return importlib.import_module(found.__module__), found.__qualname__.split(".")
    # A constant does not know where it stands: of the modules that have it, the one that assigns it.
    below = [module for key, module in list(sys.modules.items()) if key.startswith(f"{owner.__name__}.")]
    for module in below:
        if vars(module).get(path[-1]) is found and descend(ast.parse(inspect.getsource(module)), path[-1:]):
            return module, path[-1:]
    return owner, path[-1:]


def innermost_module(parts: list[str]) -> tuple[ModuleType, list[str]]:
    """Split a dotted name into its longest proper prefix that is a module, and the rest."""
    for count in range(len(parts) - 1, 0, -1):
        try:
            return importlib.import_module(".".join(parts[:count])), parts[count:]
        except ModuleNotFoundError:
            continue
    raise ValueError(f"{'.'.join(parts)}: no such module")


def shown(value: Any) -> str:
    """Return what is short as Python writes it, and the type of everything else."""
    try:
        text = repr(value)
    except Exception:  # whatever an object of one's own does
        text = "\n"
    return text if text.isprintable() and len(text) <= 100 else type(value).__name__


def descend(tree: ast.AST, path: list[str]) -> Any:
    """Return the statement that defines ``path``, or None."""
    node: Any = tree
    for part in path:
        node = next((child for child in node.body if part in names(child)), None)
        if node is None:
            return None
    return node


def names(node: ast.AST) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
