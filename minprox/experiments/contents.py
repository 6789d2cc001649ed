"""What the folder of a run holds, and whether it is of the run at hand: looked at before anything is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from minprox.experiments.doors import door
from minprox.experiments.kinds import Kind
from minprox.ground.arguments import whole, wrong
from minprox.ground.files import clear_parts
from minprox.ground.reading import check_regular, read_json
from minprox.ground.schemas import exactly, mapping, text
from minprox.learning.history import History
from minprox.learning.identity import differences
from minprox.learning.records import Record
from minprox.learning.rows import read_record
from minprox.learning.sampled_records import SampledRecord

FORMAT = "minprox run 1"
FILES = ("config.json", "environment.json", "history.json", "history.csv", "checkpoint.npz")
FORMATS = {kind.FORMAT: kind for kind in (History, Record, SampledRecord)}


def ended(run: Kind, folder: Path) -> Any:
    """Return the history of a run that its folder holds to the end, None if something is left to do.

    Raises
    ------
    ValueError
        If the history is damaged, or that of another run.
    """
    path = folder / "history.json"
    if not path.exists():
        return None
    history, of = read_record(path, FORMATS)
    if of is not None:
        former = {"kind": "train"} | run.defaults() | of
        check_same(path, "history", former, run.configuration(), {"label", "format", run.LENGTH})
    return history if history.over(run.units) else None


def sweep(folder: Path) -> None:
    """Take away what processes left in the folder of a run that were killed while they wrote."""
    for name in FILES:
        clear_parts(folder / name)


@door
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
    >>> from minprox.experiments import Run, execute
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = execute(Run(label="mine", data="blobs", architecture="2-10-3", epochs=2), folder)
    ...     label, loaded = load(folder)
    >>> label, loaded.train_loss == history.train_loss
    ('mine', True)
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file() or not (folder / "history.json").is_file():
        raise ValueError(f"{folder}: expected the folder of a run, found no config.json and history.json")
    known = configuration(folder)
    history, of = read_record(folder / "history.json", FORMATS)
    if differing := differences(of or {}, {name: known.get(name) for name in of or {}}):
        raise ValueError(f"{folder / 'history.json'}: this history is of another run: {'; '.join(differing)}")
    return known["label"], history


def configuration(folder: Path) -> dict[str, Any]:
    """Return the configuration of the run in a folder."""
    path = folder / "config.json"
    content = read_json(path)
    try:
        mapping("a configuration", content)
        exactly(FORMAT)("format", content.get("format"))
        text("label", content.get("label"))
        whole("seed", content.get("seed"), least=0)
    except ValueError as error:
        raise ValueError(f"{path}: expected the configuration of a run: {error}") from None
    return content


def check_configuration(run: Kind, folder: Path) -> None:
    """Raise ValueError if the folder belongs to another run than this one, or it cannot be told to whom."""
    for name in FILES:
        if os.path.lexists(folder / name):
            check_regular(folder / name, os.lstat(folder / name))
    if not (folder / "config.json").exists():
        left = sorted(path.name for path in folder.glob("history.*"))
        left += [name for name in ("checkpoint.npz", "environment.json") if (folder / name).exists()]
        if left:
            raise ValueError(
                f"{folder}: expected a config.json beside {', '.join(left)}, found none, and so nobody "
                "can tell of which run they are; choose another folder"
            )
        return
    now, former = run.configuration(), configuration(folder)
    if not isinstance(former.get(run.LENGTH, 0), int):
        raise wrong(f"{folder / 'config.json'}: {run.LENGTH}", "an integer", former[run.LENGTH])
    longer = now[run.LENGTH] >= former.get(run.LENGTH, 0)  # to go on for longer is the same run
    free = {"label", "format"} | ({run.LENGTH} if longer else set())
    check_same(folder, "folder", {"kind": "train"} | run.defaults() | former, now, free)


def check_same(place: Path, what: str, former: dict[str, Any], now: dict[str, Any], free: set[str]) -> None:
    """Raise ValueError if settings that are not free to differ are not what they were."""
    if differing := differences(former, now, free):
        raise ValueError(
            f"{place}: this {what} belongs to a run with other settings: " + "; ".join(differing)
        )
