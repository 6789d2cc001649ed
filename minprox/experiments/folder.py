"""Run a run into its folder: configuration, environment, history as it grows, checkpoint."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from minprox.experiments.kinds import Kind
from minprox.ground.backend import current, record, use
from minprox.ground.environment import environment
from minprox.ground.files import locked, made_folder, write_json
from minprox.ground.reading import read_json, signed
from minprox.learning.checkpoints import Checkpoint
from minprox.learning.history import History
from minprox.learning.identity import differences
from minprox.learning.loop import Course, carry_on, take_up
from minprox.learning.records import Record
from minprox.learning.rows import Rows, read_record

FORMAT = "minprox run 1"
FORMATS = {kind.FORMAT: kind for kind in (History, Record)}


def execute(
    run: Kind,
    folder: str | os.PathLike[str],
    resume: bool = True,
    progress: bool | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    tf32: bool = False,
) -> Any:
    """Run a run, or what is left of it, and keep its records in a folder.

    Parameters
    ----------
    run : Run, or another Kind
    folder : str or path-like
        Of this run alone; made if it does not exist. It holds ``config.json`` (what is run),
        ``environment.json`` (versions, BLAS, processor, backend, GPU), ``history.json`` and
        ``history.csv`` (written anew after every epoch) and ``checkpoint.npz``.
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

    Returns
    -------
    History
        Or the ``Record`` of another kind.

    Raises
    ------
    ValueError
        If the folder belongs to a run with another configuration (more epochs than before are
        allowed), or holds a damaged file.
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
    folder = Path(folder)
    check_configuration(run, folder)
    if resume and (history := ended(run, folder)) is not None:
        return history
    place = {} if data_folder is None else {"data_folder": data_folder}
    with chosen(backend, tf32):
        course = run.course(**place)
        made_folder(folder)
        with locked(folder):
            return carry_out(run, course, folder, resume, progress)


def chosen(backend: str | None, tf32: bool = False) -> AbstractContextManager[Any]:
    """Compute on a backend within a ``with`` block; on that of the moment if there is nothing to choose."""
    return use(backend or current()["name"], tf32=tf32) if backend or tf32 else nullcontext()


def carry_out(run: Kind, course: Course, folder: Path, resume: bool, progress: bool | None) -> Any:
    """Do what is left of a run, on the backend of the moment."""
    if not resume:
        forget(folder)
    write_json(folder / "config.json", signed({"format": FORMAT, **run.configuration()}))
    write_json(folder / "environment.json", environment() | record())
    store, history = Keeper(folder / "checkpoint.npz", course.identity()), run.record()
    if (folder / "checkpoint.npz").exists():
        history = take_up(course, store, run.RECORD)
    if not history.over(run.units):
        carry_on(course, history, run.units, store=store, progress=progress)
    keep(history, folder)
    return history


class Keeper(Checkpoint):
    """A checkpoint with the history beside it, for people and figures."""

    def save(self, arrays: dict[str, Any], record: Rows) -> None:
        ended = record.status != "running"
        if not ended:  # whoever sees a checkpoint finds a history, too
            keep(record, Path(self.path).parent)
        super().save(arrays, record)
        if ended:  # a history that has ended is believed, so the parameters come before it
            keep(record, Path(self.path).parent)


def keep(record: Rows, folder: Path) -> None:
    """Write a record into the folder of its run."""
    record.save(folder / "history.json")
    record.save(folder / "history.csv")


def forget(folder: Path) -> None:
    """Remove what a folder holds of a run, but for its configuration."""
    for name in ("checkpoint.npz", "history.json", "history.csv"):
        (folder / name).unlink(missing_ok=True)


def ended(run: Kind, folder: Path) -> Any:
    """Return the history of a run that its folder holds to the end, None if something is left to do.

    Raises
    ------
    ValueError
        If the history is damaged.
    """
    path = folder / "history.json"
    history = read_record(path, FORMATS)[0] if path.exists() else None
    return history if history is not None and history.over(run.units) else None


def load(folder: str | os.PathLike[str]) -> tuple[str, Any]:
    """Return the label and the history of a run from its folder.

    Parameters
    ----------
    folder : str or path-like
        Filled by :func:`execute`; the run may still be going on.

    Returns
    -------
    label : str
    history : History
        Or the ``Record`` of another kind of run.

    Raises
    ------
    ValueError
        If the folder holds no run, or damaged files.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import Run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = execute(Run(label="mine", data="blobs", architecture="2-10-3", epochs=2), folder)
    ...     label, loaded = load(folder)
    >>> label, loaded.train_loss == history.train_loss
    ('mine', True)
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file() or not (folder / "history.json").is_file():
        raise ValueError(f"{folder}: expected the folder of a run, found no config.json and history.json")
    return str(configuration(folder)["label"]), read_record(folder / "history.json", FORMATS)[0]


def configuration(folder: Path) -> dict[str, Any]:
    """Return the configuration of the run in a folder."""
    content = read_json(folder / "config.json")
    if not isinstance(content, dict) or content.get("format") != FORMAT or "label" not in content:
        raise ValueError(f"{folder / 'config.json'}: expected the configuration of a run")
    return content


def check_configuration(run: Kind, folder: Path) -> None:
    """Raise ValueError if the folder belongs to another run than this one."""
    now = run.configuration()
    if not (folder / "config.json").exists():
        return
    former = configuration(folder)
    longer = now[run.LENGTH] >= former.get(run.LENGTH, 0)  # to go on for longer is the same run
    free = {"label", "format"} | ({run.LENGTH} if longer else set())
    differing = differences({"kind": "train"} | run.defaults() | former, now, free)
    if differing:
        raise ValueError(
            f"{folder}: this folder belongs to a run with other settings: " + "; ".join(differing)
        )
