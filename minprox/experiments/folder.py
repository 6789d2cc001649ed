"""Run a run into its folder: configuration, environment, history as it grows, checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from minprox.experiments.contents import FORMAT, check_configuration, ended, sweep
from minprox.experiments.doors import door
from minprox.experiments.kinds import Kind
from minprox.experiments.sharing import shared
from minprox.ground.backend import current, use
from minprox.ground.backend import record as record_of_backend
from minprox.ground.communicators import Communicator
from minprox.ground.environment import environment
from minprox.ground.files import check_writable, locked, write_json
from minprox.ground.mpi_communicator import taken
from minprox.ground.reading import signed
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.loop import Course, carry_on, take_up
from minprox.learning.rows import Rows


@door
def execute(
    run: Kind,
    folder: str | os.PathLike[str],
    resume: bool = True,
    progress: bool | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    tf32: bool = False,
    new: bool = False,
    comm: Any = None,
) -> Any:
    """Run a run, or what is left of it, and keep its records in a folder.

    Parameters
    ----------
    run : Run, or another Kind
    folder : str or path-like
        Of this run alone, and of one process at a time; made if it does not exist. It holds
        ``config.json`` (what is run), ``environment.json`` (versions, BLAS, processor, backend, GPU),
        ``history.json`` and ``history.csv`` (written anew after every epoch) and ``checkpoint.npz``.
    resume : bool
        Whether to go on where the folder ends, or to return the history of a run that has ended;
        otherwise the run starts anew.
    progress : bool, optional
        See :func:`minprox.train`.
    data_folder : str or path-like, optional
        Where the data are, if they are among those that are fetched, like CIFAR-10; it is no part of
        the configuration, as it does not influence the result.
    backend : {"numpy", "cupy"}, optional
        Where to compute; if not given, as :class:`minprox.use` has it. No part of the configuration
        either: a run may go on on the other backend, with the same results up to rounding.
    tf32 : bool
        See :class:`minprox.use`.
    new : bool
        Whether a folder that holds a run already is refused.
    comm : communicator, optional
        Of the processes that share a training run, see :func:`minprox.train`; process 0 keeps the folder, and
        any number of them may go on with it.

    Returns
    -------
    History
        Or the ``Record`` of another kind.

    Raises
    ------
    ValueError
        If the folder belongs to a run with another configuration (more epochs than before are
        allowed), or holds a damaged file, a link, or files of a run without its ``config.json``; it is
        then left as it was, as it is where the first unit fails; or if several processes cannot share it.
    OSError
        If the folder cannot be written, or another process is at work in it (BlockingIOError).
    ImportError, NoGPUError
        If the backend is not there.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import Run
    >>> run = Run(data="blobs", architecture="2-10-3", epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = execute(run, folder)
    ...     print(history.status, sorted(os.listdir(folder)))
    finished ['checkpoint.npz', 'config.json', 'environment.json', 'history.csv', 'history.json']
    """
    folder, comm = Path(folder), taken(comm)
    place = {} if data_folder is None else {"data_folder": data_folder}
    with held(folder, comm):
        history = comm.first(partial(ended_before, run, folder, resume, new))
        if history is not None:
            return history
        with chosen(backend, tf32):
            course = run.course(**place, **shared(run, comm))
            return carry_out(run, course, folder, resume, progress)


@contextmanager
def held(folder: Path, comm: Communicator) -> Iterator[None]:
    """Make a folder, and keep others out of it; process 0 does that for all who share a run."""
    with ExitStack() as stack:
        comm.first(lambda: stack.enter_context(locked(folder, make=True)))
        yield


def ended_before(run: Kind, folder: Path, resume: bool, new: bool) -> Any:
    """Return the history that a folder holds to the end, None if there is something to do in it."""
    check_configuration(run, folder)
    if new and (folder / "config.json").exists():
        raise ValueError(f"{folder} holds a run already: resume it, or choose another folder")
    history = ended(run, folder) if resume else None
    sweep(folder)
    return history


def chosen(backend: str | None, tf32: bool = False) -> AbstractContextManager[Any]:
    """Compute on a backend within a ``with`` block; on that of the moment if there is nothing to choose."""
    return use(backend or current()["name"], tf32=tf32) if backend or tf32 else nullcontext()


def carry_out(run: Kind, course: Course, folder: Path, resume: bool, progress: bool | None) -> Any:
    """Do what is left of a run, on the backend of the moment; nothing is written before a unit is done."""
    comm, path, history = course.comm, folder / "checkpoint.npz", run.record()
    store = Keeper(path, course.identity(), Sheets(run, folder, resume, comm.size))
    if resume and comm.first(path.exists):
        history = take_up(course, store, run.RECORD)
    if not history.over(run.units):
        comm.first(partial(check_writable, path))
        carry_on(course, history, run.units, store=store, progress=progress)
    comm.first(partial(store.sheets.keep, history))
    return history


class Sheets:
    """The files of a run for people and figures: what is run, where, and its history."""

    def __init__(self, run: Kind, folder: Path, resume: bool, processes: int = 1) -> None:
        self.run, self.folder, self.resume, self.begun = run, folder, resume, False
        self.processes = {"processes": processes} if processes > 1 else {}

    def begin(self) -> None:
        """Write once what is run and where, and take away what a former run left, unless this one goes on."""
        if not self.begun:
            write_json(self.folder / "config.json", signed({"format": FORMAT, **self.run.configuration()}))
            write_json(self.folder / "environment.json", environment() | record_of_backend() | self.processes)
            if not self.resume:
                forget(self.folder)
            self.begun = True

    def keep(self, record: Rows) -> None:
        """Write the history; the file that is believed comes last."""
        self.begin()
        record.save(self.folder / "history.csv")
        write_json(self.folder / "history.json", signed(record.told() | {"run": identity(self.run)}))


@dataclass(frozen=True)
class Keeper(Checkpoint):
    """A checkpoint with the history beside it."""

    sheets: Sheets

    def save(self, arrays: dict[str, Any], record: Rows) -> None:
        ended = record.status != "running"
        self.sheets.begin()
        if not ended:  # whoever sees a checkpoint finds a history, too
            self.sheets.keep(record)
        super().save(arrays, record)
        if ended:  # a history that has ended is believed, so the parameters come before it
            self.sheets.keep(record)


def identity(run: Kind) -> dict[str, Any]:
    """Return what is the same in all histories of a run, whatever its label and its length."""
    return {name: value for name, value in run.configuration().items() if name not in ("label", run.LENGTH)}


def forget(folder: Path) -> None:
    """Remove what a folder holds of a run, but for its configuration."""
    for name in ("checkpoint.npz", "history.json", "history.csv"):
        (folder / name).unlink(missing_ok=True)
