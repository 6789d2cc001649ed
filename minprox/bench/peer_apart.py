"""The peer in a process of its own, one task at a time: so neither side finds the other's memory in its heap.

What PyTorch gives back and asks for again at every step costs more or less, as the heap around it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import minprox

DONE = "done"


class PeerApart:
    """A process that has a :class:`minprox.bench.torch_peer.Peer`, and does what it is told.

    Parameters
    ----------
    name : {"mlp", "convnet"}
    code : str
        What the process runs: Python that calls :func:`serve`, with the name as its argument.

    Raises
    ------
    ChildProcessError
        At a task, if the process has ended before it was done, with its last word.
    """

    def __init__(self, name: str, code: str) -> None:
        path = os.pathsep.join(
            filter(None, [str(Path(minprox.__file__).parents[1]), os.getenv("PYTHONPATH")])
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C ends this process, and this process the other one
        )

    def task(self, words: str) -> Callable[[], None]:
        """Return what :meth:`Peer.task` returns, done there."""

        def run() -> None:
            with suppress(BrokenPipeError):
                print(words, file=self.process.stdin, flush=True)
            answer: IO[str] = self.process.stdout  # type: ignore[assignment]
            if answer.readline().strip() != DONE:
                raise ChildProcessError(
                    f"the process of the peer has ended before its task {words!r} was done{self.last_word()}"
                )

        return run

    def last_word(self) -> str:
        """End the process and return the last line that it wrote about itself."""
        self.process.kill()
        told: IO[str] = self.process.stderr  # type: ignore[assignment]
        return "".join(f": {line.strip()}" for line in told.readlines()[-1:])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        with suppress(BrokenPipeError):
            self.process.communicate()


def serve(peer: Any, tasks: Iterable[str], answers: IO[str]) -> None:
    """Do one task for each line, and answer when it is done."""
    known: dict[str, Callable[[], None]] = {}
    for words in map(str.strip, tasks):
        if words not in known:
            known[words] = peer.task(words)
        known[words]()
        print(DONE, file=answers, flush=True)
