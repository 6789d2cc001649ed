"""``minprox info`` and ``minprox bench``: what computes here, and how fast."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from minprox.backend import use
from minprox.environment import environment
from minprox.files import check_folder


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
        click.echo(f"{name:<{width}}  {'not installed' if value is None else value}")


def cupy() -> str:
    """Return whether the CuPy backend can be used, and on which GPU."""
    try:
        with use("cupy") as xp:
            properties = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())
            return f"available, CuPy {xp.__version__} on {properties['name'].decode()}"
    except (ImportError, RuntimeError) as error:
        return f"not available: {error}"


@click.command()
@click.option(
    "--nets", default="mlp,convnet", show_default=True, metavar="NAMES", help="The paper's nets to time."
)
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where to write the measurements, as JSON.  [default: nowhere]",
)
@click.option("--peers", is_flag=True, help="Time whole steps beside a ProxProp in PyTorch, too.")
def bench(nets: str, repeats: int, out: Path | None, peers: bool) -> None:
    """Time the passes and the solvers on this machine.

    What is told are medians over alternating rounds, and ratios to a back-propagation in the
    same run. PyTorch's plain forward and backward pass is timed where PyTorch is installed.

    \b
    Examples:
      minprox bench --nets mlp --repeats 3
      minprox bench --peers
    """
    if out is not None:
        check_folder(out)  # before the work, not after it
    names = [name.strip() for name in nets.split(",") if name.strip()]
    run = importlib.import_module("minprox.bench").run
    click.echo(run(names, repeats=repeats, out=out, peers=peers))
