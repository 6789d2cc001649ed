"""What the pages say of the paper's experiments: every verdict and number is that of the records."""

import json
import math
import re
import shutil
import statistics
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest

from minprox.experiments import X1, X2, X3, Claim
from minprox.experiments.results import deviations, results

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "results"

PAPER = {"x1": X1, "x2": X2, "x3": X3}

ACCURACY = next(claim for claim in X1.claims if claim.mean)  # that ProxProp generalises better


def words(name):
    """The words of a page, however its lines are broken."""
    return " ".join((ROOT / name).read_text("utf-8").split())


VERDICTS = {
    "x1": ["holds", "holds", "holds", "cannot be told", "holds", "does not hold"],
    "x1-seeds": ["holds", "holds", "holds", "holds", "holds", "holds in part"],
    "x1-small": ["holds in part", "holds", "holds", "does not hold", "does not hold", "does not hold"],
    "x2": ["holds", "holds", "holds in part", "holds", "holds", "holds in part"],
    "x2-paper": ["holds", "holds", "holds", "holds", "holds", "does not hold"],
    "x3": ["holds", "does not hold", "holds", "holds", "holds"],
}


@pytest.mark.parametrize("folder", VERDICTS)
def test_the_verdicts_of_the_records_are_those_of_the_pages(folder):
    name = folder.partition("-")[0]
    experiment, found = PAPER[name], results(PAPER[name], RECORDS / folder)
    assert [claim.decide(found).verdict for claim in experiment.claims] == VERDICTS[folder]
    page = (ROOT / "docs" / "results.rst").read_text("utf-8")
    shown = name if folder == name else f"{name} {folder}"
    assert f".. verdict:: {shown}\n" in page  # made from the records when the page is built


@pytest.mark.parametrize("name", PAPER)
def test_a_planted_record_changes_the_verdict(name):
    found = results(PAPER[name], RECORDS / name)
    spoilt = [
        replace(r, history=replace(r.history, status="diverged", diverged_at=1))
        if r.method != "backprop" else r
        for r in found
    ]  # fmt: skip
    before, after = ([c.decide(f).verdict for c in PAPER[name].claims] for f in (found, spoilt))
    assert sum(a != b for a, b in zip(before, after, strict=True)) >= 2


def test_the_readme_quotes_the_verdict_on_x1():
    readme = words("README.md")
    found = results(PAPER["x1"], RECORDS / "x1")
    quoted = [c for c in PAPER["x1"].claims if f"*{c.sentence}*" in readme]
    assert len(quoted) >= 3
    for claim in quoted:
        after = readme.split(f"*{claim.sentence}*", 1)[1][:200]
        assert re.match(rf" → \*\*{claim.decide(found).verdict}\*\*", after), claim.sentence


@pytest.mark.parametrize(("changes", "said"), [({}, []), ({"epochs": 20}, ["epochs 20 instead of 50"])])
def test_records_that_are_older_than_a_setting_have_its_default(changes, said, tmp_path):
    shutil.copytree(RECORDS / "x1", tmp_path, dirs_exist_ok=True)
    later = {"config.json": {"kind", "loss", "options", "sha256"}, "history.json": {"run", "sha256"}}
    for name, keys in later.items():
        for path in tmp_path.rglob(name):
            content = json.loads(path.read_text("utf-8"))
            older = {key: value for key, value in content.items() if key not in keys}
            path.write_text(json.dumps(older | (changes if name == "config.json" else {})), "utf-8")
    assert deviations(X1, results(X1, tmp_path)) == said


def told(name):
    """The records of an experiment by method and step size."""
    return {(r.method, r.step): r for r in results(PAPER[name], RECORDS / name)}


def reached(history, loss):
    """The first row in which a history is at or below a loss."""
    return next(row for row in history.rows() if row["train_loss"] <= loss)


