"""``minprox bench``: how fast it is here, and how exact."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from minprox import figures
from minprox.cli.options import Place, backend_options, echo
from minprox.ground.backend import use
from minprox.ground.files import check_folder
from minprox.ground.reading import read_json
from minprox.ground.schemas import mapping


@click.command()
@click.option(
    "--nets", default="mlp,convnet", show_default=True, metavar="NAMES", help="The paper's nets to time."
)
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds.")
@click.option(
    "--out",
    type=Place(),
    help="Where to write the measurements, as JSON; with --full a folder.  [default: nowhere]",
)
@click.option(
    "--widths",
    is_flag=True,
    help="Instead: how the cost of a step grows with the width of a layer, and a line fitted to it.",
)
@click.option(
    "--threads",
    is_flag=True,
    help="Instead: how the time of a pass falls with the number of threads.",
)
@click.option(
    "--batches",
    is_flag=True,
    help="Instead: how the cost of a step grows with the batch size, and where the two forms cross.",
)
@click.option(
    "--streams",
    is_flag=True,
    help="Instead: what one example costs SPAUC, over the features and over the examples seen.",
)
@click.option(
    "--accuracy",
    is_flag=True,
    help="Instead: how far exact steps in float32 are from those in float64, on CIFAR-10.",
)
@click.option(
    "--figure",
    type=Place(dir_okay=False),
    help="With --widths, --threads, --batches or --streams: where to draw the times.",
)
@click.option("--peers", is_flag=True, help="Time whole steps beside a ProxProp in PyTorch, too.")
@click.option(
    "--full",
    is_flag=True,
    help="All that a GPU is wanted for: the tests, this benchmark, X1 and X3 at full size.",
)
@click.option(
    "--data-folder",
    type=Place(file_okay=False),
    help="With --full or --accuracy: where CIFAR-10 lies or shall be put.  "
    "[default: MINPROX_DATA, or the cache folder]",
)
@backend_options
def bench(
    nets: str,
    repeats: int,
    out: Path | None,
    widths: bool,
    threads: bool,
    batches: bool,
    streams: bool,
    accuracy: bool,
    figure: Path | None,
    peers: bool,
    full: bool,
    data_folder: Path | None,
    backend: str,
    tf32: bool,
) -> None:
    """Time the passes and the solvers on this machine.

    What is told are medians over alternating rounds, and ratios to a back-propagation in the
    same run. PyTorch's plain forward and backward pass is timed where PyTorch is installed, on the
    same device. The roof is the rate of a large product; a pass reaches that share of it with its
    products alone.

    With --full, tests, benchmark and experiments follow each other into the folder --out; what is
    finished is kept if a later stage fails, and a summary tells which targets hold.

    \b
    Examples:
      minprox bench --nets mlp --repeats 3
      minprox bench --peers
      minprox bench --widths --figure widths.png
      minprox bench --threads --nets convnet
      minprox bench --backend cupy --full --out runs/gpu
    """
    asked = {"widths": widths, "threads": threads, "batches": batches, "streams": streams}
    curves = [name for name, wanted in asked.items() if wanted]
    if len(curves) + accuracy + full > 1:
        names = ", ".join(f"--{name}" for name in (*asked, "accuracy"))
        raise ValueError(f"{names} and --full are six things: choose one")
    if data_folder is not None and not (full or accuracy):
        raise ValueError("--data-folder belongs to --full and --accuracy; all else uses random data")
    if figure is not None and not curves:
        raise ValueError("--figure belongs to --widths, --threads, --batches and --streams")
    if (curves or accuracy) and (backend, peers) != ("numpy", False):
        raise ValueError(f"--{(curves or ['accuracy'])[0]} is measured on NumPy, without peers")
    if out is not None:
        check_folder(out)  # before the work, not after it
        if not full and out.exists() and "environment" not in mapping(f"{out}", read_json(out)):
            raise ValueError(f"{out}: expected a record of a benchmark to write anew, found another file")
    if full:
        everything(out, repeats, data_folder, backend, tf32)
    elif curves:
        curve(curves[0], split(nets), repeats, out, figure)
    elif accuracy:
        module = importlib.import_module("minprox.bench.precision")
        echo(module.table(module.run(data_folder, out=out)))
    else:
        run = importlib.import_module("minprox.bench.speed").run
        with use(backend, tf32=tf32):
            echo(run(split(nets), repeats=repeats, out=out, peers=peers))


def split(nets: str) -> list[str]:
    """Return the names in a list with commas."""
    found = [name.strip() for name in nets.split(",") if name.strip()]
    if not found:
        raise click.BadParameter("expected one net or more, found none", param_hint="--nets")
    return found


def curve(kind: str, nets: list[str], repeats: int, out: Path | None, figure: Path | None) -> None:
    """Time steps over widths, threads, batch sizes or a stream, and draw the times."""
    if figure is not None:
        figures.check_ending(figure)
        check_folder(figure)
    module = importlib.import_module(f"minprox.bench.{kind}")
    found = module.run(repeats=repeats, out=out, **({"nets": nets} if kind == "threads" else {}))
    echo(module.table(found))
    if figure is not None:
        draw = {
            "widths": figures.scaling,
            "threads": figures.thread_scaling,
            "batches": figures.batch_scaling,
            "streams": figures.stream_scaling,
        }
        figures.save(draw[kind](found), figure)
        echo(f"Figure: {figure}")


def everything(out: Path | None, repeats: int, data_folder: Path | None, backend: str, tf32: bool) -> None:
    """Run every stage and tell the targets; leave with an error if a stage failed."""
    if out is None:
        raise ValueError("--full needs --out, the folder for what it finds")
    module = importlib.import_module("minprox.bench.gpu_day")
    summary = module.full(out, backend, tf32=tf32, data_folder=data_folder, repeats=repeats, say=echo)
    echo(f"\n{module.verdict(summary)}\n\nSummary: {out / 'summary.json'}")
    failed = [name for name, stage in summary["stages"].items() if stage["status"] == "failed"]
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; the other stages are in {out}")
