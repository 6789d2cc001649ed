"""Own data, nets, losses, solvers and directions in runs and experiments: told in folders, and told apart."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from conftest import raises
from own_things import Cubic, Diagonal, Silent, halved

import minprox as mp
from minprox.experiments import (
    DATA,
    NETS,
    Architecture,
    DataSource,
    Experiment,
    Processes,
    Run,
    execute,
    load,
    run,
    table,
)
from minprox.experiments.runs import build
from minprox.methods import METHODS, Method

base = Run(data="blobs", architecture="2-6-3", epochs=2)
fresh = {"activation": None, "label": ""}  # settled anew
own_data = mp.datasets.blobs(n=90, seed=3)
images = mp.datasets.digits(flatten=False)


def net():
    return mp.Sequential(mp.Linear(2, 5), mp.Tanh(), mp.Linear(5, 3), seed=9)


def builder(shape, outputs, activation):
    return [mp.Linear(*shape, 7), activation(), mp.Linear(7, outputs)]


PARTS = {
    "data": (own_data, "blobs ["),
    "architecture": (net(), "Sequential(Linear(2, 5), Tanh(), Linear(5, 3))"),
    "loss": (Cubic(), "Cubic() ["),
    "method": (halved, "halved ["),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_ones_own_trains_and_is_told(name, tmp_path):
    value, words = PARTS[name]
    member = replace(base, **fresh, **{name: value})
    history = execute(member, tmp_path)
    assert history.train_loss[-1] < history.train_loss[0]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config[name].startswith(words)
    assert load(tmp_path)[0] == ("halved" if name == "method" else "backprop")
    assert len(execute(replace(member, epochs=3), tmp_path)) == 3  # goes on


def test_a_solver_of_ones_own_trains_and_is_told(tmp_path):
    member = replace(base, method="proxprop", tau=0.5, label="", solver=Diagonal(2.0))
    execute(member, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["solver"].startswith("Diagonal(2.0) [")
    assert member.label == "proxprop Diagonal(2.0)"
    with raises(ValueError, "solver was 'Diagonal"):
        execute(replace(member, solver=Diagonal(3.0)), tmp_path)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("data", mp.datasets.blobs(n=90, seed=4)),
        ("architecture", mp.Sequential(mp.Linear(2, 6), mp.Tanh(), mp.Linear(6, 3), seed=9)),
        ("loss", mp.Huber()),
        ("method", partial(mp.proxprop, tau_theta=1.0)),
    ],
)
def test_another_one_is_told_from_the_first(name, other, tmp_path):
    execute(replace(base, **fresh, **{name: PARTS[name][0]}), tmp_path)
    with raises(ValueError, f"other settings: {name} was"):
        execute(replace(base, **fresh, **{name: other}), tmp_path)


def test_what_says_nothing_of_itself_is_refused_before_anything_is_written(tmp_path):
    member = replace(base, method="proxprop", tau=0.5, solver=Silent())
    with raises(TypeError, "solver: expected an object that says what it is"):
        execute(member, tmp_path / "run")
    with raises(TypeError, "give Silent a __repr__"):
        run(Experiment(name="e", title="", methods={"a": member}), tmp_path / "all")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"data": 3}, "data: expected a name or a Dataset, found 3"),
        ({"architecture": 3}, "architecture: expected a name, widths, a net, or layers(shape, outputs"),
        ({"method": 3}, "method: expected a name, a Method, or a direction to call, found 3"),
        ({"method": "proxprop", "solver": 3}, "solver: expected a name, or solver(A, delta, tau_theta)"),
        ({"loss": 3}, "expected a loss"),
    ],
)
def test_what_is_no_such_part_is_refused(fields, part, tmp_path):
    with pytest.raises((TypeError, ValueError)) as error:
        build(replace(base, **{"tau": None, **fields}))
    assert part in str(error.value)


def test_what_a_net_of_ones_own_does_not_read_is_refused():
    with raises(ValueError, "activation: only a net that reads it has one, found 'tanh'"):
        replace(base, architecture=net(), activation="tanh")
    with raises(ValueError, "reads images, which blobs are not"):
        replace(base, data=own_data, architecture="convnet")


def test_parts_with_a_name_are_called_by_it():
    member = Run(method=mp.backprop)
    assert (member.method, member.label) == ("backprop", "backprop")
    assert Run(method=METHODS["proxprop"], solver=mp.CG(3)).solver == "cg3"
    assert Run(method="proxprop", solver=mp.BlockCG(12)).label == "proxprop blockcg12"
    assert repr(Run(method="proxprop", solver=mp.Exact("primal")).solver) == "Exact('primal')"
    assert Run(method=Method(direction=halved, label="Half", tau=0.2)).tau == 0.2


def test_a_net_of_ones_own_is_copied_and_drawn_by_the_seed():
    template = net()
    before = [theta.copy() for theta in template.parameters]
    member = replace(base, **fresh, architecture=template, dtype="float64")
    nets = [build(replace(member, seed=seed)).net for seed in (9, 9, 1)]
    assert all(np.array_equal(a, b) for a, b in zip(template.parameters, before, strict=True))
    assert np.array_equal(nets[0].parameters[0], nets[1].parameters[0])
    assert not np.array_equal(nets[0].parameters[0], nets[2].parameters[0])
    assert nets[0].parameters[0].dtype == nets[0].dtype == "float64"
    same = mp.Sequential(mp.Linear(2, 5), mp.Tanh(), mp.Linear(5, 3), seed=9, dtype="float64")
    assert all(np.array_equal(a, b) for a, b in zip(same.parameters, nets[0].parameters, strict=True))


def test_a_builder_gets_what_the_data_are():
    parts = build(replace(base, architecture=builder, activation="tanh"))
    assert repr(parts.net) == "Sequential(Linear(2, 7), Tanh(), Linear(7, 3))"
    assert "builder [" in replace(base, architecture=builder).settings()["architecture"]


def test_own_images_are_flat_for_nets_that_read_vectors():
    flat, whole = (build(Run(data=images, architecture=name)) for name in ("mlp", "convnet"))
    assert (flat.data.input_shape, whole.data.input_shape) == ((64,), (1, 8, 8))
    assert np.array_equal(flat.data.train.x, whole.data.train.x.reshape(-1, 64))
    wide = build(Run(data=images, architecture="mlp", dtype="float64", train_samples=50)).data
    assert (wide.train.x.dtype, len(wide.train), wide.train.y.dtype.kind) == ("float64", 50, "i")


def test_a_regression_with_data_of_ones_own(tmp_path):
    x = np.linspace(-1, 1, 60)[:, None]
    line = mp.datasets.from_arrays(x, 2 * x[:, 0] + 0.5, name="line")
    member = Run(data=line, architecture="1-8-1", loss="squared-error", epochs=20, activation="tanh")
    assert execute(member, tmp_path).train_loss[-1] < 0.1


def test_tables_of_names_are_open(tmp_path, monkeypatch):
    monkeypatch.setitem(DATA, "mine", DataSource(own_data))
    monkeypatch.setitem(NETS, "tiny", Architecture(builder, images=False))
    member = Run(data="mine", architecture="tiny", epochs=1)
    assert execute(member, tmp_path).status == "finished"
    assert json.loads((tmp_path / "config.json").read_text())["architecture"] == "tiny"


def test_an_experiment_of_own_parts_in_processes(tmp_path):
    methods = {
        "half": replace(base, label="Half", method=halved),
        "diagonal": replace(base, label="Diagonal", method="proxprop", tau=0.5, solver=Diagonal()),
    }
    own = Experiment(
        name="own", title="Own", methods=methods, seeds=(0, 1), panels=(("epoch", "train_loss"),)
    )
    here = run(own, tmp_path / "here")
    with Processes(2) as pool:
        there = run(own, tmp_path / "there", pool)
    assert {n: h.train_loss for n, h in here.items()} == {n: h.train_loss for n, h in there.items()}
    assert "Half" in table(own, tmp_path / "here")
    figure = mp.figures.experiment(own, tmp_path / "here")
    assert len({line.get_color() for line in figure.axes[0].lines}) == 2
    mixed = replace(own, methods={"lambda": replace(base, method=lambda *a: mp.backprop(*a))})
    with Processes(1) as pool, raises(ValueError, "a run for other processes must be picklable"):
        run(mixed, tmp_path / "mixed", pool)


def test_numpys_numbers_serve(tmp_path):
    member = Run(
        data="blobs", architecture="2-6-3", epochs=np.int64(2), batch_size=np.int32(20), seed=np.uint8(1),
        tau=np.float32(0.5), weight_decay=np.float64(0), momentum=np.float16(0.5), train_samples=np.int16(50),
    )  # fmt: skip
    assert json.dumps(member.settings())
    assert {type(v) for v in vars(member).values()} <= {str, int, float, tuple, type(None)}
    few = Experiment(
        name="n", title="", methods={"a": member}, blas_threads=np.int64(1),
        seeds=tuple(np.arange(2)), steps=tuple(np.float32([0.5, 0.25])),
    )  # fmt: skip
    assert list(few.runs) == [
        "seed-0/a-tau-0.5",
        "seed-0/a-tau-0.25",
        "seed-1/a-tau-0.5",
        "seed-1/a-tau-0.25",
    ]
    run(few.select(seeds=np.array([0]), epochs=np.int64(1), tau_theta=np.float64([0.5])), tmp_path)
    assert table(few, tmp_path)
