"""MPI: the one place that imports mpi4py, and only where a launcher has started several processes."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from minprox.ground.backend import on_host, use
from minprox.ground.mpi_communicator import MPICommunicator

SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # set by MPICH and Intel MPI, and by Open MPI
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
PATIENCE = 1.0  # seconds to see whether the other processes fail as well


def launched() -> int:
    """Return how many processes ``mpirun`` or ``mpiexec`` says that it has started; 0 without one."""
    return told(SIZES)


def told(names: tuple[str, ...]) -> int:
    """Return the number that the environment has under one of these names, 0 for none."""
    return next((int(text) for name in names if (text := os.environ.get(name, "")).isdigit()), 0)


def speaks() -> bool:
    """Tell whether this process is the one that speaks for all that a launcher has started."""
    return told(RANKS) == 0


def world() -> MPICommunicator:
    """Return the communicator of all processes that ``mpirun`` or ``mpiexec`` has started.

    Returns
    -------
    Communicator
        For the argument ``comm`` of the passes and of training; of one process without a launcher.

    Raises
    ------
    ImportError
        If mpi4py or the MPI library is not installed.

    Examples
    --------
    >>> mp.world()  # doctest: +SKIP
    MPICommunicator(rank=0, size=4)
    """
    return MPICommunicator(library().COMM_WORLD)


def library() -> Any:
    """Return ``mpi4py.MPI``, or raise ImportError; the import starts MPI."""
    try:
        from mpi4py import MPI
    except ImportError:
        raise ImportError(
            "several processes need mpi4py, which is not installed: install the extra minprox[mpi]"
        ) from None
    except RuntimeError as error:  # mpi4py is there, but no library to load
        reason = str(error).partition("\n")[0]
        raise ImportError(f"several processes need an MPI library, and mpi4py finds none: {reason}") from None
    return MPI


class Crew:
    """The processes of a launcher, and those of them on this machine.

    Parameters
    ----------
    comm : MPICommunicator
    """

    def __init__(self, comm: MPICommunicator) -> None:
        self.comm = comm
        self.endings = comm.comm.Dup()  # apart from what the run tells
        here = comm.comm.Split_type(library().COMM_TYPE_SHARED)
        self.number = here.Get_rank()  # of this process on its machine
        mine = cores_at_hand()
        sharing = sum(cores == mine for cores in here.allgather(mine))
        self.threads = max(1, len(mine) // sharing)  # a launcher may have bound each to cores of its own

    def take_device(self, backend: str) -> None:
        """Let this process compute on the GPU of its number here, in turn where there are fewer."""
        with use(backend) as xp:
            if not on_host(xp.empty(0)):
                xp.cuda.Device(self.number % xp.cuda.runtime.getDeviceCount()).use()

    def end(self, code: int) -> None:
        """End all processes at once with this exit code, and nothing on stderr but what stands there."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI adds a line of its own
        self.comm.abort(code)

    def all_come(self) -> bool:
        """Tell whether all processes come here within a moment: then it is for the same reason."""
        request, last = self.endings.Ibarrier(), time.monotonic() + PATIENCE
        while not request.Test():
            if time.monotonic() > last:
                time.sleep(
                    min(0.2 * self.comm.rank, 2.0)
                )  # of several, the first one speaks and ends the rest
                return False
            time.sleep(0.01)
        return True


@cache
def crew() -> Crew | None:
    """Return the processes that a launcher has started, None for one alone; raise ImportError without MPI."""
    started = launched()
    if started == 1 or not (started or "PMIX_RANK" in os.environ):  # PMIx tells no number
        return None
    comm = world()
    if comm.size > 1:
        return Crew(comm)
    if started:
        raise ImportError(
            f"{started} processes were started, and to mpi4py each is alone: it has loaded another MPI "
            "library than that of the launcher"
        )
    return None


def cores_at_hand() -> frozenset[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))
