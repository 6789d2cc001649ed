"""Ctrl-C at the right moment: what must not be cut in two ends first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let one Ctrl-C wait for the end of the block; a second one is answered at once.

    Libraries that write archives answer a KeyboardInterrupt at some places with an error of their own.
    In other threads than the main one, which sees no Ctrl-C, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    seen: list[tuple[int, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        seen.append((number, frame))
        if len(seen) > 1:
            before(number, frame)

    signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if len(seen) == 1:
            before(*seen[0])
