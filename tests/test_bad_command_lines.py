"""Command lines that make no sense: one line on stderr, exit code 2, and nothing is written.

They are drawn from the commands, options and arguments that the program has at the moment, so that a new
one is tried as well; an option that takes any text has to be told in ``FREE``, one that reads more than its
type says in ``TEXTS`` or ``RANGES``.
"""

import contextlib
import io
import sys
import traceback
from pathlib import Path

import bad_calls
import click
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import minprox.cli.program as program
from minprox.cli import cli, main

ODD = (
    "",
    " ",
    "\x1b[31m",
    "a\nb",
    "\x00",
    "\udcff",
    "学",
    "τ",
    "a" * 300,
    "--",
    "%s",
    "{}",
    "'",
    '"',
    "\\",
    ";",
)
odd = st.one_of(st.sampled_from(ODD), st.text(max_size=6))
FREE = {"label", "data_name", "title"}  # options that take any text
BELOW_ONE = ["0", "-1", "-2147483649", str(-(10**400))]
HUGE = [str(2**31), str(2**63), str(10**30)]
NOT_POSITIVE = ["0", "-0.5", "nan", "inf", "-inf", "1e400", "-1e-300"]
RANGES = {  # by option: texts that its type reads, and that are out of its range
    "epochs": BELOW_ONE[:3] + HUGE,
    "batch_size": BELOW_ONE[:3] + HUGE,
    "seed": ["-1", "-2147483649", str(2**129)],
    "repeats": BELOW_ONE[:3],
    "jobs": BELOW_ONE[:3],
    "tau": NOT_POSITIVE,
    "timeout": NOT_POSITIVE[:3],
    "tau_theta": [*NOT_POSITIVE, "5e-309"],
    "momentum": ["-0.1", "1", "1.5", "nan", "inf"],
    "weight_decay": ["-0.1", "nan", "inf", "-inf"],
}
TEXTS = {  # by option or argument that reads a text: texts that it refuses
    "architecture": ["", "x", "64", "64--10", "0-3", "64-0-10", "-", "64-200-10-", "1e2-10", "64-2.5-10"],
    "options": ["", "x", "=1", "=", "nothing=1", "lam=0.1", "tau_theta=1"],
    "solver": ["", "x", "cg", "cg0", "cg-1", "cg03", "blockcg", "CG3", "cg3 ", "exact()", "cg99999999999999"],
    "methods": ["nothing", "exact,nothing", ",", "", "backprop;exact"],
    "seeds": ["a", "1.5", "-1", "0,-1", "nan", ",", ""],
    "nets": ["nothing", "mlp,nothing", ",", ""],
    "number": ["nothing", "00", "99", "5.0", "-1", "²"],
    "label": ["nothing", "E0", "", "e99", "E 1"],
}
GOOD = {  # what required arguments may be, so that what is bad is something else
    ("run", "name"): ["x1", "--preset", "quick"],
    ("plot", "runs"): ["run", "-o", "f.png"],
    ("table", "places"): ["run"],
    ("data", "name"): ["mnist"],
    ("check", "file"): ["file.py"],
    ("exercise", "number"): ["05"],
}
PYTHON = (
    "Traceback",
    "object has no attribute",
    "NoneType",
    "Errno",
    "codec can't",
    "invalid literal",
    "<class ",
)


