"""How long a training step takes when each module of a net lives on a device of its own (I3).

Nothing is run: the schedule follows from what waits for what. A device computes its module's forward pass,
the errors that it hands down, and its own direction; the next mini-batch may enter once the module has
stepped, so that no weight is stale.
"""

from __future__ import annotations

from dataclasses import dataclass

from minprox.ground.arguments import number, whole


@dataclass(frozen=True)
class Task:
    """A piece of work on a device.

    Attributes
    ----------
    device : int
        1 … K, as the modules.
    kind : {"forward", "error", "direction"}
    batch : int
        Number of the mini-batch, from 1.
    start, end : float
        In the unit of the costs.
    """

    device: int
    kind: str
    batch: int
    start: float
    end: float


def chain_length(modules: int, horizon: int) -> int:
    """Return the length of the longest backward chain, in modules: ``min(N, K)`` (I2).

    Parameters
    ----------
    modules, horizon : int
        K and N.

    Returns
    -------
    int
        How many modules wait for each other.

    Examples
    --------
    >>> chain_length(5, 2), chain_length(5, 9)
    (2, 5)
    """
    return min(whole("horizon", horizon), whole("modules", modules))


def handed(i: int, N: int, K: int) -> list[int]:
    """Return the losses whose errors module ``i`` hands down: those that a module below learns from (I1).

    Module ``j`` learns from loss ``min(j + N − 1, K)`` alone.
    """
    return sorted({min(j + N - 1, K) for j in range(1, i)} & set(range(i, K + 1)))


def schedule(
    modules: int,
    horizon: int,
    batches: int = 1,
    forward: float = 1.0,
    error: float = 1.0,
    direction: float = 1.0,
) -> list[Task]:
    """Return when each device does what, for N-wise interlocking on one device per module (I3).

    Parameters
    ----------
    modules, horizon : int
        K, and N: 1 is local, K end-to-end learning.
    batches : int
        Mini-batches that pass through.
    forward, error, direction : float
        Time of a module's forward pass, of one error at its input, and of its direction.

    Returns
    -------
    list of Task
        Sorted by start.

    Raises
    ------
    ValueError, TypeError
        If a count is no positive integer, or a time no positive number.

    Examples
    --------
    >>> [(task.device, task.kind, task.start) for task in schedule(2, 1)]
    [(1, 'forward', 0.0), (1, 'direction', 1.0), (2, 'forward', 1.0), (2, 'direction', 2.0)]
    """
    K, N = whole("modules", modules), chain_length(modules, horizon)
    times = {"forward": forward, "error": error, "direction": direction}
    for name, time in times.items():
        number(name, time, above=0)
    tasks: list[Task] = []
    free = dict.fromkeys(range(1, K + 1), 0.0)  # when a device has nothing to do

    def work(device: int, kind: str, batch: int, ready: float) -> float:
        start = max(free[device], ready)
        free[device] = start + times[kind]
        tasks.append(Task(device, kind, batch, start, free[device]))
        return free[device]

    for batch in range(1, whole("batches", batches) + 1):
        known, arrived = 0.0, {}
        for i in range(1, K + 1):
            known = work(i, "forward", batch, known)
            arrived[i, i] = known  # when the error of loss k is known at the output of module i: here k = i
        for i in range(K, 0, -1):
            for k in handed(i, N, K):
                arrived[i - 1, k] = work(i, "error", batch, arrived[i, k])
            work(i, "direction", batch, arrived[i, min(i + N - 1, K)])
    return sorted(tasks, key=lambda task: (task.start, task.device))


def step_time(modules: int, horizon: int, batches: int = 64, **times: float) -> float:
    """Return the time between two training steps once the pipeline is full (I3).

    Parameters
    ----------
    modules, horizon, batches : int
        As for :func:`schedule`; the first half of the batches fills the pipeline.
    **times : float
        As for :func:`schedule`.

    Returns
    -------
    float
        In the unit of the times.

    Examples
    --------
    >>> step_time(8, 1), step_time(8, 8)
    (2.0, 16.0)
    """
    done = [task.end for task in schedule(modules, horizon, batches, **times) if task.device == 1]
    ends = [max(done[: (len(done) // batches) * n]) for n in (batches // 2, batches)]
    return (ends[1] - ends[0]) / (batches - batches // 2)
