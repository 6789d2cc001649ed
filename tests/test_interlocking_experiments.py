"""The experiments on interlocking back-propagation: every net in its modules, runs that resume, claims."""

import math

import numpy as np
import pytest

import minprox as mp
from minprox.experiments import EXPERIMENTS, Records, Result, Run, execute, quick, run, table, verdict
from minprox.experiments.interlocking import INTERLOCKING, RESNET, TRANSFORMER, modules_of
from minprox.experiments.modular import MODULAR
from minprox.experiments.nets import build_net
from minprox.methods.modules import Modules


@pytest.mark.parametrize(
    ("name", "shape", "classes", "count"),
    [
        ("dense-modules", (128,), 9, 5),
        ("resnet-modules", (1, 8, 8), 10, 3),
        ("resnet-modules", (3, 32, 32), 10, 6),
        ("transformer-modules", (16,), 29, 4),
    ],
)
def test_a_net_in_modules_is_the_same_net(name, shape, classes, count):
    net = MODULAR[name].layers(shape, classes, mp.ReLU)(3, "float64")
    assert isinstance(net, Modules)
    assert len(net.modules) == count
    rng = np.random.default_rng(0)
    x = rng.integers(0, classes, (2, *shape)).astype(float) if len(shape) == 1 else rng.random((2, *shape))
    tape = mp.forward(net, x)
    value = x
    for module in net.modules:
        value = mp.forward(module, value).output
    assert (value == tape.output).all()
    plain = name.replace("-modules", "")
    if plain in MODULAR:
        whole = MODULAR[plain].layers(shape, classes, mp.ReLU)(3, "float64")
        assert (mp.forward(whole, x).output == tape.output).all()
    assert all(tape.values[numbers[-1]].shape == tape.output.shape for numbers in net.within_heads)


def test_runs_go_through_the_runner(tmp_path):
    part = quick(INTERLOCKING).select(methods=["local", "endtoend"], epochs=1, seeds=[0, 1])
    run(part, tmp_path)
    assert "local, N = 1" in table(part, tmp_path)
    assert "cannot be told" in verdict(part, tmp_path)
    again = run(part.select(epochs=2), tmp_path)
    assert {len(record) for record in again.values()} <= {2, 3}


def test_implicit_modules_are_a_method_too(tmp_path):
    member = quick(INTERLOCKING).methods["pairwise"]
    implicit = mp.experiments.Run(
        data=member.data, architecture=member.architecture, method="interlocking-proxprop",
        optimizer="sgd", tau=1.0, tau_theta=0.02, epochs=2, options={"horizon": 3},
    )  # fmt: skip
    record = execute(implicit, tmp_path / "implicit")
    assert record.status == "finished"
    assert record.train_loss[-1] < record.train_loss[0]


def found(experiment, **last):
    """Results of one seed, with these last values, for each method."""
    results = []
    for k, key in enumerate(experiment.methods):
        columns = {name: [2.0, values[k]] for name, values in last.items() if name != "test_accuracy"}
        history = mp.History(
            epoch=[0, 1], status="finished", test_accuracy=last["test_accuracy"][k], **columns
        )
        results.append(Result(key, 0, None, {}, history))
    return Records(results)


@pytest.mark.parametrize("experiment", [INTERLOCKING, RESNET, TRANSFORMER], ids=lambda e: e.name)
def test_the_claims_can_hold_and_can_fail(experiment):
    better = {"test_accuracy": (0.8, 0.82, 0.83, 0.85), "validation_accuracy": (0.8, 0.85, 0.83, 0.85)}
    better |= {"train_loss": (0.4, 0.3, 0.2, 0.1), "validation_loss": (0.4, 0.3, 0.2, 0.1)}
    worse = {name: values[::-1] for name, values in better.items()}
    for claim in experiment.claims:
        numbers = [claim.value(found(experiment, **last)) for last in (better, worse)]
        assert not claim.holds(numbers[1]) or "in less time" in claim.sentence
        if "in less time" not in claim.sentence:
            assert claim.holds(numbers[0])
            assert all(map(math.isfinite, numbers))


@pytest.mark.parametrize("name", ["interlocking", "interlocking-resnet", "interlocking-transformer"])
def test_simulated_time_is_in_epochs_of_end_to_end_learning(name):
    experiment = EXPERIMENTS[name]
    factors = [experiment.axis("pipeline", run).factor for run in experiment.methods.values()]
    assert factors == sorted(factors)
    assert factors[-1] == 1.0
    K = modules_of(experiment.kind)
    assert factors[0] == 2 / (2 * K)  # a local step takes a module's two passes, another one those of all


@pytest.mark.parametrize(
    ("architecture", "data", "shape"),
    [
        ("dense-modules", "digit-sums", (128,)),
        ("transformer-modules", "number-names", (20,)),
        ("resnet-modules", "digits", (1, 8, 8)),
        ("resnet-modules", "cifar10", (3, 32, 32)),
    ],
)
def test_the_schedule_counts_the_modules_that_the_net_has(architecture, data, shape):
    activation = "relu" if architecture == "dense-modules" else None
    net = build_net(architecture, shape, 10, activation, 0, "float32")
    assert modules_of(Run(architecture=architecture, data=data)) == len(net.modules)
