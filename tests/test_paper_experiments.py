"""The paper's experiments: declared as in the paper, run safely, drawn honestly."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import raises
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minprox as mp
from minprox.cli import main
from minprox.experiments import EXPERIMENTS, X1, X2, X3, Processes, execute, quick, recall, run, series, table
from minprox.experiments import folder as folder_module
from minprox.experiments.experiment import short
from minprox.experiments.presets import PRESETS, QUICK, SMALL, resized, small
from minprox.experiments.results import deviations, results
from minprox.experiments.runs import Run, build
from minprox.experiments.tables import final, number
from minprox.figures.bands import over_seeds
from minprox.figures.paper import luminance
from minprox.ground.files import locked, write_json

STEPS = (50, 10, 5, 1, 0.5, 0.1, 0.05, 0.005, 0.0005)
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}

PAPER = {"x1": X1, "x2": X2, "x3": X3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Each whole quick preset, run once in two processes: folder and histories by name."""
    found = {}
    for name, experiment in PAPER.items():
        folder = tmp_path_factory.mktemp("quick") / name
        with Processes(2) as pool:
            found[name] = folder, run(quick(experiment), folder, pool)
    return found


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return left.value.code, *capsys.readouterr()

    return run


def columns(history):
    values = history.to_dict()
    del values["seconds"]
    return repr(values)  # as text, since NaN ≠ NaN


def record(losses, diverged_at=None, status=None, accuracy=0.5):
    ended = "diverged" if diverged_at else "finished"
    history = mp.History(status=status or ended, diverged_at=diverged_at, test_loss=1.0, test_accuracy=0.5)
    for epoch, loss in enumerate(losses, 1):
        history.append(
            epoch=epoch, train_loss=loss, train_accuracy=accuracy, validation_loss=loss,
            validation_accuracy=accuracy, batch_loss=loss, seconds=2.0 * epoch,
        )  # fmt: skip
    return history


def pretend(experiment, folder, history):
    """Fill the folder of an experiment as if it had been run: ``history(name)`` gives its records."""
    for name, member in experiment.runs.items():
        (folder / name).mkdir(parents=True)
        write_json(
            folder / name / "config.json",
            {"format": "minprox run 1", "label": member.label, **member.settings()},
        )
        history(name).save(folder / name / "history.json")
    write_json(
        folder / "experiment.json",
        {"format": series.FORMAT, "name": experiment.name, "preset": experiment.preset},
    )


# What is declared


@pytest.mark.parametrize("experiment", [X1, X2])
def test_the_mlp_is_trained_as_in_the_paper(experiment):
    for member in experiment.runs.values():
        assert (member.data, member.architecture, member.activation) == ("cifar10", "paper-mlp", "relu")
        assert (member.optimizer, member.momentum, member.weight_decay) == ("nesterov", 0.95, 0)
        assert (member.epochs, member.batch_size, member.dtype) == (50, 500, "float32")


def test_x1_is_as_in_the_paper():
    told = {
        key: (run.label, run.method, run.solver, run.tau, run.tau_theta) for key, run in X1.methods.items()
    }
    assert told == {
        "backprop": ("BackProp", "backprop", None, 0.05, None),
        "cg3": ("ProxProp cg3", "proxprop", "blockcg3", 1, 0.05),
        "cg5": ("ProxProp cg5", "proxprop", "blockcg5", 1, 0.05),
        "cg10": ("ProxProp cg10", "proxprop", "blockcg10", 1, 0.05),
        "exact": ("ProxProp exact", "proxprop", "exact", 1, 0.05),
    }
    assert list(X1.runs) == [f"seed-0/{key}" for key in told]
    assert X1.panels == (
        ("epoch", "train_loss"), ("seconds", "train_loss"), ("epoch", "validation_accuracy"),
    )  # fmt: skip


def test_x2_is_as_in_the_paper():
    told = [(run.method, run.solver, run.tau, run.tau_theta) for run in X2.runs.values()]
    assert told == [("backprop", None, step, None) for step in STEPS] + [
        ("proxprop", solver, 1, step)
        for solver in ("blockcg1", "blockcg3", "blockcg5", "exact")
        for step in STEPS
    ]
    names = list(X2.runs)
    assert (names[0], names[-1]) == ("seed-0/backprop-tau-50", "seed-0/exact-tau-theta-0.0005")
    assert X2.runs["seed-0/cg1-tau-theta-0.5"].label == "ProxProp cg1, τ_θ = 0.5"
    assert len(names) == 45


