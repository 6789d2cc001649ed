"""The exercises: solutions pass, unsolved files say so, and each typical mistake is told from the others."""

import ast
import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from wrong_exercises import WRONG

from minprox import exercises
from minprox.cli import main
from minprox.exercises.judgement import judge
from minprox.exercises.tasks import transpose

FOLDER = Path(__file__).parent.parent / "tutorials" / "exercises"
FILES = sorted(FOLDER.glob("ex*.py"))
SOLUTIONS = {path.stem[2:4]: FOLDER / "solutions" / path.name for path in FILES}
TASKS = [task for number in exercises.NUMBERS for task in exercises.exercise(number).tasks]
files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
tasks = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@pytest.fixture
def call(capsys):
    """Run ``minprox check``; return its exit code, stdout and stderr."""

    def run(path):
        with pytest.raises(SystemExit) as left:
            main(["check", str(path)])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def call_here(call, monkeypatch):
    """The same without the process apart, which takes half a second to start."""
    monkeypatch.setattr(exercises, "check", lambda path, timeout: exercises.examine(path))
    return call


@pytest.fixture
def variant(tmp_path):
    """Write a solution with one piece of text replaced, and return its path."""

    def write(number, old, new):
        source = SOLUTIONS[number].read_text(encoding="utf-8")
        assert source.count(old) == 1, (old, source.count(old))
        path = tmp_path / "mine.py"  # the name does not matter
        path.write_text(source.replace(old, new), encoding="utf-8")
        return path

    return write


