"""The table of methods: one entry is a method, and no other file knows a name."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.experiments import Experiment, Run, execute
from minprox.methods import METHODS, Method, add, looks

PACKAGE = Path(mp.__file__).parent


def sign(net, tape, loss, y):
    return [np.sign(g) for g in mp.backprop(net, tape, loss, y)]


def weighted(net, tape, loss, y, *, weight, rounds, kind):
    assert isinstance(rounds, int)
    return [weight * g for g in mp.backprop(net, tape, loss, y)]


@pytest.fixture
def own():
    """Two methods of one's own, for the time of a test."""
    before = dict(METHODS)
    add("sign", sign, label="Sign", tau=0.001)
    add(
        "weighted", weighted, label="Weighted", step="weight", symbol="λ",
        settings={"weight": 1.0, "rounds": 3, "kind": "plain"}, check=positive,
    )  # fmt: skip
    yield
    METHODS.clear()
    METHODS.update(before)


def positive(weight, **rest):
    if weight <= 0:
        raise ValueError(f"weight: expected a number above 0, found {weight}")


def compared(source):
    """Names of methods that a file compares, or looks up in a table."""
    for node in ast.walk(ast.parse(source)):
        parts = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = node.args if node.func.attr in ("get", "startswith", "endswith", "index") else []
        for part in parts:
            for leaf in ast.walk(part):
                if isinstance(leaf, ast.Constant) and leaf.value in ("backprop", "proxprop"):
                    yield node.lineno


def test_no_file_compares_the_name_of_a_method():
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "methods" and (lines := list(compared(path.read_text("utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    ['x = a == "backprop"', 'x = a in ("proxprop", "b")', 'x = T["proxprop"]', 'x = T.get("backprop", 0)'],
)
def test_a_planted_comparison_is_found(text):
    assert list(compared(text)) == [1]


def test_a_method_of_ones_own_is_one_entry(own, tmp_path):
    run = Run(method="sign", data="blobs", architecture="2-8-3", epochs=2)
    assert (run.tau, run.tau_theta, run.solver, run.label) == (0.001, None, None, "sign")
    history = execute(run, tmp_path)
    assert history.train_loss[-1] < 1.2
    assert json.loads((tmp_path / "config.json").read_text())["method"] == "sign"


def test_its_settings_are_options_of_the_run(own, tmp_path):
    run = Run(method="weighted", data="blobs", architecture="2-8-3", epochs=1, options={"weight": 2})
    assert dict(run.options) == {"weight": 2.0, "rounds": 3, "kind": "plain"}
    assert run.settings()["options"]["weight"] == 2.0
    assert Run().settings()["options"] == {}
    execute(run, tmp_path)
    with raises(ValueError, "options was"):
        execute(replace(run, options={"weight": 3.0}), tmp_path)
    half = replace(run, tau=0.1, options={"weight": 0.5})
    assert execute(half, tmp_path / "half").train_loss == pytest.approx(
        execute(Run(data="blobs", architecture="2-8-3", epochs=1, tau=0.05), tmp_path / "plain").train_loss,
        rel=1e-5,
    )


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"options": {"wieght": 1.0}}, "options: weighted reads weight, rounds, kind, found 'wieght'"),
        ({"options": {"weight": -1.0}}, "weight: expected a number above 0, found -1.0"),
        ({"options": {"weight": "1"}}, "weight: expected a number, found '1'"),
        ({"options": {"weight": float("nan")}}, "weight: expected a finite number, found nan"),
        ({"options": {"rounds": 2.5}}, "rounds: expected an integer, found 2.5"),
        ({"tau_theta": 0.1}, "has one, found 0.1"),
        ({"solver": "exact"}, "has one, found 'exact'"),
    ],
)
def test_a_setting_that_a_method_does_not_read_is_refused(own, fields, part):
    with raises(ValueError, part):
        Run(method="weighted", **fields)


def test_a_method_reads_no_options_unless_it_says_so():
    with raises(ValueError, "options: backprop reads none, found 'weight'"):
        Run(options={"weight": 1})
    assert Run(method="proxprop", options={}).options == ()


def test_a_comparison_of_step_sizes_varies_what_the_method_says(own):
    base = Run(data="blobs", architecture="2-8-3", epochs=1)
    methods = {
        "a": replace(base, label="Weighted", method="weighted"),
        "b": replace(base, label="Sign", method="sign", tau=None),
    }
    runs = Experiment(name="steps", title="", methods=methods, steps=(0.5, 2.0)).runs
    assert list(runs) == ["seed-0/a-weight-0.5", "seed-0/a-weight-2", "seed-0/b-tau-0.5", "seed-0/b-tau-2"]
    assert dict(runs["seed-0/a-weight-2"].options)["weight"] == 2.0
    assert runs["seed-0/a-weight-2"].label == "Weighted, λ = 2"


def test_a_name_belongs_to_one_method(own):
    assert add("sign", sign, label="Sign again").label == "Sign again"  # a cell that is run again
    with raises(ValueError, "the method 'sign' is there already"):
        add("sign", weighted)
    with raises(ValueError, "step: expected one of tau, found 'weight'"):
        Method(direction=sign, label="Sign", step="weight")
    with raises(TypeError, "direction: expected something to call, found None"):
        Method(direction=None, label="None")
    with raises(TypeError, "ProxProp: expected solver, tau_theta, found 'tau'"):
        METHODS["proxprop"].bind(tau=1.0)


def test_bound_directions_are_those_of_the_face():
    net, data = mp.Sequential(mp.Linear(2, 5), mp.Tanh(), mp.Linear(5, 3), seed=0), mp.datasets.blobs()
    tape, loss, y = mp.forward(net, data.test.x), mp.CrossEntropy(), data.test.y
    implicit = METHODS["proxprop"].bind(tau_theta=0.3, solver=mp.CG(2))
    for found, expected in (
        (METHODS["backprop"].bind(), mp.backprop(net, tape, loss, y)),
        (implicit, mp.proxprop(net, tape, loss, y, tau_theta=0.3, solver=mp.CG(2))),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(found(net, tape, loss, y), expected, strict=True))


def test_every_method_has_a_look_of_its_own(own):
    curves = [
        ("backprop", ""),
        ("proxprop", "blockcg3"),
        ("proxprop", "cg10"),
        ("sign", ""),
        ("weighted", ""),
    ]
    found = looks(curves)
    assert found[:3] == [1, 2, 3]
    assert len(set(found)) == 5
    assert found[3:] == looks(curves[3:])  # whatever stands beside
    assert len({mp.figures.look(n, 5)["color"] for n in found}) == 5
    assert looks([("proxprop", "exact")] * 3) == [0, 1, 2]  # what differs otherwise gets what is left
    assert looks([("", "")] * 3) == sorted(set(looks([("", "")] * 3)))
