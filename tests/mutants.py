"""Plant errors in the code, one at a time, and count how many the fast tests notice: ``make mutants``.

Each change is the smallest of its kind in the syntax tree: a comparison, an operator, a number, a condition.
A first run of the tests tells which of them reach which line, so that a change is met only by those.
A change that no test notices is a missing test, unless it changes nothing: such ones stand in
``EQUIVALENT``, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
WINGS = "engine", "paper", "learning"
MOST = 400  # tests that meet one change: of the lines that run at import, every test is one that reaches them
SECONDS = 300  # for these tests; a change that makes them hang is noticed

# What changes nothing that a user could see: "file: old → new" and why.
EQUIVALENT: dict[str, str] = {
    "minprox/engine/solvers/block_conjugate_gradients.py: rows <= cols → rows < cols": (
        "for rows = cols the primal form by AᵀA takes as many multiplications, so the dual is not cheaper"
    ),
    "minprox/engine/solvers/block_conjugate_gradients.py: 1 → 2": (
        "in divide: what stands below the line where the number above it is 0"
    ),
    "minprox/paper/penalty_energy.py: l > 1 → l >= 1": (
        "a⁰ is the input: its half step is made, and nobody reads it"
    ),
    "minprox/engine/layers/patches.py: 19 → 20": "how many entries are at hand at a time: time, not values",
    "minprox/engine/layers/patches.py: self.groups * self.weights → self.groups / self.weights": (
        "how many columns are at hand at a time: time, not values"
    ),
    "minprox/learning/updates.py: 1 → 2": "NumPy finds any extent in reshape that is negative",
    "minprox/engine/layers/linear.py: 1 → 2": "NumPy finds any extent in reshape that is negative",
    "minprox/engine/layers/gram_of_lines.py: together > 1 → together >= 1": (
        "rows of zeros below the image, which nobody reads where bands do not overlap"
    ),
    "minprox/engine/rows_apart.py: 2 → 3": "where a pair of processes cuts its block: any place will do",
    "minprox/engine/prox/groups.py: abs(rows.sum(axis=1) - self.total) <= slack → "
    "abs(rows.sum(axis=1) - self.total) < slack": "the very end of the room for rounding",
    "minprox/learning/rows.py: plain > 0 → plain >= 0": "zero is not beyond all floats",
    "minprox/engine/layers/structure.py: self.axis > 0 → self.axis >= 0": "axis 0, the batch, is refused",
    "minprox/engine/solvers/exact.py: A.shape[1] < delta.shape[-1] → A.shape[1] <= delta.shape[-1]": (
        "as many columns as outputs: both orders take as long"
    ),
    "minprox/paper/sharpness.py: n < 20 → n <= 20": "from where on Lanczos is used: both give the eigenvalue",
}

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One planted error: where, and what became of the expression."""

    file: str
    line: int
    old: str
    new: str
    source: str  # of the whole file, changed

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old} → {self.new}"

    @property
    def key(self) -> str:
        return f"{self.file}: {self.old} → {self.new}"


def variants(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST]]:
    """Yield pairs: what is replaced, and by what, so that a node says something else."""

    def with_(field: str, value: object) -> ast.AST:
        twin = copy.copy(node)
        setattr(twin, field, value)
        return twin

    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield node, with_("ops", [SWAPS[type(op)]()])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.UnaryOp(op=op) | ast.AugAssign(op=op) if (
            type(op) in SWAPS
        ):
            yield node, with_("op", SWAPS[type(op)]())
        case ast.Constant(value=bool() as value):
            yield node, with_("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield node, with_("value", value + 1 if value < 100 else value / 2)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)


def expressions(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that may change: no annotation, no message of an error, no guard like ``strict=``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Raise, ast.JoinedStr)) or (
            isinstance(node, ast.keyword) and node.arg == "strict"
        ):
            continue
        yield node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                inner = value if isinstance(value, list) else [value]
                waiting.extend(v for v in inner if isinstance(v, ast.AST))


def changes(file: str, text: str) -> Iterator[Change]:
    """Yield every change of one file; all but the changed expression stays as it is, comments too."""
    lines = text.encode().splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + column

    for node in expressions(ast.parse(text)):
        for target, twin in variants(node):
            assert target.end_lineno is not None
            assert target.end_col_offset is not None
            start = place(target.lineno, target.col_offset)
            end = place(target.end_lineno, target.end_col_offset)
            new = ast.unparse(ast.fix_missing_locations(twin))
            planted = f"({new})" if isinstance(target, ast.expr) else new
            whole = text.encode()
            source = (whole[:start] + planted.encode() + whole[end:]).decode()
            yield Change(file, target.lineno, ast.unparse(target), new, source)


