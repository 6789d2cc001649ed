"""Write a file whole or not at all: the one place where minprox puts bytes under a name."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only once it is complete.

    The bytes go to a hidden file in the same folder, which takes the name at the end. Whoever reads
    ``path`` at any moment, even after the process was killed, finds the former file or the new
    one, and never a part of either.

    Parameters
    ----------
    path : str or path-like
        Where the file shall stand; its folder must exist.

    Yields
    ------
    binary file
        To write the content to.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "answer.txt")
    ...     with whole_file(path) as file:
    ...         n = file.write(b"42")
    ...         print(path.exists())
    ...     print(path.read_text())
    False
    42
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    check_folder(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path}: expected the name of a file, found a folder")
    for leftover in target.parent.glob(f".{glob_escape(target.name)}.*.part"):
        leftover.unlink(missing_ok=True)  # of a process that was killed while it wrote
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: str | os.PathLike[str], patience: float = 5.0) -> Iterator[None]:
    """Keep other processes out of a folder within a ``with`` block, where the system can do that.

    A lock ends with its process, however that ended.

    Parameters
    ----------
    folder : str or path-like
    patience : float
        Seconds to wait for another process, which may be about to end.

    Raises
    ------
    BlockingIOError
        If another process is at work in the folder.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        last = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > last:
                    raise BlockingIOError(
                        f"{folder}: another process is at work here; wait for it, or choose another folder"
                    ) from None
                time.sleep(0.05)
            except OSError:
                break  # some network file systems lock no folders
        yield
    finally:
        os.close(handle)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file, whole or not at all; every number in it must be finite."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file, or raise ValueError naming the file if it is not one."""
    try:
        return json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON file, found none ({error})") from None


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise FileNotFoundError unless the folder exists in which ``path`` shall stand."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist")


def glob_escape(name: str) -> str:
    """Return a pattern that matches this name and no other."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
