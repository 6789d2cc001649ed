"""Runs as data: what a run may say, what its folder holds, and the demo."""

import json
import math
import os
import shutil
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import minprox as mp
from minprox.experiments import NETS, Run, execute, load, parse_solver
from minprox.experiments import demo as demonstration
from minprox.experiments.runs import build
from minprox.ground.blas import blas_threads, limit_blas_threads
from minprox.ground.environment import environment

quick = Run(data="blobs", architecture="2-10-3", epochs=3, dtype="float64")
FILES = ["checkpoint.npz", "config.json", "environment.json", "history.csv", "history.json"]


def columns(history):
    values = history.to_dict()
    del values["seconds"]
    return values


def test_defaults_depend_on_the_method_and_the_optimizer():
    explicit, implicit, adam = Run(), Run(method="proxprop"), Run(optimizer="adam")
    assert (explicit.tau, explicit.tau_theta, explicit.solver, explicit.momentum) == (0.05, None, None, 0.95)
    assert (implicit.tau, implicit.tau_theta, implicit.solver) == (1, 0.05, "exact")
    assert (adam.tau, adam.momentum) == (1e-3, None)
    assert (Run(optimizer="sgd").momentum, implicit.label) == (0, "proxprop exact")
    with pytest.raises(FrozenInstanceError):
        explicit.tau = 1.0


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        (
            {"data": "cats"},
            "data: expected one of digits, spirals, blobs, .*cifar10, mnist, fashion-mnist, found",
        ),
        ({"architecture": "64"}, "architecture: expected widths like 64-200-10"),
        ({"architecture": "64-0-10"}, "architecture: expected widths"),
        ({"architecture": "convnet", "data": "blobs"}, "'convnet' reads images, which blobs are not"),
        ({"activation": "step"}, "activation: expected one of relu"),
        ({"method": "newton"}, "method: expected one of backprop, proxprop"),
        ({"solver": "exact"}, "solver: only proxprop or .* has one"),
        ({"tau_theta": 0.1}, "tau_theta: only proxprop or .* has one"),
        ({"method": "proxprop", "solver": "cg0"}, "solver: expected exact, explicit, or cg or blockcg"),
        ({"method": "proxprop", "tau_theta": 0}, "tau_theta: expected a positive finite number, found 0"),
        ({"tau": math.inf}, "tau: expected a positive finite number"),
        ({"tau": "1"}, "tau: expected a positive finite number, found '1'"),
        ({"weight_decay": math.nan}, "weight_decay: expected a finite number of at least 0"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum: only sgd or nesterov has one"),
        ({"momentum": 1}, r"momentum: expected a number in \[0, 1\), found 1"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1, found 0"),
        ({"batch_size": 2.0}, "batch_size: expected an integer"),
        ({"seed": -1}, "seed: expected an integer of at least 0"),
        ({"dtype": "float16"}, "dtype: expected one of float32, float64"),
    ],
)
def test_a_run_that_makes_no_sense_cannot_be_made(fields, part):
    with pytest.raises(ValueError, match=part):
        Run(**fields)


@pytest.mark.parametrize(
    ("name", "solver"),
    [("exact", "Exact()"), ("explicit", "Explicit()"), ("cg12", "CG(12)"), ("blockcg3", "BlockCG(3)")],
)
def test_solvers_have_names(name, solver):
    assert repr(parse_solver(name)) == solver


def test_a_run_is_built_as_it_says():
    run = replace(quick, method="proxprop", solver="cg2", tau_theta=0.3, tau=0.5, momentum=0.8)
    parts = build(run)
    assert [theta.shape for theta in parts.net.parameters] == [(3, 10), (11, 3)]
    assert parts.net.dtype == parts.data.train.x.dtype == "float64"
    assert repr(parts.optimizer) == "SGD(lr=0.5, momentum=0.8, nesterov=True)"
    assert repr(parts.direction.keywords["solver"]) == "CG(2)"
    assert parts.direction.keywords["tau_theta"] == 0.3


