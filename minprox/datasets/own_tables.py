"""Data of one's own, as a table in a text file: one example a line, its label or target in one column."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minprox.datasets.base import Dataset
from minprox.datasets.own_arrays import KINDS, assemble
from minprox.ground.arguments import float_dtype, one_of, refuse, shown

Row = tuple[int, list[str]]  # the number of its line, and its cells


def from_csv(
    path: str | os.PathLike[str],
    label: str | int = -1,
    *,
    header: bool | None = None,
    ignore: Iterable[str | int] = (),
    delimiter: str = ",",
    kind: str = "auto",
    classes: Sequence[Any] | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    name: str | None = None,
    source: str = "",
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Read a table of one's own, check it, and split it at random.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8 with an example in each line; empty lines are skipped.
    label : str or int
        The column of the labels or targets, by its name in the header or by its number, from 0 at the
        left or −1 at the right. The features are all others.
    header : bool, optional
        Whether the first line names the columns; if not given, it does where a column is named here, or
        where no feature in it is a number.
    ignore : iterable of str or int
        Columns to leave out, by name or number.
    delimiter : str
        One character.
    kind : {"auto", "labels", "targets"}
        What the column ``label`` holds; ``"auto"`` reads integers and texts as labels, and numbers as
        targets if one of them is no integer.
    classes, validation, test, seed
        As for :func:`from_arrays`, shapes as well.
    name : str, optional
        If not given, that of the file, without its ending.
    source, dtype
        As for :func:`from_arrays`.

    Raises
    ------
    TypeError, ValueError
        As :func:`from_arrays`; also if there is no such column, or if a line has too few cells, too many,
        or one that is no number. The line is named.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> text = "length,width,tree\\n5.1,3.5,oak\\n4.9,3.0,oak\\n6.3,2.5,ash\\n5.8,2.7,ash\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "leaves.csv")
    ...     size = path.write_text(text)
    ...     mp.datasets.from_csv(path, label="tree", test=0)
    Dataset('leaves', train=3, validation=1, test=0, input_shape=(2,), classes=2)
    """
    x_dtype = float_dtype("dtype", dtype)
    one_of("kind", kind, KINDS)
    if not (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n'):
        raise ValueError(f"delimiter: expected one character, found {shown(delimiter)}")
    if not isinstance(ignore, Iterable | int) or getattr(ignore, "ndim", 1) != 1:
        refuse("ignore", "names or numbers of columns", ignore)
    left_out: list[str | int] = [ignore] if isinstance(ignore, (str, int)) else list(ignore)
    try:
        names, rows = heading(read(Path(path), delimiter), label, left_out, header)
        target = column(label, names)
        features = sorted(set(range(len(names))) - {target} - {column(key, names) for key in left_out})
        if not features:
            raise ValueError(
                f"expected features beside the column {names[target]}, found none between {delimiter!r}"
            )
        lines = [f"line {line}" for line, _ in rows]
        x = np.stack([numbers_of(row, features, names, x_dtype) for row in rows])
        y = meanings(rows, target, names, kind)
        title = Path(path).stem if name is None else name
        return assemble(x, y, kind, classes, (validation, test), seed, title, source, x_dtype, lines)
    except (TypeError, ValueError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{path}: {error}") from None


def read(path: Path, delimiter: str) -> list[Row]:
    """Return the lines that are not empty, with their numbers and stripped cells."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: expected text in UTF-8, found {content[error.start]:#x}") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: expected a table, found that {error}") from None
    return [(line, cells) for line, cells in rows if cells not in ([], [""])]


def heading(
    rows: list[Row], label: str | int, ignore: list[str | int], header: bool | None
) -> tuple[list[str], list[Row]]:
    """Return what errors call the columns, and the lines below the header."""
    if not rows:
        raise ValueError("expected a table, found an empty file")
    first = rows[0][1]
    numbers = [str(k) for k in range(len(first))]
    if header is None:
        named = any(isinstance(key, str) for key in (label, *ignore))
        last = column(label, numbers) if not named else None
        header = named or not any(is_number(cell) for k, cell in enumerate(first) if k != last)
    names, rows = ([repr(cell) for cell in first], rows[1:]) if header else (numbers, rows)
    if not rows:
        raise ValueError("expected examples below the header, found none")
    for line, cells in rows:
        if len(cells) != len(names):
            raise ValueError(f"line {line}: expected {len(names)} cells, found {len(cells)}")
    return names, rows


def column(key: str | int, names: list[str]) -> int:
    """Return the number of a column, counted from the left, from its name or its number."""
    if isinstance(key, str):
        places = [k for k, name in enumerate(names) if name == repr(key)]
        if len(places) != 1:
            found = f"{len(places)} of this name" if places else f"the columns {', '.join(names)}"
            raise ValueError(f"expected a column {shown(key)}, found {found}")
        return places[0]
    if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
        raise TypeError(f"expected the name or the number of a column, found {shown(key)}")
    if not -len(names) <= key < len(names):
        raise ValueError(f"expected a column number below {len(names)}, found {key}")
    return int(key) % len(names)


def numbers_of(row: Row, features: list[int], names: list[str], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the features of one line, or raise ValueError naming line and column."""
    line, cells = row
    try:
        with np.errstate(over="ignore"):
            values = np.array([float(cells[k]) for k in features], dtype)
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    bad = next(k for k in features if not is_number(cells[k], dtype))
    raise ValueError(f"line {line}, column {names[bad]}: expected a finite number, found {cells[bad]!r}")


def is_number(cell: str, dtype: Any = "float64") -> bool:
    """Tell whether a cell holds a number that is finite in this dtype."""
    try:
        with np.errstate(over="ignore"):
            return math.isfinite(np.array(float(cell), dtype))
    except ValueError:
        return False


def meanings(rows: list[Row], target: int, names: list[str], kind: str) -> NDArray[Any]:
    """Return the column of labels or targets, as integers, floating-point numbers or texts."""
    cells = [cells[target] for _, cells in rows]
    if all(re.fullmatch("[+-]?[0-9]{1,18}", cell) for cell in cells) and kind != "targets":
        return np.array([int(cell) for cell in cells])
    numeric = [is_number(cell) for cell in cells]
    classes = kind == "labels" or (kind == "auto" and not any(numeric))
    good = [bool(cell) for cell in cells] if classes else numeric
    if not all(good):
        line, cell = rows[good.index(False)][0], cells[good.index(False)]
        expected = "a class" if classes else "a finite number"
        hint = '; kind="labels" takes it for a class' if kind == "auto" and cell else ""
        raise ValueError(f"line {line}, column {names[target]}: expected {expected}, found {cell!r}{hint}")
    return np.array(cells) if classes else np.array([float(cell) for cell in cells])
