"""A kind of run that is no training of a net, in a module that other processes can import."""

import time
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from minprox.experiments import Claim, Experiment, Kind, Measure, execute

__all__ = ["STREAMS", "Stream", "execute", "fast", "replace", "slow"]


@dataclass(frozen=True, kw_only=True)
class Stream(Kind):
    """Online least squares: one unit takes a hundred examples of a stream that is never held."""

    KIND = "stream"
    UNIT = "block"
    LENGTH = "blocks"
    MEASURES = MappingProxyType(
        {"error": Measure("squared error", logarithmic=True), "share": Measure("share", higher=True)}
    )
    TABLE = ("error", "share")
    SETTINGS = MappingProxyType({"tau": "τ"})

    blocks: int = 5
    tau: float = 0.1
    pause: float = 0.0

    def begin(self, arrays=None):
        return {"w": np.zeros(3), "seen": np.array(0)} if arrays is None else arrays

    def advance(self, state, unit):
        time.sleep(self.pause)
        for x in np.random.default_rng([self.seed, unit]).normal(size=(100, 3)):
            state["w"] = state["w"] - self.tau * (x @ state["w"] - x.sum()) * x
        state["seen"] = state["seen"] + 100
        return {"error": float(((state["w"] - 1) ** 2).sum()), "share": float(state["w"][0] > 0)}

    def first(self, state):
        return {"error": float(((state["w"] - 1) ** 2).sum()), "share": np.nan}

    def last(self, state):
        return {"norm": np.linalg.norm(state["w"])}


slow, fast = Stream(label="slow", tau=0.001), Stream(label="fast", tau=0.05)
STREAMS = Experiment(
    name="streams",
    title="Two rates on a stream",
    methods={"slow": slow, "fast": fast},
    seeds=(0, 1, 2),
    panels=(("block", "error"), ("seconds", "share")),
    claims=(
        Claim(
            sentence="The larger rate ends nearer.",
            quantity="its last error over the other",
            value=lambda records: records.last("error", "fast") / records.last("error", "slow"),
            holds=lambda ratio: ratio < 1,
        ),
    ),
)