def numbers_of_x1():
    history = {key: r.history for (key, _), r in told("x1").items()}
    last = {key: h.train_loss[-1] for key, h in history.items()}
    passed = {key: reached(h, last["backprop"]) for key, h in history.items()}
    epochs = [int(row["epoch"]) for key, row in passed.items() if key != "backprop"]
    test = {key: f"{100 * h.test_accuracy:.1f} %" for key, h in history.items()}
    implicit = sorted(value for key, value in test.items() if key != "backprop")
    seconds = {key: f"{row['seconds']:.0f}" for key, row in passed.items()}
    loss = history["cg3"].train_loss
    rest = next(epoch for epoch, (before, after) in enumerate(pairwise(loss)) if after > before)
    rows = results(X1, RECORDS / "x1") + results(X1, RECORDS / "x1-seeds")
    taken = {key: an_epoch(r.history for r in rows if r.method == key) for key in X1.methods}
    gains = [100 * (h.test_accuracy - history["backprop"].test_accuracy) for h in history.values()]
    return {
        f"from a training loss of {last['backprop']:.2f} to {last['exact']:.5f}",
        f"within {min(epochs)} to {max(epochs)} of its {len(history['backprop'])} epochs",
        f"ProxProps are {sorted(gains)[1]:.1f} to {max(gains):.1f} points ahead in the test",
        f"after {seconds['backprop']} s, cg3 after {seconds['cg3']}, cg10 after {seconds['cg10']}, "
        f"the exact step after {seconds['exact']}.",
        f"{test['backprop']} for BackProp, {implicit[0]} to {implicit[-1]} for ProxProp",
        f"an epoch of X1 took {taken['backprop']} for BackProp, {taken['exact']} for the exact step, "
        f"and {taken['cg3']} for cg3",
        f"after epoch {rest} its training loss rises from {loss[rest]:.2f} to {max(loss[rest:]):.2f}, "
        f"before it falls on, to {loss[-1]:.4f}.",
    }


def an_epoch(histories):
    seconds = [after - before for h in histories for before, after in pairwise(h.seconds)]
    return f"{min(seconds):.0f} to {max(seconds):.0f} s"


def numbers_of_x1_over_three_seeds():
    runs = results(X1, RECORDS / "x1-seeds")
    found = {(r.method, r.seed): r.history for r in runs}
    seeds, (explicit, *implicit) = range(3), X1.methods
    assert set(found) == set(product(X1.methods, seeds))
    assert {h.epoch[-1] for h in found.values()} == {20}
    for (method, _), r in told("x1").items():
        first = dict(zip(r.history.epoch, r.history.train_loss, strict=True))
        again = found[method, 0]
        same = again.train_loss == [first[epoch] for epoch in again.epoch]
        assert same == (method != "exact")
    losses = [sorted(found[method, seed].train_loss[-1] for seed in seeds) for method in X1.methods]
    assert all(after[-1] < before[0] for before, after in pairwise(losses))
    spread = [f"{low:.2g} to {high:.2g}" for low, _, high in losses]
    passed = {
        (method, seed): reached(found[method, seed], found[explicit, seed].train_loss[-1])
        for method, seed in product(implicit, seeds)
    }
    epochs = sorted(int(row["epoch"]) for row in passed.values())
    shares = {key: 100 * row["seconds"] / found[explicit, key[1]].seconds[-1] for key, row in passed.items()}
    exact = sorted(shares["exact", seed] for seed in seeds)
    above = [key for key, h in found.items() if h.train_loss[-1] > min(h.train_loss)]
    assert [method for method, _ in above] == ["cg3", "cg3"]
    ahead = {
        method: [
            100 * (found[method, seed].test_accuracy - found[explicit, seed].test_accuracy) for seed in seeds
        ]
        for method in implicit
    }
    sure = ahead["cg5"] + ahead["cg10"]
    lead = ACCURACY.decide(runs)
    assert min(lead.values.values()) > 0
    assert lead.verdict == "holds"
    assert "with [three seeds](docs/results.rst) and 20 epochs it holds, on average" in words("README.md")
    points, (low, high) = f"{statistics.mean(lead.interval):.1f} points", lead.interval
    bounds = f"95 % interval {low:.1f} to {high:.1f}"
    gained = f"{points} ahead in the test after 20 epochs (three seeds, {bounds})"
    assert gained in words("README.md")
    return {
        gained,
        f"the training loss is {spread[0]} with BackProp, {spread[1]} with cg3, {spread[2]} with cg5, "
        f"{spread[3]} with cg10, and {spread[4]} with exact steps.",
        f"within {epochs[0]} to {epochs[-1]} of the 20 epochs and in {max(shares.values()):.0f} % of its "
        f"time at most, the exact step in {exact[0]:.0f} to {exact[-1]:.0f} % of its time.",
        f"on average over the solvers: {points} ({bounds})",
        f"with every seed, by {min(sure):.1f} to {max(sure):.1f} points",
        f"it comes to {min(ahead['cg3']):.1f} to {max(ahead['cg3']):.1f}.",
    }


