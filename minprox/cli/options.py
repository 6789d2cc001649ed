"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from minprox import experiments


def told(experiment: experiments.Experiment, folder: Path) -> str:
    """Return what an experiment came to: its table, and the verdict on its claims."""
    parts = experiments.table(experiment, folder), experiments.verdict(experiment, folder)
    return "\n\n".join(part for part in parts if part)


def backend_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--backend`` and ``--tf32``: where to compute, which is no part of what is computed."""
    command = click.option(
        "--tf32",
        is_flag=True,
        help="Let a GPU round the factors of float32 products to TF32: faster, with 10 bits.",
    )(command)
    return click.option(
        "--backend",
        type=click.Choice(("numpy", "cupy")),
        default="numpy",
        show_default=True,
        help="Where to compute; cupy needs a CUDA GPU.",
    )(command)
