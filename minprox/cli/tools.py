"""``minprox info`` and ``minprox bench``: what computes here, and how fast."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from minprox.backend import record, use
from minprox.cli.options import backend_options
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
        with use("cupy"):
            found = record()
            return f"available, CuPy {found['cupy']} on {found['gpu']}"
    except (ImportError, RuntimeError) as error:
        return f"not available: {error}"


@click.command()
@click.option(
    "--nets", default="mlp,convnet", show_default=True, metavar="NAMES", help="The paper's nets to time."
)
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where to write the measurements, as JSON; with --full a folder.  [default: nowhere]",
)
@click.option("--peers", is_flag=True, help="Time whole steps beside a ProxProp in PyTorch, too.")
@click.option(
    "--full",
    is_flag=True,
    help="All that a GPU is wanted for: the tests, this benchmark, X1 and X3 at full size.",
)
@click.option(
    "--data-folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --full: where CIFAR-10 lies or shall be put.  [default: MINPROX_DATA, or the cache folder]",
)
@backend_options
def bench(
    nets: str,
    repeats: int,
    out: Path | None,
    peers: bool,
    full: bool,
    data_folder: Path | None,
    backend: str,
    tf32: bool,
) -> None:
    """Time the passes and the solvers on this machine.

    What is told are medians over alternating rounds, and ratios to a back-propagation in the
    same run. PyTorch's plain forward and backward pass is timed where PyTorch is installed, on the
    same device.

    With --full, tests, benchmark and experiments follow each other into the folder --out; what is
    finished is kept if a later stage fails, and a summary tells which targets hold.

    \b
    Examples:
      minprox bench --nets mlp --repeats 3
      minprox bench --peers
      minprox bench --backend cupy --full --out runs/gpu
    """
    if out is not None:
        check_folder(out)  # before the work, not after it
    if full:
        everything(out, repeats, data_folder, backend, tf32)
        return
    if data_folder is not None:
        raise ValueError("--data-folder belongs to --full: the benchmark itself uses random data")
    names = [name.strip() for name in nets.split(",") if name.strip()]
    run = importlib.import_module("minprox.bench").run
    with use(backend, tf32=tf32):
        click.echo(run(names, repeats=repeats, out=out, peers=peers))


def everything(out: Path | None, repeats: int, data_folder: Path | None, backend: str, tf32: bool) -> None:
    """Run every stage and tell the targets; leave with an error if a stage failed."""
    if out is None:
        raise ValueError("--full needs --out, the folder for what it finds")
    module = importlib.import_module("minprox.full")
    summary = module.full(out, backend, tf32=tf32, data_folder=data_folder, repeats=repeats, say=click.echo)
    click.echo(f"\n{module.verdict(summary)}\n\nSummary: {out / 'summary.json'}")
    failed = [name for name, stage in summary["stages"].items() if stage["status"] == "failed"]
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; the other stages are in {out}")
