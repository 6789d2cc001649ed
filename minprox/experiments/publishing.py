"""The cell of a meta-training as a file of its own, which says where it is from."""

from __future__ import annotations

import os
from pathlib import Path

from minprox.experiments.contents import configuration
from minprox.experiments.contents import load as load_run
from minprox.ground.reading import read_json
from minprox.methods.vsml.shipped import load, save


def publish(folder: str | os.PathLike[str], path: str | os.PathLike[str], command: str) -> None:
    """Write the cell of a meta-training into a file that says where it is from.

    Parameters
    ----------
    folder : str or path-like
        Of the run.
    path : str or path-like
        For :func:`minprox.methods.vsml.load`.
    command : str
        That ran it.

    Raises
    ------
    ValueError
        If the folder holds no such run, or damaged files.
    OSError
        If the file cannot be written.
    """
    place = Path(folder)
    settings, (_, record) = configuration(place), load_run(place)
    about = read_json(place / "environment.json")
    versions = {name: about[name] for name in ("minprox", "python", "numpy") if name in about}
    result = {"status": record.status, "step": record.step[-1], "loss": record.loss[-1], **record.ends}
    settings = {name: value for name, value in settings.items() if name not in ("format", "sha256")}
    cell = load(place / "checkpoint.npz")
    save(cell, path, command=command, settings=settings, versions=versions, record=result)
