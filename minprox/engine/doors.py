"""What a net, a tape, a loss and a linear map must be, said once for every function that takes one."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.linear_map import LinearMap
from minprox.engine.losses import check_loss
from minprox.engine.tape import Tape
from minprox.ground.arguments import step_size, wrong
from minprox.ground.backend import array_module
from minprox.ground.doors import COMMON, arrays, doors, floats, numbers
from minprox.ground.mpi_communicator import taken


def net(name: str, value: Any) -> None:
    """Raise TypeError unless this is a net."""
    if not isinstance(value, Graph):
        raise wrong(name, "a net, such as mp.Sequential(mp.Linear(4, 3))", value)


def tape(name: str, value: Any) -> None:
    """Raise TypeError unless this is a tape."""
    if not isinstance(value, Tape):
        raise wrong(name, "a tape, as mp.forward(net, x) returns one", value)


def loss(name: str, value: Any) -> None:
    """Raise TypeError unless this is a loss with a gradient."""
    check_loss(value, "gradient")


def valued(name: str, value: Any) -> None:
    """Raise TypeError unless this is a loss with value and gradient."""
    check_loss(value, "value", "gradient")


def linear_map(name: str, value: Any) -> None:
    """Raise TypeError unless this is a linear map."""
    if not isinstance(value, LinearMap):
        raise wrong(name, "a linear map, such as mp.DenseMap(a, bias=True)", value)


def steps(name: str, value: Any) -> None:
    """Raise an error unless this is a proximal step size, or a list of them; the plan looks at each."""
    if not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) == 0:
        step_size(name, value)
    elif not isinstance(value, (list, tuple)):
        numbers(name, value)


def communicator(name: str, value: Any) -> None:
    """Raise TypeError unless this tells processes something, or is None."""
    taken(value, name)


KINDS = {
    **COMMON,
    "net": net,
    "tape": tape,
    "loss": loss,
    "A": linear_map,
    "x": floats,
    "y": numbers,
    "delta": numbers,
    "d": numbers,
    "v": arrays,
    "s": numbers,
    "directions": arrays,
    "arrays": arrays,
    "like": tape,
    "tau_theta": steps,
    "comm": communicator,
}
door = doors(KINDS)


def check_system(A: Any, delta: Any, tau_theta: Any = 1.0, d: Any = None) -> None:
    """Raise an error unless ``(AᵀA + I/τ_θ) d = Aᵀ δ`` can be written down."""
    linear_map("A", A)
    floats("delta", delta)
    if delta.ndim < 2 or delta.shape[-2] != A.rows_here:
        raise ValueError(
            f"delta: expected the shape (..., {A.rows_here}, n_out), a row for each of A, found {delta.shape}"
        )
    step_size("tau_theta", tau_theta)
    if d is not None:
        floats("d", d)
        array_module(delta, d)
        expected = (*delta.shape[:-2], A.shape[1], delta.shape[-1])
        if d.shape != expected:
            raise ValueError(f"d: expected a step of the shape {expected}, found {d.shape}")
