"""Claims: decided by the records, over seeds."""

import math
from dataclasses import replace

import pytest
from conftest import raises

import minprox as mp
from minprox.experiments import Claim, MissingRecord, Records, Result


def result(method="exact", seed=0, loss=0.5, step=None, status="finished", **rest):
    history = mp.History(
        status=status, diverged_at=2 if status == "diverged" else None,
        epoch=[1, 2], train_loss=[1.0, loss], test_accuracy=0.5, **rest,
    )  # fmt: skip
    return Result(method, seed, step, {}, history)


falls = Claim(
    sentence="It falls.", quantity="its last loss", value=lambda r: r.last("train_loss", "exact"),
    holds=lambda loss: loss < 1,
)  # fmt: skip


def test_a_claim_holds_does_not_or_cannot_be_told():
    assert falls.decide([result()]).text() == "holds; its last loss: 0.5"
    assert falls.decide([result(loss=2.0)]).text() == "does not hold; its last loss: 2"
    assert falls.decide([]).text() == "cannot be told, nothing was run"
    assert falls.decide([result("cg3")]).text() == "cannot be told, exact was not run"
    waiting = falls.decide([result(status="running")])
    assert waiting.text() == "cannot be told, exact has not come to its end"
    assert falls.decide([result(status="diverged")]).text() == "does not hold; its last loss: inf"


def test_median_and_range_are_over_the_seeds_that_have_a_value():
    found = falls.decide([result(seed=s, loss=v) for s, v in ((0, 0.5), (3, 0.1), (1, 0.2))])
    assert (found.values, found.median, found.range) == ({0: 0.5, 1: 0.2, 3: 0.1}, 0.2, (0.1, 0.5))
    assert found.text() == "holds; its last loss: 0.2 (median of 3 seeds, 0.1 to 0.5)"
    mixed = falls.decide([result(), result(seed=1, loss=3.0), result("cg3", seed=2)])
    assert mixed.verdict == "holds in part"
    assert mixed.text().startswith("holds in 1 of 2 seeds; its last loss: 1.75 (median of 2 seeds")


def test_a_claim_may_need_several_seeds():
    careful = replace(falls, seeds=3)
    two = careful.decide([result(seed=s) for s in (0, 1)])
    assert two.verdict == "cannot be told"
    assert two.text().startswith("cannot be told, 2 of the 3 seeds that it takes; its last loss: 0.5")
    assert careful.decide([result(seed=s) for s in range(3)]).verdict == "holds"


def test_a_claim_on_the_mean_is_decided_by_its_interval():
    """Of 1, 2, 3: mean 2, standard error 1/√3, and Student's quantile of two degrees of freedom, 4.3027."""
    mean = replace(falls, mean=True, form="{:.3f}", holds=lambda loss: loss < 5)
    found = mean.decide([result(seed=s, loss=v) for s, v in enumerate((1.0, 3.0, 2.0))])
    assert found.interval == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)
    assert found.text() == "holds; its last loss: 2.000 (mean of 3 seeds, 95 % interval -0.484 to 4.484)"
    for bound, verdict in ((4.0, "cannot be told"), (-1.0, "does not hold")):
        other = replace(mean, holds=lambda loss, bound=bound: loss < bound)
        assert replace(found, claim=other).verdict == verdict
    assert replace(found, claim=other).text().startswith("does not hold; its last loss: 2.000 (mean of 3")
    both = replace(found, claim=replace(mean, holds=lambda loss: loss < 4)).text()
    assert both.startswith("cannot be told, as the interval says both; its last loss: 2.000 (mean")


def test_a_mean_takes_two_seeds_and_finite_numbers():
    mean = replace(falls, mean=True)
    assert mean.decide([result()]).verdict == "cannot be told"
    assert mean.decide([result(), result(seed=1, status="diverged")]).verdict == "cannot be told"
    assert mean.decide([result(), result(seed=1, loss=0.51)]).verdict == "holds"


def test_a_number_that_is_none_decides_nothing():
    nan = replace(falls, value=lambda r: math.nan)
    zero = replace(falls, value=lambda r: 1 / 0)
    assert nan.decide([result()]).verdict == zero.decide([result()]).verdict == "cannot be told"


def test_records_are_read_by_method_and_step():
    records = Records([result(), result("cg3", step=0.5), result("cg3", step=0.1, loss=0.25)])
    assert records.last("train_loss", "cg3", 0.1) == 0.25
    assert records.last("test_accuracy", "exact") == 0.5
    assert records.steps("cg3") == [0.1, 0.5]
    for wrong in (lambda: records.last("train_loss", "cg3"), lambda: records.steps("exact")):
        with raises(MissingRecord, "was not run"):
            wrong()
