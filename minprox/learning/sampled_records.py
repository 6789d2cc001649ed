"""A record with samples along the run: what a generator made after each unit, beside the row of measures."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minprox.ground.arguments import refuse, whole
from minprox.ground.schemas import fields, mapping, text
from minprox.learning.records import Record


@dataclass
class SampledRecord(Record):
    """The record of a run that is looked at as well as measured.

    Parameters
    ----------
    unit, columns, ends, status, diverged_at
        As for ``minprox.learning.records.Record``.
    samples : dict of int to array, shape (n, ...)
        By the number of the unit; float32.

    Examples
    --------
    >>> record = SampledRecord("block")
    >>> record.append(block=1, seconds=0.5)
    >>> record.show(1, np.zeros((3, 2)))
    >>> SampledRecord.from_dict(record.to_dict()).samples[1].shape
    (3, 2)
    """

    samples: dict[int, Any] = field(default_factory=dict, compare=False)
    FORMAT = "minprox sampled record 1"

    def show(self, unit: int, samples: Any) -> None:
        """Keep samples of a unit, an array of shape (n, ...) on the host."""
        self.samples[int(unit)] = np.asarray(samples, dtype="float32")

    def to_dict(self) -> dict[str, Any]:
        texts = {
            str(unit): {
                "shape": list(array.shape),
                "float32": base64.b64encode(array.astype("<f4").tobytes()).decode("ascii"),
            }
            for unit, array in self.samples.items()
        }
        return super().to_dict() | {"samples": texts}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SampledRecord:
        samples = mapping("samples", mapping("a record", values).get("samples"))
        record: Any = super().from_dict({name: v for name, v in values.items() if name != "samples"})
        for unit, kept in samples.items():
            if not (unit.isascii() and unit.isdigit()):
                refuse("samples", "the numbers of units", unit)
            record.samples[int(unit)] = decoded(kept)
        return record

    def __repr__(self) -> str:
        return super().__repr__().replace("Record", "SampledRecord", 1)


def decoded(kept: Any) -> np.ndarray:
    """Return samples from their text, or raise ValueError where it is none."""
    found = fields("samples", kept, {"shape": extents, "float32": text})
    content = base64.b64decode(found["float32"], validate=True)
    if len(content) != 4 * math.prod(found["shape"]):
        raise ValueError(f"samples: expected the shape {found['shape']}, found {len(content)} bytes")
    return np.frombuffer(content, "<f4").astype("float32").reshape(found["shape"])


def extents(name: str, value: Any) -> list[int]:
    """Return a shape as JSON has it."""
    if not isinstance(value, list):
        refuse(name, "a list of integers", value)
    return [whole(name, n, least=0) for n in value]
