"""Processes killed at a chosen file operation, and pairs of processes in one folder: ``killing.py TASK …``.

It runs by itself, in one thread, so that it can fork; :mod:`test_killing` calls it.
"""

import io
import os
import random
import re
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from streams import fast

import minprox as mp
from minprox.experiments import Experiment, Run, execute, load, run
from minprox.experiments import folder as folder_module
from minprox.experiments import series as series_module
from minprox.experiments.contents import configuration
from minprox.ground import files
from minprox.ground.array_files import read_arrays

RUN = Run(data="blobs", architecture="2-3-3", epochs=3, batch_size=100, optimizer="adam")
STREAM = replace(fast, blocks=3)
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a killed process asks nothing of a disk
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "os.listdir", "fcntl.flock"}
WORDS = "another process is at work here", ".*belongs to a run with other settings", "holds a run already"
REFUSALS = re.compile(rf"(BlockingIOError|ValueError): \S+?:? ({'|'.join(WORDS)})")


# Processes


def begin(work, at=0):
    """Begin some work in a process of its own that is killed before its file operation of this number."""
    reading, writing = os.pipe()
    if pid := os.fork():
        os.close(writing)
        return pid, reading
    try:
        if at:
            kill_at(at)
        work()
        told = "done"
    except BaseException as error:
        told = f"{type(error).__name__}: {error}"
    os.write(writing, told.encode())
    os._exit(0)


def ended(pid, reading):
    """Wait for a process; return "done", its error, or "killed"."""
    with open(reading, "rb") as file:
        told = file.read().decode()
    os.waitpid(pid, 0)
    return told or "killed"


def kill_at(at):
    """Kill this process before its file operation of this number; writing a piece of a file is one."""
    count = 0

    def operation():
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, arguments):
        if event in EVENTS and (event == "fcntl.flock" or "minprox-killed" in str(arguments[0])):
            operation()

    class Counted(io.BufferedWriter):
        def write(self, content):
            operation()
            return super().write(content)

    real = files.open_part
    files.open_part = lambda target: Counted(real(target).detach())
    sys.addaudithook(hook)


# What is done in a folder, and what has to come of it


def trained(folder, epochs=3):
    net = mp.Sequential(mp.Linear(2, 3), mp.BatchNorm(3), mp.Linear(3, 3), seed=0)
    path = folder / "c.npz"
    options = {"epochs": epochs, "batch_size": 100, "checkpoint": path, "resume": True}
    mp.train(net, mp.datasets.blobs(), mp.CrossEntropy(), mp.Adam(net, 0.01), **options)


def experiment(folder, seeds=(0, 1), **options):
    mine = Experiment(name="mine", title="Mine", methods={"a": replace(RUN, epochs=1)}, seeds=seeds)
    run(mine, folder, **options)


def nothing(folder):
    pass


SCENES = {  # what stood there before, and what is done
    "fresh": (nothing, partial(execute, RUN)),
    "longer": (partial(execute, replace(RUN, epochs=1)), partial(execute, RUN)),
    "anew": (partial(execute, RUN), partial(execute, RUN, resume=False)),
    "stream": (partial(execute, replace(STREAM, blocks=1)), partial(execute, STREAM)),
    "checkpoint": (partial(trained, epochs=1), trained),
    "experiment": (partial(experiment, seeds=(0,)), experiment),
    "experiment anew": (experiment, partial(experiment, resume=False)),
}


