"""SPAUC: the algorithm of the paper, and the same with an implicit step on each example."""

from __future__ import annotations

from typing import Any

from minprox.learning.doors import door
from minprox.methods.spauc.formulas import gradient, proximal_point
from minprox.methods.spauc.learner import Learner, Memory
from minprox.methods.spauc.steps import StepRule

Array = Any


class SPAUC(Learner):
    """Stochastic proximal AUC maximisation, Algorithm 1 of Lei and Ying (S4).

    Parameters
    ----------
    features, penalty, step, average, classes
        As for :class:`Learner`.
    implicit : bool
        Whether the step on the example is implicit, too: the exact proximal map of F̃ (S5) in the place of
        its gradient (S3), which is stable for every η.

    References
    ----------
    Lei and Ying, Stochastic Proximal AUC Maximization, JMLR 22, 2021.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.blobs(classes=2, dtype="float64")
    >>> learner = mp.methods.spauc.SPAUC(2, mp.prox.L2Squared(1e-3), step=0.1, classes=(0, 1))
    >>> scores = learner.learn(data.train.x, data.train.y).decision_function(data.test.x)
    >>> mp.methods.spauc.auc(scores, data.test.y) > 0.99
    True
    """

    @door
    def __init__(
        self,
        features: int,
        penalty: Any = None,
        step: float | StepRule = 0.1,
        average: bool = False,
        classes: tuple[Any, Any] = (-1, 1),
        implicit: bool = False,
    ) -> None:
        super().__init__(features, penalty, step, average, classes)
        self.implicit = bool(implicit)

    def begin(self) -> Memory:
        return {"s_plus": 0 * self.w, "s_minus": 0 * self.w}

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        n_plus, n_minus, s_plus, s_minus = (
            self.memory[k] for k in ("n_plus", "n_minus", "s_plus", "s_minus")
        )
        if positive:
            n_plus, s_plus = n_plus + 1, s_plus + x
        else:
            n_minus, s_minus = n_minus + 1, s_minus + x
        p, u, v = n_plus / (n_plus + n_minus), s_plus / max(n_plus, 1), s_minus / max(n_minus, 1)
        if self.implicit:
            moved = proximal_point(self.w, x, positive, p, u, v, eta)
        else:
            moved = self.w - eta * gradient(self.w, x, positive, p, u, v)
        # w ← prox_{ηΩ}(w − η ∇F̃(w; z))  (S4)
        return self.penalty.prox(moved, eta), {"s_plus": s_plus, "s_minus": s_minus}
