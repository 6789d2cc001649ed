"""What the arguments of this method must be, said once for every function that takes one."""

from __future__ import annotations

from typing import Any

from minprox.engine.doors import net
from minprox.ground.arguments import wrong
from minprox.ground.doors import doors, floats, function, positive
from minprox.learning.doors import OWN, optimizer

NEEDED = ("value", "errors", "generator_value", "generator_error", "points", "lam")


def adversary(name: str, value: Any) -> None:
    """Raise TypeError unless this has what a critic loss has."""
    if isinstance(value, type) or not all(hasattr(value, part) for part in NEEDED):
        raise wrong(name, "a critic loss, such as mp.methods.wasserstein_gan.NonSaturating()", value)


def two_optimizers(name: str, value: Any) -> None:
    """Raise TypeError unless these are two optimisers."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise wrong(name, "two optimisers, of the generator and of the critic", value)
    for number, one in enumerate(value):
        optimizer(f"{name}[{number}]", one)


def source(name: str, value: Any) -> None:
    """Raise TypeError unless this is an array of samples, or a function that draws them."""
    if isinstance(value, type) or not (callable(value) or hasattr(value, "dtype")):
        raise wrong(name, "samples, an array of them, or a function draw(n, rng)", value)
    if not callable(value):
        floats(name, value)


def check_alike(g: Any, g_old: Any) -> None:
    """Raise ValueError unless both are samples of one shape."""
    if g.shape != g_old.shape or not g.size or not g.ndim:
        raise ValueError(f"g, g_old: expected samples of one shape, found {g.shape} and {g_old.shape}")


ARRAYS = ("g", "g_old", "real", "fake", "samples", "others", "delta", "x")
KINDS = {
    **OWN,
    **dict.fromkeys(ARRAYS, floats),
    **{"data": source, "measures": function},  # of samples, not of a data set in three parts
    **{"h": positive, "generator": net, "critic": net, "adversary": adversary, "optimizers": two_optimizers},
}
door = doors(KINDS)
