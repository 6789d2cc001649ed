"""The closed form, for those who can hold a matrix of features by features."""

from __future__ import annotations

from typing import Any

from minprox.ground.arguments import number, whole
from minprox.ground.backend import array_module
from minprox.ground.memory import check_room
from minprox.methods.spauc.classes import Moments
from minprox.methods.spauc.doors import door
from minprox.methods.spauc.learner import Learner, Memory

Array = Any


@door
def closed_form(m: Moments, lam: float) -> Array:
    """Return the minimiser of ``f(w) + λ‖w‖²`` (S8).

    Parameters
    ----------
    m : Moments
        Of all examples.
    lam : float
        λ ≥ 0.

    Returns
    -------
    array, shape (features,)

    Raises
    ------
    ValueError
        If λ is negative.

    References
    ----------
    Setting the gradient of (S1) to zero.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> m = mp.methods.spauc.moments(np.array([[2.0], [0.0]]), np.array([1, -1]))
    >>> mp.methods.spauc.closed_form(m, lam=0.0)  # then w(x − x') = 1
    array([0.5])
    """
    (p, u, v, S), xp = m, array_module(m.u)
    lam = number("lam", lam, least=0)
    M = p * (1 - p) * S + lam * xp.eye(len(u))
    return xp.linalg.solve(M, p * (1 - p) * (u - v))  # w* = (p(1−p)S + λI)⁻¹ p(1−p)(u − v)  (S8)


class ClosedForm(Learner):
    """The closed form of the examples so far, from sums of ``features²`` numbers (S8).

    Parameters
    ----------
    lam : float
        λ ≥ 0 of ``λ‖w‖²``.
    classes : tuple
        As for :class:`Learner`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    As for :func:`closed_form`.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.spauc.ClosedForm(1, lam=0.0).learn(np.array([[2.0], [0.0]]), [1, -1]).coef
    array([0.5])
    """

    def __init__(self, features: int, lam: float = 0.0, classes: tuple[Any, Any] = (-1, 1)) -> None:
        check_room("the moments of the examples", (4, whole("features", features), features))
        super().__init__(features, None, 1.0, False, classes)
        self.lam = number("lam", lam, least=0)

    def begin(self) -> Memory:
        square = array_module(self.w).outer(self.w, self.w)
        return {"s_plus": self.w, "s_minus": self.w, "q_plus": square, "q_minus": square}

    def next(self, x: Array, positive: bool, eta: float) -> tuple[Array, Memory]:
        s, q = ("s_plus", "q_plus") if positive else ("s_minus", "q_minus")
        sums = {s: self.memory[s] + x, q: self.memory[q] + array_module(x).outer(x, x)}
        return self.w, self.memory | sums

    @property
    def coef(self) -> Array:
        """The minimiser; 0 until both classes were seen."""
        xp, k = array_module(self.w), self.memory
        if not (k["n_plus"] and k["n_minus"]):
            return self.w
        p, u, v = k["n_plus"] / self.t, k["s_plus"] / k["n_plus"], k["s_minus"] / k["n_minus"]
        S = k["q_plus"] / k["n_plus"] + k["q_minus"] / k["n_minus"] - xp.outer(u, v) - xp.outer(v, u)
        return closed_form(Moments(p, u, v, S), self.lam)
