"""Run the runs of an experiment, each into its own folder, one after the other or side by side."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from minprox.experiments.contents import check_configuration, ended, sweep
from minprox.experiments.description import FORMAT, described, stored
from minprox.experiments.doors import door
from minprox.experiments.experiment import Experiment
from minprox.experiments.folder import chosen, execute, forget
from minprox.experiments.kinds import Kind
from minprox.experiments.outcome import ending
from minprox.experiments.parts import FETCHED
from minprox.experiments.processes import Processes
from minprox.ground.backend import current
from minprox.ground.blas import limit_blas_threads
from minprox.ground.files import clear_parts, locked, write_json
from minprox.ground.reading import check_regular, signed

Path_ = str | os.PathLike[str]


@door
def run(
    experiment: Experiment,
    out: Path_,
    executor: Executor | None = None,
    *,
    resume: bool = True,
    threads: int | None = None,
    data_folder: Path_ | None = None,
    data_name: str | None = None,
    backend: str | None = None,
    tf32: bool = False,
    progress: bool | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run an experiment, or what is left of it.

    It may be stopped and even killed at any moment: called again with the same arguments, it goes on
    after the last epoch that was recorded, with the same bits (as long as BLAS uses as many threads).

    Parameters
    ----------
    out : str or path-like
        Folder of the experiment, made if it does not exist; each run has a folder below it.
    executor : concurrent.futures.Executor, optional
        What the runs are submitted to, say ``Processes(2)``, or ``get_executor()`` of a client of
        dask.distributed; its workers must see the same folders. If not given, the runs follow
        each other here.
    resume : bool
        Whether runs that the folder holds are kept, and one that was interrupted goes on.
    threads : int, optional
        BLAS threads of each run; if not given, ``experiment.blas_threads``, or else as many as there are.
    data_folder : str or path-like, optional
        See :func:`execute`.
    data_name : str, optional
        What figures call the data if they are no exact copy of the official ones; the folder keeps it.
    backend, tf32
        See :func:`execute`; the workers of an executor compute there too.
    progress : bool, optional
        See :func:`minprox.train`; only without an executor.
    say : callable
        Gets a line of text as soon as a run is done.

    Returns
    -------
    dict of str to History
        Or to the ``Record`` of another kind of run; by the names of the folders, in the order of
        ``experiment.runs``. A run that diverged is among
        them, which is a result and no error.

    Raises
    ------
    ValueError
        If the folder, or that of a run, belongs to something else.
    OSError
        If a folder cannot be written.
    ImportError, NoGPUError
        If the backend is not there.

    Examples
    --------
    >>> import tempfile
    >>> from minprox.experiments import X1, quick
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     part = quick(X1).select(methods=["exact"], epochs=1)
    ...     histories = run(part, folder)
    >>> {name: history.status for name, history in histories.items()}
    {'seed-0/exact': 'finished'}
    """
    out = Path(out)
    options: dict[str, Any] = {
        "data_folder": data_folder,
        "backend": backend,
        "tf32": tf32,
        "progress": progress,
    }
    with locked(out, make=True):
        try:
            return run_all(experiment, out, executor, resume, threads, data_name, say, **options)
        except BaseException:
            if not any(out.glob("seed-*")):  # the first run was refused
                (out / "experiment.json").unlink(missing_ok=True)
            raise


