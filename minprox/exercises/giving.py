"""Give out the file of an exercise, as a student gets it."""

from __future__ import annotations

import os
from pathlib import Path

from minprox.exercises.examination import exercise

INSTALLED = Path(__file__).parent / "files"  # where an installed package has them
CLONE = Path(__file__).resolve().parents[2] / "tutorials" / "exercises"  # of a link to it, too


def give(number: str, folder: str | os.PathLike[str] = ".") -> Path:
    """Write the file of an exercise into a folder, to be filled in.

    Parameters
    ----------
    number : str
        Of the exercise, such as ``"05"`` or ``"5"``.
    folder : str or path-like
        Made if it is not there.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        If there is no such exercise.
    FileExistsError
        If the folder has a file of that name, which may hold a student's work.
    FileNotFoundError
        If this installation came without the files.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> give("05", folder.name).name
    'ex05_proxprop.py'
    >>> folder.cleanup()
    """
    exercise(number := number.zfill(2) if isinstance(number, str) else number)
    if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder) or not str(folder).isprintable():
        found = ascii(folder)[:100] if isinstance(folder, str) else type(folder).__name__
        raise ValueError(f"folder: expected a path, found {found}")
    source = next((path for home in (INSTALLED, CLONE) for path in home.glob(f"ex{number}_*.py")), None)
    if source is None:
        raise FileNotFoundError(f"the files of the exercises are neither in {INSTALLED} nor in {CLONE}")
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder, source.name)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(source.read_text(encoding="utf-8"))
    except FileExistsError:
        raise FileExistsError(
            f"{path} is there already, and may hold your work: move it, or use --folder"
        ) from None
    return path
