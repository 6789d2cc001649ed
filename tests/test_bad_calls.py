"""Arguments that make no sense end in one sentence that names them, whatever is called."""

import os
import resource
import time
import types
import zlib

import bad_calls
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import walked
from bad_calls import Call, Kind, fault, outcome, replacements, trial

import minprox as mp

CALLS = walked.calls()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Let files that a call writes go into a folder of their own, and no call have all memory."""
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def walk(name, call, count, seed=0):
    """Make so many bad calls of a function; return how many there were, and what is wrong with some."""
    found, made = [], 0

    @hypothesis.seed(zlib.crc32(f"{name} {seed}".encode()))
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def some(data):
        nonlocal made
        bad, made = data.draw(replacements(call)), made + 1
        if wrong := trial(call, bad):
            found.append(
                f"{name}({', '.join(f'{key}={told(value)}' for key, value in bad.items())}): {wrong}"
            )

    some()
    return made, found


def told(value):
    try:
        return " ".join(repr(value).split())[:80]
    except RuntimeError:
        return "an object without a repr"


def check(count, names):
    made, found = 0, []
    for name in names:
        calls, wrong = walk(name, CALLS[name], count)
        made, found = made + calls, found + wrong
    assert not found, "\n".join([f"{len(found)} of {made}", *found[:40]])
    return made


def test_a_few_bad_calls():
    """One of every function: the long walk below makes some fifty."""
    assert check(1, CALLS) == len(CALLS)


@pytest.mark.slow
def test_ten_thousand_bad_calls():
    assert check(48, CALLS) >= 10_000


@pytest.mark.parametrize("name", sorted(set(CALLS) - walked.FAILING))
def test_good_calls_succeed(name):
    call = CALLS[name]
    assert outcome(call.function, call.good()) == "done"


@pytest.mark.slow
def test_good_values_of_every_kind_succeed():
    """What a kind calls fine is accepted wherever it stands."""
    made, found = 0, []
    for name, call in CALLS.items():
        for argument, kind in call.kinds.items():
            if kind.fine is None or (name, argument) in NARROWER or name in walked.FAILING:
                continue
            for value in drawn(kind.fine, 5):
                made += 1
                if (result := outcome(call.function, call.good() | {argument: value})) != "done":
                    found.append(f"{name}({argument}={told(value)}): {result or 'refused'}")
    assert not found, "\n".join([f"{len(found)} of {made}", *found])
    assert made > 500


def drawn(strategy, count):
    """Return so many values of a strategy, always the same."""
    values = []

    @hypothesis.seed(0)
    @hypothesis.settings(max_examples=count, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(strategy)
    def one(value):
        values.append(value)

    one()
    return values


NARROWER = {  # by function and argument: where not all that is fine elsewhere is fine
    *((f"datasets.from_{source}", part) for source in ("arrays", "csv") for part in ("validation", "test")),
    *(("datasets.from_csv", "header"), ("datasets.two_spirals", "turns"), ("layers.ELU", "alpha")),
    *(("datasets.TwoNormals", "distance"), ("datasets.TwoNormals", "condition"), ("SGD", "momentum")),
    *(("theory.sharpness", "tolerance"), ("theory.SharpnessWatch", "tolerance"), ("use", "tf32")),
    *((f"methods.spauc.{name}", "step") for name in ("SPAUC", "SPAM", "SOLAM", "PairwiseSGD")),
    *(("check_step", "tau_theta"), ("layers.BatchNorm", "momentum")),
}


def test_everything_public_is_walked_or_excepted_with_a_reason():
    public = dict(walked.public())
    known = {id(getattr(call.function, "__wrapped__", call.function)) for call in CALLS.values()}
    missing = [
        name
        for name, function in public.items()
        if not walked.excepted(name) and name not in CALLS and not walked.walked_elsewhere(function)
    ]
    assert not missing, f"walk these in tests/walked.py, or say there why not: {missing}"
    assert len(known) > 200
    unknown = [
        name for name in walked.EXCEPT if not any(n == name or n.startswith(f"{name}.") for n in public)
    ]
    assert not unknown, f"excepted, but not public any more: {unknown}"


# The judge must not be fooled


def planted(name):
    """A module of its own whose functions do what none of ours may."""
    module = types.ModuleType("planted")
    source = (
        "def inner(x):\n    return x.shape[0]\n"
        "def foreign(x):\n    import json\n    return json.loads('{') if x is not None else 0\n"
        "def anything(x):\n    return 0\n"
        "def hangs(x):\n    while True:\n        pass\n"
        "def mute(x):\n    raise ValueError('')\n"
        "def raw(x):\n    raise ValueError(f'x: found {x}')\n"
        "def again(x):\n    try:\n        return x.shape\n    except AttributeError:\n        raise\n"
        "def strange(x):\n    raise ZeroDivisionError('x: expected an array')\n"
        "def told(x):\n    raise TypeError(f'x: expected an array, found {type(x).__name__}')\n"
    )
    path = os.path.abspath("planted.py")
    with open(path, "w") as file:
        file.write(source)
    exec(compile(source, path, "exec"), vars(module))
    return getattr(module, name), os.path.dirname(path)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("inner", None, "obscure, of an inner line"),
        ("foreign", 1, "foreign"),
        ("hangs", 1, "hangs"),
        ("mute", 1, "obscure, no sentence"),
        ("raw", "\x1b[31m", "obscure, no sentence"),
        ("again", None, "obscure, of an inner line"),
        ("strange", None, "obscure, of a wrong kind"),
        ("anything", None, "accepted: x"),
    ],
)
def test_planted_faults_are_found(name, value, found):
    function, package = planted(name)
    call = Call(function, lambda: {"x": np.ones(2)}, {"x": bad_calls.floats})
    start = time.monotonic()
    assert trial(call, {"x": value}, seconds=0.2, package=package).startswith(found)
    assert time.monotonic() - start < 10


def test_a_good_sentence_passes():
    function, package = planted("told")
    call = Call(function, lambda: {"x": np.ones(2)}, {"x": bad_calls.floats})
    assert trial(call, {"x": None}, package=package) == ""


def test_a_walk_finds_a_function_without_a_door():
    """Also among values that are drawn, and not only those chosen here."""
    function, package = planted("inner")
    found = set()

    @hypothesis.seed(0)
    @hypothesis.settings(max_examples=60, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(st.data())
    def some(data):
        call = Call(function, lambda: {"x": np.ones(2)}, {"x": bad_calls.floats})
        found.add(trial(call, data.draw(replacements(call)), package=package).partition(":")[0])

    some()
    assert {"obscure, of an inner line", "accepted"} <= found


def test_what_the_system_says_of_a_file_is_a_sentence(tmp_path):
    with pytest.raises(OSError, match="none") as caught:
        (tmp_path / "none").read_text()
    assert fault(caught.value) == ""


def test_kinds_know_what_fits():
    assert bad_calls.count.fits(3, 1)
    assert not any(bad_calls.count.fits(value, 1) for value in (0, True, 2.0, 2**40, None, "3"))
    assert not any(
        bad_calls.positive.fits(value, 1) for value in (0, -1, np.nan, np.inf, True, "1", 1j, None)
    )
    assert bad_calls.floats.fits(np.ones((2, 3)), np.ones((2, 3)))
    for value in (np.ones((3, 2)), np.ones((2, 3), int), np.ma.ones((2, 3)), np.ones((2, 3)).tolist()):
        assert not bad_calls.floats.fits(value, np.ones((2, 3)))
    assert isinstance(bad_calls.text, Kind)
    assert mp.__version__
