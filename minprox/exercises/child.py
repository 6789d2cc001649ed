"""The process in which a student's file is executed: it writes each verdict as soon as it has it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minprox.exercises.examination import judged

OUTPUT = 2**24  # bytes that one file may have, so that an endless loop of prints fills no disk


def main(order: dict[str, Any]) -> None:
    """Judge a file and write a line of JSON for each verdict; after the last of them, the marker.

    Parameters
    ----------
    order : dict
        ``file``, the student's; ``results``, where to write; ``marker``, what only this process was told,
        and before the student's code ran.
    """
    bound_output()
    with Path(order["results"]).open("w", encoding="utf-8") as results:

        def tell(line: dict[str, Any]) -> None:
            results.write(json.dumps(line) + "\n")
            results.flush()

        tell({"ready": True})
        try:
            for verdict in judged(order["file"]):
                tell({"verdict": asdict(verdict)})
        except (OSError, ValueError) as error:
            tell({"error": str(error)})
        tell({"marker": order["marker"]})


def bound_output() -> None:
    """Limit the size of files that this process writes, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    soft = OUTPUT if hard == resource.RLIM_INFINITY else min(OUTPUT, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
