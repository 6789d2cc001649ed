"""What SPAUC is compared with on a stream: SPAM, SOLAM, and SGD on pairs."""

from __future__ import annotations

from typing import Any

from minprox.ground.arguments import number
from minprox.ground.backend import array_module
from minprox.methods.spauc.classes import Moments
from minprox.methods.spauc.doors import door
from minprox.methods.spauc.learner import Learner, Memory
from minprox.methods.spauc.steps import StepRule

Array = Any


@door
def spam_gradient(w: Array, x: Array, positive: bool, p: float, u: Array, v: Array) -> Array:
    """Return the gradient of SPAM, which has the mean of (S3) and a larger variance (S9).

    Parameters
    ----------
    w, x, positive, p, u, v
        As for :func:`surrogate`, with the means of all examples.

    Returns
    -------
    array, shape (features,)

    References
    ----------
    Natole et al., as for :class:`SPAM`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> w, x, u, v = np.array([[2.0], [3.0], [1.0], [0.0]])
    >>> mp.methods.spauc.spam_gradient(w, x, True, 0.5, u, v)
    array([15.])
    """
    a, b = u @ w, v @ w
    alpha = b - a
    if positive:
        return (2 * (1 - p) * (x @ w - a) - 2 * (1 + alpha) * (1 - p)) * x  # (S9)
    return (2 * p * (x @ w - b) + 2 * (1 + alpha) * p) * x


class SPAM(Learner):
    """Stochastic proximal AUC maximisation of Natole et al., which has to know p, u and v beforehand (S9).

    Parameters
    ----------
    features, penalty, step, average, classes
        As for :class:`Learner`.
    m : Moments
        Of all examples.

    References
    ----------
    Natole, Ying and Lyu, Stochastic Proximal Algorithms for AUC Maximization, ICML 2018.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> spauc, (x, y) = mp.methods.spauc, (np.array([[2.0], [0.0]]), np.array([1, -1]))
    >>> spauc.SPAM(1, step=0.1, m=spauc.moments(x, y)).learn(x, y).decision_function(x)
    array([0.4, 0. ])
    """

    @door
    def __init__(
        self,
        features: int,
        penalty: Any = None,
        step: float | StepRule = 0.1,
        average: bool = False,
        classes: tuple[Any, Any] = (-1, 1),
        *,
        m: Moments,
    ) -> None:
        super().__init__(features, penalty, step, average, classes)
        self.p, self.u, self.v = m[:3]

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        g = spam_gradient(self.w, x, positive, self.p, self.u, self.v)
        return self.penalty.prox(self.w - eta * g, eta), {}


class PairwiseSGD(Learner):
    """SGD on pairs: each example meets the last one of the other class (S10).

    Parameters
    ----------
    features, penalty, step, average, classes
        As for :class:`Learner`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    ``g = −2p(1−p)(1 − wᵀ(x − x'))(x − x')`` for an example x of the positive and x' of the negative class,
    with the share p of the positive class so far.

    References
    ----------
    Zhao et al., Online AUC Maximization, ICML 2011, with a buffer of one example for each class.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> learner = mp.methods.spauc.PairwiseSGD(1, step=0.5)
    >>> learner.learn(np.array([[2.0], [0.0]]), [1, -1]).w  # ½ · ½ · 2
    array([0.5])
    """

    def begin(self) -> Memory:
        return {"last_plus": 0 * self.w, "last_minus": 0 * self.w}

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        memory = self.memory | {"last_plus" if positive else "last_minus": x}
        n_plus, n_minus = memory["n_plus"] + positive, memory["n_minus"] + (not positive)
        p = n_plus / (n_plus + n_minus)  # 0 or 1 until both classes were seen
        pair = memory["last_plus"] - memory["last_minus"]
        g = (-2 * p * (1 - p) * (1 - pair @ self.w)) * pair  # (S10)
        return self.penalty.prox(self.w - eta * g, eta), memory


class SOLAM(Learner):
    """Stochastic online AUC maximisation: descent and ascent on a saddle-point problem (S11).

    Parameters
    ----------
    features, step
        As for :class:`Learner`.
    radius : float
        R > 0: ``‖w‖, |a|, |b| ≤ R`` and ``|α| ≤ 2R``, for examples whose norms are at most about 1.
    average : bool
        As published, w is averaged with the weights η_t.
    classes : tuple
        As for :class:`Learner`.

    References
    ----------
    Ying, Wen and Lyu, Stochastic Online AUC Maximization, NIPS 2016.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> learner = mp.methods.spauc.SOLAM(1, step=0.5, radius=1.0, average=False)
    >>> learner.learn(np.array([[1.0], [-1.0]]), [1, -1]).w
    array([0.5])
    """

    def __init__(
        self,
        features: int,
        step: float | StepRule = 0.1,
        radius: float = 1.0,
        average: bool = True,
        classes: tuple[Any, Any] = (-1, 1),
    ) -> None:
        super().__init__(features, None, step, average, classes)
        self.radius = number("radius", radius, above=0)

    def begin(self) -> Memory:
        zero = self.w.sum()
        return {"a": zero, "b": zero, "alpha": zero}

    def weighted(self, t: int) -> float:
        return self.step(t)

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        w, (a, b, alpha) = self.w, (self.memory[k] for k in ("a", "b", "alpha"))
        n_plus = self.memory["n_plus"] + positive
        p, s = n_plus / (self.t + 1), x @ w
        # p(1−p) + (1−p)(s−a)² I₊ + p(s−b)² I₋ + 2(1+α)s(p I₋ − (1−p) I₊) − p(1−p)α²,  s = wᵀx  (S11)
        sign = -(1 - p) if positive else p
        g = (2 * (1 - p) * (s - a) if positive else 2 * p * (s - b)) + 2 * (1 + alpha) * sign
        g_a, g_b = (-2 * (1 - p) * (s - a), 0.0) if positive else (0.0, -2 * p * (s - b))
        g_alpha = 2 * s * sign - 2 * p * (1 - p) * alpha
        clip, R = array_module(w).clip, self.radius
        w = w - eta * g * x
        w = w / array_module(w).maximum(1.0, array_module(w).sqrt(w @ w) / R)
        a, b = clip(a - eta * g_a, -R, R), clip(b - eta * g_b, -R, R)
        return w, {"a": a, "b": b, "alpha": clip(alpha + eta * g_alpha, -2 * R, 2 * R)}
