"""How many lines of a file are docstring and how many code: ``python tests/docstring_lines.py FILE ...``."""

import ast
import sys
from pathlib import Path

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def count(source: str) -> tuple[int, int]:
    """Return the numbers of lines in docstrings and of all others, without those that are blank."""
    lines, docs = source.splitlines(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            docs |= set(range(text.lineno, text.end_lineno + 1))
    full = {number for number, line in enumerate(lines, start=1) if line.strip()}
    return len(full & docs), len(full - docs)


def total(paths: list[Path]) -> tuple[int, int]:
    """Return the same for several files together."""
    counts = [count(path.read_text("utf-8")) for path in paths]
    return sum(docs for docs, _ in counts), sum(code for _, code in counts)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        docs, code = count(Path(name).read_text("utf-8"))
        print(f"{docs:4} docstring {code:4} code  {name}")
