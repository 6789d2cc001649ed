"""The θ of a layer: its shape, its first values, and the one memory layout that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minprox.engine.layers.base import Array, Layer
from minprox.ground.arguments import one_of, whole, wrong
from minprox.ground.backend import array_module, asarray, moved
from minprox.ground.doors import door
from minprox.ground.memory import check_room

INITS = ("uniform", "he", "glorot")


class Parametric(Layer):
    """A layer with parameters: what :class:`minprox.Transfer` says of θ, but for what is done with it."""

    @door
    def __init__(
        self,
        theta_shape: Sequence[int],
        fan_in: int | None = None,
        bias: bool = False,
        groups: int = 1,
        init: str = "uniform",
        fan_out: int | None = None,
    ) -> None:
        cols, n_out = checked_shape(theta_shape)
        one_of("init", init, INITS)
        groups = whole("groups", groups)
        if n_out % groups:
            raise ValueError(f"{n_out} output channels do not divide into {groups} groups")
        self.theta_shape = (cols, n_out)
        self.has_bias, self.groups, self.init = bool(bias), groups, init
        self.fan_in = cols - self.has_bias if fan_in is None else whole("fan_in", fan_in)
        self.fan_out = n_out if fan_out is None else whole("fan_out", fan_out)

    @property
    def theta(self) -> Array:
        """θ, of shape ``(cols, n_out)``; None before a net is built, which then draws it.

        Set it to an array of this shape, and of the dtype of the θ that is there, in any memory layout and on
        either backend: the layer keeps a copy of its own, row behind row, where its θ lives. None forgets θ.
        """
        return vars(self).get("held")

    @theta.setter
    def theta(self, value: Array | None) -> None:
        self.held = None if value is None else self.copied(value)

    def copied(self, value: Array) -> Array:
        """Return a copy of θ that nobody else holds, in C order, or raise an error where it is no θ."""
        xp, old = array_module(value), self.theta
        if value.shape != self.theta_shape:
            raise ValueError(f"{self!r}: expected θ of shape {self.theta_shape}, found {value.shape}")
        allowed = ("float32", "float64") if old is None else (old.dtype.name,)
        if value.dtype.name not in allowed:
            raise TypeError(
                f"{self!r}: expected θ of dtype {' or '.join(allowed)}, found {value.dtype.name}; "
                f'convert it by theta.astype("{allowed[0]}")'
            )
        copy = xp.asarray(value, dtype=value.dtype.name).copy()  # in C order, and without a byte order
        return copy if old is None else moved(copy, array_module(old).__name__)

    def initialise(self, rng: np.random.Generator, dtype: Any) -> bool:
        """Draw θ, unless the layer has one already, from another net, say; tell whether it was drawn."""
        if self.theta is None:
            self.theta = asarray(self.draw(rng), dtype=dtype)
            return True
        if self.theta.dtype != dtype:
            raise ValueError(
                f"{self!r} already has parameters of dtype {self.theta.dtype}, "
                f"but the net is built with dtype {np.dtype(dtype)}"
            )
        return False

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw an initial θ in float64, by the rule ``init``."""
        check_room(f"θ of {self!r}", self.theta_shape)
        if self.init == "he":
            theta = rng.standard_normal(self.theta_shape) * (2 / self.fan_in) ** 0.5
        else:
            spread = 6 / (self.fan_in + self.fan_out) if self.init == "glorot" else 1 / self.fan_in
            theta = rng.uniform(-(spread**0.5), spread**0.5, self.theta_shape)
        if self.has_bias and self.init != "uniform":
            theta[-1] = 0
        return theta

    @property
    def lacks_forward(self) -> bool:
        """Whether no class below :class:`minprox.Transfer` gives ``forward`` or ``linear_map``."""
        kinds = type(self).__mro__
        below = kinds[: kinds.index(Parametric) - 1]
        return not any({"forward", "linear_map"} & vars(kind).keys() for kind in below)

    @property
    def weight(self) -> Array:
        """θ without its bias row, a view; None before a net is built."""
        return self.theta[:-1] if self.has_bias and self.theta is not None else self.theta

    @property
    def bias(self) -> Array:
        """The bias row of θ, a view; None if there is none."""
        return self.theta[-1] if self.has_bias and self.theta is not None else None


def checked_shape(theta_shape: Any) -> tuple[int, int]:
    """Return ``(cols, n_out)``, or raise an error where it is something else."""
    if not isinstance(theta_shape, (list, tuple)) or len(theta_shape) != 2:
        raise wrong("theta_shape", "a pair (cols, n_out)", theta_shape)
    cols, n_out = (whole("theta_shape", n) for n in theta_shape)
    return cols, n_out
