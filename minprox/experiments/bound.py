"""A kind of run with its state: what the loop moves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from minprox.learning.loop import Course, Row


class Bound(Course):
    """A kind of run with its state."""

    def __init__(self, kind: Any, place: dict[str, Any]) -> None:
        super().__init__()
        self.kind, self.place = kind, place
        self.state = kind.begin(**place)

    def first(self) -> Row | None:
        return self.kind.first(self.state)

    def advance(self, unit: int) -> Row:
        start = time.perf_counter()
        row = self.kind.advance(self.state, unit)
        return {"seconds": time.perf_counter() - start, **row}

    def pictured(self, unit: int) -> np.ndarray | None:
        return self.kind.pictured(self.state, unit)

    def last(self) -> Row:
        return self.kind.last(self.state)

    def diverged(self, row: Row) -> bool:
        return self.kind.diverged(row)

    def arrays(self) -> dict[str, Any]:
        return self.kind.arrays(self.state)

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        self.state = self.kind.begin(arrays, **self.place)

    def identity(self) -> dict[str, Any]:
        return self.kind.identity(self.state)
