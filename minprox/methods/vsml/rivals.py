"""What a cell that has learned to learn is measured against: gradient descent and Adam, online."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np

from minprox.engine.layers import Linear, Tanh
from minprox.engine.sequential import Sequential
from minprox.ground.arguments import number, one_of, whole
from minprox.ground.backend import array_module, asarray
from minprox.ground.doors import each
from minprox.ground.seeds import seed as check_seed
from minprox.learning.net_state import check_alike, listed, numbered
from minprox.methods.vsml.learner import error_of

Array = Any

BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam


class Rivals:
    """A tanh net that learns online from one stream, several times side by side, at each rate of a grid (P1).

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden widths, outputs.
    rates : sequence of float
        τ of each copy; all of them start from the same parameters.
    optimizer : {"sgd", "adam"}
        Without momentum; with the usual betas and eps.
    seed : int
        Of the parameters at the start.
    dtype : {"float32", "float64"}

    Attributes
    ----------
    theta : list of array, shape (R, I + 1, O)
        One for each layer.

    Raises
    ------
    ValueError
        If a rate is not positive, or the optimiser is another one.

    Examples
    --------
    >>> import numpy as np
    >>> Rivals((4, 3), rates=[0.1, 1.0]).predict(np.ones((1, 4), "float32")).shape
    (2, 3)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        rates: Sequence[float],
        optimizer: str = "sgd",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        one_of("optimizer", optimizer, ("sgd", "adam"))
        rates = each("rates", rates, partial(number, above=0))
        pairs = pairwise(each("sizes", sizes, whole, 2))
        layers = list(chain.from_iterable((Linear(I, O), Tanh()) for I, O in pairs))[:-1]
        net = Sequential(*layers, seed=check_seed("seed", seed), dtype=dtype)
        xp = array_module(*net.parameters)
        self.tau = asarray(rates, dtype=dtype)[:, None, None]
        self.theta = [xp.stack([theta] * len(rates)) for theta in net.parameters]
        self.adam, self.t = optimizer == "adam", 0
        self.m = [0 * theta for theta in self.theta]
        self.v = [0 * theta for theta in self.theta]
        self.inputs: list[Array] = []

    def predict(self, x: Array) -> Array:
        """Return the logits of each copy.

        Parameters
        ----------
        x : array, shape (1, inputs)

        Returns
        -------
        array, shape (R, classes)
        """
        a = array_module(x).broadcast_to(x, (len(self.tau), *x.shape))
        self.inputs = []
        for l, theta in enumerate(self.theta):
            a = array_module(a).tanh(a) if l else a
            self.inputs.append(a)
            a = a @ theta[:, :-1] + theta[:, -1:]
        return a[:, 0]

    def learn(self, logits: Array, y: Array) -> None:
        """Take a step, in each copy at its rate, on the cross-entropy of the example just predicted (P1).

        Parameters
        ----------
        logits : array, shape (R, classes)
            What :meth:`predict` returned.
        y : array, shape (1,)
            Its label.
        """
        xp = array_module(logits, y)
        e = error_of(logits, y)[:, None]
        self.t += 1
        for l in reversed(range(len(self.theta))):
            a, theta = self.inputs[l], self.theta[l]
            g = xp.concatenate([a.transpose(0, 2, 1) * e, e], axis=1)  # ∇J = Aᵀδ, A with a 1  (P1)
            e = (e @ theta[:, :-1].transpose(0, 2, 1)) * (1 - a * a)
            self.theta[l] = theta - self.tau * (self._scaled(l, g) if self.adam else g)

    def arrays(self) -> dict[str, Array]:
        """Return all that changes, by name.

        Returns
        -------
        dict of str to array
            For :meth:`take_up`; each of the shape that it has here.
        """
        return (
            numbered("theta", self.theta)
            | numbered("m", self.m)
            | numbered("v", self.v)
            | {"t": np.array(self.t)}
        )

    def take_up(self, arrays: Mapping[str, Any]) -> None:
        """Go on where :meth:`arrays` was called.

        Parameters
        ----------
        arrays : mapping of str to array
            What it returned, of the same shapes.

        Raises
        ------
        ValueError
            If they are those of another net.
        """
        check_alike(self.arrays(), arrays)
        self.theta, self.m, self.v = (
            [asarray(part) for part in listed(name, arrays)] for name in ("theta", "m", "v")
        )
        self.t = int(arrays["t"])

    def _scaled(self, l: int, g: Array) -> Array:
        """Return Adam's direction, as :class:`minprox.Adam` has it."""
        (b1, b2), t = BETAS, self.t
        self.m[l] = b1 * self.m[l] + (1 - b1) * g
        self.v[l] = b2 * self.v[l] + (1 - b2) * g * g
        return self.m[l] / (1 - b1**t) / ((self.v[l] / (1 - b2**t)) ** 0.5 + EPS)
