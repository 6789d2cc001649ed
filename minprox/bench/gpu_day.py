"""All that a machine with a GPU is wanted for, in one go: the tests, the benchmark, X1 and X3 at full size.

Each stage keeps what it found, also if a later one fails; the summary says which targets hold. Called again
with the same folder, the runs of X1 and X3 go on where they stopped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import minprox
from minprox import experiments, figures
from minprox.bench import speed as bench
from minprox.engine.linear_map import LinearMap
from minprox.engine.plan import Solver
from minprox.engine.solvers import BlockCG
from minprox.engine.solvers.exact import Array, shifted_gram
from minprox.experiments.folder import chosen
from minprox.ground.arguments import number
from minprox.ground.backend import array_module, companion, record
from minprox.ground.environment import environment
from minprox.ground.files import locked, write_json, write_text
from minprox.ground.reading import read_json
from minprox.ground.schemas import exactly, mapping

FORMAT = "minprox full 1"
EXPERIMENTS = {"x1": experiments.X1, "x3": experiments.X3}
TESTS = Path(minprox.__file__).parents[1] / "tests"
EXACT, BACKPROP = 2.5, 1.5  # times the back-propagation step, and PyTorch's
MINUTES = 10.0  # for each experiment
Path_ = str | os.PathLike[str]


def cholesky(A: LinearMap, delta: Array, tau_theta: float) -> Array:
    """The exact step by Cholesky's decomposition and two triangular solves, in the place of an inverse."""
    rows, cols = A.shape
    b = delta if rows <= cols else A.T @ delta
    M = shifted_gram(A.gram() if rows <= cols else A.T.gram(), 1 / tau_theta)
    triangular = companion(M, "linalg").solve_triangular
    L = array_module(M).linalg.cholesky(M)
    half = triangular(L, b.astype(L.dtype), lower=True)
    v = triangular(L, half, lower=True, trans="T").astype(b.dtype)
    return A.T @ v if rows <= cols else v


VARIANTS: dict[str, Solver] = {"exact, triangular solves": cholesky, "BlockCG(10), dual": BlockCG(10, "dual")}


