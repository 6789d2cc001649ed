"""No formula without code, a test and a tutorial; no label without a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from minprox.formulas.formula import Formula
from minprox.formulas.labels import labels_in, prose, tests, tutorials
from minprox.formulas.registry import FORMULAS
from minprox.formulas.source import find


def problems(root: Path, formulas: Mapping[str, Formula] = FORMULAS) -> list[str]:
    """Return what is missing on the way between paper and code, one sentence each.

    Parameters
    ----------
    root : Path
        The folder that holds ``minprox``, ``tests`` and ``tutorials``.
    formulas : mapping of str to Formula
        By label.

    Returns
    -------
    list of str
        Empty if every formula has code that carries its label, a test and a tutorial, and every
        label in a comment or docstring is that of a formula.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # without tests and tutorials
    ...     missing = problems(pathlib.Path(folder))
    >>> missing[0]
    'E1: no test has the label in its name, a comment or its docstring'
    """
    tested = {label for test in tests(root) for label in test.labels}
    taught = {label for tutorial in tutorials(root) for label in tutorial.labels}
    found = []
    for label, formula in formulas.items():
        found += [f"{label}: {problem}" for problem in without_code(formula)]
        if label not in tested:
            found.append(f"{label}: no test has the label in its name, a comment or its docstring")
        if label not in taught:
            found.append(f"{label}: no tutorial has the label in its text")
    return [*found, *unknown(root, formulas)]


def without_code(formula: Formula) -> Iterator[str]:
    """Yield what is wrong with the objects of a formula."""
    if not formula.objects:
        yield "nothing implements it"
    for name in formula.objects:
        try:
            if not find(name).carries(formula.label):
                yield f"{name} does not carry the label in a comment or docstring"
        except ValueError as error:
            yield str(error)


def unknown(root: Path, known: Iterable[str]) -> Iterator[str]:
    """Yield the labels in comments and docstrings that no formula has."""
    folders = ("minprox/**/*.py", "tests/*.py", "tutorials/**/*.py")
    for path in sorted(path for pattern in folders for path in root.glob(pattern)):
        for number, text in sorted(prose(path.read_text(encoding="utf-8")).items()):
            for label in sorted(labels_in(text).difference(known)):
                yield f"{path.relative_to(root).as_posix()}:{number}: no formula has the label {label}"
