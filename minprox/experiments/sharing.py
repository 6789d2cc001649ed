"""A run that several processes share: which may be shared."""

from __future__ import annotations

from inspect import signature

from minprox.experiments.kinds import Kind
from minprox.ground.communicators import Communicator


def shared(run: Kind, comm: Communicator) -> dict[str, Communicator]:
    """Return the communicator for the course of a run, where several processes share it."""
    if comm.size == 1:
        return {}
    if "comm" not in signature(run.begin).parameters:
        raise ValueError(
            f"comm: expected a training run, which {comm.size} processes can share, "
            f"found a run of the kind {run.KIND or type(run).__qualname__!r}"
        )
    return {"comm": comm}
