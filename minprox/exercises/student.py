"""Read and run a student's file, with every mistake in it told in one sentence."""

from __future__ import annotations

import ast
import os
import runpy
import warnings
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any


def number_of(path: str | os.PathLike[str], known: Collection[str]) -> str:
    """Return the number of the exercise that a file belongs to, without running the file.

    It stands in the file, as in ``EXERCISE = "05"``, so that the file may have any name.

    Parameters
    ----------
    path : str or path-like
    known : collection of str
        The numbers that there are.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no Python text, or no exercise.
    """
    try:
        tree = ast.parse(Path(path).read_bytes(), filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        place = f"{path}, line {line}" if line else str(path)
        raise ValueError(f"{place}: syntax error: {getattr(error, 'msg', None) or error}") from None
    values = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "EXERCISE" for target in node.targets)
    ]
    number = str(values[-1]).zfill(2) if values else "none"
    if number not in known:
        raise ValueError(
            f'{path} is no exercise: expected a line such as EXERCISE = "05" '
            f"with one of {', '.join(known)}, found {number}"
        )
    return number


def run(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Run a student's file and return its names.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    ValueError
        If the code outside the functions raises, with the line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return runpy.run_path(str(path), run_name="exercise")
    except (Exception, SystemExit) as error:
        line, _ = place(error, path)
        where = f"{path}, line {line}" if line else str(path)
        raise ValueError(f"{where}: {sentence(error)}") from None


def place(error: BaseException, path: str | os.PathLike[str]) -> tuple[int | None, str]:
    """Return the line of the student's file where an exception came up, and the function around it."""
    found: tuple[int | None, str] = None, ""
    step: TracebackType | None = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            found = step.tb_lineno, step.tb_frame.f_code.co_name
        step = step.tb_next
    return found


def sentence(error: BaseException) -> str:
    """Return the kind of an exception and what it says, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
