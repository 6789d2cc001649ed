"""Files are written whole or not at all, by one or by several, and an error names the file."""

import errno
import os
import signal
import subprocess
import sys
import threading
import zipfile

import pytest
from conftest import raises

import minprox as mp
from minprox.datasets import fetch
from minprox.ground import files
from minprox.ground.files import made_folder, whole_file
from minprox.ground.interrupts import uninterrupted

fcntl = pytest.importorskip("fcntl")  # the locks that tell a living writer from a dead one

HAMMER = """
import sys
from minprox.ground.files import whole_file
for _ in range(40):
    with whole_file(sys.argv[1]) as file:
        for _ in range(20):
            file.write(sys.argv[2].encode() * 500)
"""
HANG = """
import sys, time
from minprox.ground.files import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def start(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def parts(folder):
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def test_of_several_writers_the_last_one_wins_whole(tmp_path):
    path = tmp_path / "file"
    writers = [start(HAMMER, path, letter) for letter in "abc"]
    assert [writer.communicate()[1] for writer in writers] == [""] * 3
    assert path.read_text() in {letter * 10_000 for letter in "abc"}
    assert os.listdir(tmp_path) == ["file"]


def test_so_it_is_with_threads(tmp_path):
    path, failed = tmp_path / "file", []

    def hammer(letter):
        try:
            for _ in range(30):
                with whole_file(path) as file:
                    file.write(letter * 5000)
                    file.write(letter * 5000)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=hammer, args=[letter]) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert path.read_bytes() in {letter * 10_000 for letter in (b"a", b"b", b"c")}
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "file"
    with start(HANG, path) as living, start(HANG, path) as killed:
        assert [living.stdout.readline(), killed.stdout.readline()] == ["writing\n"] * 2
        killed.kill()
        killed.wait()
        assert len(parts(tmp_path)) == 2
        files.write_text(path, "mine")
        (left,) = parts(tmp_path)
        assert f".{living.pid}-" in left
        living.send_signal(signal.SIGTERM)
    files.write_text(path, "mine again")
    assert os.listdir(tmp_path) == ["file"]


def test_a_part_that_was_removed_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    """Between making a part and locking it, another writer may take it for a dead one."""
    removed = []

    def hold(file):
        if not removed:
            os.unlink(file.name)
            removed.append(file.name)
        return real(file)

    real = files.hold
    monkeypatch.setattr(files, "hold", hold)
    files.write_text(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert len(removed) == 1


@pytest.mark.parametrize("unknown", [True, False])
def test_without_locks_files_are_whole_and_only_old_parts_are_removed(tmp_path, monkeypatch, unknown):
    """On Windows, and on file systems that have none."""
    (tmp_path / ".file.1-a.part").write_text("of a living one")
    (tmp_path / ".file.1-b.part").write_text("old")
    os.utime(tmp_path / ".file.1-b.part", (1, 1))
    if unknown:
        monkeypatch.setattr(files, "fcntl", None)
    else:

        def flock(file, how):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", flock)
    files.write_text(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert set(os.listdir(tmp_path)) == {"file", ".file.1-a.part", *(() if unknown else [".file.1-b.part"])}


LIMITED = """
import resource, signal, sys
import minprox as mp
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
net = mp.Sequential(mp.Linear(50, 50))
history = mp.History()
for epoch in range(1, 200):
    row = dict.fromkeys(("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"), 0.5)
    history.append(epoch=epoch, **row, batch_loss=1.0, seconds=1.0)
figure = mp.figures.convergence({"a": history})
writers = {
    "net.npz": mp.save_parameters.__get__(net),
    "h.json": history.save,
    "h.csv": history.save,
    **{f"f.{ending}": lambda path: mp.figures.save(figure, path) for ending in ("png", "svg", "pdf")},
}
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
for name, write in writers.items():
    try:
        write(name)
    except OSError as error:
        print(error)
"""


def test_a_disk_that_is_full_names_the_file(tmp_path):
    """A limit of the size of files stands for a full disk: the system refuses to write on."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=tmp_path, capture_output=True, text=True, env=where()
    )
    names = ["net.npz", "h.json", "h.csv", "f.png", "f.svg", "f.pdf"]
    found = done.stdout.splitlines()
    assert found == [f"[Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}: '{name}'" for name in names]
    assert (done.stderr, os.listdir(tmp_path)) == ("", [])


