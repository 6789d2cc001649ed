"""Run a run into its folder: configuration, environment, history as it grows, checkpoint."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from minprox.engine.graph import Graph
from minprox.experiments.runs import Parts, Run, build
from minprox.ground.backend import current, record, use
from minprox.ground.environment import environment
from minprox.ground.files import locked, made_folder, read_json, write_json
from minprox.learning.history import History
from minprox.learning.training import train

FORMAT = "minprox run 1"


def execute(
    run: Run,
    folder: str | os.PathLike[str],
    resume: bool = True,
    progress: bool | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    tf32: bool = False,
) -> History:
    """Run a run, or what is left of it, and keep its records in a folder.

    Parameters
    ----------
    run : Run
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
    with chosen(backend, tf32):
        parts = build(run, data_folder)
        made_folder(folder)
        with locked(folder):
            return carry_out(run, parts, folder, resume, progress)


def chosen(backend: str | None, tf32: bool = False) -> AbstractContextManager[Any]:
    """Compute on a backend within a ``with`` block; on that of the moment if there is nothing to choose."""
    return use(backend or current()["name"], tf32=tf32) if backend or tf32 else nullcontext()


def carry_out(run: Run, parts: Parts, folder: Path, resume: bool, progress: bool | None) -> History:
    """Do what is left of a run, on the backend of the moment."""
    if not resume:
        forget(folder)
    write_json(folder / "config.json", {"format": FORMAT, "label": run.label, **run.settings()})
    write_json(folder / "environment.json", environment() | record())

    def keep(net: Graph, history: History) -> None:
        history.save(folder / "history.json")
        history.save(folder / "history.csv")

    history = train(
        parts.net,
        parts.data,
        parts.loss,
        parts.optimizer,
        parts.direction,
        epochs=run.epochs,
        batch_size=run.batch_size,
        seed=run.seed,
        callbacks=[keep],
        checkpoint=folder / "checkpoint.npz",
        resume=resume,
        progress=progress,
    )
    keep(parts.net, history)
    return history


def forget(folder: Path) -> None:
    """Remove what a folder holds of a run, but for its configuration."""
    for name in ("checkpoint.npz", "history.json", "history.csv"):
        (folder / name).unlink(missing_ok=True)


def ended(run: Run, folder: Path) -> History | None:
    """Return the history of a run that its folder holds to the end, None if something is left to do.

    Raises
    ------
    ValueError
        If the history is damaged.
    """
    if not (folder / "history.json").exists():
        return None
    history = History.load(folder / "history.json")
    over = history.status in ("diverged", "stopped")
    return history if over or (history.status == "finished" and len(history) == run.epochs) else None


def load(folder: str | os.PathLike[str]) -> tuple[str, History]:
    """Return the label and the history of a run from its folder.

    Parameters
    ----------
    folder : str or path-like
        Filled by :func:`execute`; the run may still be going on.

    Returns
    -------
    label : str
    history : History

    Raises
    ------
    ValueError
        If the folder holds no run, or damaged files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = execute(Run(label="mine", data="blobs", architecture="2-10-3", epochs=2), folder)
    ...     label, loaded = load(folder)
    >>> label, loaded.train_loss == history.train_loss
    ('mine', True)
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file() or not (folder / "history.json").is_file():
        raise ValueError(f"{folder}: expected the folder of a run, found no config.json and history.json")
    return str(configuration(folder)["label"]), History.load(folder / "history.json")


def configuration(folder: Path) -> dict[str, Any]:
    """Return the configuration of the run in a folder."""
    content = read_json(folder / "config.json")
    if not isinstance(content, dict) or content.get("format") != FORMAT or "label" not in content:
        raise ValueError(f"{folder / 'config.json'}: expected the configuration of a run")
    return content


def check_configuration(run: Run, folder: Path) -> None:
    """Raise ValueError if the folder belongs to another run than this one."""
    if not (folder / "config.json").exists():
        return
    former, now = configuration(folder), run.settings()
    differing = [
        f"{name} was {former.get(name)!r} and is now {value!r}"
        for name, value in now.items()
        if former.get(name) != value
    ]
    if now["epochs"] >= former.get("epochs", 0):  # to go on for longer is the same run
        differing = [line for line in differing if not line.startswith("epochs ")]
    if differing:
        raise ValueError(
            f"{folder}: this folder belongs to a run with other settings: " + "; ".join(differing)
        )