def numbers_of_x1_over_ten_seeds():
    """By how many points of validation accuracy a method is ahead of BackProp, each at its best epoch."""
    found = results(X1, RECORDS / "x1-small")
    ahead = {
        method: Claim(
            sentence="It is ahead.",
            quantity="points",
            value=lambda r, method=method: 100 * (best(r.history(method)) - best(r.history("backprop"))),
            holds=lambda points: points > 0,
            mean=True,
        ).decide(found)
        for method in ("cg3", "exact")
    }
    assert len(ahead["exact"].values) == 10
    assert (ahead["cg3"].verdict, ahead["exact"].verdict) == ("holds", "does not hold")
    last = {(r.method, r.seed): r.history.train_loss[-1] for r in found}
    stalled = [last["cg10", seed] for seed in range(10)]
    assert max(stalled) > 10 * min(stalled)
    assert sum(loss > last["cg3", seed] for seed, loss in enumerate(stalled)) > 5
    epochs = {
        method: statistics.median(
            1 + r.history.validation_accuracy.index(best(r.history)) for r in found if r.method == method
        )
        for method in X1.methods
    }
    behind = -statistics.mean(ACCURACY.decide(found).interval)
    lead = statistics.mean(ahead["cg3"].interval)
    gained = f"{behind:.1f} points behind after the last epoch, and cg3 ahead by {lead:.1f}"
    assert gained in words("README.md")
    return {
        gained,
        f"are {behind:.1f} points behind BackProp on average in the test",
        f"cg3 is {mean_of(ahead['cg3'], 1)} points ahead of BackProp",
        f"the exact step {mean_of(ahead['exact'], -1)} behind",
        f"in epoch {epochs['exact']:g} with exact steps, {epochs['cg3']:g} with cg3",
        f"{epochs['backprop']:g} with BackProp",
    }


def best(history):
    return max(history.validation_accuracy)


def mean_of(finding, sign):
    low, high = sorted(sign * bound for bound in finding.interval)
    return f"{(low + high) / 2:.1f} (95 % interval {low:.1f} to {high:.1f})"


def numbers_of_x2():
    losses = defaultdict(list)
    for r in results(X2, RECORDS / "x2"):
        losses[r.method, r.step].append(r.final_loss)
    assert {len(values) for values in losses.values()} == {3}
    explicit = {step: statistics.median(v) for (key, step), v in losses.items() if key == "backprop"}
    good = [v for (key, step), v in losses.items() if key in ("cg3", "cg5", "exact") and 0.05 <= step <= 5]
    assert max(max(values) for values in good) < 0.15
    worse = [f"{min(losses['exact', step]):.2f} and {max(losses['exact', step]):.2g}" for step in (10, 50)]
    return {
        f"above its best step, {min(explicit, key=explicit.get):g}",
        f"end below 0.15 with every seed, where BackProp's best loss is {min(explicit.values()):.1f}",
        f"at 10 it ends between {worse[0]}, at 50 between {worse[1]}",
    }


