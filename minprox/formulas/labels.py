"""Where labels stand: in comments, in docstrings, and in the names of tests.

A label is written in brackets, (E6), (E6, P2) or (E5–E7), so that an array called ``A1`` is none. The
experiments go by their names, X1 to X3, with or without brackets.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from minprox.formulas.registry import FORMULAS

BRACKETS = re.compile(r"\([^()]*\)")
KINDS = "".join(sorted({label[0] for label in FORMULAS}))
LABEL = re.compile(rf"\b([{KINDS}])(\d{{1,2}})(?:[–-]\1(\d{{1,2}}))?\b")
EXPERIMENT = re.compile(r"\bX[1-3]\b")
TITLE = re.compile(r"([^\n]+)\n=+\n")


def labels_in(text: str) -> set[str]:
    """Return the labels in a text, the ranges spelt out.

    Examples
    --------
    >>> from minprox.formulas.labels import labels_in
    >>> sorted(labels_in("the two forms (E6, E7) of (P2), not A1 = a @ b"))
    ['E6', 'E7', 'P2']
    >>> sorted(labels_in("the implicit step (E5–E7)"))
    ['E5', 'E6', 'E7']
    """
    found = set(EXPERIMENT.findall(text))
    for bracket in BRACKETS.findall(text):
        for kind, first, last in LABEL.findall(bracket):
            found |= {f"{kind}{number}" for number in range(int(first), int(last or first) + 1)}
    return found


@cache
def prose(source: str) -> Mapping[int, str]:
    """Return the comments and docstrings of a Python source, by the number of their lines."""
    lines: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] = token.string
    for node in ast.walk(ast.parse(source)):
        docstring = docstring_of(node)
        if docstring is not None:
            text = source.splitlines()[docstring.lineno - 1 : docstring.end_lineno]
            lines |= dict(enumerate(text, start=docstring.lineno))
    return MappingProxyType(lines)


def docstring_of(node: ast.AST) -> ast.expr | None:
    """Return the docstring of a module, class or function as a node, if it has one."""
    body = getattr(node, "body", None)
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and body:
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.value if isinstance(first.value.value, str) else None
    return None


@dataclass(frozen=True)
class Mention:
    """A test or a tutorial that names labels.

    Attributes
    ----------
    file : str
        Relative to the root of the project.
    name : str
        Of the test function; the title of the tutorial.
    labels : frozenset of str
    code : str
        Source of the test function.

    Examples
    --------
    >>> Mention("tests/test_energy.py", "test_proposition_1", frozenset({"P1"}))
    Mention(file='tests/test_energy.py', name='test_proposition_1', labels=frozenset({'P1'}))
    """

    file: str
    name: str
    labels: frozenset[str]
    code: str = field(default="", repr=False)


def tests(root: Path) -> Iterator[Mention]:
    """Find each test function with the labels in its name, comments and docstring."""
    for path in sorted(root.glob("tests/test_*.py")):
        yield from tests_in(path.name, path.read_text(encoding="utf-8"))


@cache
def tests_in(file: str, source: str) -> tuple[Mention, ...]:
    """Find the test functions of one file."""
    lines, words, found = source.splitlines(), prose(source), []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            span = range(first, (node.end_lineno or first) + 1)
            text = " ".join(words.get(i, "") for i in span)
            named = labels_in(f"({' '.join(node.name.split('_')).upper()})")
            code = "\n".join(lines[i - 1] for i in span)
            found.append(Mention(f"tests/{file}", node.name, frozenset(labels_in(text) | named), code))
    return tuple(found)


def tutorials(root: Path) -> Iterator[Mention]:
    """Find each tutorial with its title and the labels in its text."""
    for path in sorted(root.glob("tutorials/[0-9]*.py")):
        source = path.read_text(encoding="utf-8")
        title = TITLE.search(source)
        text = "\n".join(prose(source).values())
        yield Mention(f"tutorials/{path.name}", title[1] if title else path.stem, frozenset(labels_in(text)))