def functions(path):
    """Return ``name -> (signature, docstring)`` of every function and class of a file."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            arguments = ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else None
            found[node.name] = arguments, ast.get_docstring(node)
    return found


def lambda_of(task, answer):
    """A namespace in which the task is solved by ``answer(**arguments)``."""
    names = list(task.problems()[0])

    def function(*values):
        return answer(**dict(zip(names, values, strict=True)))

    owner, _, method = task.name.rpartition(".")
    if not owner:
        return {method: function}
    return {owner: type(owner, (), {"__init__": lambda self, *_: None, method: staticmethod(function)})}


def with_part(task, part, wrong):
    """The right answer with one part replaced."""

    def answer(**arguments):
        if len(task.parts) == 1:
            return wrong(**arguments)
        parts = list(task.right(**arguments))
        parts[part] = wrong(**arguments)
        return tuple(parts)

    return answer


# The files


def test_there_is_an_exercise_for_each_number():
    assert tuple(path.stem[2:4] for path in FILES) == exercises.NUMBERS
    tutorials = {path.name[:2] for path in FOLDER.parent.glob("[0-9]*.py")}
    assert tutorials - set(exercises.NUMBERS) == {"14"}  # that on GPUs
    for path in FOLDER.parent.glob("[0-9]*.py"):
        said = f"``minprox exercise {path.name[:2]}``" in ast.get_docstring(
            ast.parse(path.read_text("utf-8"))
        )
        assert said is (path.name[:2] != "14"), path.name
    listed = (FOLDER / "README.txt").read_text(encoding="utf-8")
    assert all(path.name in listed for path in FILES)


@files
def test_exercise_and_solution_have_the_same_functions(path):
    solution = SOLUTIONS[path.stem[2:4]]
    given = functions(path)
    assert given == functions(solution)
    known = exercises.exercise(path.stem[2:4])
    for task in known.tasks:
        arguments, text = given[task.name.rpartition(".")[2]]
        assert arguments.replace("self, ", "") == ", ".join(task.problems()[0])
        assert (
            re.search(r"\([EAPTDISWVK]\d", text)
            or "σ′" in text
            or "primal" in text
            or "multiplications" in text
        )
        assert "Returns" in text


@files
def test_unsolved_exercise_is_not_yet_written(path, call_here):
    code, out, err = call_here(path)
    count = len(exercises.exercise(path.stem[2:4]).tasks)
    assert (code, err) == (1, "")
    assert out.count(": not yet written\n") == count
    assert out.endswith(f"0 of {count} functions passed\n")
    for hint in re.findall(r'raise NotImplementedError\("(.*)"\)', path.read_text(encoding="utf-8")):
        assert hint in out


@files
def test_solution_passes(path, request):
    apart = path.stem[2:4] in ("05", "13")  # two of them as students check them, in a process apart
    code, out, err = request.getfixturevalue("call" if apart else "call_here")(SOLUTIONS[path.stem[2:4]])
    count = len(exercises.exercise(path.stem[2:4]).tasks)
    assert (code, err) == (0, "")
    assert out.count(": passed\n") == count
    assert out.endswith(f"{count} of {count} functions passed\n")


@files
def test_first_try_prints_what_is_expected(path, capsys):
    runpy.run_path(str(SOLUTIONS[path.stem[2:4]]), run_name="__main__")
    out = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?|dual", capsys.readouterr().out)
    expected = re.findall(r"# expected: (.*)", path.read_text(encoding="utf-8"))
    expected = re.findall(r"-?\d+\.?\d*|dual", " ".join(expected))
    assert len(expected) >= 4
    assert [word for word in out if word == "dual"] == [word for word in expected if word == "dual"]
    numbers = [[float(word) for word in words if word != "dual"] for words in (out, expected)]
    np.testing.assert_allclose(*numbers, rtol=1e-7, atol=1e-12)


# The identities


@tasks
def test_identities_hold_for_the_right_answer(task):
    assert judge(task, lambda_of(task, task.right), "mine.py").status == "passed"


@tasks
def test_identities_see_every_entry(task):
    """A change of one entry by 1e-6 is found, whichever entry it is."""
    for part in range(len(task.parts)):
        first = task.right(**task.problems()[0])
        first = first if len(task.parts) == 1 else first[part]
        if isinstance(first, str):
            continue
        for entry in range(min(np.size(first), 6)):

            def off(entry=entry, part=part, **arguments):
                right = task.right(**arguments)
                changed = np.array(right if len(task.parts) == 1 else right[part], dtype=float)
                changed.flat[entry % changed.size] += 1e-6 * (1 + np.abs(changed).max())
                return changed

            verdict = judge(task, lambda_of(task, with_part(task, part, off)), "mine.py")
            assert verdict.status == "failed", (task.parts[part], entry)
            assert any("fails for" in line for line in verdict.text)


@tasks
def test_every_identity_refuses_something(task):
    refused = set()
    answers = [(mistake.part, mistake.answer) for mistake in task.mistakes]
    if not isinstance(task.right(**task.problems()[0]), str):
        for part in range(len(task.parts)):
            for factor, shift in ((-1, 0), (1, 100)):

                def junk(part=part, factor=factor, shift=shift, **arguments):
                    right = task.right(**arguments)
                    return factor * np.asarray(right if len(task.parts) == 1 else right[part]) + shift

                answers.append((part, junk))
    for part, answer in answers:
        verdict = judge(task, lambda_of(task, with_part(task, part, answer)), "mine.py")
        refused |= {line.partition(" problems: ")[2] for line in verdict.text if line.startswith("fails for")}
    assert refused == {str(identity) for identity in task.identities}


@tasks
def test_each_mistake_is_told_from_the_others(task):
    for mistake in task.mistakes:
        namespace = lambda_of(task, with_part(task, mistake.part, mistake.answer))
        verdict = judge(task, namespace, "mine.py")
        assert verdict.status in ("failed", "raised an exception"), mistake.words
        part = f"{task.parts[mistake.part]}: " if len(task.parts) > 1 else ""
        assert f"Diagnosis: {part}{mistake.words}" in verdict.text, (mistake.words, verdict.text)


@tasks
def test_what_is_wrong_in_general_is_told(task):
    right = task.right(**task.problems()[0])
    if len(task.parts) > 1 or isinstance(right, str):
        return
    for change, word in (
        (lambda u: -u, "sign"),
        (lambda u: 3.0 * u, "constant factor: this is 3 times"),
        (lambda u: u, ""),
    ):
        verdict = judge(task, lambda_of(task, lambda change=change, **p: change(task.right(**p))), "mine.py")
        assert verdict.passed is (word == "")
        assert word in "\n".join(verdict.text)
    if np.ndim(right) == 2 and right.shape[0] != right.shape[1]:
        turned = judge(task, lambda_of(task, lambda **p: transpose(task.right(**p))), "mine.py")
        assert "transposed" in turned.text[-1]


def test_an_answer_of_zeros_is_called_zero():
    for number in ("05", "27"):
        for task in exercises.exercise(number).tasks:
            if len(task.parts) == 1:
                verdict = judge(task, lambda_of(task, lambda task=task, **p: 0 * task.right(**p)), "mine.py")
                assert verdict.text[-1] == "Diagnosis: this is zero"


# What students write


@pytest.mark.parametrize(
    ("number", "old", "new", "name", "label", "word"), WRONG, ids=[f"{w[3]}-{w[5]}" for w in WRONG]
)
def test_wrong_line_is_diagnosed(variant, number, old, new, name, label, word):
    report = exercises.examine(variant(number, old, new))
    assert report.exit_code == (2 if report.exception else 1)
    text = "\n".join(report[name].text)
    assert report[name].status in ("failed", "raised an exception")
    if label:
        assert f"({label})" in text
        assert float(re.search(r"relative error (\S+),", text)[1]) > 1e-3
    told = [line for line in report[name].text if line.startswith("Diagnosis: " if word else "Hint: ")]
    assert word in " ".join(told)
    assert told
    # what does not depend on the wrong line passes
    assert any(verdict.passed for verdict in report.verdicts) or name == "system_product"


ALIASED = ("np.zeros_like(R), R.copy(), np.sum(R * R)\n", "np.zeros_like(R), R, np.sum(R * R)\n")


def test_two_names_for_one_array_are_found(variant):
    path = variant("07", *ALIASED)
    assert exercises.examine(path)["cg"].passed  # R = R - … makes a new array, so that no harm is done
    source = path.read_text(encoding="utf-8")
    lines = "R = R - alpha * Q\n        rho, former = np.sum(R * R), rho"
    assert source.count(lines) == 1
    path.write_text(source.replace(lines, lines.replace("R = R - alpha", "R -= alpha")), encoding="utf-8")
    report = exercises.examine(path)
    assert "aliasing" in report["cg"].text[-1]
    assert report["block_cg"].passed


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("theta -= tau * A.T @ (A @ theta - b)\n    return theta.copy()", "writes to its argument theta"),
        ("theta -= tau * A.T @ (A @ theta - b)\n    return theta", "writes to its argument theta"),
        ("return theta", "is its argument theta or a view into it"),
        ("return theta[::-1]", "is its argument theta or a view into it"),
        ("step = tau * A.T @ (A @ theta - b)", "it returns None"),
        ("pass", "it returns None"),
        ("return np.nan * theta", "5 of 5 entries are NaN or infinite"),
        ("return (theta - tau * A.T @ (A @ theta - b)).ravel()", "expected the shape (5, 1), found (5,)"),
        ("return (theta - tau * A.T @ (A @ theta - b)).T", "the answer is transposed"),
        ("return (theta - tau * A.T @ (A @ theta - b)).astype('f4')", "expected float64"),
        ("return theta - tau * A.T @ (A @ theta - b), tau", "found a tuple of 2"),
        ("return 'theta'", "expected an array of floats, found str"),
        ("return [[1.0], [2.0, 3.0]]", "a list of unequal parts"),
        ("return 1j * theta", "expected an array of floats, found ndarray (complex128)"),
    ],
)
def test_form_and_conduct_are_told_in_words(variant, body, words):
    path = variant("01", "return theta - tau * A.T @ (A @ theta - b)  # (E2)", body)
    verdict = exercises.examine(path)["explicit_step"]
    assert verdict.status == "failed"
    assert words in "\n".join(verdict.text)


def test_several_values_are_expected_by_name(variant):
    path = variant("03", "return gradient, delta @ theta[:-1].T", "return gradient")
    assert (
        "expected 2 values, gradient, input_error, found ndarray"
        in exercises.examine(path)["dense_backward"].text[0]
    )
    path = variant("03", "return gradient, delta @ theta[:-1].T", "return gradient, gradient, gradient")
    assert "found 3 values" in exercises.examine(path)["dense_backward"].text[0]


def test_a_list_of_numbers_is_an_array(variant):
    path = variant(
        "01",
        "return theta - tau * A.T @ (A @ theta - b)",
        "return (theta - tau * A.T @ (A @ theta - b)).tolist()",
    )
    assert exercises.examine(path)["explicit_step"].passed


def test_arguments_and_absence_are_told(variant):
    report = exercises.examine(variant("06", "def cheaper_form(rows, cols)", "def cheaper_form(rows)"))
    assert report["cheaper_form"].text == (
        "expected the arguments cheaper_form(rows, cols), found cheaper_form(rows)",
    )
    report = exercises.examine(variant("06", "def cheaper_form", "def cheapest"))
    assert report["cheaper_form"].text == ("there is no function cheaper_form(rows, cols) in the file",)
    report = exercises.examine(variant("13", "class Swish", "class Swoosh"))
    assert "no function Swish.adjoint(delta, a, z)" in report["Swish.adjoint"].text[0]
    assert report.exit_code == 1


def test_a_function_waits_for_another(variant):
    path = variant("06", "return np.linalg.solve(A @ A.T", "raise NotImplementedError\n    (A @ A.T")
    report = exercises.examine(path)
    assert report["dual_variable"] == exercises.Verdict("dual_variable", "not yet written")
    assert report["dual_step"].status == "not yet written"
    assert re.fullmatch(
        r"it calls dual_variable \(line \d+\), which is not yet written", report["dual_step"].text[0]
    )


def test_what_failed_first_is_named(variant):
    report = exercises.check(
        variant("06", "return np.linalg.solve(A @ A.T", "return -np.linalg.solve(A @ A.T")
    )
    assert "It calls dual_variable, which did not pass: mend that first" in report["dual_step"].text
    assert not any(line.startswith("It calls") for line in report["dual_variable"].text)
    assert report["extra_cost"].passed


def test_what_raised_first_is_named(variant):
    report = exercises.examine(variant("05", "A.T @ A + np.eye(A.shape[1]) / tau_theta", "undefined"))
    assert report["implicit_step"].status == report["proximal_update"].status == "raised an exception"
    assert "It calls implicit_step, which did not pass: mend that first" in report["proximal_update"].text
    assert not any("It calls" in line for line in report["implicit_step"].text)


def dependences():
    """Every pair of functions of which the later one calls the earlier one, as the solutions have it."""
    found = []
    for number, path in SOLUTIONS.items():
        names = [task.name for task in exercises.exercise(number).tasks]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                used = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
                earlier = names[: names.index(node.name)]
                found += [(number, called, node.name) for called in earlier if called in used]
    return found


@pytest.mark.parametrize(("number", "called", "caller"), dependences())
def test_whoever_calls_what_raises_is_sent_there(tmp_path, number, called, caller):
    lines = SOLUTIONS[number].read_text(encoding="utf-8").splitlines()
    (broken,) = (
        node.body[1]
        for node in ast.parse("\n".join(lines)).body
        if isinstance(node, ast.FunctionDef) and node.name == called
    )
    lines.insert(broken.lineno - 1, "    raise ValueError('broken')")
    path = tmp_path / "mine.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    report = exercises.examine(path)
    assert report[called].status == report[caller].status == "raised an exception"
    assert f"It calls {called}, which did not pass: mend that first" in report[caller].text


@pytest.mark.parametrize(("rows", "cols"), [(500, 3073), (300, 300)])
@pytest.mark.parametrize(("inverse", "passed"), [(4 / 3, True), (1, True), (1 / 2, True), (1 / 3, False)])
def test_every_right_count_of_the_inverse_is_accepted(variant, inverse, passed, rows, cols):
    task = exercises.exercise("06").tasks[3]
    assert any(p["rows"] == p["cols"] for p in task.problems())
    (identity,) = task.identities
    n = min(rows, cols)
    count = rows * cols * n / 2 + inverse * n**3 + n**2 * 10
    assert (identity.residual(count, rows=rows, cols=cols, n_out=10, form="dual") < 1e-12) is passed


# Giving out


@files
def test_the_command_gives_out_the_file(path, tmp_path, capsys):
    number = path.stem[2:4]
    with pytest.raises(SystemExit) as left:
        main(["exercise", number.lstrip("0"), "--folder", str(tmp_path)])
    assert left.value.code == 0
    given = tmp_path / path.name
    assert f"minprox check {given}" in capsys.readouterr().out
    assert given.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_a_file_with_work_in_it_is_not_written_over(tmp_path, capsys):
    mine = tmp_path / "ex05_proxprop.py"
    mine.write_text("my work", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["exercise", "05", "--folder", str(tmp_path)])
    assert left.value.code == 2
    assert "is there already" in capsys.readouterr().err
    assert mine.read_text(encoding="utf-8") == "my work"


def test_exercises_are_listed_and_unknown_ones_refused(capsys):
    with pytest.raises(SystemExit) as left:
        main(["exercise"])
    assert left.value.code == 0
    assert [line[:2] for line in capsys.readouterr().out.splitlines()] == list(exercises.NUMBERS)
    with pytest.raises(SystemExit) as left:
        main(["exercise", "99"])
    assert left.value.code == 2
    assert re.match("minprox: error: no exercise '?99'?: expected one of 01, ", capsys.readouterr().err)


def test_the_site_offers_every_exercise():
    page = (FOLDER.parent.parent / "docs" / "exercises.rst").read_text(encoding="utf-8")
    assert all(f"../tutorials/exercises/{path.name}>`" in page for path in FILES)


# The process apart


BODY = "A.T @ A + np.eye(A.shape[1]) / tau_theta"


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("__import__('os')._exit(0)", "implicit_step ended the process (exit code 0)"),
        ("[None for _ in iter(int, 1)]", "implicit_step ran longer than 3 s: is there an endless loop?"),
    ],
)
def test_a_process_that_does_not_come_to_its_end_passes_nothing(variant, new, words):
    report = exercises.check(variant("05", BODY, new), timeout=3 if "iter" in new else 60)
    assert report.exit_code == 2
    assert words in report.exception
    assert [verdict.status for verdict in report.verdicts] == [
        *("passed", "raised an exception"),
        *("not reached", "not reached"),
    ]


def test_verdicts_alone_do_not_pass_without_the_marker(variant):
    """The process ends after all verdicts, and before the check has."""
    path = variant("06", 'EXERCISE = "06"', 'EXERCISE = "06"\nimport json, os')
    text = path.read_text(encoding="utf-8")
    spoilt = "count = []\ndumps = json.dumps\n\n\ndef count_and_leave(line):\n" + (
        "    count.append(line)\n    return os._exit(0) if len(count) == 5 else dumps(line)\n\n\n"
        "json.dumps = count_and_leave\n"
    )
    path.write_text(f"{text}\n\n{spoilt}", encoding="utf-8")
    report = exercises.check(path)
    assert not report.passed
    assert [verdict.status for verdict in report.verdicts] == ["passed"] * 3 + ["raised an exception"]


def test_what_the_file_prints_is_shown_above_the_report(call, variant):
    code, out, err = call(variant("06", 'EXERCISE = "06"', 'EXERCISE = "06"\nprint("hello", end="")'))
    assert (code, err) == (0, "")
    assert out.startswith("hello\nExercise 06: ")


def test_a_time_limit_is_positive(variant):
    for timeout in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="expected a positive number of seconds"):
            exercises.check(SOLUTIONS["06"], timeout)


# Mistakes in the use


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('EXERCISE = "05"\ndef f(:\n', "mine.py, line 2: syntax error: "),
        ('EXERCISE = "05"\nif True:\nx = 1\n', "mine.py, line 3: syntax error: expected an indented block"),
        ("x = 1\n", 'is no exercise: expected a line such as EXERCISE = "05" with one of 01, 02'),
        ('EXERCISE = "99"\n', "found 99"),
        ('EXERCISE = "05"\n\nx = 1 / 0\n', "mine.py, line 3: ZeroDivisionError: division by zero"),
        ('EXERCISE = "05"\nimport nowhere_to_be_found\n', "mine.py, line 2: ModuleNotFoundError"),
        ('EXERCISE = "05"\nraise SystemExit(0)\n', "mine.py, line 2: SystemExit"),
        ("\0", "mine.py"),
    ],
)
def test_bad_file_is_told_in_one_line(call, tmp_path, text, words):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    code, out, err = call(path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("minprox: error: ")
    assert words in err


def test_files_that_cannot_be_read(call, tmp_path):
    code, out, err = call(tmp_path / "nothing.py")
    assert (code, out) == (2, "")
    assert err == f"minprox: error: {tmp_path / 'nothing.py'}: No such file or directory\n"
    code, out, err = call(tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    image = tmp_path / "image.py"
    image.write_bytes(b"\x89PNG\xff\xfe")
    code, out, err = call(image)
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("A @ A.T + np.eye(A.shape[1]) / tau_theta", "raised ValueError: operands could not be broadcast"),
        ("A.T @ A + np.eye(A.shape[1]) / (tau_theta - tau_theta) // 0", "raised LinAlgError"),
        ("undefined", "raised NameError: name 'undefined' is not defined"),
        ("A[100]", "raised IndexError"),
        ("exit()", "raised "),
    ],
)
def test_exception_of_the_student_is_told_in_one_line(call, variant, new, words):
    path = variant("05", "A.T @ A + np.eye(A.shape[1]) / tau_theta", new)
    line = next(i for i, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if new in text)
    code, out, err = call(path)
    if "// 0" in new:
        assert code in (1, 2)  # whether NumPy calls such a matrix singular is its own affair
        return
    assert code == 2
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert f"mine.py, line {line}, in implicit_step: implicit_step raised" in err
    assert words in err
    assert "layer_matrix: passed" in out  # the other verdicts are told all the same


def test_exception_after_a_recognised_answer_keeps_the_diagnosis(variant):
    """Wrong products of square matrices have the right shape; the tall ones then raise."""
    path = variant("03", "delta @ theta[:-1].T", "delta @ theta[:-1]")
    report = exercises.examine(path)
    assert report.exit_code == 2
    assert "not transposed" in report["dense_backward"].text[1]


def test_number_may_be_written_as_an_integer(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(SOLUTIONS["06"].read_text(encoding="utf-8").replace('"06"', "6"), encoding="utf-8")
    assert exercises.examine(path).passed


def test_the_file_and_its_folder_stay_as_they_were(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(SOLUTIONS["06"].read_bytes())
    before = path.stat()
    exercises.check(str(path))
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat() == before


def test_the_command_explains_itself(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    assert "EXERCISE_FILE" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_teaching_guide_names_files_that_exist():
    text = (FOLDER.parent.parent / "docs" / "teaching.rst").read_text(encoding="utf-8")
    names = re.findall(r"``((?:ex)?\d\d_\w+\.py)``", text)
    assert len(set(names)) >= 12
    for name in names:
        assert (FOLDER / name).exists() or (FOLDER.parent / name).exists(), name


def test_the_mistakes_have_an_identity_to_fail():
    assert all(task.identities and task.mistakes for task in TASKS)
    assert all(inspect.signature(task.right).parameters.keys() == task.problems()[0].keys() for task in TASKS)
