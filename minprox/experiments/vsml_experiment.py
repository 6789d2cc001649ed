"""Variable shared meta learning as data: a cell meets real digits; and how it was meta-trained (V1 to V7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.cloning import Cloning
from minprox.experiments.experiment import Experiment
from minprox.experiments.lstm_cloning import LSTMCloning
from minprox.experiments.meta_training import MetaTraining
from minprox.experiments.online import Online
from minprox.experiments.records import Records

STREAMS = {
    "digits": "digits",
    "projected": "projected digits",
    "permuted": "permuted labels",
    "coarse": "4×4 pixels",
}
RIVALS = ("sgd", "adam")
LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "vsml": ("VS-ML", {"method": "vsml"}),
    "sgd": ("SGD", {"method": "sgd"}),
    "adam": ("Adam", {"method": "adam"}),
}
HIDDEN: dict[str, tuple[str, dict[str, Any]]] = {
    f"{key}_32": (f"{label}, 32 hidden units", settings | {"hidden": 32})
    for key, (label, settings) in LEARNERS.items()
    if key != "vsml"
}

METHODS = {
    f"{stream}_{key}": Online(label=f"{label}, {words}", stream=stream, **settings)
    for stream, words in STREAMS.items()
    for key, (label, settings) in (LEARNERS | (HIDDEN if stream == "digits" else {})).items()
}


def after(records: Records, examples: int, method: str) -> float:
    """Return the accuracy over the first so many examples, in per cent."""
    record = records.history(method)
    return 100 * record.accuracy[record.examples.index(examples)]


def best(records: Records, column: str, stream: str) -> float:
    """Return the best last value that an optimiser has on a stream, in per cent."""
    keys = [*RIVALS, *HIDDEN] if stream == "digits" else RIVALS
    return max(100 * records.last(column, f"{stream}_{key}") for key in keys)


def lead(stream: str, examples: int = 100) -> Callable[[Records], float]:
    """Return a function: the points by which the cell leads after so many examples."""

    def value(records: Records) -> float:
        keys = [*RIVALS, *HIDDEN] if stream == "digits" else RIVALS
        others = (after(records, examples, f"{stream}_{key}") for key in keys)
        return after(records, examples, f"{stream}_vsml") - max(others)

    return value


def at_the_end(records: Records) -> float:
    """Return the points by which the best optimiser leads over the last 100 digits."""
    return best(records, "recent", "digits") - 100 * records.last("recent", "digits_vsml")


def change(streams: Iterable[str]) -> Callable[[Records], float]:
    """Return a function: the points by which disguised digits change the cell's accuracy after 100."""

    def value(records: Records) -> float:
        plain = after(records, 100, "digits_vsml")
        return max(abs(after(records, 100, f"{stream}_vsml") - plain) for stream in streams)

    return value


CLAIMS = (
    Claim(
        sentence="A cell that was meta-trained elsewhere learns real digits faster at first than gradient "
        "descent and Adam do.",
        quantity="points of accuracy over the first 100 examples, ahead of the best of them at its best rate",
        value=lead("digits"),
        holds=lambda points: points > 0,
        form="{:.1f}",
    ),
    Claim(
        sentence="It does so where no input is a pixel, behind a random projection.",
        quantity="points ahead over the first 100 examples",
        value=lead("projected"),
        holds=lambda points: points > 0,
        form="{:.1f}",
    ),
    Claim(
        sentence="It does so with permuted labels, as it knows no class by its number.",
        quantity="points ahead over the first 100 examples",
        value=lead("permuted"),
        holds=lambda points: points > 0,
        form="{:.1f}",
    ),
    Claim(
        sentence="The same parameters do so at another size, with 16 inputs.",
        quantity="points ahead over the first 100 examples",
        value=lead("coarse"),
        holds=lambda points: points > 0,
        form="{:.1f}",
        paper=False,
    ),
    Claim(
        sentence="Gradient descent catches up: over the last 100 examples the best optimiser is level "
        "or ahead.",
        quantity="points by which it is ahead there",
        value=at_the_end,
        holds=lambda points: points >= 0,
        form="{:.1f}",
    ),
)

VSML = Experiment(
    name="vsml",
    title="A meta-trained cell meets real digits",
    methods=METHODS,
    seeds=tuple(range(10)),
    blas_threads=1,
    panels=(("examples", "accuracy"), ("examples", "recent")),
    columns=("accuracy", "recent", "examples", "rate", "seconds"),
    note="Each example is predicted, then learned from. SGD and Adam: at each mark the best of nine rates.",
    claims=CLAIMS,
    presets={"quick": {"marks": 12}},
)


def short_of(net: str) -> Callable[[Records], float]:
    """Return a function: the points by which nets of cloned cells stay behind those of the hand-set cell."""
    return lambda records: 100 * (records.last(f"sgd_{net}", "clone") - records.last(f"clone_{net}", "clone"))


