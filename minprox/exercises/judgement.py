"""Judge a student's function: call it on every problem, and say in words what is wrong."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

from minprox.exercises.diagnosis import diagnose
from minprox.exercises.report import FAILED, PASSED, RAISED, UNWRITTEN, Verdict
from minprox.exercises.student import place, sentence
from minprox.exercises.tasks import Array, Identity, Task

TOLERANCE = 1e-9  # of the relative errors, in float64


@dataclass(frozen=True)
class Trial:
    """One call of a student's function.

    Attributes
    ----------
    arguments : dict
        As they were before the call.
    parts : tuple or None
        What came back; None where it has not the form that was asked for.
    right : tuple
        What should have come back.
    form : str
        What is wrong with the form; empty if nothing.
    conduct : str
        What was done to the arguments that must not be; empty if nothing.
    """

    arguments: dict[str, Any]
    parts: tuple[Any, ...] | None
    right: tuple[Any, ...]
    form: str
    conduct: str


def judge(task: Task, namespace: Mapping[str, Any], path: str, unsound: Collection[str] = ()) -> Verdict:
    """Call a student's function on all problems of a task and return the verdict.

    Parameters
    ----------
    task : Task
    namespace : mapping
        The names of the student's file.
    path : str
        That file, for the lines of exceptions.
    unsound : collection of str
        Functions of the file that did not pass, of which a failure may be the consequence.
    """
    trials, called, function = [], "", None
    try:
        function = task.find(namespace)
        if not callable(function):
            return Verdict(task.name, FAILED, (f"there is no function {task.signature} in the file",))
        problems = task.problems()
        if not accepts(function, problems[0]):
            found = f"{task.name}{inspect.signature(function)}"
            return Verdict(task.name, FAILED, (f"expected the arguments {task.signature}, found {found}",))
        for arguments in problems:
            called = f", called with {describe(arguments)}"
            trials.append(attempt(task, function, arguments))
    except NotImplementedError as error:
        line, where = place(error, path)
        if where and where != task.name.rpartition(".")[2]:
            return Verdict(
                task.name, UNWRITTEN, (f"it calls {where} (line {line}), which is not yet written",)
            )
        return Verdict(task.name, UNWRITTEN, (str(error),) if str(error) else ())
    except (Exception, SystemExit) as error:
        line, where = place(error, path)
        at = f", line {line}, in {where}" if line else ""
        raised = f"{path}{at}: {task.name} raised {sentence(error)}{called}"
        return blamed(Verdict(task.name, RAISED, (raised, *known_mistakes(task, trials))), function, unsound)
    return blamed(verdict(task, trials), function, unsound)


def blamed(told: Verdict, function: Any, unsound: Collection[str]) -> Verdict:
    """Add to a verdict which function is to be mended first, if the judged one calls such a one."""
    names = names_in(getattr(function, "__code__", None))
    first = next((name for name in unsound if name.rpartition(".")[2] in names), "")
    if told.passed or not first:
        return told
    return replace(told, text=(*told.text, f"It calls {first}, which did not pass: mend that first"))


def names_in(code: Any) -> set[str]:
    """Return the names that a piece of code uses, in its comprehensions and inner functions, too."""
    if not isinstance(code, CodeType):
        return set()
    return set(code.co_names).union(*map(names_in, code.co_consts))


def attempt(task: Task, function: Any, arguments: dict[str, Any]) -> Trial:
    """Call a function on copies of the arguments, and look at what it returned and did to them."""
    passed = {name: value.copy() if is_array(value) else value for name, value in arguments.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = function(*passed.values())
    several = len(task.parts) > 1
    answer = task.right(**arguments)
    right = tuple(answer) if several else (answer,)
    parts, form = read(task, result, right)
    written = [n for n, v in passed.items() if is_array(v) and not np.array_equal(v, arguments[n])]
    returned = result if isinstance(result, (tuple, list)) else (result,)
    shared = [
        n
        for n, v in passed.items()
        if is_array(v) and any(is_array(part) and np.may_share_memory(part, v) for part in returned)
    ]
    conduct = ""
    if written:
        conduct = (
            f"it writes to its argument {written[0]}, which belongs to the caller: "
            f"make a new array (x = x - y) where it updates one in place (x -= y)"
        )
    elif shared:
        conduct = (
            f"what it returns is its argument {shared[0]} or a view into it: "
            f"whoever changes one later changes the other; return a copy"
        )
    return Trial(arguments, parts, right, form, conduct)


def read(task: Task, result: Any, right: tuple[Any, ...]) -> tuple[tuple[Any, ...] | None, str]:
    """Return the parts of a result, and what is wrong with their form.

    Parts of a wrong shape are returned all the same, since the shape may tell the mistake.
    """
    if result is None:
        return None, "it returns None: is there a return in every branch?"
    if len(right) > 1 and not (isinstance(result, (tuple, list)) and len(result) == len(right)):
        found = f"{len(result)} values" if isinstance(result, (tuple, list)) else type(result).__name__
        return None, f"expected {len(right)} values, {', '.join(task.parts)}, found {found}"
    if len(right) == 1 and isinstance(result, tuple):
        return None, f"expected one value, found a tuple of {len(result)}"
    parts: list[Any] = []
    forms = []
    for name, part, expected in zip(task.parts, result if len(right) > 1 else (result,), right, strict=True):
        if isinstance(expected, str):
            if not isinstance(part, str):
                return None, f"{name}: expected a string, found {part!r}"
            parts.append(part)
            continue
        try:
            array = np.asarray(part)
        except ValueError:
            return None, f"{name}: expected an array, found a list of unequal parts"
        if array.dtype.kind not in "fiu":
            return None, f"{name}: expected an array of floats, found {type(part).__name__} ({array.dtype})"
        parts.append(array)
        if array.shape != np.shape(expected):
            forms.append(f"{name}: expected the shape {np.shape(expected)}, found {array.shape}")
        elif array.dtype.kind == "f" and array.dtype.itemsize < 8:
            forms.append(f"{name}: expected float64, as the arguments are, found {array.dtype}")
        elif not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            forms.append(f"{name}: {bad} of {array.size} entries are NaN or infinite")
    return tuple(parts), "; ".join(forms)


def verdict(task: Task, trials: list[Trial]) -> Verdict:
    """Put the verdict on all calls into words."""
    text = []
    conduct = next((trial.conduct for trial in trials if trial.conduct), "")
    if conduct:
        text.append(conduct)
    formless = next((trial for trial in trials if trial.form), None)
    if formless is not None:
        text.append(f"{formless.form}, for {describe(formless.arguments)}")
        hints = []
    else:
        errors = {identity: residuals(identity, trials) for identity in task.identities}
        failing = {identity: e for identity, e in errors.items() if not max(e) <= TOLERANCE}
        for identity, e in failing.items():
            worst = trials[int(np.argmax(e))].arguments
            count = sum(not error <= TOLERANCE for error in e)
            text.append(f"fails for {count} of {len(trials)} problems: {identity}")
            text.append(f"relative error {max(e):.2g}, for {describe(worst)}")
        hints = [identity.hint for identity in failing]
        if not text:
            largest = max(max(e) for e in errors.values())
            many = f"{len(errors)} identit{'ies' if len(errors) > 1 else 'y'} on {len(trials)} problems"
            return Verdict(task.name, PASSED, (f"{many}, largest relative error {largest:.1g}",))
    if formless is not None or hints:
        text += known_mistakes(task, trials) or [f"Hint: {hint}" for hint in hints[:1]]
    return Verdict(task.name, FAILED, tuple(text))


def known_mistakes(task: Task, trials: list[Trial]) -> list[str]:
    """Return a line for each typical mistake that these calls show."""
    calls = [(trial.arguments, trial.parts, trial.right) for trial in trials]
    return [f"Diagnosis: {words}" for words in diagnose(task, calls)]


def residuals(identity: Identity, trials: list[Trial]) -> list[float]:
    """Return the relative error of every call; one that is no number counts as infinite."""
    with np.errstate(all="ignore"):
        errors = [float(identity.residual(*(trial.parts or ()), **trial.arguments)) for trial in trials]
    return [error if np.isfinite(error) else np.inf for error in errors]


def accepts(function: Any, arguments: dict[str, Any]) -> bool:
    """Tell whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*arguments.values())
    except TypeError:
        return False
    return True


def describe(arguments: Mapping[str, Any]) -> str:
    """Name the arguments of a call: shapes of arrays, values of numbers and strings."""
    return ", ".join(
        f"{name} {value.shape}" if is_array(value) else f"{name} = {value}"
        for name, value in arguments.items()
        if not callable(value)
    )


def is_array(value: Array) -> bool:
    """Tell whether something is a NumPy array."""
    return isinstance(value, np.ndarray)