def where():
    """The environment of a process in another folder that finds the minprox of these tests."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_so_does_a_disk_that_is_full_at_the_end(tmp_path, monkeypatch, moment):
    def full(*arguments):
        raise OSError(
            errno.ENOSPC, "No space left on device", *map(str, arguments[:1] * (moment == "replace"))
        )

    monkeypatch.setattr(os, moment, full)
    path = tmp_path / "net.npz"
    with pytest.raises(OSError, match="No space left on device") as caught:
        mp.save_parameters(mp.Sequential(mp.Linear(2, 2)), path)
    assert (caught.value.filename, caught.value.filename2) == (str(path), None)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line_on_the_command_line(tmp_path):
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import minprox.cli;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "minprox.cli.main('train --data blobs --architecture 2-99-3 --epochs 1 --out runs'.split())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=where()
    )
    assert done.returncode == 2
    assert done.stderr == f"minprox: error: {os.path.join('runs', 'checkpoint.npz')}: File too large\n"


def test_a_name_that_cannot_be_written_is_the_one_that_was_given(tmp_path):
    with pytest.raises(OSError) as caught:  # noqa: PT011
        files.write_text(tmp_path / ("x" * 254), "content")
    assert (caught.value.errno, caught.value.filename) == (errno.ENAMETOOLONG, str(tmp_path / ("x" * 254)))


def test_links(tmp_path):
    (tmp_path / "there").write_text("former")
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "new").symlink_to("not-yet")
    (tmp_path / "nowhere").symlink_to("no/such")
    for name, target in (("link", "there"), ("new", "not-yet")):
        files.write_text(tmp_path / name, "content")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_text() == "content"
    with raises(
        FileNotFoundError, f"{tmp_path / 'nowhere'}: the folder ", f"{tmp_path / 'no'} does not exist"
    ):
        files.write_text(tmp_path / "nowhere", "content")


def test_a_folder_that_cannot_be_made_is_told_with_what_stands_there(tmp_path):
    assert made_folder(tmp_path / "a" / "b").is_dir()
    assert made_folder(str(tmp_path / "a")) == tmp_path / "a"
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, found in (("file", "a file"), ("dangling", "a link to nowhere"), ("loop", "a link to loop")):
        for path, where in (tmp_path / name, ""), (tmp_path / name / "below", f"{tmp_path / name}, "):
            with raises(NotADirectoryError, f"{path}: expected a folder, found {where}{found}"):
                made_folder(path)
    run = mp.experiments.Run(data="blobs", architecture="2-3-3", epochs=1)
    with raises(NotADirectoryError, f"{tmp_path / 'dangling'}: expected a folder, found a link"):
        mp.experiments.execute(run, tmp_path / "dangling")


def test_folders_and_files_of_data_that_are_links_to_nothing(tmp_path):
    (tmp_path / "data").symlink_to("nowhere")
    with raises(NotADirectoryError, f"{tmp_path / 'data'}: expected a folder, found a link to nowhere"):
        fetch.fetch("http://localhost:1/x.gz", "0" * 32, tmp_path / "data")
    (tmp_path / "x.gz").symlink_to("gone.gz")
    with raises(FileNotFoundError, f"{tmp_path / 'x.gz'}: expected a file, found a link to gone.gz"):
        fetch.fetch("http://localhost:1/x.gz", "0" * 32, tmp_path)


def test_the_home_of_nobody(monkeypatch, tmp_path):
    with raises(ValueError, "~nobody-of-this-name/data: expected the home of a user, found none"):
        mp.datasets.mnist("~nobody-of-this-name/data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch.data_folder("~/data") == tmp_path / "data"


INTERRUPTED = """
import os, signal, sys
import numpy as np
from minprox.ground import array_files

def savez(file, **arrays):  # Ctrl-C while the archive has an open member
    with zipfile_of(file) as archive:
        member = archive.open("a.npy", "w")
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
        member.write(b"whole")
        member.close()

def zipfile_of(file):
    import zipfile
    return zipfile.ZipFile(file, "w")

np.savez = savez
try:
    array_files.write_arrays(sys.argv[1], {"a": np.zeros(3)}, {})
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_waits_until_a_file_stands(tmp_path, interruptible):
    path = tmp_path / "a.npz"
    command = [sys.executable, "-W", "error", "-c", INTERRUPTED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("a.npy") == b"whole"
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_second_ctrl_c_does_not_wait(interruptible):
    passed = []

    def twice():
        with uninterrupted():
            for n in (1, 2):
                signal.raise_signal(signal.SIGINT)
                passed.append(n)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert passed == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_ctrl_c_is_left_as_it_is(interruptible):
    seen = []

    def work():
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
