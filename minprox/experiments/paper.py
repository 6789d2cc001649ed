"""The paper's three experiments as data: what is run, not how (section 5, X1 to X3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from minprox.experiments.experiment import Experiment
from minprox.experiments.paper_claims import X1_CLAIMS, X3_CLAIMS
from minprox.experiments.presets import PAPER
from minprox.experiments.runs import Run
from minprox.experiments.stability_claims import X2_CLAIMS

EPOCHS, TIME = "epoch", "seconds"
LOSS, ACCURACY = "train_loss", "validation_accuracy"


def backprop(base: Run, tau: float) -> Run:
    """Return explicit steps of size τ."""
    return replace(base, label="BackProp", method="backprop", tau=tau)


def proxprop(base: Run, solvers: Mapping[str, str], tau: float, tau_theta: float) -> dict[str, Run]:
    """Return implicit steps by each of the solvers, which are named as in the paper."""
    shared = replace(base, method="proxprop", tau=tau, tau_theta=tau_theta)
    return {key: replace(shared, label=f"ProxProp {key}", solver=name) for key, name in solvers.items()}


# The paper's "cg n" is a matter of the layer. The published code lets every column of a dense layer
# iterate by itself, which is our BlockCG (and in its dual form several times faster here), and
# flattens a convolution into one vector, which is our CG. So X1 and X2 take the one and X3 the other.
BY_COLUMN = "cg n: n iterations of conjugate gradients, each column of a layer by itself (BlockCG)."
FLATTENED = "cg n: n iterations of conjugate gradients on all parameters of a layer as one vector (CG)."

MLP = Run(
    data="cifar10", architecture="paper-mlp", activation="relu",
    optimizer="nesterov", momentum=0.95, epochs=50, batch_size=500,
)  # fmt: skip
CONVNET = replace(MLP, architecture="paper-convnet", optimizer="adam", momentum=None, tau=1e-3)

X1 = Experiment(
    name="x1",
    title="X1: exact and inexact solves",
    methods={
        "backprop": backprop(MLP, tau=0.05),
        **proxprop(
            MLP, {"cg3": "blockcg3", "cg5": "blockcg5", "cg10": "blockcg10", "exact": "exact"}, 1.0, 0.05
        ),
    },
    panels=((EPOCHS, LOSS), (TIME, LOSS), (EPOCHS, ACCURACY)),
    note=BY_COLUMN,
    claims=X1_CLAIMS,
    presets=PAPER["x1"],
)

X2 = Experiment(
    name="x2",
    title="X2: training loss after the last epoch, for small and large steps",
    methods={
        "backprop": backprop(MLP, tau=0.05),
        **proxprop(
            MLP, {"cg1": "blockcg1", "cg3": "blockcg3", "cg5": "blockcg5", "exact": "exact"}, 1.0, 0.05
        ),
    },
    steps=(50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.005, 0.0005),
    note=BY_COLUMN,
    claims=X2_CLAIMS,
    presets=PAPER["x2"],
)

X3 = Experiment(
    name="x3",
    title="X3: Adam on implicit steps and on gradients",
    methods={
        "backprop": backprop(CONVNET, tau=1e-3),
        **proxprop(CONVNET, {"cg3": "cg3", "cg10": "cg10", "exact": "exact"}, 1e-3, 1.0),
    },
    panels=((EPOCHS, LOSS), (TIME, LOSS), (EPOCHS, ACCURACY), (TIME, ACCURACY)),
    note=FLATTENED,
    claims=X3_CLAIMS,
    presets=PAPER["x3"],
)
