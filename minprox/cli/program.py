"""The command ``minprox`` itself: its subcommands, and how mistakes are told."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from minprox._loading import done, loaded
from minprox._version import __version__
from minprox.cli.bench import bench
from minprox.cli.check import check
from minprox.cli.data import data
from minprox.cli.demo import demo
from minprox.cli.exercise import exercise
from minprox.cli.explain import explain
from minprox.cli.info import info
from minprox.cli.plot import plot
from minprox.cli.run import run
from minprox.cli.table import table
from minprox.cli.train import train
from minprox.ground.backend import NoGPUError
from minprox.ground.mpi import crew, speaks
from minprox.ground.plugins import load_plugins
from minprox.ground.text import one_line, readable


class Group(click.Group):
    """A group of commands that answers Ctrl-C in one line, and leaves silently when its reader has left."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with ended():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with ended():
            return super().invoke(ctx)


@contextmanager
def ended() -> Iterator[None]:
    """End as commands do, before click sees why: it would print an empty line, and leave with 1."""
    try:
        yield
    except KeyboardInterrupt:
        leave("interrupted", 130)
        raise click.exceptions.Exit(130) from None
    except BrokenPipeError:  # whoever read our output has gone
        raise click.exceptions.Exit(141) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="minprox")
@click.pass_context
def cli(context: click.Context) -> None:
    """Proximal Backpropagation: train nets by explicit and by implicit steps.

    Back-propagation changes every layer by its gradient, θ ← θ − τ·Aᵀδ, where A holds the inputs
    of the layer for the mini-batch and δ the errors at its output. ProxProp takes an implicit
    step in its place: it solves

        (AᵀA + I/τ_θ) d = Aᵀδ

    for the layer, exactly or by a few iterations of conjugate gradients (cg), and then steps
    θ ← θ − τ·d. The last layer keeps its gradient.

    \b
    τ    step size (learning rate): how far along the direction, for both methods
    τ_θ  proximal step size: small values bring d back to τ_θ times the gradient, large
         ones let d fit the errors of the mini-batch as well as the layer can

    Start with `minprox demo`, which compares both on handwritten digits in well below a minute.
    """
    if crew() and context.invoked_subcommand != "train":
        raise click.UsageError(
            "expected minprox train, the one command whose work several processes share, "
            f"found minprox {context.invoked_subcommand}"
        )


for command in (demo, train, run, plot, table, data, exercise, check, explain, info, bench):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process if not given.

    Raises
    ------
    SystemExit
        Always: 0 if all went well, 2 after a mistake of the user (told in one line on stderr),
        130 after Ctrl-C, 141 if whoever read the output closed it.
    """
    try:
        with ended():
            loaded()
            if crew() and not speaks():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
            for stream in (sys.stdout, sys.stderr):
                readable(stream)
            load_plugins()
            code = cli.main(args=arguments, prog_name="minprox", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        tell("interrupted")
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:  # no mistake, but no task either
        tell(error.format_message(), "")
        sys.exit(2)
    except click.ClickException as error:
        fail(error.format_message())
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except MemoryError as error:
        fail(f"out of memory: {str(error) or 'this machine has no more'}")
    except (ValueError, TypeError, ImportError, NoGPUError) as error:
        fail(str(error) or type(error).__name__)
    finally:
        done()
        let_go()


def fail(message: str) -> None:
    """Print one line on stderr and leave with the exit code 2."""
    leave(f"error: {one_line(message)}", 2)
    sys.exit(2)


def leave(message: str, code: int) -> None:
    """Print one line on stderr; of several processes, one prints it, and all end."""
    try:
        others = crew()
    except ImportError:  # no MPI: that is what the message says
        others = None
    if others is None or others.all_come():
        if speaks():
            tell(message)
    else:
        tell(f"process {others.comm.rank} of {others.comm.size}: {message}")
        others.end(code)


def tell(message: str, prefix: str = "minprox: ") -> None:
    """Print a line on stderr, if that is still there."""
    with suppress(OSError):
        click.echo(prefix + message, err=True)


def let_go() -> None:
    """Send what is left for a reader that has gone nowhere, so that Python's end complains of nothing."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with suppress(OSError, ValueError):  # a stream that is no file
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
