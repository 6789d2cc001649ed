"""Training against attacks: a training run that measures accuracies under attack at its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from minprox.engine.passes import backprop, proxprop
from minprox.experiments.assembly import build
from minprox.experiments.measures import TRAINING, Measure, accuracy
from minprox.experiments.runs import Run
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.communicators import ALONE, Communicator
from minprox.learning.loop import Row
from minprox.learning.records import Record
from minprox.learning.training import Training
from minprox.methods.adversarial import AdversarialTraining
from minprox.methods.attacks import fgsm, pgd, robust_accuracy
from minprox.methods.double_backpropagation import DoubleBackprop, WarmUp

EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.3)

#: What is measured at the end: ε, steps (0 for the fast gradient sign method) and restarts of each attack.
ATTACKS: dict[str, tuple[float, int, int]] = {
    "clean": (0.0, 0, 0),
    **{f"fgsm_{epsilon:g}": (epsilon, 0, 0) for epsilon in EPSILONS},
    **{f"pgd_{epsilon:g}": (epsilon, 40, 3) for epsilon in EPSILONS},
    "pgd_0.2_longer": (0.2, 200, 5),
}


@dataclass(frozen=True, kw_only=True)
class RobustRun(Run):
    """A training run with a penalty on the gradient by the input, or on attacked samples, or with both.

    Parameters
    ----------
    lam : float
        λ of the penalty, see :func:`minprox.methods.double_backprop`; 0 for none.
    norm, of, points : str
        As there.
    warm_up : int
        Epochs in which λ rises to its value.
    epsilon : float
        ε of :class:`minprox.methods.AdversarialTraining`; 0 for none.

    Raises
    ------
    ValueError
        If a value is not one of those allowed, or out of its range.

    Notes
    -----
    The other parameters are those of :class:`Run`; ``method="proxprop"`` takes the penalty into its implicit
    steps. At the end the accuracy on the test set is measured under attacks that keep to [0, 1].

    Examples
    --------
    >>> run = RobustRun(label="L1", architecture="64-10", optimizer="adam", lam=0.1, epochs=1)
    >>> run.lam, run.warm_up
    (0.1, 10)
    """

    KIND = "robust"
    RECORD = Record
    MEASURES = MappingProxyType(
        {
            **TRAINING,
            **{name: accuracy(name.replace("_", " ")) for name in ATTACKS},
            "batch_loss": Measure("loss on the batches", "{:.3g}", logarithmic=True),
        }
    )
    TABLE = ("clean", "fgsm_0.1", "fgsm_0.2", "pgd_0.1", "pgd_0.2", "seconds")
    SETTINGS = MappingProxyType({"lam": "λ", "epsilon": "ε"})

    lam: float = 0.0
    norm: str = "l1"
    of: str = "loss"
    points: str = "all"
    warm_up: int = 10
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.means.direction not in (backprop, proxprop):
            raise ValueError(f"method: expected back-propagation or ProxProp, found {self.method!r}")
        one_of("norm", self.norm, ("l1", "l2squared"))
        one_of("of", self.of, ("loss", "logits"))
        one_of("points", self.points, ("all", "clean", "attacked"))
        self.plain("lam", number, least=0)
        self.plain("epsilon", number, least=0)
        self.plain("warm_up", whole)
        if self.points != "all" and not self.epsilon:
            raise ValueError(f"points: only with epsilon > 0 are there such, found {self.points!r}")

    def begin(
        self, arrays: dict[str, Any] | None = None, data_folder: Any = None, comm: Communicator = ALONE
    ) -> Training:
        """Return the training; see :class:`Kind`."""
        parts = build(self, data_folder)
        options: dict[str, Any] = {"norm": self.norm, "of": self.of, "points": self.points}
        options |= getattr(parts.direction, "keywords", {})  # τ_θ and solver of ProxProp
        direction = DoubleBackprop(WarmUp(self.lam, self.warm_up), **options) if self.lam else parts.direction
        callbacks = [AdversarialTraining(self.epsilon)] if self.epsilon else []
        training = RobustTraining(
            *(parts.net, parts.data, parts.loss, parts.optimizer, direction, self.batch_size, self.seed),
            *(callbacks, comm),
        )
        if arrays is not None:
            training.take_up(arrays)
        return training


class RobustTraining(Training):
    """A training that is attacked at its end."""

    def last(self) -> Row:
        found = super().last()
        for name, (epsilon, steps, restarts) in ATTACKS.items():
            attack = partial(pgd, steps=steps, restarts=restarts) if steps else fgsm
            found[name] = robust_accuracy(
                self.net, self.data.test, self.loss, epsilon, attack, seed=self.seed
            )
        return found
