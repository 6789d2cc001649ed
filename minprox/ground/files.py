"""Write a file whole or not at all: the one place where minprox puts bytes under a name."""

from __future__ import annotations

import glob
import json
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from minprox.ground.interrupts import uninterrupted
from minprox.ground.reading import check_regular

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

DAY = 86_400  # seconds


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only once it is complete.

    The bytes go to a hidden file in the same folder, which takes the name at the end. Whoever reads
    ``path`` at any moment, even after the process was killed, finds the former file or the new
    one, and never a part of either. Several may write at a time: the last one to end has its file there.
    Ctrl-C waits until the file stands.

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
        If the file cannot be written, because the disk is full say; it names the file.

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
    check_name(path)
    former = target.stat() if target.exists() else None
    clear_parts(target)
    file: BinaryIO | None = None
    try:
        file = open_part(target)
        if former and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), stat.S_IMODE(former.st_mode))
        with file, uninterrupted():
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl:  # while we hold its lock, nobody takes the part for a dead one
                os.replace(file.name, target)
        if not fcntl:  # Windows renames no open file
            os.replace(file.name, target)
    except BaseException as error:
        if file:
            Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and str(error.filename or ".part").endswith(".part"):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error  # a full disk names none
        raise


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise an error unless a file can stand under this name: in a folder, and where none but a file is."""
    check_folder(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: expected the name of a file, found a folder")
    if os.path.exists(path):
        check_regular(path, os.stat(path))


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a file can be written under this name: one is begun, and taken away."""
    check_name(path)
    target = Path(os.path.realpath(path))
    clear_parts(target)
    try:
        with open_part(target) as file:
            Path(file.name).unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def open_part(target: Path) -> BinaryIO:
    """Open a hidden file beside the target that no other writer has, and hold its lock."""
    while True:
        name = f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
        file = open(target.with_name(name), "xb")  # noqa: SIM115
        if hold(file):
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(file.name)):
                    return file
        file.close()  # somebody took it for a dead one before we had its lock


def clear_parts(target: Path) -> None:
    """Remove what processes left that were killed while they wrote; what is being written stays."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        with suppress(OSError):
            if fcntl:
                with open(part, "r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes it holds the lock
                    part.unlink()
            elif time.time() - part.stat().st_mtime > DAY:
                part.unlink()


def hold(file: BinaryIO) -> bool:
    """Take the lock of an open file; where the file system knows none there is nothing to take."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def locked(folder: str | os.PathLike[str], patience: float = 5.0, make: bool = False) -> Iterator[None]:
    """Keep other processes out of a folder within a ``with`` block, where the system can do that.

    A lock ends with its process, however that ended.

    Parameters
    ----------
    folder : str or path-like
    patience : float
        Seconds to wait for another process, which may be about to end.
    make : bool
        Whether to make the folder where there is none; it is taken away again if the block is left by an
        error before anything stands in it.

    Raises
    ------
    BlockingIOError
        If another process is at work in the folder.
    """
    places, last = [Path(folder), *Path(folder).parents], time.monotonic() + patience
    made = [place for place in places if make and not os.path.lexists(place)]
    while True:
        if make:
            made_folder(folder)
        handle = os.open(folder, os.O_RDONLY) if fcntl else None
        try:
            if handle is not None and not taken(handle, folder, last):
                continue
            try:
                yield
            except BaseException:
                for place in made:
                    with suppress(OSError):  # it holds something
                        place.rmdir()
                raise
            return
        finally:
            if handle is not None:
                os.close(handle)


def taken(handle: int, folder: str | os.PathLike[str], last: float) -> bool:
    """Take the lock of a folder until a moment; tell whether it is still the folder of this name."""
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
            return True  # some network file systems lock no folders
    try:
        return os.path.samestat(os.fstat(handle), os.stat(folder))
    except FileNotFoundError:  # whoever had made it took it away
        return False


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file, whole or not at all; every number in it must be finite."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise FileNotFoundError unless the folder exists in which ``path`` shall stand."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist")


def made_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder where there is none yet, or raise an error that says what stands in its place."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        for place in (folder, *folder.parents):
            if os.path.lexists(place) and not place.is_dir():
                link = f"a link to {os.readlink(place)}, which is none" if place.is_symlink() else "a file"
                found = link if place == folder else f"{place}, {link}"
                raise NotADirectoryError(f"{folder}: expected a folder, found {found}") from None
        raise
    return folder


def home_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path with a leading ``~`` or ``~user`` replaced by that home, or raise ValueError."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{os.fspath(path)}: expected the home of a user, found none of this name") from None