VSML_CLONE = Experiment(
    name="vsml-clone",
    title="A cloned cell learns digits as gradient descent does",
    methods={
        "clone": Cloning(label="clone, 3-48-48-3"),
        "lstm": LSTMCloning(label="clone in the LSTM"),
    },
    seeds=(0, 1, 2),
    blas_threads=1,
    panels=(("step", "error"),),
    note="Regression on the products of the hand-set cell.",
    claims=tuple(
        Claim(
            sentence=f"A rule that was learned trains a net {words} as gradient descent does, forward only.",
            quantity="points of test accuracy below it",
            value=short_of(net),
            holds=lambda points: abs(points) <= 1.5,
            form="{:.1f}",
        )
        for net, words in (("linear", "of one layer"), ("deep", "with a hidden layer of 32"))
    ),
    presets={"quick": {"blocks": 6}},
)

SMOKE = {"blocks": 9, "every": 25, "classes": 2, "T": 20, "batch": 16, "tau": 0.02, "population": 16}

SMALL: dict[str, Any] = {"blocks": 16, "every": 25, "classes": 2, "T": 20, "batch": 16}
TAU_THETAS = (0.01, 0.1, 1.0)
IMPLICIT = {f"prox_{t:g}": f"ProxProp, τ_θ = {t:g}" for t in TAU_THETAS}


def lowest(records: Records, *methods: str) -> float:
    """Return the lowest meta-loss on fresh tasks that any of these methods has at any rate."""
    return min(records.last("held_out", key, step) for key in methods for step in records.steps(key))


VSML_PROXPROP = Experiment(
    name="vsml-proxprop",
    title="Implicit steps through time: a cell in meta-training, 400 steps",
    methods={"bptt": MetaTraining(label="BPTT", **SMALL)}
    | {
        key: MetaTraining(label=label, method="proxprop", tau_theta=t, **SMALL)
        for (key, label), t in zip(IMPLICIT.items(), TAU_THETAS, strict=True)
    },
    steps=(0.02, 0.04, 0.08),
    blas_threads=1,
    note="Two classes, 8 inputs, 20 examples. Guessing has ln 2 = 0.693.",
    claims=(
        Claim(
            sentence="Implicit steps meta-train a recurrent cell, whose A is stacked over time.",
            quantity="lowest meta-loss on fresh tasks",
            value=lambda records: lowest(records, *IMPLICIT),
            holds=lambda loss: loss < 0.6,
            form="{:.3f}",
            paper=False,
        ),
        Claim(
            sentence="At the best of their steps they end lower than gradients at the best of theirs.",
            quantity="their meta-loss over that of gradients",
            value=lambda records: lowest(records, *IMPLICIT) / lowest(records, "bptt"),
            holds=lambda ratio: ratio < 1,
            form="{:.3f}",
            paper=False,
        ),
    ),
    presets={"quick": {"blocks": 2}},
)

LONG: dict[str, Any] = {
    "windows": 6,
    "short": 100,
}  # episodes of 300 examples, after 2,000 meta-steps with episodes of 50
SAME_TIME = {"bptt": 400, "proxprop": 360, "es": 400}  # meta-steps in 50 s of one core


def level(records: Records, method: str) -> float:
    """Return the meta-loss that a method has come to when all have had the same time."""
    record = records.history(method)
    return float(record.loss[record.step.index(SAME_TIME[method])])


def ahead_of_the_others(records: Records) -> float:
    """Return the meta-loss of gradients over the lower one of the other ways, after the same time."""
    return level(records, "bptt") / min(level(records, way) for way in ("proxprop", "es"))


VSML_TRAINING = Experiment(
    name="vsml-training",
    title="Meta-training of a cell on Gaussian classes",
    methods={
        "bptt": MetaTraining(label="BPTT", tau=0.02, blocks=20),
        "proxprop": MetaTraining(label="ProxProp", method="proxprop", tau_theta=1.0, tau=0.04, blocks=18),
        "es": MetaTraining(label="ES, population 128", method="es", batch=1, blocks=20, tau=0.025),
        "windows": MetaTraining(label="BPTT, then episodes of 300", blocks=109, **LONG),
    },
    panels=(("step", "loss"), ("step", "accuracy")),
    blas_threads=1,
    note="8 inputs, 3 classes, 50 examples; a fresh random mix for each task. Guessing has ln 3 = 1.099.",
    claims=(
        Claim(
            sentence="In the same time, back-propagation through time comes further than implicit steps and "
            "evolution strategies.",
            quantity="its meta-loss over the lower one of theirs",
            value=ahead_of_the_others,
            holds=lambda ratio: ratio < 1,
            form="{:.3f}",
            paper=False,
        ),
    ),
    presets={"quick": SMOKE},
)