def test_x3_is_as_in_the_paper():
    told = {key: (run.method, run.solver, run.tau, run.tau_theta) for key, run in X3.methods.items()}
    assert told == {
        "backprop": ("backprop", None, 1e-3, None),
        "cg3": ("proxprop", "cg3", 1e-3, 1),
        "cg10": ("proxprop", "cg10", 1e-3, 1),
        "exact": ("proxprop", "exact", 1e-3, 1),
    }
    for member in X3.runs.values():
        assert (member.data, member.architecture, member.optimizer) == ("cifar10", "paper-convnet", "adam")
        assert (member.epochs, member.batch_size) == (50, 500)
    optimizer = build(quick(X3).runs["seed-0/cg3"]).optimizer
    assert (optimizer.betas, optimizer.eps) == ((0.9, 0.999), 1e-8)
    assert X3.panels == (
        ("epoch", "train_loss"), ("seconds", "train_loss"),
        ("epoch", "validation_accuracy"), ("seconds", "validation_accuracy"),
    )  # fmt: skip


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize(("preset", "sizes"), [("quick", QUICK), ("small", SMALL)])
def test_a_preset_changes_nothing_but_sizes(name, preset, sizes):
    paper, small = PAPER[name], PRESETS[preset](PAPER[name])
    assert (list(paper.runs), small.preset, small.blas_threads) == (list(small.runs), preset, 1)
    for one, other in zip(paper.runs.values(), small.runs.values(), strict=True):
        differing = {key for key, value in one.settings().items() if other.settings()[key] != value}
        assert differing <= {"data", "architecture", "epochs", "batch_size", "train_samples"}
        assert one.label == other.label
        assert {key: getattr(other, key) for key in sizes[name]} == sizes[name]


def test_a_run_may_train_on_the_first_samples_only():
    member = quick(X1).runs["seed-0/exact"]
    whole, part = build(member).data, build(replace(member, train_samples=300)).data
    assert len(part.train) == 300
    assert np.array_equal(part.train.x, whole.train.x[:300])
    assert np.array_equal(part.train.y, whole.train.y[:300])
    assert (len(part.validation), len(part.test)) == (len(whole.validation), len(whole.test))
    with raises(ValueError, "train_samples: digits has 1297 to train on, found 1298"):
        build(replace(member, train_samples=1298))
    with raises(ValueError, "train_samples: expected an integer of at least 1, found 0"):
        replace(member, train_samples=0)


# What is selected


def test_a_part_keeps_the_order_of_the_whole():
    part = X2.select(methods=["exact", "cg1"], epochs=3, seeds=[2, 0, 2], tau_theta=[0.5])
    assert list(part.runs) == [
        f"seed-{s}/{m}-tau-theta-0.5" for s in (2, 0) for m in ("cg1", "exact")
    ]  # fmt: skip
    assert {run.epochs for run in part.runs.values()} == {3}
    assert [run.seed for run in part.runs.values()] == [2, 2, 0, 0]


