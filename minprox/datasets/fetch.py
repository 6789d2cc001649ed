"""Where data sets lie on the disk, and how a file gets there: once, checked, and whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from minprox.ground.arguments import shown
from minprox.ground.doors import path as check_path
from minprox.ground.files import home_folder, made_folder
from minprox.ground.text import is_terminal

Folder = str | os.PathLike[str] | None

VARIABLE = "MINPROX_DATA"
ANEW = "and load the data again to download them anew"


def data_folder(folder: Folder = None) -> Path:
    """Return the folder of the data sets; it need not exist.

    Parameters
    ----------
    folder : str or path-like, optional
        If not given, what the environment variable MINPROX_DATA names, or else the folder for caches
        of this operating system.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If ``folder`` is no path.
    ValueError
        If it begins with ``~user``, and there is no such user.
    NotADirectoryError
        If it is a file.

    Examples
    --------
    >>> data_folder("data/sets").parts
    ('data', 'sets')
    """
    if folder is None:
        folder = os.environ.get(VARIABLE) or cache()
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder must be a path, found {shown(folder)}")
    check_path("folder", folder)
    path = home_folder(folder)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path}: expected a folder with data sets, found a file")
    return path


def cache() -> Path:
    """Return the folder that this operating system has for the downloads of minprox."""
    import pooch  # only here and in fetch: importing minprox does not load it

    return Path(pooch.os_cache("minprox"))


def fetch(url: str, md5: str, folder: Path) -> Path:
    """Return a file of the folder that has this checksum, downloaded if it is not there.

    Parameters
    ----------
    url : str
        Its last part is the name of the file.
    md5 : str
        The checksum, as 32 hexadecimal digits.
    folder : Path
        Made if a download needs it.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the file that is there, or the one that came, has another checksum.
    ConnectionError
        If the download fails; nothing is left of it.
    OSError
        If the file cannot be read or written.
    """
    path = folder / url.rpartition("/")[2]
    if path.is_symlink() and not path.exists():
        raise FileNotFoundError(
            f"{path}: expected a file, found a link to {os.readlink(path)}, which is none"
        )
    if path.exists():
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != md5:
            raise ValueError(f"{path}: expected a file with the MD5 {md5}, found {found}; delete it {ANEW}")
        return path
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        made_folder(folder)
        download(url, md5, path)
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise
    return path


def download(url: str, md5: str, path: Path) -> None:
    """Download a file with pooch, which gives it its name once its checksum is right."""
    import pooch

    bar = is_terminal(sys.stderr)
    by_hand = f"you may also download {url} in another way and put it into {path.parent}"
    try:
        with quiet(pooch.get_logger()):
            pooch.retrieve(
                url,
                known_hash=f"md5:{md5}",
                fname=path.name,
                path=path.parent,
                downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=60),
            )
    except ValueError:
        raise ValueError(
            f"{path.name}: expected a download with the MD5 {md5}, found another one and kept nothing "
            f"of it; try again, and {by_hand}"
        ) from None
    except PermissionError:
        raise PermissionError(f"{path.parent}: cannot write the download into this folder") from None
    except OSError as error:  # all that requests raises is one
        kind = ConnectionError if error.errno is None else OSError
        raise kind(f"{path.name}: the download failed ({reason(error)}); {by_hand}") from None


def reason(error: OSError) -> str:
    """Return in a few words why a download failed."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return f"HTTP status {status}"
    name = type(error).__name__
    return error.strerror or ("no connection" if name == "ConnectionError" else name)


@contextmanager
def quiet(logger: logging.Logger) -> Iterator[None]:
    """Let a logger tell of nothing but warnings for a while."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class Readable(Protocol):
    """A binary stream."""

    def read(self, size: int, /) -> bytes: ...


class Bounded:
    """A stream that ends in a ValueError after ``limit`` bytes, however much a bomb unpacks to."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self.stream, self.limit, self.left = stream, limit, limit

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        data = self.stream.read(min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"expected at most {self.limit} bytes when unpacked, found more")
        return data