def full(
    out: Path_,
    backend: str = "cupy",
    *,
    tf32: bool = False,
    data_folder: Path_ | None = None,
    repeats: int = 7,
    peers: bool = True,
    tests: Path_ | None = TESTS,
    chosen_experiments: Mapping[str, experiments.Experiment] = EXPERIMENTS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run the tests, the benchmark, and X1 and X3, and tell which targets hold.

    Parameters
    ----------
    out : str or path-like
        A folder, made if it does not exist: ``summary.json``, and for the stages ``tests.txt``,
        ``bench.json``, ``bench.txt``, and the folder, the table and the figure of each experiment.
    backend : {"numpy", "cupy"}
    tf32 : bool
        See :class:`minprox.use`; the tests run without.
    data_folder : str or path-like, optional
        Where CIFAR-10 lies or shall be put.
    repeats : int
        Rounds of the benchmark.
    peers : bool
        Whether to time PyTorch beside, if it is installed and sees the device.
    tests : path-like, optional
        Folder of the tests; the stage is left out if it is not there.
    chosen_experiments : mapping of str to Experiment
    say : callable
        Gets lines of text.

    Returns
    -------
    dict of str to JSON value
        What ``summary.json`` holds: the environment, the stages and the targets.

    Raises
    ------
    ValueError, ImportError, NoGPUError
        If the backend is not there, or ``summary.json`` is none; a stage that fails raises nothing, but is
        recorded as failed.
    """
    out = Path(out)
    with chosen(backend, tf32):
        summary: dict[str, Any] = {"format": FORMAT, "environment": environment() | record()}
    place: dict[str, Any] = {"backend": backend, "tf32": tf32}
    stages: dict[str, Callable[[], dict[str, Any]]] = {
        "tests": partial(run_tests, out, tests),
        "bench": partial(run_bench, out, repeats, peers, place),
    }
    for name, experiment in chosen_experiments.items():
        stages[name] = partial(run_experiment, out, experiment, data_folder, say, place)
    with locked(out, make=True):
        former = earlier(out / "summary.json")
        return staged(out, summary, stages, chosen_experiments, former, say)


def staged(
    out: Path,
    summary: dict[str, Any],
    stages: Mapping[str, Callable[[], dict[str, Any]]],
    chosen_experiments: Mapping[str, Any],
    former: Mapping[str, Any],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Go through the stages one by one, and keep the summary after each."""
    summary["stages"] = {name: {"status": "to do"} for name in stages}
    for name, stage in stages.items():
        say(f"{name} …")
        start = time.perf_counter()
        try:
            found = stage()
        except Exception as error:  # whatever it is, the other stages are worth having
            found = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        found["seconds"] = time.perf_counter() - start
        if name in chosen_experiments:  # all attempts together, for a run that was resumed
            found["seconds"] += former.get(name, {}).get("seconds", 0.0)
        summary["stages"][name] = found
        summary["targets"] = targets(out, summary["stages"], chosen_experiments)
        write_json(out / "summary.json", summary)
        say(f"{name}: {found['status']} after {found['seconds']:.0f} s {found.get('error', '')}".rstrip())
    return summary


def earlier(path: Path) -> dict[str, Any]:
    """Return the stages of a former summary, none if there is no such file; or say that it is none."""
    if not path.exists():
        return {}
    content = read_json(path)
    try:
        exactly(FORMAT)("format", mapping("a summary", content).get("format"))
        stages = mapping("stages", content.get("stages"))
        for name, stage in stages.items():
            number("seconds", mapping(name, stage).get("seconds", 0.0), least=0)
    except ValueError as error:
        raise ValueError(f"{path}: expected a summary of these stages: {error}") from None
    return stages


def run_tests(out: Path, tests: Path_ | None) -> dict[str, Any]:
    """Run the test-suite in a process of its own; tests that need a GPU run where CuPy finds one."""
    if tests is None or not Path(tests).is_dir():
        return {"status": "left out", "reason": "the folder of the tests is not there"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", os.path.abspath(tests)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    text = found.stdout + found.stderr
    write_text(out / "tests.txt", text)
    last = text.strip().splitlines()[-1:] or ["no output"]
    return {"status": "done"} if found.returncode == 0 else {"status": "failed", "error": last[0]}


def run_bench(out: Path, repeats: int, peers: bool, place: dict[str, Any]) -> dict[str, Any]:
    """Time directions and whole steps of both nets, with the variants of the exact step."""
    timed, note = partial(bench.timings, tuple(bench.NETS), repeats, steps=True, variants=VARIANTS), {}
    with chosen(**place):
        try:
            found = timed(peers=peers)
        except ImportError as error:
            if not peers:
                raise
            found, note = timed(), {"without peers": str(error)}
    write_json(out / "bench.json", found)
    write_text(out / "bench.txt", bench.report(found) + "\n")
    return {"status": "done", **note}


def run_experiment(
    out: Path,
    experiment: experiments.Experiment,
    data_folder: Path_ | None,
    say: Callable[[str], None],
    place: dict[str, Any],
) -> dict[str, Any]:
    """Run an experiment, or what is left of it, and draw its figure."""
    folder = out / experiment.name
    histories = experiments.run(experiment, folder, data_folder=data_folder, say=say, **place)
    write_text(out / f"{experiment.name}.txt", experiments.table(experiment, folder) + "\n")
    figures.save(figures.experiment(experiment, folder), out / f"{experiment.name}.png")
    return {"status": "done", "runs": {name: history.status for name, history in histories.items()}}


def targets(
    out: Path, stages: dict[str, dict[str, Any]], chosen_experiments: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return each target with what was found; ``holds`` is None where nothing was measured."""
    nets = read_json(out / "bench.json")["nets"] if stages["bench"]["status"] == "done" else {}
    found: list[tuple[str, float, float | None]] = []
    for name in bench.NETS:
        seconds = nets.get(name, {}).get("seconds", {})
        step = seconds.get("step: BackProp")
        for what, limit, above, below in (
            ("exact step / BackProp step", EXACT, seconds.get("step: ProxProp, exact"), step),
            ("BackProp step / PyTorch's", BACKPROP, step, seconds.get("step: PyTorch, BackProp")),
        ):
            found.append((f"{name}: {what}", limit, above / below if above and below else None))
    for name in chosen_experiments:
        done = stages[name]["status"] == "done"
        found.append((f"{name}: minutes", MINUTES, stages[name]["seconds"] / 60 if done else None))
    return [
        {"target": what, "limit": limit, "found": value, "holds": None if value is None else value <= limit}
        for what, limit, value in found
    ]


def verdict(summary: dict[str, Any]) -> str:
    """Return the targets of a summary as text, a line for each."""
    words = {True: "holds", False: "does not hold", None: "not measured"}
    return "\n".join(
        f"{t['target']:<40}at most {t['limit']:>5.1f}   "
        + ("" if t["found"] is None else f"found {t['found']:.2f}, ")
        + words[t["holds"]]
        for t in summary["targets"]
    )
