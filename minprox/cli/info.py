"""``minprox info``: what computes here."""

from __future__ import annotations

import click

from minprox.cli.options import echo
from minprox.ground.backend import record, use
from minprox.ground.environment import environment


@click.command()
def info() -> None:
    """Show versions, BLAS and its threads, processor and backends: what belongs into a bug report."""
    found = environment()
    rows = {name: value for name, value in found.items() if not name.startswith("blas")}
    threads = found["blas_threads"]
    rows["BLAS"] = f"{found['blas']}, " + (
        "number of threads unknown" if threads is None else f"{threads} thread{'s' * (threads != 1)}"
    )
    rows |= {"backend numpy": "available", "backend cupy": cupy()}
    width = max(map(len, rows))
    for name, value in rows.items():
        echo(f"{name:<{width}}  {'not installed' if value is None else value}")


def cupy() -> str:
    """Return whether the CuPy backend can be used, and on which GPU."""
    try:
        with use("cupy"):
            found = record()
            return f"available, CuPy {found['cupy']} on {found['gpu']}"
    except (ImportError, RuntimeError) as error:
        return f"not available: {error}"
