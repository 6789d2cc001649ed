"""The tool that plants errors: what it changes, what it leaves alone, and that it tells survivors apart."""

import ast
from pathlib import Path

import mutants

TEXT = '''\
def clip(x: int | None, low=0):
    """Not below low; 3 stays."""
    if x < low:  # θ
        raise ValueError(f"{1 + 1}")
    return list(zip([x + 1], [True], strict=True))
'''


def test_each_change_is_one_expression_and_the_rest_stays():
    found = list(mutants.changes("clip.py", TEXT))
    pairs = {(change.old, change.new) for change in found}
    assert pairs == {
        ("0", "1"),
        ("x < low", "x <= low"),
        ("x < low", "not x < low"),
        ("x + 1", "x - 1"),
        ("1", "2"),
        ("True", "False"),
    }
    for change in found:
        ast.parse(change.source)
        differing = [a != b for a, b in zip(TEXT.splitlines(), change.source.splitlines(), strict=True)]
        assert differing.index(True) + 1 == change.line
        assert sum(differing) == 1


def test_a_change_that_no_test_sees_survives(tmp_path: Path):
    text = "def double(x):\n    return x * 2\n"
    (tmp_path / "double.py").write_text(text)
    test = "from double import double\n\ndef test_two():\n    assert double(2) {} 4\n"
    (change,) = [c for c in mutants.changes("double.py", text) if "/" in c.new]
    for sharp, relation in (True, "=="), (False, "<="):
        (tmp_path / "test_double.py").write_text(test.format(relation))
        assert mutants.noticed(tmp_path, change, ["test_double.py::test_two"]) is sharp
    assert (tmp_path / "double.py").read_text() == text
    assert mutants.noticed(tmp_path, change, []) is False


def test_copies_have_all_that_tests_read():
    """Data in the package too, while folders of the same name at the top are a user's."""
    assert {"data", ".git"} <= mutants.not_copied(str(mutants.ROOT), ["data", "minprox"])
    assert not mutants.not_copied(str(mutants.ROOT / "minprox/methods/vsml"), ["data", "cell.py"]) & {
        "data",
        "cell.py",
    }


def test_the_tests_that_are_most_about_a_file_come_first(monkeypatch):
    shares = {("net", "a.py"): 1 / 3, ("net", "b.py"): 2 / 3, ("unit", "a.py"): 1.0, ("unit", "b.py"): 0.0}
    assert mutants.most_about("a.py", {"net", "unit"}, shares) == ["unit", "net"]
    assert mutants.most_about("b.py", {"net", "unit"}, shares) == ["net", "unit"]
    monkeypatch.setattr(mutants, "MOST", 1)
    assert mutants.most_about("a.py", {"net", "unit"}, shares) == ["unit"]
