"""The comparison of implicit steps and gradients on nets that are no chains: tuned by one rule."""

import pytest

import minprox as mp
from minprox.experiments import Records, Result, quick, run
from minprox.experiments.beyond_chains import PROXPROP_RESNET, PROXPROP_TRANSFORMER, best


@pytest.mark.parametrize("experiment", [PROXPROP_TRANSFORMER, PROXPROP_RESNET], ids=lambda e: e.name)
def test_four_methods_at_three_step_sizes_each(experiment):
    assert len(experiment.methods) == 12
    for name, method in experiment.methods.items():
        kind, _ = name.split("_")
        assert (method.method == "proxprop") is kind.endswith("prox")
        assert (method.optimizer == "adam") is kind.startswith("adam")
    steps = {name: (m.optimizer, m.tau, m.tau_theta) for name, m in experiment.methods.items()}
    assert len(set(steps.values())) == len(steps)


def records(values):
    """Records in which each method ends with this validation loss, and half of it in training."""
    return Records([
        Result(key, 0, None, {}, mp.History(
            epoch=[0, 1], seconds=[0.0, 1.0], status="finished",
            validation_loss=[3.0, value], train_loss=[3.0, value / 2],
        ))
        for key, value in values.items()
    ])  # fmt: skip


def test_the_step_size_with_the_lowest_validation_loss_counts_for_all():
    values = {f"{method}_{size}": 1.0 for method in ("adam", "adamprox", "sgd", "sgdprox") for size in "abc"}
    values |= {"sgdprox_b": 0.4, "adam_c": 0.6, "adamprox_a": 0.5, "sgd_a": 0.8}
    found = records(values)
    assert best(found, "sgdprox") == 0.4
    assert best(found, "adam", "train_loss") == 0.3
    assert [claim.holds(claim.value(found)) for claim in PROXPROP_RESNET.claims] == [True, True, True, False]
    swapped = records(values | {"sgdprox_b": 0.9, "adamprox_a": 0.7})
    assert not any(claim.holds(claim.value(swapped)) for claim in PROXPROP_RESNET.claims)


def test_a_part_runs(tmp_path):
    part = quick(PROXPROP_RESNET).select(methods=["sgdprox_b"], epochs=1, seeds=[0])
    (record,) = run(part, tmp_path).values()
    assert record.status == "finished"
    assert record.train_loss[-1] < 2
