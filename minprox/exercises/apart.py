"""Check a student's file in a process of its own, with a time limit, and believe only what has the marker."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from minprox.exercises.examination import NUMBERS, exercise
from minprox.exercises.report import RAISED, UNREACHED, Report, Verdict
from minprox.exercises.student import number_of

START = (
    "import json, sys; order = json.loads(sys.stdin.readline()); sys.path[:] = order.pop('path'); "
    "from minprox.exercises.child import main; main(order)"
)
START_UP = 120.0  # seconds for the process to be ready
LONGEST = 1e6  # seconds that the system's clock can still wait
SHOWN = 4000  # characters of what the student's code printed, the last ones


def check(path: str | os.PathLike[str], timeout: float = 60.0) -> Report:
    """Run the identities of an exercise against the functions in a student's file.

    The file is executed in a process of its own. Which exercise it belongs to stands in it, as in
    ``EXERCISE = "05"``. A function passed only if that process said so and then reached the end of the
    check. This guards against slips: an endless loop, ``exit()``, a crash, endless output. It is no wall
    against malice, since the file runs with the rights of whoever checks it, beside the code that judges it.

    Parameters
    ----------
    path : str or path-like
    timeout : float
        Seconds for the whole file.

    Returns
    -------
    Report
        ``str`` of it is what ``minprox check`` prints; an exception in a function is part of it.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no exercise, or cannot be executed, or if ``timeout`` is not positive.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> mine = pathlib.Path(folder.name, "mine.py")
    >>> _ = mine.write_text('EXERCISE = "06"')
    >>> check(mine)["dual_step"]
    Verdict(name='dual_step', status='failed', text=('there is no function dual_step(A, delta, tau_theta) ...
    >>> folder.cleanup()
    """
    if not timeout > 0:
        raise ValueError(f"timeout: expected a positive number of seconds, found {timeout}")
    known = exercise(number_of(path, NUMBERS))
    with tempfile.TemporaryDirectory(prefix="minprox-check-", ignore_cleanup_errors=True) as folder:
        results, printed = Path(folder, "results"), Path(folder, "printed")
        results.touch()
        order = {"file": str(path), "results": str(results), "marker": secrets.token_hex(16)}
        end = run_child(order, results, printed, timeout)
        lines = read_lines(results)
        shown = printed.read_text(encoding="utf-8", errors="replace")[-SHOWN:]
    finished = any(line.get("marker") == order["marker"] for line in lines)
    verdicts = [
        Verdict(told["name"], told["status"], tuple(told["text"]))
        for told in (line["verdict"] for line in lines if "verdict" in line)
    ]
    errors = [line["error"] for line in lines if "error" in line]
    if errors:
        raise ValueError(errors[0])
    if not finished:
        end = end if end.startswith("ran") else f"ended the process ({end})"
        verdicts = unfinished([task.name for task in known.tasks], verdicts, str(path), end)
    return Report(str(path), known.number, known.title, tuple(verdicts), shown)


def run_child(order: dict[str, Any], results: Path, printed: Path, timeout: float) -> str:
    """Run a file in a process of its own and return how that ended, in words."""
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    with printed.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", START],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            assert child.stdin is not None
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(order | {"path": sys.path}).encode() + b"\n")
            until = time.monotonic() + START_UP
            while child.poll() is None and not results.stat().st_size and time.monotonic() < until:
                time.sleep(0.02)  # the limit is for the student's code, not for importing NumPy
            child.wait(timeout=min(timeout, LONGEST))
        except subprocess.TimeoutExpired:
            return f"ran longer than {timeout:g} s: is there an endless loop?"
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode < 0:  # only where there are signals
        return f"signal {signal.strsignal(-child.returncode) or -child.returncode}"
    return f"exit code {child.returncode}"


def read_lines(results: Path) -> list[dict[str, Any]]:
    """Return what the process wrote, line by line; a line that was cut off is none."""
    lines = []
    for text in results.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def unfinished(names: list[str], verdicts: list[Verdict], path: str, end: str) -> list[Verdict]:
    """Return a verdict for each function, where the process did not come to the end of the check."""
    if not verdicts:
        first = f"{path}: {names[0]}, or the code outside the functions, {end}"
        return [Verdict(names[0], RAISED, (first,)), *(Verdict(name, UNREACHED) for name in names[1:])]
    at = min(len(verdicts), len(names) - 1)
    guilty = Verdict(names[at], RAISED, (f"{path}: {names[at]} {end}",))
    return [*verdicts[:at], guilty, *(Verdict(name, UNREACHED) for name in names[at + 1 :])]
