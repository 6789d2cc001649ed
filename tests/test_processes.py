"""Fresh processes: a script that does not guard what it does is told so, once."""

import os
import subprocess
import sys

from minprox.experiments.processes import MissingGuardError

SCRIPT = """
from minprox.experiments import Processes
{guard}
    with Processes(2) as executor:
        print(executor.submit(max, 1, 2).result())
"""


def call(folder, guard):
    (folder / "script.py").write_text(SCRIPT.format(guard=guard))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=200)


def test_a_script_without_a_guard_is_told_so_in_one_sentence(tmp_path):
    done = call(tmp_path, "if True:")
    assert done.returncode == 1
    assert done.stdout == ""
    assert (
        done.stderr.splitlines()[-1]
        == f"minprox.experiments.processes.MissingGuardError: {MissingGuardError()}"
    )
    assert 'if __name__ == "__main__":' in str(MissingGuardError())
    assert done.stderr.count("Traceback") == 1  # and nothing from the processes


def test_a_script_with_a_guard_runs(tmp_path):
    done = call(tmp_path, 'if __name__ == "__main__":')
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