def numbers_of_x2_on_the_papers_net():
    found = results(X2, RECORDS / "x2-paper")
    history = {(r.method, r.step): r.history for r in found}
    losses = {key: r.final_loss for key, r in zip(history, found, strict=True)}
    diverged = [key for key, h in history.items() if h.status == "diverged"]
    assert diverged == [("backprop", 0.5), ("backprop", 5)]
    assert history["backprop", 0.5].diverged_at == 1

    def of(key, low=0.0, high=5.0, table=losses):
        return [v for (method, step), v in table.items() if method == key and low <= step <= high]

    truncated = of("cg3", 0.05), of("cg5", 0.05)
    steps = (0.005, 0.05, 0.5)
    assert all(losses["exact", step] < losses[key, step] for key in ("cg3", "cg5") for step in steps)
    assert losses["cg5", 5] < losses["exact", 5] < losses["cg3", 5]
    test = {key: 100 * h.test_accuracy for key, h in history.items()}
    kept = of("cg3", table=test)
    return {
        f"exact steps end at {max(of('cg3') + of('cg5') + of('exact')):.2f} at most, "
        f"BackProp at {min(of('backprop')):.2f} at best, and cg1 at {min(of('cg1')):.2f}.",
        " and ".join(f"{min(v):.2f} to {max(v):.2f}" for v in truncated) + ".",
        f"falls from {test['exact', 0.005]:.1f} % to {test['exact', 5]:.1f} %, "
        f"while cg3 keeps {min(kept):.1f} % to {max(kept):.1f} %.",
    }


def numbers_of_x3():
    history = {key: r.history for (key, _), r in told("x3").items()}
    test = {key: f"{100 * h.test_accuracy:.1f} %" for key, h in history.items()}
    last = {key: f"{h.train_loss[-1]:.2f}" for key, h in history.items()}
    peak = {key: h.validation_accuracy.index(best(h)) for key, h in history.items()}
    each = {key: f"{h.seconds[-1] / h.epoch[-1]:.1f}" for key, h in history.items()}
    top = {key: f"{100 * best(h):.1f} %" for key, h in history.items()}
    late = 100 * history["cg10"].validation_accuracy[-1]
    as_good = until_as_accurate(history)
    return {
        f"BackProp {test['backprop']}, exact {test['exact']}, cg3 {test['cg3']}, cg10 {test['cg10']}",
        f"BackProp ends at {last['backprop']}, exact steps at {last['exact']}, cg3 at {last['cg3']}, "
        f"cg10 at {last['cg10']}.",
        f"have, {top['backprop']} in epoch {peak['backprop']}, cg10 has in epoch {as_good['cg10']}, "
        f"cg3 in epoch {as_good['cg3']}; the exact step comes to {top['exact']} at most",
        f"{top['cg10']} in validation in epoch {peak['cg10']}, {late:.1f} % in the last",
        f"takes {each['backprop']} s with BackProp, {each['cg3']} with cg3, {each['cg10']} with cg10 "
        f"and {each['exact']} with exact steps",
    }


def until_as_accurate(history):
    """The first epoch of cg3 and of cg10 that is as good in validation as BackProp ever is."""
    good = best(history["backprop"])
    return {
        key: next(e for e, found in enumerate(history[key].validation_accuracy) if found >= good)
        for key in ("cg3", "cg10")
    }


@pytest.mark.parametrize("numbers", [
    numbers_of_x1, numbers_of_x1_over_three_seeds, numbers_of_x1_over_ten_seeds,
    numbers_of_x2, numbers_of_x2_on_the_papers_net, numbers_of_x3,
])  # fmt: skip
def test_the_numbers_in_the_words_are_those_of_the_records(numbers):
    page = words("docs/results.rst")
    assert {phrase for phrase in numbers() if phrase not in page} == set()