@pytest.mark.parametrize("name", [name for name in NETS if not name.startswith("transformer")])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_named_net_fits_the_digits(name, activation):
    if not NETS[name].activation and activation == "tanh":
        with pytest.raises(ValueError, match="activation: only a net that reads it has one"):
            Run(architecture=name, activation=activation)
        return
    parts = build(Run(architecture=name, activation=activation if NETS[name].activation else None))
    output = mp.forward(parts.net, parts.data.test.x[:2]).output
    assert output.shape == (2, 10)
    assert activation in repr(parts.net).lower()


def test_widths_that_do_not_fit_the_data_are_told():
    with pytest.raises(ValueError, match="the data need 2 inputs and 3 outputs, like 2-200-3, found '2-4'"):
        build(replace(quick, architecture="2-4"))


# Folders


def test_a_folder_holds_the_records_of_its_run(tmp_path):
    history = execute(quick, tmp_path / "a" / "b")
    folder = tmp_path / "a" / "b"
    assert sorted(os.listdir(folder)) == FILES
    config = json.loads((folder / "config.json").read_text())
    assert {name: config[name] for name in quick.settings()} == quick.settings()
    found = json.loads((folder / "environment.json").read_text())
    assert (found["minprox"], found["numpy"]) == (mp.__version__, np.__version__)
    assert load(folder) == ("backprop", history)
    assert history.status == "finished"
    parts = build(quick)
    mp.load_parameters(parts.net, folder / "checkpoint.npz")
    assert mp.evaluate(parts.net, parts.data.train, parts.loss)[0] == history.train_loss[-1]


def test_the_environment_names_no_host_and_no_user(monkeypatch):
    monkeypatch.setenv("USER", "someone-special")
    text = json.dumps(environment())
    assert os.uname().nodename not in text
    assert "someone-special" not in text
    assert os.path.expanduser("~") + "/" not in text


def test_a_finished_run_is_not_run_again_unless_asked(tmp_path, monkeypatch):
    first = execute(quick, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("minprox.experiments.folder.carry_on", lambda *a, **k: pytest.fail("it was run"))
        assert execute(quick, tmp_path) == first
    again = execute(quick, tmp_path, resume=False)
    assert columns(again) == columns(first)
    assert again.seconds != first.seconds


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    longer = replace(quick, epochs=5)
    execute(quick, tmp_path / "part")
    execute(longer, tmp_path / "whole")
    shutil.copytree(tmp_path / "part", tmp_path / "none")
    (tmp_path / "none" / "checkpoint.npz").unlink()
    for name in ("part", "none"):
        assert columns(execute(longer, tmp_path / name)) == columns(load(tmp_path / "whole")[1])
        assert json.loads((tmp_path / name / "config.json").read_text())["epochs"] == 5


def test_a_diverged_run_is_a_result(tmp_path):
    wild = replace(quick, tau=1e200)
    history = execute(wild, tmp_path)
    assert history.status == "diverged"
    assert execute(wild, tmp_path).diverged_at == history.diverged_at
    assert "null" in (tmp_path / "history.json").read_text()


@pytest.mark.parametrize(
    ("change", "part"),
    [({"tau": 0.1}, "tau was 0.05 and is now 0.1"), ({"epochs": 2}, "epochs was 3 and is now 2")],
)
@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_belongs_to_one_configuration(tmp_path, change, part, resume):
    execute(quick, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(ValueError, match=f"other settings: {part}"):
        execute(replace(quick, **change), tmp_path, resume=resume)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before


def test_a_wrong_net_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="the data need"):
        execute(replace(quick, architecture="5-5"), tmp_path / "run")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["config.json", "history.json", "checkpoint.npz"])