def run_all(
    experiment: Experiment,
    out: Path,
    executor: Executor | None,
    resume: bool,
    threads: int | None,
    data_name: str | None,
    say: Callable[[str], None],
    *,
    data_folder: Path_ | None,
    backend: str | None,
    tf32: bool,
    progress: bool | None,
) -> dict[str, Any]:
    """Run an experiment in a folder that no other process works in; see :func:`run`."""
    runs, done = experiment.runs, {}
    check_experiment(experiment, out)
    for name, member in runs.items():
        check_configuration(member, out / name)
        if resume and (history := ended(member, out / name)) is not None:
            done[name] = history
            sweep(out / name)
    left = {name: member for name, member in runs.items() if name not in done}
    if executor is None or isinstance(executor, (ThreadPoolExecutor, Processes)):
        with chosen(backend, tf32):
            pass  # refused before anything is written
    if isinstance(executor, ProcessPoolExecutor):
        check_picklable(left)
    fetch({getattr(member, "data", None) for member in left.values()}, data_folder)
    if os.path.lexists(out / "experiment.json"):
        check_regular(out / "experiment.json", os.lstat(out / "experiment.json"))
    clear_parts(out / "experiment.json")
    former = stored(out)
    data_name = data_name or former.get("data_name")
    about: dict[str, Any] = {"format": FORMAT, "name": experiment.name, "preset": experiment.preset}
    about |= {"data_name": data_name} if data_name else {}
    about |= {"shown": described(experiment, former.get("shown"))}
    write_json(out / "experiment.json", signed(about))

    if not resume:  # all at once, so that a later call goes on with those that are still to be done
        for folder in (out / name for name in left if (out / name).exists()):
            with locked(folder):
                forget(folder)

    def keep(name: str, history: Any) -> None:
        done[name] = history
        say(f"[{len(done)}/{len(runs)}] {name}: {ending(runs[name], history)}")

    threads = threads or experiment.blas_threads
    if backend is None:
        backend, tf32 = current()["name"], tf32 or current()["tf32"]  # for workers, which do not know it
    shared: dict[str, Any] = {"threads": threads, "backend": backend, "tf32": tf32}
    here = executor is None or isinstance(executor, ThreadPoolExecutor)  # threads share these settings
    with blas(threads), chosen(backend, tf32) if here else nullcontext():
        if executor is None:
            for name, member in left.items():
                keep(name, one(member, out / name, data_folder=data_folder, progress=progress, **shared))
        else:
            shared["data_folder"] = None if data_folder is None else os.path.abspath(data_folder)
            futures = {
                executor.submit(one, member, os.path.abspath(out / name), progress=False, **shared): name
                for name, member in left.items()
            }
            try:
                for future in as_completed(futures):
                    keep(futures[future], future.result())
            except BaseException:
                if not isinstance(executor, Processes):  # which stop at once, and want to do it themselves
                    for future in futures:
                        future.cancel()
                raise
    return {name: done[name] for name in runs}


def check_picklable(runs: Mapping[str, Kind]) -> None:
    """Raise ValueError naming a run that no other process can be given."""
    for name, member in runs.items():
        try:
            pickle.dumps(member)
        except Exception as error:  # whatever it is that a part of one's own does not let happen
            raise ValueError(
                f"{name}: a run for other processes must be picklable, with its functions and classes at the "
                f"top level of a module ({error})"
            ) from None


def one(run: Kind, folder: Path_, threads: int | None, **options: Any) -> Any:
    """Execute one run with this number of BLAS threads; a process of its own can do that."""
    with blas(threads):
        return execute(run, folder, **options)


def blas(threads: int | None) -> AbstractContextManager[None]:
    """Limit the threads of BLAS within a ``with`` block, unless there is no limit."""
    return limit_blas_threads(threads) if threads else nullcontext()


def fetch(names: set[Any], data_folder: Path_ | None) -> None:
    """Fetch data sets now and once, rather than by several runs at the same moment."""
    for name in sorted(names, key=str):
        if name in FETCHED:
            FETCHED[name](data_folder)
        elif data_folder is not None:
            raise ValueError(f"data folder: only {', '.join(FETCHED)} lie in one, found {name!r}")


def check_experiment(experiment: Experiment, out: Path) -> None:
    """Raise ValueError if the folder holds another experiment, or another preset of it."""
    found = stored(out)
    if found and (found["name"], found["preset"]) != (experiment.name, experiment.preset):
        raise ValueError(
            f"{out}: expected the preset {experiment.preset} of {experiment.name}, "
            f"found the preset {found['preset']} of {found['name']}; choose another folder"
        )
