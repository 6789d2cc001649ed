"""Every tutorial runs without a warning, asserts what it says, and shows one claim that must fail."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
tutorials = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)

# A path that starts at a root, a home or a drive; `1/N`, `a / b` and `https://…` are none.
ABSOLUTE = re.compile(r"""(?:^|[\s"'`(=])(?:/|~/|[A-Za-z]:\\)\w""", re.MULTILINE)


def nodes(path):
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def must_fail(node):
    """Tell whether a node is ``try: … except AssertionError: … else: raise …``."""
    if not isinstance(node, ast.Try):
        return False
    caught = {ast.unparse(handler.type) for handler in node.handlers if handler.type}
    refused = any(isinstance(inner, ast.Raise) for stmt in node.orelse for inner in ast.walk(stmt))
    return bool(caught & {"AssertionError", "mp.CheckError"}) and refused


def test_there_are_tutorials():
    assert TUTORIALS


@tutorials
def test_tutorial_runs(path, tmp_path):
    """As a script, headless, in another directory, offline; it writes nothing that nobody asked for."""
    quiet = "ignore:FigureCanvasAgg is non-interactive"  # what plt.show() says where there is a display
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    env = {
        **os.environ,
        **dead,
        **{"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", quiet, str(path)],
        cwd=tmp_path,
        env=env,
        timeout=300,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@tutorials
def test_tutorial_has_a_title_and_text_blocks(path):
    source = path.read_text(encoding="utf-8")
    title, underline, *_ = (ast.get_docstring(ast.parse(source)) or "\n").splitlines()
    assert title.strip()
    assert re.fullmatch("=+", underline)
    assert len(underline) >= len(title)
    assert len(re.findall(r"^# %%", source, re.MULTILINE)) >= 3


@tutorials
def test_tutorial_asserts_what_it_claims(path):
    assert sum(isinstance(node, ast.Assert) for node in nodes(path)) >= 3


@tutorials
def test_tutorial_has_a_claim_that_must_fail(path):
    assert re.search("must fail", path.read_text(encoding="utf-8"), re.IGNORECASE)
    assert any(must_fail(node) for node in nodes(path))


@tutorials
def test_tutorial_names_no_absolute_path(path):
    assert ABSOLUTE.findall(path.read_text(encoding="utf-8")) == []


@tutorials
def test_tutorial_takes_its_colours_from_the_figures(path):
    """So that a method has one colour in all of them; two faint backgrounds are nobody's."""
    found = re.findall(r"#[0-9A-Fa-f]{6}\b", path.read_text(encoding="utf-8"))
    assert set(found) <= {"#F3C9A8", "#B5D6EA"}


def wide(source, width=88):
    """The numbers of the lines that are wider, but for those of tables in the text."""
    found, in_table = [], False
    for number, line in enumerate(source.splitlines(), start=1):
        rule = re.fullmatch(r"# ={3,}( +={3,})+", line)
        in_table = bool(rule) or (in_table and line.startswith("# ") and line.strip() != "#")
        if len(line) > width and not in_table:
            found.append(number)
    return found


@tutorials
def test_tutorial_fits_the_page(path):
    assert wide(path.read_text(encoding="utf-8")) == []


def test_wide_lines_are_found():
    table = "# ===== =====\n# a     " + "b" * 90 + "\n# ===== =====\n#\n# " + "c" * 90
    assert wide(f"x = 1\n{'y' * 89}\n{table}") == [2, 7]


@tutorials
def test_tutorial_is_listed(path):
    assert path.name in (ROOT / "tutorials" / "README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("try:\n    f()\nexcept AssertionError:\n    pass\nelse:\n    raise RuntimeError", True),
        ("try:\n    f()\nexcept mp.CheckError as e:\n    print(e)\nelse:\n    raise RuntimeError", True),
        ("try:\n    f()\nexcept AssertionError:\n    pass", False),
        ("try:\n    f()\nexcept ValueError:\n    pass\nelse:\n    raise RuntimeError", False),
    ],
)
def test_must_fail_wants_a_claim_that_is_rejected(code, expected):
    assert any(must_fail(node) for node in ast.walk(ast.parse(code))) is expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("open('/home/someone/x.npz')", 1),
        ("see ~/data and C:\\data", 2),
        ("1/(2 tau) a / b https://arxiv.org/abs/1706.04638 (E6)/(E7) docs/images", 0),
    ],
)
def test_absolute_paths_are_found(text, count):
    assert len(ABSOLUTE.findall(text)) == count