def contents(folder):
    """What a folder holds at the end, without times: settings, histories, arrays bit by bit, names."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npz":
            arrays, meta = read_arrays(path)
            meta["history"].get("columns", meta["history"]).pop("seconds")
            found[name] = repr(meta), {key: (v.dtype.str, v.shape, v.tobytes()) for key, v in arrays.items()}
        elif path.name == "history.json":
            history = load(path.parent)[1].to_dict()
            history.get("columns", history).pop("seconds")
            found[name] = repr(history)
        elif path.name == "config.json":
            found[name] = path.read_bytes()
        else:
            found[name] = ""
    return found


@cache
def expected(scene):
    """What a scene comes to if nobody disturbs it."""
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        before, work = SCENES[scene]
        before(Path(folder))
        work(Path(folder))
        return contents(Path(folder))


def lengths(folder):
    """How many units each record in a folder has, and each checkpoint."""
    found = {path.parent: len(load(path.parent)[1]) for path in folder.rglob("history.json")}
    for path in folder.rglob("*.npz"):
        history = read_arrays(path)[1]["history"]
        unit = "epoch" if "epoch" in history else history["unit"]
        found[path] = history.get("columns", history)[unit][-1]
    return found


def killed(scene, at):
    """Kill a scene at an operation, and let it go on; tell whether it was killed, or ended before that."""
    before, work = SCENES[scene]
    with tempfile.TemporaryDirectory(prefix="minprox-killed", dir=FAST) as name:
        folder = Path(name)
        before(folder)
        former = lengths(folder)
        told = ended(*begin(partial(work, folder), at))
        assert told in ("killed", "done"), told
        now = lengths(folder)  # whatever is there can be read
        if "anew" not in scene:
            assert all(now.get(place, 0) >= length for place, length in former.items()), "something was lost"
        again = ended(*begin(partial(work, folder) if told == "killed" else lambda: None))
        assert again == "done", again
        assert contents(folder) == expected(scene), "the result is another one"
        return told == "killed"


def kills(scenes, share):
    """Kill every scene at each of its operations, or at a share of them; return the number of kills."""
    count = 0
    for scene in scenes:
        at = 1 + random.Random(scene).randrange(share)
        while killed(scene, at):
            count, at = count + 1, at + share
    return count


# Pairs


def pair(number):
    """Let two processes begin in one folder at about the same moment; return how both ended."""
    draw = random.Random(number)
    other = replace(RUN, seed=1)
    works = {
        "run": partial(execute, RUN),
        "other seed": partial(execute, other),
        "anew": partial(execute, RUN, resume=False),
        "new": partial(execute, RUN, new=True),
        "shorter": partial(execute, replace(RUN, epochs=2)),
        "experiment": lambda folder: experiment(folder.parents[1], seeds=(0,)),
    }
    names = draw.choice(sorted(works)), draw.choice(sorted(works))
    patience = draw.choice((0.0, 5.0))
    with tempfile.TemporaryDirectory(prefix="minprox-killed", dir=FAST) as name:
        folder = Path(name, "seed-0", "a")
        if "experiment" not in names and draw.random() < 0.5:
            execute(replace(RUN, epochs=1), folder)

        def work(key, pause):
            for module in (folder_module, series_module):
                module.locked = partial(module.locked, patience=patience)
            time.sleep(pause)
            works[key](folder)

        two = [begin(partial(work, key, draw.choice((0, draw.uniform(0, 0.1))))) for key in names]
        told = [ended(*process) for process in two]
        assert all(words == "done" or REFUSALS.match(words) for words in told), (names, told)
        if names != ("new", "new") or "done" in told:
            check_one(folder)
    return told


def check_one(folder):
    """Fail unless a folder holds one run from its beginning to its end: nothing of two is mixed."""
    if not folder.exists():
        return
    config = configuration(folder)
    found = contents(folder)
    alone = replace(RUN, seed=config["seed"], epochs=config["epochs"])
    with tempfile.TemporaryDirectory(dir=FAST) as undisturbed:
        execute(alone, undisturbed)
        other = contents(Path(undisturbed))
    del found["config.json"], other["config.json"]  # which differ in the label of an experiment, at most
    assert found == other, "the folder holds something else than one run"


def pairs(numbers):
    """Return how many pairs there were, and in how many of them one was refused."""
    told = [pair(number) for number in numbers]
    return len(told), sum(any(words != "done" for words in two) for two in told)


# Planted errors, which the checks above must notice


def plant(error):
    if error == "unlink":  # a moment without the file
        real = os.replace

        def replaced(source, target):
            Path(target).unlink(missing_ok=True)
            real(source, target)

        os.replace = replaced
    elif error == "in place":
        real_open = files.open_part

        def open_part(target):
            real_open(target).close()
            return open(target, "wb")

        files.open_part = open_part
        files.os.replace = lambda source, target: None
    elif error == "no lock":
        for module in (folder_module, series_module):
            module.locked = lambda folder, patience=0.0, make=False: nullcontext(files.made_folder(folder))


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    if rest and rest[-1] in ("unlink", "in place", "no lock"):
        plant(rest.pop())
    if task == "kills":
        print(kills(SCENES if rest[1:] == [] else rest[1:], int(rest[0])))
    else:
        print(*pairs(range(int(rest[0]), int(rest[1]))))