def test_what_is_gained_is_what_the_records_say():
    """The list at the head of the README and of the page, in both the same numbers."""
    passed = {key: reached(r.history, last_of_backprop()) for (key, _), r in told("x1").items()}
    epochs = [int(row["epoch"]) for key, row in passed.items() if key != "backprop"]
    correct = {key: r.history.test_accuracy for (key, _), r in told("x1").items()}
    gains = sorted(100 * (v - correct["backprop"]) for key, v in correct.items() if key != "backprop")
    adam = {key: r.history for (key, _), r in told("x3").items()}
    early = until_as_accurate(adam).values()
    losses = sorted(h.train_loss[-1] for key, h in adam.items() if key != "backprop")
    test = {key: f"{100 * h.test_accuracy:.1f} %" for key, h in adam.items()}
    implicit = sorted(value for key, value in test.items() if key != "backprop")
    times = {net: f"{v['ratio']['step: ProxProp, exact']:.2f} times" for net, v in measured().items()}
    steps = [[r.step for r in results(X2, RECORDS / name)] for name in ("x2-paper", "x2")]
    assert [math.log10(max(s) / min(s)) for s in steps] == pytest.approx([3, 5])
    pages = [words(name).split("it was measured", 1)[0] for name in ("README.md", "docs/results.rst")]
    for page in pages:
        assert "on the paper's net and five on a smaller one" in page
        assert f"within {min(epochs)} to {max(epochs)}" in page
        assert f"{gains[0]:.1f} to {gains[-1]:.1f} after 50 (one seed)" in page
        assert f"{passed['exact']['seconds']:.0f} s of {passed['backprop']['seconds']:.0f}" in page
        assert f"within {min(early)} to {max(early)} epochs the best validation" in page
        assert (
            f"a training loss of {losses[0]:.2f} to {losses[-1]:.2f} against "
            f"{adam['backprop'].train_loss[-1]:.2f}" in page
        )
        assert f"{test['backprop']} against {implicit[0]} to {implicit[-1]}" in page
        assert f"{times['mlp']} a plain one on the MLP and {times['convnet']} on the ConvNet" in page


def test_so_are_the_rows_of_its_table():
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "README.md").read_text("utf-8").splitlines()]
    found = {row[0]: row[1:] for row in rows if len(row) == 5 and row[2].replace(".", "").isdigit()}
    nets = measured().values()
    told = {
        name.removeprefix("step: "): [
            text
            for net in nets
            for text in (f"{1e3 * net['seconds'][name]:.0f}", f"{net['ratio'][name]:.2f}")
        ]
        for name in next(iter(nets))["seconds"]
        if name.startswith("step: ")
    }
    assert found == told


def test_the_ratios_of_the_convnet_in_the_words_are_those_of_its_table():
    page = words("docs/benchmarks.rst")
    ratio, seconds = measured()["convnet"]["ratio"], measured()["convnet"]["seconds"]
    peer = seconds["back-propagation"] / seconds["PyTorch, plain pass"]
    assert f"takes {peer:.2f} times as long as PyTorch's" in page
    assert f"an exact direction {ratio['ProxProp, exact']:.2f} times" in page
    assert f"three iterations take {ratio['ProxProp, CG(3)']:.2f} as well" in page
    assert ratio["ProxProp, CG(3)"] == pytest.approx(ratio["ProxProp, BlockCG(3)"], abs=0.01)


def last_of_backprop():
    return told("x1")["backprop", None].history.train_loss[-1]


def measured():
    return json.loads((RECORDS / "bench-cpu.json").read_text("utf-8"))["nets"]


def test_the_numbers_in_the_readme_are_those_of_the_records():
    readme = words("README.md")
    history = {key: r.history for (key, _), r in told("x1").items()}
    test = {key: f"{100 * h.test_accuracy:.1f} %" for key, h in history.items()}
    passed = {key: reached(h, history["backprop"].train_loss[-1]) for key, h in history.items()}
    epochs = [int(row["epoch"]) for key, row in passed.items() if key != "backprop"]
    seconds = {key: f"{row['seconds']:.0f}" for key, row in passed.items()}
    slowest = max(row["seconds"] for key, row in passed.items() if key != "backprop")
    phrases = {
        f"in {min(epochs)} to {max(epochs)} of BackProp's {len(history['backprop'])}",
        f"in {100 * slowest / passed['backprop']['seconds']:.0f} % of it at most; "
        f"the exact step in {seconds['exact']} s of {seconds['backprop']}",
        f"it brings the training loss to {history['exact'].train_loss[-1]:.5f}.",
        f"(BackProp {test['backprop']}, cg3 {test['cg3']}, exact {test['exact']}, cg10 {test['cg10']})",
    }
    assert {phrase for phrase in phrases if phrase not in readme} == set()
