"""Processes that runs can be shared out to, and that end together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any


class Processes(ProcessPoolExecutor):
    """A pool of fresh processes that ends with its ``with`` block, even in the middle of a run.

    If the block is left by an exception, say by Ctrl-C, the processes are stopped at once; and
    should this process be killed, they follow it. Runs may be stopped at any moment, so nothing is lost.

    Parameters
    ----------
    jobs : int
        The number of processes.

    Examples
    --------
    >>> from minprox.experiments import Processes
    >>> with Processes(1) as executor:  # or run(experiment, folder, executor)
    ...     executor.submit(max, 1, 2).result()
    2
    """

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        super().__init__(jobs, mp_context=context, initializer=prepare)
        self.others = set(multiprocessing.active_children())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        with interrupts_wait():  # processes start here, and inherit that they see no Ctrl-C
            return super().submit(fn, *args, **kwargs)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if kind is not None:
            for process in set(multiprocessing.active_children()) - self.others:
                process.terminate()
            self.shutdown(cancel_futures=True)
        return super().__exit__(kind, error, trace)


def prepare() -> None:
    """Let this process end as soon as the one that started it has ended, however that was."""
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own lock would outlive a process that is stopped
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
