"""Killed at any file operation, or begun twice: nothing is lost, nothing mixed, nothing left over."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("fcntl")  # and fork

KILLS = os.environ.get("MINPROX_KILLS_SHARE", "7")  # a kill at every seventh operation of each scene
PAIRS = os.environ.get("MINPROX_PAIRS", "104")


def killing(*arguments):
    """Run ``killing.py``; return its exit code, and the last line of what it printed."""
    path = os.pathsep.join([os.getcwd(), os.path.dirname(__file__), *sys.path])
    environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, os.path.join(os.path.dirname(__file__), "killing.py"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip().splitlines()[-1]


def test_some_kills():
    code, told = killing("kills", "40", "longer", "experiment")
    assert code == 0, told
    assert int(told) >= 6


def test_some_pairs():
    code, told = killing("pairs", "0", "6")
    assert code == 0, told


@pytest.mark.slow
def test_two_hundred_kills():
    """After each of them the folder can be read, and the run goes on to the same bits; no part is left."""
    code, told = killing("kills", KILLS)
    assert code == 0, told
    assert int(told) >= 200 * 7 / float(KILLS)


@pytest.mark.slow
def test_a_hundred_pairs():
    """Of two processes in one folder one does its work, and the other does, too, or gets one sentence."""
    code, told = killing("pairs", "1000", str(1000 + int(PAIRS)))
    assert code == 0, told
    count, refused = map(int, told.split())
    assert count == int(PAIRS)
    assert refused > count / 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "error", "part"),
    [
        (("kills", "7", "longer"), "unlink", "something was lost"),
        (("kills", "5", "longer"), "in place", ""),
        (("pairs", "0", "30"), "no lock", ""),
    ],
)
def test_the_checks_notice_a_planted_error(task, error, part):
    code, told = killing(*task, error)
    assert code == 1
    assert part in told