def test_damaged_records_are_told_by_name(tmp_path, name):
    execute(quick, tmp_path)
    (tmp_path / name).write_text('{"format": ')
    if name == "checkpoint.npz":
        (tmp_path / "history.json").unlink()
    with pytest.raises(ValueError, match=name):
        execute(quick, tmp_path)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(ValueError, match="expected the folder of a run"):
        load(tmp_path)


# The demo


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    lines = []
    folder = tmp_path_factory.mktemp("demo")
    return demonstration.demo(folder, epochs=2, say=lines.append), lines, folder


def test_the_demo_compares_under_equal_conditions(outcome):
    runs = [run for run, _ in outcome[0].compared]
    assert [run.label for run in runs] == [
        "BackProp", "ProxProp cg3", "ProxProp cg5", "ProxProp cg10", "ProxProp exact",
    ]  # fmt: skip
    free = {"label", "method", "solver", "tau", "tau_theta"}
    for name in set(vars(runs[0])) - free:
        assert len({getattr(run, name) for run in runs}) == 1, name
    assert (runs[0].optimizer, runs[0].momentum) == ("nesterov", 0.95)
    assert len({(run.tau, run.tau_theta) for run in runs[1:]}) == 1


def test_the_demo_tunes_both_methods_on_one_grid_by_one_rule(outcome):
    result, lines, folder = outcome
    assert len(result.tuning) == 2 * len(demonstration.GRID)
    for candidates, chosen in (
        (demonstration.backprop_candidates(), result.compared[0]),
        (demonstration.proxprop_candidates(), result.compared[-1]),
    ):
        losses = [demonstration.final_loss(result.tuning[run.label]) for run in candidates]
        assert chosen[1].train_loss[-1] == min(losses)
    assert len([line for line in lines if "training loss" in line or "diverged" in line]) >= 13
    assert len(os.listdir(folder)) == 13


def test_the_demo_uses_one_blas_thread_and_restores_the_former_number(outcome):
    path = outcome[2] / "backprop-tau-0.1" / "environment.json"
    assert json.loads(path.read_text())["blas_threads"] in (1, None)
    before = blas_threads()
    with limit_blas_threads(1):
        assert blas_threads() in (1, None)
    assert blas_threads() == before


def test_the_demo_says_how_values_were_chosen(outcome):
    result, lines, _ = outcome
    values = ", ".join(f"{value:g}" for value in demonstration.GRID)
    assert any(values in line for line in lines)
    assert values in demonstration.caption(result)
    assert "batch size 200" in demonstration.title(result)


def history_of(loss, validation, test, seconds):
    history = mp.History(status="finished", test_loss=0.1, test_accuracy=test)
    history.append(
        epoch=1, train_loss=loss, train_accuracy=1.0, validation_loss=0.1,
        validation_accuracy=validation, batch_loss=loss, seconds=seconds,
    )  # fmt: skip
    return history


def test_the_verdict_says_who_wins_whoever_it_is():
    explicit, implicit = replace(quick, label="BackProp"), replace(quick, label="ProxProp exact")
    result = demonstration.Demo(
        {}, [(explicit, history_of(0.1, 0.9, 0.8, 2.0)), (implicit, history_of(0.2, 0.95, 0.8, 1.0))]
    )
    lines = demonstration.verdict(result, 200, 300).splitlines()
    assert lines[0] == "Training loss: BackProp has the lowest, 1.00e-01; ProxProp exact has 2.00e-01."
    assert lines[1].startswith("Validation accuracy: ProxProp exact has the highest, 95.0 %; BackProp has 90")
    assert lines[2].startswith("Test accuracy: BackProp and ProxProp exact share the highest, 80.0 %")
    assert lines[3].startswith("Training time: ProxProp exact has the shortest, 1.00 s")
    assert "2.1 points on the 200" in lines[4]


def test_a_diverged_candidate_never_wins():
    history = history_of(1e-9, 0.9, 0.9, 1.0)
    history.status = "diverged"
    assert demonstration.final_loss(history) == math.inf