def bad_values(command, parameter):
    """Return a strategy of texts that an option or an argument refuses, None where it takes any."""
    kind, name = parameter.type, parameter.name
    if isinstance(parameter, click.Argument) and isinstance(kind, click.Path):
        return st.sampled_from(["nothing", "nothing/below", "file.txt/below", *ODD[:6]])
    if getattr(parameter, "is_flag", False):
        return None
    if isinstance(kind, click.Choice):
        return odd.filter(lambda text: text not in kind.choices)
    if isinstance(kind, click.Path):
        files = [] if kind.file_okay else ["file.txt"]
        folders = [] if kind.dir_okay else ["folder"]
        if name == "paths" or "plugin" in name:
            return st.sampled_from(["nothing.py", "file.txt", "folder", "broken.py", *ODD[:6]])
        if name in ("output", "figure"):
            files = ["f.txt", "f", "nothing/f.png"]
        return st.sampled_from([*files, *folders, "", "\x1b[31m", "a\nb", "\x00"])
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        words = ["", "x", "1,5", "0x10", "1 2", "--", "None", "1j", "٣٤x"]
        words += ["1.5", "1e3", "nan"] if isinstance(kind, click.types.IntParamType) else []
        return st.sampled_from([*words, *RANGES[name], *ODD[2:6]])
    if name == "tau_theta":  # of run, a list
        return st.sampled_from(["x", "0.05;0.5", "nan", "-1", "0", "", ","])
    if (command, name) != ("explain", "label") and name in FREE:
        return None
    return st.sampled_from([*TEXTS[name], "\x1b[31m", "a\nb", "\x00", "\udcff", "学"])


def options(command):
    return [p for p in cli.commands[command].params if isinstance(p, click.Option)]


def required(command):
    """Return good arguments for what a command requires."""
    found = []
    for parameter in cli.commands[command].params:
        if isinstance(parameter, click.Argument):
            found += GOOD.get((command, parameter.name), [])
    return found


@st.composite
def lines(draw):
    """Draw a command line with a mistake, and what kind of mistake it is."""
    command = draw(st.sampled_from(sorted(cli.commands)))
    known = {opt for parameter in options(command) for opt in parameter.opts} | {"-h", "--help"}
    refusing = [p for p in cli.commands[command].params if bad_values(command, p) is not None]
    faults = ["unknown option", "unknown command", "value of a flag"]
    faults += ["bad value"] * 12 * bool(refusing) + ["no value"] * any(
        not p.is_flag for p in options(command)
    )
    faults += ["missing argument"] * any(p.required for p in cli.commands[command].params)
    faults += ["one too many"] * (command not in ("plot", "table"))
    fault, start = draw(st.sampled_from(faults)), [command, *required(command)]
    if fault == "unknown command":
        name = draw(odd.filter(lambda text: text not in cli.commands and not text.startswith("-") and text))
        return fault, [name, *start[1:]]
    if fault == "unknown option":
        name = draw(
            st.one_of(
                st.sampled_from(["--nothing", "--Epochs", "--out-", "-q", "--ta"]), odd.map("--x{}".format)
            )
        )
        return fault, [*start, name] if name.partition("=")[0] not in known else [*start, "--nothing"]
    if fault == "value of a flag":
        flags = [p.opts[0] for p in options(command) if p.is_flag] or ["--nothing"]
        return fault, [*start, f"{draw(st.sampled_from(flags))}={draw(odd)}"]
    if fault == "no value":
        taking = [opt for p in options(command) if not p.is_flag for opt in p.opts]
        return fault, [*start, draw(st.sampled_from(taking))]
    if fault == "missing argument":
        return fault, [command]
    if fault == "one too many":
        if command in ("explain",):
            start.append("E1")
        return fault, [*start, draw(odd.filter(lambda text: not text.startswith("-")))]
    parameter = draw(st.sampled_from(refusing))
    value = draw(bad_values(command, parameter))
    if isinstance(parameter, click.Option):
        opt = draw(st.sampled_from(parameter.opts))
        joined = opt.startswith("--") and (value.startswith("-") or draw(st.booleans()))
        return fault, [*start, *([f"{opt}={value}"] if joined else [opt, value])]
    rest = [*start[2:]] if start[2:] else []
    return fault, [command, *rest, "--", value]


def told(arguments):
    """Run a command line; return its exit code, what it wrote to stderr, and the error that it told of."""
    out, err, found = io.StringIO(), io.StringIO(), []
    former = program.fail

    def fail(message):
        found.append(sys.exc_info()[1])
        former(message)

    program.fail = fail
    code = None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), bad_calls.limited(20):
            main(arguments)
    except SystemExit as left:
        code = left.code
    except bad_calls.Hang:
        return "hang", "", None
    except BaseException as error:
        return "".join(traceback.format_exception(error))[-2000:], "", None
    finally:
        program.fail = former
    return code, err.getvalue(), found[0] if found else None


