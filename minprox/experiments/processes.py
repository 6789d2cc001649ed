"""Processes that runs can be shared out to, and that end together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from minprox.ground.arguments import whole
from minprox.ground.doors import door
from minprox.ground.plugins import load_plugins

NO_GUARD = 90  # the exit code of a process that found itself starting processes


class MissingGuardError(BrokenProcessPool):
    """Processes that could not start, since the script which starts them does so wherever it is imported."""

    def __init__(self) -> None:
        super().__init__(
            "fresh processes import the script that starts them, and this one then starts processes again: "
            'put what it does under `if __name__ == "__main__":`'
        )


class Processes(ProcessPoolExecutor):
    """A pool of fresh processes that ends with its ``with`` block, even in the middle of a run.

    If the block is left by an exception, say by Ctrl-C, the processes are stopped at once; and
    should this process be killed, they follow it. Runs may be stopped at any moment, so nothing is lost.

    Parameters
    ----------
    jobs : int
        The number of processes.

    Notes
    -----
    Fresh processes import the script that starts them: what it does has to stand under
    ``if __name__ == "__main__":``. Where it does not, MissingGuardError (a BrokenExecutor) says so.

    Examples
    --------
    >>> from minprox.experiments import Processes
    >>> with Processes(1) as executor:  # or run(experiment, folder, executor)
    ...     executor.submit(max, 1, 2).result()
    2
    """

    @door(jobs=whole)
    def __init__(self, jobs: int) -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):  # it still imports the script
            sys.exit(NO_GUARD)
        self.started = Spawned()
        super().__init__(jobs, mp_context=self.started, initializer=prepare)
        self.others = set(multiprocessing.active_children())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        with interrupts_wait():  # processes start here, and inherit that they see no Ctrl-C
            future = super().submit(fn, *args, **kwargs)
        fail = future.set_exception

        def explain(error: BaseException | None) -> None:
            broken = isinstance(error, BrokenProcessPool) and self.started.without_guard()
            fail(MissingGuardError() if broken else error)

        future.set_exception = explain  # type: ignore[assignment]
        return future

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if kind is not None:
            for process in set(multiprocessing.active_children()) - self.others:
                process.terminate()
            self.shutdown(cancel_futures=True)
        return super().__exit__(kind, error, trace)


class Spawned(SpawnContext):
    """Starts fresh processes, and knows how they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]
        self.processes.append(SpawnProcess(*arguments, **options))
        return self.processes[-1]

    def without_guard(self) -> bool:
        """Tell whether a process ended where it would have started others."""
        begun = [process for process in self.processes if process.pid]
        ended = wait([process.sentinel for process in begun], timeout=0)
        for _ in range(50):  # one that has ended may take a moment to tell how
            if all(process.exitcode is not None for process in begun if process.sentinel in ended):
                break
            time.sleep(0.1)
        return any(process.exitcode == NO_GUARD for process in begun)


def prepare() -> None:
    """Let this process end as soon as the one that started it has ended, and load its plugins."""
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own lock would outlive a process that is stopped
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    load_plugins()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block, where the system can do that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