@pytest.mark.parametrize(
    ("choice", "part"),
    [
        ({"methods": ["cg4"]}, "methods: x1 has backprop, cg3, cg5, cg10, exact, found 'cg4'"),
        ({"methods": []}, "methods: expected one value or more, found none"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1, found 0"),
        ({"seeds": []}, "seeds: expected one value or more"),
        ({"seeds": [0, -1]}, "seed: expected an integer of at least 0, found -1"),
        ({"tau_theta": [1.0]}, "tau_theta: x1 has one value for all runs"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(choice, part):
    with raises(ValueError, part):
        X1.select(**choice)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_step_sizes_are_positive(wrong):
    with raises(ValueError, "expected a positive finite number"):
        X2.select(tau_theta=[1.0, wrong])


def test_names_of_folders_tell_step_sizes_apart():
    steps = [0.1, 0.1 + 1e-12, 1e-9, 3.0]
    assert [float(short(step)) for step in steps] == steps
    assert len(X2.select(methods=["cg1"], tau_theta=steps).runs) == 4


# What is run


@pytest.mark.parametrize("name", PAPER)
def test_the_quick_presets_run_to_their_end(folders, name):
    folder, histories = folders[name]
    members = quick(PAPER[name]).runs
    assert list(histories) == list(members)
    for key, history in histories.items():
        assert history.status in ("finished", "diverged")
        assert len(history) == members[key].epochs or history.diverged_at
        assert json.loads((folder / key / "environment.json").read_text())["blas_threads"] in (1, None)


def test_the_quick_presets_show_what_the_paper_says(folders):
    x1, x2, x3 = (folders[name][1] for name in PAPER)
    for key in ("cg3", "cg5", "cg10", "exact"):
        assert x1[f"seed-0/{key}"].train_loss[-1] < x1["seed-0/backprop"].train_loss[-1] / 2
    explicit = [x2[f"seed-0/backprop-tau-{step:g}"] for step in STEPS[:5]]
    assert all(h.diverged_at or h.train_loss[-1] > 1 for h in explicit)  # above 0.1 it trains no more
    implicit = [x2[f"seed-0/cg1-tau-theta-{step:g}"].train_loss[-1] for step in STEPS]
    assert max(implicit) < 0.5
    assert x3["seed-0/cg3"].train_loss[-1] < x3["seed-0/backprop"].train_loss[-1]


def test_what_is_finished_is_not_run_again_unless_asked(folders, tmp_path, monkeypatch):
    folder, histories = folders["x1"]
    with monkeypatch.context() as patch:
        patch.setattr(series, "execute", lambda *a, **k: pytest.fail("it was run"))
        again = run(quick(X1), folder)
        assert {name: columns(h) for name, h in again.items()} == {
            name: columns(h) for name, h in histories.items()
        }
    part, lines = quick(X1).select(methods=["backprop"], epochs=1), []
    first = run(part, tmp_path, say=lines.append)
    assert lines[0].startswith("[1/1] seed-0/backprop: training loss ")
    assert run(part, tmp_path)["seed-0/backprop"].seconds == first["seed-0/backprop"].seconds
    fresh = run(part, tmp_path, resume=False)["seed-0/backprop"]
    assert fresh.seconds != first["seed-0/backprop"].seconds
    assert columns(fresh) == columns(first["seed-0/backprop"])


def test_an_experiment_can_grow(tmp_path):
    small = quick(X1).select(methods=["backprop"], epochs=1)
    run(small, tmp_path)
    grown = run(small.select(epochs=2, seeds=[0, 1]), tmp_path)
    assert {name: len(h) for name, h in grown.items()} == {"seed-0/backprop": 2, "seed-1/backprop": 2}


def test_every_executor_gives_the_same_bits(tmp_path):
    part = quick(X1).select(methods=["backprop", "cg3", "exact"], epochs=2)
    expected = {name: columns(history) for name, history in run(part, tmp_path / "here").items()}
    for name, pool in {"threads": ThreadPoolExecutor(2), "processes": Processes(2)}.items():
        with pool:
            found = run(part, tmp_path / name, pool)
        assert {key: columns(history) for key, history in found.items()} == expected
        assert list(found) == list(expected)


@pytest.mark.filterwarnings("ignore")
def test_dask_is_an_executor_too(tmp_path):
    distributed = pytest.importorskip("distributed")
    part = quick(X1).select(methods=["backprop", "exact"], epochs=2)
    expected = {name: columns(history) for name, history in run(part, tmp_path / "here").items()}
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        found = run(part, tmp_path / "dask", client.get_executor())
    assert {name: columns(history) for name, history in found.items()} == expected


class Stop(Exception):
    pass


def test_a_failure_ends_the_rest(tmp_path):
    def stop(line):
        raise Stop

    part = quick(X2).select(methods=["exact"], epochs=60)
    start = time.monotonic()
    for name, pool in {"threads": ThreadPoolExecutor(1), "processes": Processes(2)}.items():
        few = part.select(tau_theta=[50.0, 0.1, 0.05, 0.01, 0.02, 0.03])  # the first one diverges soon
        with pytest.raises(Stop), pool:
            run(few, tmp_path / name, pool, say=stop)
        assert len(list((tmp_path / name).glob("seed-0/*"))) < 6
    assert time.monotonic() - start < 60


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_is_told():
    with pytest.raises(BrokenExecutor), Processes(1) as pool:
        pool.submit(os.kill, pool.submit(os.getpid).result(), signal.SIGKILL).result()


def test_a_folder_belongs_to_one_experiment_and_one_preset(tmp_path):
    part = quick(X1).select(methods=["backprop"], epochs=1)
    run(part, tmp_path)
    for other, text in ((quick(X2), "the preset quick of x2"), (X1, "the preset paper of x1")):
        with raises(ValueError, f"expected {text}, found the preset quick of x1"):
            run(other, tmp_path)
    with raises(ValueError, "other settings: batch_size was 100 and is now 7"):
        run(replace(part, methods={"backprop": replace(part.methods["backprop"], batch_size=7)}), tmp_path)
    (tmp_path / "experiment.json").write_text("[]")
    with raises(ValueError, "experiment.json: expected the name of an experiment"):
        run(part, tmp_path)


def test_a_new_start_that_was_interrupted_goes_on_as_a_new_start(tmp_path):
    part = quick(X1).select(methods=["backprop", "cg3"], epochs=1)
    run(part, tmp_path)
    stamps = {name: (tmp_path / name / "history.json").stat().st_mtime_ns for name in part.runs}

    def interrupted(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(part, tmp_path, resume=False, say=interrupted)  # after the first of the two
    told = []
    run(part, tmp_path, say=told.append)
    assert [line.split()[1] for line in told] == ["seed-0/cg3:"]
    assert all((tmp_path / name / "history.json").stat().st_mtime_ns > stamps[name] for name in stamps)


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks on folders")
def test_a_folder_is_for_one_process_at_a_time(tmp_path, monkeypatch):
    member = quick(X1).select(epochs=1).runs["seed-0/backprop"]
    monkeypatch.setattr(folder_module, "locked", partial(locked, patience=0.1))
    with locked(tmp_path), raises(BlockingIOError, f"{tmp_path}: another process is at work here"):
        execute(member, tmp_path)
    assert os.listdir(tmp_path) == []
    assert execute(member, tmp_path).status == "finished"


def test_a_backend_that_is_not_there_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with raises(ImportError, "the cupy backend needs CuPy, which is not installed"):
        run(quick(X1), tmp_path / "x1", backend="cupy")
    assert os.listdir(tmp_path) == []


def test_a_folder_keeps_what_its_data_are_called(tmp_path):
    part = quick(X1).select(methods=["backprop"], epochs=1)

    def title():
        return mp.figures.experiment(X1, tmp_path).legends[0].get_title().get_text().split("\n")[1]

    run(part, tmp_path)
    assert title().startswith("Digits, ")
    for name in ("Digits (rescanned)", None):  # it is told once
        run(part, tmp_path, data_name=name)
        assert title().startswith("Digits (rescanned), ")


def test_a_mistake_leaves_no_folder(tmp_path):
    with raises(ValueError, "data folder: only cifar10, mnist, fashion-mnist lie in one, found 'digits'"):
        run(quick(X1), tmp_path / "x1", data_folder=tmp_path)
    assert os.listdir(tmp_path) == []


# Killed and interrupted


def command(out, jobs, epochs=30):
    return [
        *(sys.executable, "-m", "minprox", "run", "x1", "--preset", "quick", "--out", str(out)),
        *("--methods", "backprop,cg3,exact", "--epochs", str(epochs), "--jobs", str(jobs)),
    ]


def recorded(out):
    return sum(len(path.read_text().splitlines()) - 1 for path in out.glob("*/*/history.csv"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_an_experiment_that_is_killed_ten_times_ends_with_the_same_bits(tmp_path):
    out, moments = tmp_path / "killed", random.Random(0)
    for attempt in range(10):
        before, deadline = recorded(out), time.monotonic() + 60
        process = subprocess.Popen(
            command(out, jobs=1 + attempt % 2), env=ENVIRONMENT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while recorded(out) <= before and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.12))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    part = quick(X1).select(methods=["backprop", "cg3", "exact"], epochs=30)
    assert 10 <= recorded(out) < 90
    time.sleep(0.2)  # processes follow the one that started them, but not within the same instant
    resumed, undisturbed = run(part, out), run(part, tmp_path / "undisturbed")
    for name, history in undisturbed.items():
        assert len(history) == 30
        assert columns(resumed[name]) == columns(history)
        assert not list((out / name).glob(".*.part"))


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_is_one_line_and_ends_every_process(tmp_path, jobs, interruptible):
    out = tmp_path / "x1"
    process = subprocess.Popen(
        command(out, jobs, epochs=100_000), env=ENVIRONMENT, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while recorded(out) < 2 * jobs and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "minprox: interrupted\n")
    rows = recorded(out)
    time.sleep(0.3)
    assert recorded(out) == rows


# Tables


def test_the_table_of_x2_has_a_column_for_each_step(folders):
    head, _, *rows = table(X2, folders["x2"][0]).splitlines()
    assert head.split()[-9:] == [short(float(step)) for step in sorted(STEPS)]
    assert [row[:14].strip() for row in rows] == [
        "BackProp", "ProxProp cg1", "ProxProp cg3", "ProxProp cg5", "ProxProp exact",
    ]  # fmt: skip
    assert rows[0].split()[-1] == "diverged"
    loss = folders["x2"][1]["seed-0/cg1-tau-theta-50"].train_loss[-1]
    assert float(rows[1].split()[-1]) == pytest.approx(loss, rel=0.06)


def test_the_table_of_x1_has_losses_accuracies_and_times(folders):
    head, _, *rows = table(X1, folders["x1"][0]).splitlines()
    assert " ".join(head.split()) == "method runs τ τ_θ training loss validation test seconds"
    assert len(rows) == 5
    assert rows[1].startswith("ProxProp cg3       1     1  0.05")


def test_the_median_counts_a_diverged_run_as_the_worst(tmp_path):
    ends = {0: record([1.0, 0.25]), 1: record([1.0, math.nan], 2), 2: record([1.0, 0.5])}
    part = X2.select(methods=["backprop", "cg1"], seeds=range(3), tau_theta=[0.5, 5.0])
    waiting, lost = record([1.0], status="running"), record([9.0, math.inf], 2)

    def history(name):
        seed = int(name[5])
        if name.endswith("cg1-tau-theta-5"):
            return waiting
        return lost if name.endswith("tau-5") and seed else ends[seed]

    pretend(part, tmp_path, history)
    found = results(X2, tmp_path)
    cells = [r for r in found if (r.method, r.step) == ("backprop", 0.5)]
    assert (final(cells), len(cells)) == ((0.5, 1, 3), 3)
    text = table(X2, tmp_path)
    assert text.count("0.50 (1/3 diverged)") == 2
    assert "diverged 2/3" in text
    assert "unfinished" in text
    figure = mp.figures.experiment(X2, tmp_path)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["0.50\n(1 of 3 div.)", "diverged\n2 of 3", "0.50\n(1 of 3 div.)", "unfinished"]
    caption = figure.get_supxlabel()
    assert "Median of 3 seeds." in caption
    assert "Runs that have not come to their end: 3, the furthest at epoch 1." in caption
    check_layout(figure)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (2.5e-4, "2.5e-04"), (0.1, "0.10"), (2.31, "2.3"), (37.0, "37"), (123.4, "123"),
     (1.1e6, "1.1e+06")],
)  # fmt: skip
def test_losses_are_written_with_two_digits(value, text):
    assert number(value) == text


# Figures


def check_layout(figure):
    """Nothing is cut off, and the text around the panels does not run into them."""
    FigureCanvasAgg(figure).draw()
    inside, boxes = figure.bbox, [panel.get_tightbbox() for panel in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    boxes += [text.get_window_extent() for text in (figure._suptitle, figure._supxlabel) if text is not None]
    for place, box in enumerate(boxes):
        assert inside.x0 - 1 <= box.x0 < box.x1 <= inside.x1 + 1
        assert inside.y0 - 1 <= box.y0 < box.y1 <= inside.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


@pytest.mark.parametrize("name", ["x1", "x3"])
def test_curves_have_the_panels_of_the_paper(folders, name):
    experiment, (folder, histories) = PAPER[name], folders[name]
    figure = mp.figures.experiment(experiment, folder)
    told = [(panel.get_xlabel(), panel.get_ylabel(), panel.get_yscale()) for panel in figure.axes]
    loss, accuracy = ("training loss", "log"), ("validation accuracy (%)", "linear")
    panels = [("epoch", *loss), ("training time (s)", *loss), ("epoch", *accuracy)]
    assert told == panels + [("training time (s)", *accuracy)] * (name == "x3")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        run.label for run in experiment.methods.values()
    ]
    for line, history in zip(figure.axes[1].lines, histories.values(), strict=True):
        assert (list(line.get_xdata()), list(line.get_ydata())) == (history.seconds, history.train_loss)
    title = figure.legends[0].get_title().get_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Not the paper's settings: data digits instead of cifar10" in title
    assert f"epochs {QUICK[name]['epochs']} instead of 50" in title.replace("\n", " ")
    assert ("(BlockCG)" if name == "x1" else "(CG)") in figure.get_supxlabel()
    check_layout(figure)


def test_a_method_looks_the_same_in_every_figure(folders, tmp_path):
    pretend(X1.select(methods=["exact"]), tmp_path, lambda name: record([1.0, 0.5]))
    figures = [mp.figures.experiment(e, f) for e, f in ((X1, folders["x1"][0]), (X1, tmp_path))]
    figures.append(mp.figures.experiment(X3, folders["x3"][0]))
    assert len({figure.axes[0].lines[-1].get_color() for figure in figures}) == 1
    assert len({line.get_color() for line in figures[0].axes[0].lines}) == 5


@pytest.mark.parametrize("name", PAPER)
def test_what_the_paper_ran_is_not_said_to_differ(tmp_path, name):
    experiment = PAPER[name].select(seeds=[0, 1])
    pretend(experiment, tmp_path, lambda name: record([2.0, 1.0]))
    assert deviations(experiment, results(experiment, tmp_path)) == []
    figure = mp.figures.experiment(experiment, tmp_path)
    title = figure.get_suptitle() or figure.legends[0].get_title().get_text()
    assert title.startswith(PAPER[name].title + "\nCIFAR-10, ")
    assert title.endswith("batch size 500, 50 epochs")
    check_layout(figure)


def test_every_setting_that_differs_is_told(tmp_path):
    changed = {
        key: replace(run, weight_decay=1e-4, epochs=3, **({"tau_theta": 0.1} if key == "cg3" else {}))
        for key, run in X1.methods.items()
    }
    pretend(replace(X1, methods=changed), tmp_path, lambda name: record([2.0]))
    assert set(deviations(X1, results(X1, tmp_path))) == {
        "weight decay 0.0001 instead of 0", "epochs 3 instead of 50", "τ_θ 0.1 instead of 0.05",
    }  # fmt: skip
    assert "τ_θ\N{NO-BREAK SPACE}0.1" in mp.figures.experiment(X1, tmp_path).legends[0].get_title().get_text()
    assert mp.figures.experiment(X1, tmp_path, "T").legends[0].get_title().get_text() == "T"


def test_the_heat_map_colours_numbers_and_marks_what_diverged(folders):
    folder, histories = folders["x2"]
    figure = mp.figures.experiment(X2, folder)
    panel, bar = figure.axes
    words, patches = [text.get_text() for text in panel.texts], panel.patches
    assert len(words) == len(patches) == 45
    assert [label.get_text() for label in panel.get_xticklabels()] == [short(float(s)) for s in STEPS[::-1]]
    assert [label.get_text() for label in panel.get_yticklabels()][::4] == ["BackProp", "ProxProp exact"]
    members = [
        histories[name] for key in X2.methods for name in reversed(X2.select(methods=[key]).runs)
    ]  # row by row, small steps first
    assert any(h.diverged_at for h in members)
    for word, patch, history in zip(words, patches, members, strict=True):
        assert bool(patch.get_hatch()) == (word == "diverged") == (history.diverged_at is not None)
        assert (patch.get_facecolor()[:3] == (1, 1, 1)) == (word == "diverged")
        if word != "diverged":
            assert float(word) == pytest.approx(history.train_loss[-1], rel=0.06)
    assert bar.get_yscale() == "log"
    assert "Hatched: the loss became NaN or infinite." in figure.get_supxlabel()
    check_layout(figure)


def test_numbers_stand_out_from_their_colours(folders):
    panel = mp.figures.experiment(X2, folders["x2"][0]).axes[0]
    for text, patch in zip(panel.texts, panel.patches, strict=True):
        if text.get_text() != "diverged":
            bright, dark = sorted([luminance(patch.get_facecolor()), float(text.get_color() == "white")])[
                ::-1
            ]
            assert (bright + 0.05) / (dark + 0.05) >= 4.5  # what WCAG 2 asks for


def test_several_seeds_show_as_median_and_range():
    histories = [record([4.0, 2.0, 1.0]), record([3.0, 8.0]), record([2.0, math.nan], 2)]
    x, middle, low, high = over_seeds(histories[:2], "epoch", "train_loss")
    assert (x, middle, low, high) == ([1, 2], [3.5, 5.0], [3.0, 2.0], [4.0, 8.0])  # as far as all have come
    x, middle, low, high = over_seeds(histories, "seconds", "train_loss")
    assert (x, middle, low, high) == ([2, 4], [3.0, 8.0], [2.0, 2.0], [4.0, math.inf])
    assert over_seeds(histories[2:], "epoch", "validation_accuracy")[1] == [50.0, -math.inf]


def test_bands_crosses_and_legend_of_several_seeds(tmp_path):
    part = X1.select(methods=["backprop", "cg3"], seeds=range(3))

    def history(name):
        if name.endswith("backprop"):
            return record([9.0, 99.0, math.inf], 3) if name[5] != "0" else record([2.0, 1.5, 1.2])
        return record([2.0, 0.5, 0.1 * (1 + int(name[5]))], accuracy=0.9)

    pretend(part, tmp_path, history)
    figure = mp.figures.experiment(X1, tmp_path)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["BackProp (2 of 3 diverged)", "ProxProp cg3"]
    panel = figure.axes[0]
    curve, cross, other = panel.lines
    assert (list(curve.get_ydata()), cross.get_marker()) == ([9.0, 99.0], "X")
    assert list(other.get_ydata()) == pytest.approx([2.0, 0.5, 0.2])
    assert len(panel.collections) == 2
    assert "Median of 3 seeds; the bands reach" in figure.get_supxlabel()
    check_layout(figure)


def test_a_method_that_diverged_at_once_is_in_the_legend(tmp_path):
    part = X1.select(methods=["backprop", "exact"])
    pretend(part, tmp_path, lambda n: record([math.nan], 1) if "back" in n else record([1.0, 0.5]))
    figure = mp.figures.experiment(X1, tmp_path)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["BackProp (diverged in epoch 1)", "ProxProp exact"]
    check_layout(figure)


def test_only_diverged_cells_and_a_loss_of_zero_can_be_drawn(tmp_path):
    part = X2.select(methods=["backprop"], tau_theta=[1.0])
    pretend(part, tmp_path / "a", lambda name: record([math.nan], 1))
    pretend(part.select(tau_theta=[1.0, 0.5]), tmp_path / "b", lambda name: record([0.0]))
    for name in ("a", "b"):
        check_layout(mp.figures.experiment(X2, tmp_path / name))


def test_a_folder_without_such_runs_is_told(folders, tmp_path):
    with raises(ValueError, "expected the runs of x1, found none"):
        mp.figures.experiment(X1, tmp_path)
    with raises(ValueError, "expected runs of x1, found runs of x2"):
        mp.figures.experiment(X1, folders["x2"][0])


def test_an_experiment_of_ones_own_is_run_and_drawn(tmp_path):
    base = Run(data="blobs", architecture="2-8-3", epochs=2)
    own = replace(
        X1, name="mine", title="Mine", preset="", note="",
        methods={"slow": replace(base, label="slow", tau=0.01), "fast": replace(base, label="fast")},
    )  # fmt: skip
    run(own, tmp_path)
    figure = mp.figures.experiment(own, tmp_path)
    title = figure.legends[0].get_title().get_text()
    assert title == "Mine\nblobs, 2-8-3, Nesterov momentum 0.95, batch size 50, 2 epochs"


# The command line


def test_run_and_plot(call, tmp_path):
    options = ["--preset", "quick", "--methods", "backprop,exact", "--epochs", "2", "--seeds", "0,1"]
    code, out, err = call("run", "x1", *options)
    assert (code, err) == (0, "")
    assert out.startswith("X1: exact and inexact solves; preset quick, 4 runs into runs/x1-quick\n[1/4] ")
    assert out.endswith("Figure: minprox plot x1 runs/x1-quick -o x1.png\n")
    assert sorted(os.listdir(tmp_path / "runs" / "x1-quick")) == ["experiment.json", "seed-0", "seed-1"]
    code, out, _ = call("run", "x1", *options)
    assert (code, "[" in out) == (0, False)
    code, out, _ = call("run", "x1", *options, "--fresh", "--jobs", "2")
    assert (code, out.count("/4] ")) == (0, 4)
    sentence = "Step sizes are those for batches of 500, not rescaled to batches of 100."
    assert sentence in out
    assert recall("runs/x1-quick").note == quick(X1).note  # which its figure shows
    code, out, err = call("plot", "x1", "runs/x1-quick", "-o", "x1.svg")
    assert (code, err) == (0, "")
    assert sentence in out
    assert out.endswith("Figure: x1.svg\n")
    assert "<svg" in (tmp_path / "x1.svg").read_text()


def test_the_steps_of_x2_can_be_chosen(call, tmp_path):
    options = ["--preset", "quick", "--methods", "backprop", "--epochs", "1", "--tau-theta", "0.5,1e30"]
    code, out, err = call("run", "x2", *options, "--out", "runs/x2")
    assert (code, err) == (0, "")
    assert "[2/2] seed-0/backprop-tau-1e+30: diverged in epoch 1" in out
    code, out, _ = call("plot", "x2", "-o", "x2.png")  # runs/x2 is where it looks
    assert code == 0
    assert "diverged" in out
    assert (tmp_path / "x2.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run"], "Missing argument 'EXPERIMENT'"),
        (["run", "x4"], "'x4' is not one of 'x1', 'x2', 'x3'"),
        (["run", "x1", "--preset", "big"], "'big' is not one of 'paper', 'small', 'quick'"),
        (["run", "x1", "--methods", "cg4"], "methods: x1 has backprop, cg3, cg5, cg10, exact, found 'cg4'"),
        (["run", "x1", "--methods", ","], "methods: expected one value or more"),
        (["run", "x1", "--epochs", "0"], "epochs: expected an integer of at least 1"),
        (["run", "x1", "--seeds", "a"], "'--seeds': expected whole numbers like 0,1,2, found 'a'"),
        (["run", "x1", "--seeds", "-1"], "seed: expected an integer of at least 0"),
        (["run", "x1", "--tau-theta", "1"], "tau_theta: x1 has one value for all runs"),
        (["run", "x2", "--tau-theta", "1,x"], "'--tau-theta': expected numbers like 0.05,0.5, found '1,x'"),
        (["run", "x2", "--tau-theta", "0"], "expected a positive finite number, found 0.0"),
        (["run", "x1", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["run", "x1", "--preset", "quick", "--data-folder", "d"], "data folder: only cifar10"),
        (["run", "x1", "--preset", "quick", "--out", "file/x"], "file/x"),
        (["plot", "x1", "-o", "f.png"], "runs/x1: expected the runs of x1, found none"),
        (["plot", "x1", "a", "b", "-o", "f.png"], "expected one folder with the runs of x1, found 2"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(call, tmp_path, arguments, part):
    (tmp_path / "file").write_text("")
    code, _, err = call(*arguments)
    assert code == 2
    assert err.startswith("minprox: error: ")
    assert err.count("\n") == 1
    assert part in err
    assert os.listdir(tmp_path) == ["file"]


def test_a_preset_with_another_batch_size_says_that_it_does_not_rescale_the_steps():
    assert quick(X1).note.splitlines() == [
        X1.note,
        "Step sizes are those for batches of 500, not rescaled to batches of 100.",
    ]
    assert quick(X1).methods["exact"].tau_theta == X1.methods["exact"].tau_theta
    assert small(X1).note == X1.note  # the paper's batches
    full = resized(EXPERIMENTS["sharpness"], "quick").note.splitlines()
    assert full[-1] == "τ_θ is that for batches of 200 and 1297, not rescaled to batches of 400."


def test_every_preset_with_other_batches_says_so():
    for experiment in EXPERIMENTS.values():
        for preset in experiment.presets:
            part = resized(experiment, preset)
            old, new = (
                [getattr(run, name, None) for run in e.methods.values() for name in ("batch_size", "samples")]
                for e in (experiment, part)
            )
            assert ("not rescaled" in part.note) is (old != new), (part.name, preset)