def fault_of(arguments):
    """Return what is wrong with how a bad command line ends, "" if nothing is."""
    before = snapshot()
    code, err, error = told(arguments)
    if snapshot() != before:
        return "it wrote to the folder"
    if code != 2:
        return f"it ended with {code!r}: {err}"
    if not err.startswith("minprox: error: ") or err.count("\n") != 1 or not err.endswith("\n"):
        return f"not one line: {err!r}"
    if not err[:-1].isprintable():
        return f"it would act on a terminal: {err!r}"
    if any(word in err for word in PYTHON):
        return f"Python's words: {err!r}"
    if error is None:
        return f"no error: {err!r}"
    wrong = "" if isinstance(error, click.ClickException) else bad_calls.fault(error)
    if wrong and not wrong.startswith("obscure, no sentence"):  # what is not printable was escaped
        return f"{wrong}: {err!r}"
    return ""


def snapshot():
    """Return what the folder holds, byte for byte."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(Path().rglob("*"))}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINPROX_DATA", str(tmp_path / "data"))
    Path("file.txt").write_text("somebody's")
    Path("file.py").write_text("x = 1\n")
    Path("broken.py").write_text("1 / 0\n")
    Path("folder").mkdir()


def try_lines(count, seed=0):
    """Try so many command lines; return how many there were, and what is wrong with some."""
    made, found, kinds = 0, [], set()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(lines())
    def some(drawn):
        nonlocal made
        kind, arguments = drawn
        made += 1
        kinds.add((kind, arguments[0]) if kind != "unknown command" else (kind,))
        if wrong := fault_of(arguments):
            found.append(f"{arguments}: {wrong}")

    some()
    return made, found, kinds


def test_some_bad_command_lines():
    made, found, _ = try_lines(150)
    assert not found, "\n".join(found)
    assert made >= 100


@pytest.mark.slow
def test_two_thousand_bad_command_lines():
    made, found, kinds = 0, [], set()
    for seed in range(1, 5):
        more, wrong, seen = try_lines(600, seed)
        made, found, kinds = made + more, found + wrong, kinds | seen
    assert not found, "\n".join([f"{len(found)} of {made}", *found[:40]])
    assert made >= 2000
    assert {("bad value", name) for name in cli.commands if name != "info"} <= kinds


def test_every_option_that_reads_a_text_is_tried_or_free():
    for name, command in cli.commands.items():
        for parameter in command.params:
            bad_values(name, parameter)  # a KeyError names the option that TEXTS, RANGES or FREE lacks


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            ["train", "--label", "\x1b[31m", "--data", "blobs", "--architecture", "2-3", "--epochs", "1"],
            "it wrote",
        ),
        (["info"], "it ended with 0"),
        (["explain", "E1"], "it ended with 0"),
    ],
)
def test_good_command_lines_are_not_taken_for_bad_ones(line, found):
    assert fault_of(line).startswith(found)


def planted(kind):
    def command(*arguments, **options):
        if kind == "two lines":
            program.tell("error: one\ntwo")
            raise SystemExit(2)
        if kind == "escape":
            program.tell("error: \x07")
            raise SystemExit(2)
        if kind == "inner":
            return [].shape
        if kind == "foreign":
            return np.zeros(2).reshape(3)
        if kind == "python":
            raise click.UsageError("'NoneType' object has no attribute 'x'")
        Path("left.txt").write_text("")
        raise click.UsageError("no")

    return command


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("two lines", "not one line"),
        ("escape", "it would act on a terminal"),
        ("inner", "Traceback"),
        ("foreign", "foreign"),
        ("python", "Python's words"),
        ("writes", "it wrote"),
    ],
)
def test_planted_faults_are_found(monkeypatch, kind, found):
    monkeypatch.setattr(cli.commands["info"], "callback", planted(kind))
    assert found in fault_of(["info"])
