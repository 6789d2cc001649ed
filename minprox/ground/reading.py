"""Read a file that anybody may have written: how large it may be is decided before it is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from typing import Any

MOST = 2**28  # bytes of a JSON file: a history of two million epochs, or many samples
DEEPEST = 50  # lists and objects in one another
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISLNK: "a link",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def content_of(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the bytes of a regular file that is no larger than so many.

    Raises
    ------
    ValueError
        If it is larger, or a folder, a pipe or a device, which is then not opened.
    OSError
        If there is no such file, or it cannot be read.
    """
    check_regular(path, os.stat(path))
    with open(path, "rb", opener=waiting_for_nobody) as file:
        about = os.fstat(file.fileno())
        check_regular(path, about)  # it may have become something else meanwhile
        if about.st_size > most:
            raise ValueError(f"{path}: expected a file of at most {most:,} bytes, found {about.st_size:,}")
        content = file.read(about.st_size + 1)
    if len(content) > about.st_size:
        raise ValueError(f"{path}: expected a file that stays as it is, found one that grows")
    return content


def check_regular(path: str | os.PathLike[str], about: os.stat_result) -> None:
    """Raise ValueError unless a path leads to a regular file."""
    for is_kind, words in KINDS.items():
        if is_kind(about.st_mode):
            raise ValueError(f"{path}: expected a file, found {words}")


def waiting_for_nobody(path: str, flags: int) -> int:
    """Open a file; a pipe that has no writer does not hold us up."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file; where it has the check sum of :func:`signed`, that must be right, and is left out.

    Raises
    ------
    ValueError
        If it is no JSON file, a damaged one, or larger or deeper than any record of ours; it names the file.
    OSError
        If it cannot be read.
    """
    content = content_of(path, MOST)
    try:
        found = parsed(content.decode(), 7 * len(content), parse_constant=unknown)
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON file, found none ({one_line(error)})") from None
    del content
    told = found.pop("sha256", None) if isinstance(found, dict) else None  # older files have none
    if told is not None and told != sum_of(found):
        raise ValueError(
            f"{path}: damaged, or changed by hand: expected the sha256 of what it says, found another"
        )
    return found


def parsed(text: str, room: int, **options: Any) -> Any:
    """Return what a JSON text says, if that takes about so many bytes of memory at most."""
    boxes, words, values = text.count("[") + text.count("{"), text.count('"') / 2, text.count(",")
    if 200 * boxes + 60 * words + 40 * values > room + 2**20:
        raise ValueError("it would take many times its size in memory")
    depth = deepest = 0
    for token in TOKENS.finditer(text) if boxes > DEEPEST else ():
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ValueError(f"expected lists at most {DEEPEST} deep, found {deepest}")
    found = json.loads(text, object_pairs_hook=once, **options)
    if "\\u" in text:
        json.dumps(found, ensure_ascii=False).encode()  # refuses halves of letters
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object, none of which may be there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice")
    return found


def unknown(constant: str) -> None:
    """Refuse what JSON does not have."""
    raise ValueError(f"{constant} is no number of JSON")


def signed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with one more, ``sha256``: a check sum of them all, which tells a changed digit."""
    return {**content, "sha256": sum_of(content)}


def sum_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON values, whatever the order of the fields and the space between them."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def one_line(error: Exception) -> str:
    """Return the message of an error from within in one line that can be printed."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in words)[:300]