def reached(folder: Path, files: list[str], tests_of: list[str]) -> dict[tuple[str, int], list[str]]:
    """Run the fast tests once and return by file and line the tests that reach it."""
    import coverage

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "not slow",
        "--cov-context=test",
        "--cov-report=",
        *tests_of,
    ]
    command += [f"--cov=minprox/{wing}" for wing in WINGS]
    if subprocess.run(command, cwd=folder, env=environment(folder), check=False).returncode:
        sys.exit("mutants: expected tests that pass while nothing is changed, found the failures above")
    data = coverage.CoverageData(str(folder / ".coverage"))
    data.read()
    tests: dict[tuple[str, int], set[str]] = defaultdict(set)
    lines: Counter[tuple[str, str]] = Counter()  # of a test in a file
    for file in files:
        for line, contexts in data.contexts_by_lineno(str(folder / file)).items():
            tests[file, line] |= {context.partition("|")[0] for context in contexts}
        everywhere = set().union(*(found for (name, _), found in tests.items() if name == file)) - {""}
        for key in [key for key in tests if key[0] == file]:
            tests[key] = everywhere if tests[key] == {""} else tests[key] - {""}
            lines.update((test, file) for test in tests[key])
    total: Counter[str] = Counter()
    for (test, _), count in lines.items():
        total[test] += count
    shares = {(test, file): count / total[test] for (test, file), count in lines.items()}
    return {key: most_about(key[0], found, shares) for key, found in tests.items()}


def most_about(file: str, tests: set[str], shares: dict[tuple[str, str], float]) -> list[str]:
    """Return at most ``MOST`` of some tests, first those of whose lines the largest share is in a file."""
    return sorted(tests, key=lambda test: (-shares[test, file], test))[:MOST]


def not_copied(folder: str, names: list[str]) -> set[str]:
    """Return what of a folder the copies of the project can do without."""
    here = {"__pycache__", *(name for name in names if name.endswith((".egg-info", "_cache")))}
    if Path(folder) == ROOT:
        here |= {".git", ".venv", "runs", "data", "build", "dist"}
    return here | ({"_build"} if Path(folder) == ROOT / "docs" else set())


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which processes of the tests import the copy too."""
    return os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"}


def noticed(folder: Path, change: Change, tests: Sequence[str]) -> bool:
    """Plant a change in a copy of the project and tell whether one of these tests fails."""
    if not tests:
        return False
    path = folder / change.file
    former = path.read_text("utf-8")
    try:
        path.write_text(change.source, "utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, timeout=SECONDS, check=False
        )
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(former, "utf-8")


def main() -> int:
    """Plant the changes, say which survive, and return 1 if too many do."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="how many changes [200]")
    parser.add_argument("--seed", type=int, default=0, help="which ones [0]")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time [2]")
    parser.add_argument("--only", default="", help="only in files whose name contains this")
    parser.add_argument("--tests", nargs="*", default=[], help="only these tests [all of the fast ones]")
    parser.add_argument("--least", type=float, default=0.95, help="share that must be noticed [0.95]")
    options = parser.parse_args()
    files = sorted(
        str(p.relative_to(ROOT)) for wing in WINGS for p in (ROOT / "minprox" / wing).rglob("*.py")
    )
    every = [c for f in files if options.only in f for c in changes(f, (ROOT / f).read_text("utf-8"))]
    every = [change for change in every if change.key not in EQUIVALENT]
    chosen = random.Random(options.seed).sample(every, min(options.count, len(every)))
    with tempfile.TemporaryDirectory() as scratch:
        folders: Queue[Path] = Queue()
        for k in range(max(1, options.jobs)):
            shutil.copytree(ROOT, Path(scratch, str(k)), ignore=not_copied)
            folders.put(Path(scratch, str(k)))
        tests = reached(Path(scratch, "0"), files, options.tests)

        def meet(change: Change) -> bool:
            folder = folders.get()
            try:
                found = noticed(folder, change, tests.get((change.file, change.line), []))
            finally:
                folders.put(folder)
            print("noticed " if found else "SURVIVES", change, flush=True)
            return found

        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            found = list(pool.map(meet, chosen))
    share = sum(found) / len(found)
    print(
        f"{sum(found)} of {len(found)} changes noticed, {share:.1%}; at least {options.least:.0%} is expected"
    )
    return 0 if share >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
