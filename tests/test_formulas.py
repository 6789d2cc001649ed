"""From paper to code and back: nothing is missing on the way, and what is missing is told."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import minprox as mp
from minprox.formulas import FORMULAS, PAPERS, Formula, find, problems
from minprox.formulas import labels as standing

ROOT = Path(__file__).parent.parent
PLANTED = Formula("E7", "Planted", "d = δ", "d = \\delta", "Nothing.", ("minprox.Exact",))


@pytest.fixture
def project(tmp_path):
    """A project in which the formula E7 has everything that it needs."""
    for folder in ("minprox", "tests", "tutorials"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tests" / "test_it.py").write_text('def test_dual():\n    """The dual form (E7)."""\n')
    (tmp_path / "tutorials" / "01_it.py").write_text('"""\nIt\n==\n"""\n# %%\n# The dual form (E6, E7).\n')
    return tmp_path


def known(*formulas):
    return {formula.label: formula for formula in formulas}


def test_every_formula_has_code_a_test_and_a_tutorial():
    assert problems(ROOT) == []


def test_the_labels_are_those_of_the_paper():
    equations = [f"E{i}" for i in range(1, 8)]
    propositions = [f"P{i}" for i in range(1, 6)]
    found = {formula.label for formula in PAPERS[0].formulas}
    assert found == {*equations, "A1", "A2", *propositions, "X1", "X2", "X3"}


def test_every_other_paper_counts_by_a_letter_of_its_own():
    letters = [{formula.label[0] for formula in paper.formulas} for paper in PAPERS]
    assert sum(map(len, letters)) == len(set().union(*letters))
    for paper in PAPERS[1:]:
        first = paper.formulas[0].label[0]
        assert [formula.label for formula in paper.formulas] == [
            f"{first}{number}" for number in range(1, len(paper.formulas) + 1)
        ]
    assert len(FORMULAS) == sum(len(paper.formulas) for paper in PAPERS)


def test_a_formula_with_everything_passes(project):
    e6 = replace(PLANTED, label="E6")
    assert problems(project, known(PLANTED, e6)) == [
        "E6: no test has the label in its name, a comment or its docstring"
    ]
    (project / "tests" / "test_e6.py").write_text("def test_E6_is_right():\n    pass\n")
    assert problems(project, known(PLANTED, e6)) == []


@pytest.mark.parametrize(
    ("objects", "part"),
    [
        ((), "E7: nothing implements it"),
        (("minprox.backprop",), "E7: minprox.backprop does not carry the label"),
        (("minprox.Exact.solve_dual",), "minprox.Exact.solve_dual: minprox has no Exact.solve_dual"),
        (("nowhere.dual",), "nowhere.dual: no such module"),
    ],
)
def test_a_formula_without_code_is_told(project, objects, part):
    found = problems(project, known(replace(PLANTED, objects=objects), replace(PLANTED, label="E6")))
    assert any(part in problem for problem in found)


def test_a_formula_without_a_test_or_a_tutorial_is_told(project):
    (project / "tests" / "test_it.py").write_text("def test_dual():\n    E7 = 1\n    str(E7)\n")
    (project / "tutorials" / "01_it.py").write_text('"""\nIt\n==\n"""\nprint("(E7)")\n')
    assert problems(project, known(PLANTED)) == [
        "E7: no test has the label in its name, a comment or its docstring",
        "E7: no tutorial has the label in its text",
    ]


@pytest.mark.parametrize("folder", ["minprox", "tests", "tutorials", "tutorials/exercises"])
def test_a_label_without_a_formula_is_told(project, folder):
    path = project / folder / "test_wrong.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text("x = 1\ny = 2  # d = δ  " + "(E9)\n")
    found = problems(project, known(PLANTED, replace(PLANTED, label="E6")))
    assert f"{folder}/test_wrong.py:2: no formula has the label E9" in found


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("(E6) and (P2, a), but not E3", {"E6", "P2"}),
        ("(E5–E7), (P1-P3)", {"E5", "E6", "E7", "P1", "P2", "P3"}),
        ("as in X1 and (X3)", {"X1", "X3"}),
        ("A1 = A2 @ A3; (AAᵀ), (E123), X12, (e6)", set()),
        (r"\qquad\text{(E3)}", {"E3"}),
    ],
)
def test_labels_stand_in_brackets(text, labels):
    assert standing.labels_in(text) == labels


def test_tests_are_found_by_name_comment_and_docstring(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        '"""(E1)"""\n'
        "def test_x2_and_P3(A1):\n    '''(E2)'''\n    pass  # (E4)\n"
        "# (E5)\n"
        "@decorate  # (E6)\ndef test_b():\n    '(E7)'.upper()\n"
        "def helper():\n    '''(A1)'''\n"
    )
    found = {test.name: set(test.labels) for test in standing.tests(tmp_path)}
    assert found == {"test_x2_and_P3": {"X2", "P3", "E2", "E4"}, "test_b": {"E6"}}


def test_a_tutorial_is_found_with_its_title():
    found = {tutorial.file: tutorial for tutorial in standing.tutorials(ROOT)}[
        "tutorials/06_primal_or_dual.py"
    ]
    assert {"E6", "E7"} <= found.labels
    assert found.name in (ROOT / found.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({name for formula in FORMULAS.values() for name in formula.objects}))
def test_the_source_is_that_of_the_file(name):
    source = find(name)
    lines = (ROOT / source.file).read_text(encoding="utf-8").splitlines()
    assert source.lines
    for number, text in source.lines.items():
        assert text.removesuffix(' […]"""') == lines[number - 1]


def test_the_lines_of_the_formula_are_marked():
    source = find("minprox.paper.penalty_energy.algorithm_1")
    marked = [source.lines[i] for i in source.marked("A1")]
    assert any("z_half[l] =" in line for line in marked)  # below the comment that carries the label
    assert not any("Sweep(" in line for line in marked)
    assert source.marked("E6") == []


@pytest.mark.parametrize("label", FORMULAS)
def test_explain_shows_formula_code_tests_and_tutorials(label):
    text = str(mp.explain(label))
    formula = FORMULAS[label]
    assert text.startswith(f"{label}  {formula.title}\n")
    for part in (
        *formula.text.splitlines(),
        *formula.objects,
        "\nTests\n    tests/",
        "\nTutorials\n    tutorials/",
    ):
        assert part in text
    assert repr(mp.explain(label.lower())) == text
    assert formula.latex in mp.explain(label)._repr_markdown_()


@pytest.mark.parametrize("label", ["E9", "", "E", 6, None, "(E6)"])
def test_an_unknown_label_is_told(label):
    with pytest.raises(ValueError, match=r"^label: expected one of E1, E2, .*, X3.*, found ") as error:
        mp.explain(label)
    assert str(error.value).endswith(f"found {label!r}")


def test_an_installed_package_explains_without_tests_and_tutorials(monkeypatch, tmp_path):
    monkeypatch.setattr("minprox.formulas.explanation.ROOT", tmp_path)
    explanation = mp.explain("E6")
    assert explanation.tests == explanation.tutorials == ()
    assert "minprox.proxprop  (minprox/engine/passes.py)" in str(explanation)
    assert "Tests" not in str(explanation)


def run(*arguments):
    command = [sys.executable, "-m", "minprox", "explain", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_on_the_command_line():
    done = run()
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(FORMULAS)
    done = run("e6")
    assert (done.returncode, done.stdout) == (0, f"{mp.explain('E6')}\n")
    done = run("E9")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minprox: error: label: expected one of E1, ")
    assert done.stderr.count("\n") == 1
