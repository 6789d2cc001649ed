"""Data sets that are fetched: what is in them, and that no file is trusted. Nothing here needs internet."""

import functools
import gc
import gzip
import hashlib
import http.server
import importlib
import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import threading
import warnings

import numpy as np
import pytest
from conftest import raises

from minprox import datasets
from minprox.cli import main
from minprox.datasets import batches, fetch
from minprox.datasets.idx import read_idx
from minprox.experiments import Run
from minprox.experiments.runs import build

cifar = importlib.import_module("minprox.datasets.cifar")  # the names of the functions hide the files
mnist = importlib.import_module("minprox.datasets.mnist_files")

FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
NAMES = b"airplane automobile bird cat deer dog frog horse ship truck".split()
DIGESTS = {name: f"{k:032x}" for k, name in enumerate(mnist.MNIST.md5)}


# The official layout, written as Python 2 wrote it


class Raw(bytes):
    """Opcodes that go into a pickle as they are."""


def opcodes(value):
    """Protocol 2 as Python 2 wrote it: text as bytes, and NumPy under its old name."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, bytes):
        return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + long(len(value)) + value
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(part) for item in value.items() for part in item) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(opcodes, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(opcodes, value)) + b"t"
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, np.ndarray):
        kind, fortran = value.dtype.str[1:].encode(), value.flags.fnc
        dtype = b"cnumpy\ndtype\n" + opcodes((kind, 0, 1)) + b"R"
        dtype += opcodes((3, b"|", None, None, None, -1, -1, 0)) + b"b"
        array = (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
            + opcodes((0,))
            + opcodes(b"b")
            + b"tR"
        )
        return array + opcodes((1, value.shape, Raw(dtype), fortran, value.tobytes("A"))) + b"b"
    return b"J" + long(value)


def long(value):
    return struct.pack("<i", value)


def python2(value):
    return b"\x80\x02" + opcodes(value) + b"."


def batch(k, rows, **changes):
    rng = np.random.default_rng(k)
    content = {
        b"batch_label": b"a batch",
        b"labels": [(n + k) % 10 for n in range(rows)],
        b"data": rng.integers(0, 256, (rows, 3072), "uint8"),
        b"filenames": [b"leptodactylus_pentadactylus_s_000004.png"] * rows,
    }
    return content | {key.encode(): value for key, value in changes.items()}


META = {b"num_cases_per_batch": 10000, b"label_names": NAMES, b"num_vis": 3072}


def contents(rows, **changes):
    """Every file of CIFAR-10 by its name."""
    files = {name: python2(batch(k, rows)) for k, name in enumerate(cifar.BATCHES)}
    return files | {"batches.meta": python2(META)} | changes


def write_folder(path, files):
    (path / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / FOLDER / name).write_bytes(content)
    return path


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, len(content)
    return entry, content


def members(files):
    return [member(f"{FOLDER}/{name}", content) for name, content in files.items()]


def write_archive(path, entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    path.mkdir(parents=True, exist_ok=True)
    (path / ARCHIVE).write_bytes(stream.getvalue())
    return path / ARCHIVE


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def small(monkeypatch):
    """CIFAR-10 with 20 images in a batch, and 5 for validation."""
    monkeypatch.setattr(cifar, "ROWS", 20)
    monkeypatch.setattr(cifar, "VALIDATION", 5)


@pytest.fixture
def accept(monkeypatch):
    """Take the checksum of an archive for the official one."""

    def run(archive):
        monkeypatch.setattr(cifar, "MD5", md5(archive.read_bytes()))
        return archive

    return run


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No test reads the cache of whoever runs it, or reaches the internet."""
    monkeypatch.delenv("MINPROX_DATA", raising=False)
    monkeypatch.setattr(fetch, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(cifar, "URL", f"http://127.0.0.1:9/{ARCHIVE}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


served_paths: list[str] = []


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; a file whose name begins with "cut" ends in the middle."""

    def log_message(self, *arguments):
        served_paths.append(self.path)

    def copyfile(self, source, target):
        content = source.read()
        target.write(content[: len(content) // 2] if "/cut" in self.path else content)


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    served_paths.clear()
    handler = functools.partial(Server, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


@pytest.fixture
def call(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return left.value.code, *capsys.readouterr()

    return run


def same(one, other):
    return all(
        np.array_equal(getattr(getattr(one, part), name), getattr(getattr(other, part), name))
        for part in ("train", "validation", "test")
        for name in "xy"
    )


# What CIFAR-10 holds


def test_cifar10_of_its_true_size(tmp_path):
    files = contents(10_000)
    data = datasets.cifar10(write_folder(tmp_path, files))
    assert repr(data) == (
        "Dataset('CIFAR-10', train=45000, validation=5000, test=10000, input_shape=(3, 32, 32), classes=10)"
    )
    assert data.classes == tuple(name.decode() for name in NAMES)
    assert data.train.x.dtype == "float32"
    assert data.train.y.dtype == "int64"
    assert "Krizhevsky" in data.source
    last, test = batch(4, 10_000), batch(5, 10_000)
    pixels = last[b"data"].astype("float32").reshape(-1, 3, 32, 32) / np.float32(255)
    assert np.array_equal(data.validation.x, pixels[5000:])  # the last 5,000 and nothing else
    assert np.array_equal(data.train.x[-5000:], pixels[:5000])
    assert data.validation.y.tolist() == last[b"labels"][5000:]
    assert data.test.y.tolist() == test[b"labels"]
    assert np.array_equal(data.train.x[:10, 2, 31, 1], batch(0, 10_000)[b"data"][:10, 3041] / np.float32(255))
    shutil.rmtree(tmp_path / FOLDER)  # 186 MB


def test_flat_images_are_the_same_pixels(tmp_path, small):
    write_folder(tmp_path, contents(20))
    images, flat = datasets.cifar10(tmp_path), datasets.cifar10(tmp_path, flatten=True, dtype="float64")
    assert flat.input_shape == (3072,)
    assert [len(split) for split in (flat.train, flat.validation, flat.test)] == [95, 5, 20]
    assert flat.train.x.dtype == "float64"
    assert np.array_equal(flat.train.x.reshape(-1, 3, 32, 32).astype("float32"), images.train.x)
    assert images.train.x.flags.c_contiguous


def test_a_batch_reads_as_pickle_itself_reads_it():
    content = python2(batch(3, 4, data=np.asfortranarray(batch(3, 4)[b"data"])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's old name
        plain = pickle.loads(content, encoding="bytes")
    pixels, labels = batches.read_batch(content, 4)
    assert np.array_equal(pixels, plain[b"data"])
    assert labels.tolist() == plain[b"labels"]
    again = pickle.dumps({"data": plain[b"data"], "labels": plain[b"labels"]}, protocol=4)  # of today
    assert np.array_equal(batches.read_batch(again, 4)[0], pixels)


def test_the_archive_and_its_extracted_files_are_the_same(tmp_path, small, accept):
    files = contents(20)
    order = ["test_batch", "batches.meta", *cifar.BATCHES[-2::-1]]  # any order will do
    extra = [member(FOLDER, kind=tarfile.DIRTYPE), member(f"{FOLDER}/readme.html", b"hello")]
    archive = write_archive(tmp_path / "a", extra + members({name: files[name] for name in order}))
    accept(archive)
    write_folder(tmp_path / "b", files)
    assert same(datasets.cifar10(tmp_path / "a"), datasets.cifar10(tmp_path / "b"))
    assert os.listdir(tmp_path / "a") == [ARCHIVE]


def test_the_official_address_and_checksum():
    fresh = importlib.util.find_spec("minprox.datasets.cifar").loader.get_source("minprox.datasets.cifar")
    assert '"https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"' in fresh
    assert '"c58f30108f718f92721af3b95e74349a"' in fresh


# Where the data are


def test_what_is_downloaded_comes_over_https():
    for url in (mnist.MNIST.url, mnist.FASHION_MNIST.url):
        assert url.startswith("https://")
        assert url.endswith("/")


def test_the_folder_is_an_argument_or_a_variable_or_the_cache(tmp_path, small, monkeypatch):
    write_folder(tmp_path / "variable", contents(20))
    write_folder(tmp_path / "cache", contents(20, data_batch_1=python2(batch(9, 20))))
    cached = datasets.cifar10()
    monkeypatch.setenv("MINPROX_DATA", str(tmp_path / "variable"))
    variable = datasets.cifar10()
    assert not same(cached, variable)
    assert same(variable, datasets.cifar10(str(tmp_path / "variable")))
    assert same(cached, datasets.cifar10(tmp_path / "cache"))
    monkeypatch.setenv("MINPROX_DATA", "")
    assert same(cached, datasets.cifar10())


def test_the_cache_is_that_of_pooch(monkeypatch):
    import pooch

    monkeypatch.undo()
    assert fetch.cache() == pooch.os_cache("minprox")


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with raises(NotADirectoryError, "file: expected a folder with data sets, found a file"):
        datasets.cifar10(tmp_path / "file")
    with raises(TypeError, "folder must be a path, found True"):
        datasets.cifar10(True)
    with raises(TypeError, "dtype: expected float32 or float64"):
        datasets.cifar10(tmp_path, dtype="int8")  # before anything is fetched


def test_importing_minprox_does_not_load_pooch():
    code = "import sys, minprox, minprox.cli; print('pooch' in sys.modules, 'requests' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"
    )


# Downloads


def test_a_download_is_kept_and_not_repeated(tmp_path, small, accept, server, monkeypatch):
    address, folder = server
    accept(write_archive(folder, members(contents(20))))
    monkeypatch.setattr(cifar, "URL", f"{address}/{ARCHIVE}")
    place = tmp_path / "not" / "there"
    first = datasets.cifar10(place)
    assert os.listdir(place) == [ARCHIVE]
    assert same(first, datasets.cifar10(place))
    assert served_paths == [f"/{ARCHIVE}"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pooch leaves sockets open
@pytest.mark.parametrize(
    ("name", "exception", "part"),
    [
        ("missing.gz", ConnectionError, "missing.gz: the download failed (HTTP status 404)"),
        ("cut.gz", ConnectionError, "cut.gz: the download failed (ChunkedEncodingError)"),
        ("other.gz", ValueError, "other.gz: expected a download with the MD5 000, found another one"),
    ],
)
def test_a_bad_download_leaves_nothing(tmp_path, server, name, exception, part):
    address, folder = server
    for each in ("cut.gz", "other.gz"):
        (folder / each).write_bytes(bytes(300_000))
    place = tmp_path / "a" / "b"
    with raises(exception, part, f"download {address}/{name} in another way and put it into {place}"):
        fetch.fetch(f"{address}/{name}", "000", place)
    assert os.listdir(tmp_path) == ["served"]
    place.mkdir(parents=True)
    with raises(exception, part):
        fetch.fetch(f"{address}/{name}", "000", place)
    assert os.listdir(place) == []
    gc.collect()


def test_no_internet_is_one_sentence(tmp_path):
    with raises(
        ConnectionError, f"{ARCHIVE}: the download failed (no connection)", f"into {tmp_path / 'cache'}"
    ):
        datasets.cifar10()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "exception", "part"),
    [
        (OSError(28, "No space left on device"), OSError, "the download failed (No space left on device)"),
        (PermissionError("a. b"), PermissionError, "cannot write the download into this folder"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
)
def test_what_else_ends_a_download(tmp_path, monkeypatch, error, exception, part):
    def retrieve(*arguments, **options):
        raise error

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with raises(exception, part):
        datasets.mnist(tmp_path / "new")
    assert os.listdir(tmp_path) == []


def test_the_progress_bar_is_for_a_terminal(tmp_path, monkeypatch):
    import pooch

    seen = []

    def retrieve(url, known_hash, fname, path, downloader):
        seen.append((url, known_hash, fname, path, downloader.progressbar, pooch.get_logger().level))
        raise OSError

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    level = pooch.get_logger().level
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with pytest.raises(ConnectionError):
            fetch.fetch("http://x/y.gz", "123", tmp_path)
    assert seen == [("http://x/y.gz", "md5:123", "y.gz", tmp_path, bar, 30) for bar in (True, False)]
    assert pooch.get_logger().level == level


# Archives that are not what they should be


def test_a_file_with_another_checksum_is_neither_used_nor_replaced(tmp_path, small):
    archive = write_archive(tmp_path, members(contents(20)))
    before = archive.read_bytes()
    with raises(
        ValueError, f"{archive}: expected a file with the MD5 {cifar.MD5}, found ", "; delete it and"
    ):
        datasets.cifar10(tmp_path)
    assert archive.read_bytes() == before


@pytest.mark.parametrize(
    "entry",
    [
        member(f"../{FOLDER}/data_batch_1", b"x"),
        member(f"/{FOLDER}/data_batch_1", b"x"),
        member(f"{FOLDER}/../{FOLDER}/data_batch_1", b"x"),
        member("../../outside", b"x"),
        member("/tmp/outside", b"x"),
        member(f"{FOLDER}/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member(f"{FOLDER}/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda entry: entry[0].name,
)
def test_other_members_are_passed_over(tmp_path, small, accept, entry):
    files = contents(20)
    accept(write_archive(tmp_path / "a", [entry, *members(files)]))
    write_folder(tmp_path / "b", files)
    assert same(datasets.cifar10(tmp_path / "a"), datasets.cifar10(tmp_path / "b"))
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert os.listdir(tmp_path / "a") == [ARCHIVE]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_batch_must_be_a_regular_file(tmp_path, small, accept, kind):
    link = member(f"{FOLDER}/data_batch_1", kind=kind, link="test_batch")
    archive = accept(write_archive(tmp_path, [*members({"test_batch": contents(20)["test_batch"]}), link]))
    with raises(ValueError, f"{archive}: data_batch_1: expected a regular file", f"; delete {archive} and"):
        datasets.cifar10(tmp_path)


def test_sizes_in_the_archive_are_limited(tmp_path, small, accept, monkeypatch):
    files = contents(20)
    accept(write_archive(tmp_path, members(files)))
    monkeypatch.setattr(cifar, "LARGEST", 50_000)
    with raises(ValueError, "data_batch_1: expected a file of at most 50000 bytes, found more"):
        datasets.cifar10(tmp_path)
    monkeypatch.setattr(cifar, "LARGEST", 2**26)
    monkeypatch.setattr(cifar, "UNPACKED", 200_000)
    with raises(ValueError, "expected at most 200000 bytes when unpacked, found more"):
        datasets.cifar10(tmp_path)
    monkeypatch.setattr(cifar, "UNPACKED", 2**28)
    accept(write_archive(tmp_path, [member(f"{k}") for k in range(101)] + members(files)))
    with raises(ValueError, "expected at most 100 members, found more"):
        datasets.cifar10(tmp_path)


def test_an_incomplete_archive_is_told(tmp_path, small, accept):
    files = contents(20)
    del files["data_batch_3"], files["batches.meta"]
    accept(write_archive(tmp_path, members(files)))
    with raises(ValueError, "expected data_batch_3, batches.meta in the archive, found nothing of that name"):
        datasets.cifar10(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "empty"])
def test_a_damaged_archive_is_told(tmp_path, small, accept, damage):
    archive = write_archive(tmp_path, members(contents(20)))
    whole = archive.read_bytes()
    middle = len(whole) // 2
    archive.write_bytes(
        {
            "cut": whole[:middle],
            "flip": whole[:middle]
            + bytes(x ^ 255 for x in whole[middle : middle + 999])
            + whole[middle + 999 :],
            "text": b"<html>Sorry</html>",
            "empty": b"",
        }[damage]
    )
    with raises(ValueError, ARCHIVE, "the MD5"):
        datasets.cifar10(tmp_path)
    accept(archive)
    with raises(ValueError, ARCHIVE, f"; delete {archive} and load the data again"):
        datasets.cifar10(tmp_path)


# Batches that are not what they should be


def called(name, *arguments):
    """Opcodes that call a function."""
    module, _, function = name.rpartition(".")
    return Raw(b"c" + module.encode() + b"\n" + function.encode() + b"\n" + opcodes(arguments) + b"R")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("os.system", (b"touch hacked",)),
        ("posix.system", (b"touch hacked",)),
        ("builtins.eval", (b"open('hacked', 'w')",)),
        ("__builtin__.eval", (b"open('hacked', 'w')",)),
        ("builtins.getattr", (b"", b"join")),
        ("subprocess.Popen", ([b"touch", b"hacked"],)),
        ("numpy.load", (b"x.npy",)),
        ("numpy.core.multiarray.fromstring", (b"",)),
        ("numpy.ndarray.tofile", (b"hacked",)),
        ("copyreg._reconstructor", ()),
        ("_codecs.encode", ()),
        ("a\x1b[31m.b", ()),
    ],
)
def test_a_pickle_calls_nothing(tmp_path, small, monkeypatch, name, arguments):
    monkeypatch.chdir(tmp_path)
    bad = python2(batch(0, 20, extra=called(name, *arguments)))
    write_folder(tmp_path, contents(20, data_batch_2=bad))
    where = f"{tmp_path / FOLDER / 'data_batch_2'}: expected a pickle of nothing but numbers"
    with raises(ValueError, where, f"found a call of {name!r}; delete {tmp_path / FOLDER} and"):
        datasets.cifar10(tmp_path)
    assert os.listdir(tmp_path) == [FOLDER]


def test_a_pickle_of_today_calls_nothing_either(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with raises(ValueError, "found a call of '", ".mkdir'"):
            batches.unpickle(pickle.dumps({"data": Evil()}, protocol))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # remembers one object at the place 2³¹ - 1
        b"\x80\x02)" + 10_000 * b"\x85" + b".",  # a tuple in a tuple in a tuple …
    ],
)
def test_a_pickle_cannot_exhaust_memory(content):
    with raises(ValueError, "found one that is built to exhaust memory"):
        batches.unpickle(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"\x80\x02}",
        b"\x80\x02.",
        b"\x80\x02)R.",
        b"\x80\x09}.",
        b"\x80\x02U\x01x" + b"Q.",  # a persistent id
        b"\x80\x02\x82\x01.",  # an extension code
        b"\x80\x02cnumpy\ndtype\n}b.",  # a state for a class
        b"\x80\x02T\xff\xff\xff\x7fx.",  # a text of 2 GB that is not there
        b"\x80\x02](K\x01K\x02u.",
    ],
)
def test_a_damaged_pickle_is_told(content):
    with raises(ValueError, "expected a pickle of nothing but numbers", "found a damaged or truncated one"):
        batches.unpickle(content)


def test_every_cut_through_a_batch_is_told(small, tmp_path):
    whole = contents(20)["data_batch_4"]
    for length in range(0, len(whole), 997):
        with raises(ValueError, "expected a pickle", "found a damaged or truncated one"):
            batches.read_batch(whole[:length], 20)
    write_folder(tmp_path, contents(20, data_batch_4=whole[:-1]))
    with raises(ValueError, f"{FOLDER}{os.sep}data_batch_4: expected a pickle"):
        datasets.cifar10(tmp_path)


PIXELS = np.zeros((20, 3072), "uint8")
BYTES = PIXELS.tobytes()
DATA = "expected data as an array of shape (20, 3072) of uint8, found "
LABELS = "expected labels as a list of 20 integers from 0 to 9, found "


def array(shape=(20, 3072), dtype=b"u1", fortran=False, content=BYTES):
    """Opcodes of an array whose parts need not fit together."""
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    state = (1, shape, called("numpy.dtype", dtype, 0, 1), fortran, content)
    return Raw(start + opcodes(state) + b"b")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"data": PIXELS[:19]}, DATA + "the shape (19, 3072)"),
        ({"data": PIXELS.reshape(20, 3, 1024)}, DATA + "the shape (20, 3, 1024)"),
        ({"data": PIXELS.astype("int8")}, DATA + "another dtype"),
        ({"data": PIXELS.astype("float64")}, DATA + "another dtype"),
        ({"data": [1, 2]}, DATA + "no array"),
        ({"data": b"pixels"}, DATA + "no array"),
        ({"data": array(dtype=b"O")}, DATA + "another dtype"),
        ({"data": array(content=BYTES[1:])}, DATA + "another number of bytes"),
        ({"data": array(content=[1])}, DATA + "another number of bytes"),
        ({"data": array(shape=(2**31 - 1, 2**31 - 1))}, DATA + "another shape"),
        ({"data": array(shape=b"x")}, DATA + "another shape"),
        ({"data": Raw(b"cnumpy\nndarray\n")}, DATA + "no array"),
        ({"data": Raw(b"cnumpy\nndarray\n(tR")}, DATA + "no array"),
        ({"data": Raw(b"cnumpy\nndarray\n(tRK\x07b")}, DATA + "no array"),
        ({"labels": [0] * 19}, LABELS + "19 of them"),
        ({"labels": [*[0] * 19, 10]}, LABELS + "10"),
        ({"labels": [*[0] * 19, -1]}, LABELS + "-1"),
        ({"labels": [*[0] * 19, True]}, LABELS + "something else"),
        ({"labels": [*[0] * 19, b"1"]}, LABELS + "something else"),
        ({"labels": [*[0] * 19, Raw(b"\x8b" + long(5000) + b"\x7f" * 5000)]}, LABELS + "a huge one"),
        ({"labels": np.zeros(20, "uint8")}, LABELS + "something else"),
    ],
)
def test_a_wrong_batch_is_told(tmp_path, small, changes, part):
    write_folder(tmp_path, contents(20, test_batch=python2(batch(5, 20, **changes))))
    with raises(ValueError, f"{FOLDER}{os.sep}test_batch: {part}; delete {tmp_path / FOLDER} and"):
        datasets.cifar10(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        NAMES[:9],
        [*NAMES[:9], b"cat"],
        [*NAMES[:9], b""],
        [*NAMES[:9], b"\xff"],
        [*NAMES[:9], b"a\nb"],
        7,
        [7] * 10,
    ],
)
def test_wrong_names_of_classes_are_told(tmp_path, small, names):
    meta = {"batches.meta": python2({b"label_names": names})}
    write_folder(tmp_path, contents(20, **meta))
    with raises(ValueError, "batches.meta: expected the names of 10 classes as label_names, found something"):
        datasets.cifar10(tmp_path)


def test_missing_files_and_entries_are_told(tmp_path, small):
    write_folder(tmp_path, contents(20, data_batch_1=python2({b"labels": []})))
    with raises(ValueError, "data_batch_1: expected an entry 'data', found none"):
        datasets.cifar10(tmp_path)
    (tmp_path / FOLDER / "data_batch_1").write_bytes(python2([1]))
    with raises(ValueError, "data_batch_1: expected a pickled dictionary, found list"):
        datasets.cifar10(tmp_path)
    (tmp_path / FOLDER / "data_batch_1").unlink()
    with raises(ValueError, f"{FOLDER}{os.sep}data_batch_1: expected a file of CIFAR-10, found none; delete"):
        datasets.cifar10(tmp_path)


def test_a_huge_file_is_not_read(tmp_path, small, monkeypatch):
    write_folder(tmp_path, contents(20))
    monkeypatch.setattr(cifar, "LARGEST", 1000)
    with raises(ValueError, "data_batch_1: expected a file of at most 1000 bytes, found more"):
        datasets.cifar10(tmp_path)


# MNIST and Fashion-MNIST


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype("uint8").tobytes(), 1, mtime=0)


@pytest.fixture
def write_mnist(monkeypatch, tmp_path):
    """Write the four files and take their checksums for the official ones."""

    def run(origin=mnist.MNIST, training=60_000, test=10_000, **changes):
        monkeypatch.setattr(mnist, "TRAINING", training)
        monkeypatch.setattr(mnist, "TEST", test)
        monkeypatch.setattr(mnist, "VALIDATION", training // 12)
        pixels = np.arange((training + test) * 784, dtype="uint32").reshape(-1, 28, 28) % 251
        labels = np.arange(training + test) % 10
        parts = pixels[:training], labels[:training], pixels[training:], labels[training:]
        place = tmp_path / origin.folder
        place.mkdir()
        for name, part in zip(origin.md5, parts, strict=True):
            content = changes.get(name.partition("-idx")[0].replace("-", "_"), idx(part))
            (place / name).write_bytes(content)
            monkeypatch.setitem(origin.md5, name, md5(content))
        return tmp_path, pixels, labels

    return run


@pytest.mark.parametrize(
    ("load", "origin", "third"),
    [(datasets.mnist, mnist.MNIST, "2"), (datasets.fashion_mnist, mnist.FASHION_MNIST, "Pullover")],
)
def test_mnist_of_its_true_size(write_mnist, load, origin, third):
    folder, pixels, labels = write_mnist(origin)
    data = load(folder)
    shown = f"Dataset('{origin.name}', train=55000, validation=5000, test=10000, "
    assert repr(data) == shown + "input_shape=(1, 28, 28), classes=10)"
    assert data.classes[2] == third
    scaled = pixels.astype("float32") / np.float32(255)
    assert np.array_equal(data.train.x[:, 0], scaled[:55_000])
    assert np.array_equal(data.validation.x[:, 0], scaled[55_000:60_000])
    assert np.array_equal(data.test.x[:, 0], scaled[60_000:])
    assert np.array_equal(np.concatenate([data.train.y, data.validation.y, data.test.y]), labels)
    assert data.train.y.dtype == "int64"


def test_mnist_flat(write_mnist):
    folder, pixels, _ = write_mnist(training=24, test=6)
    data = datasets.mnist(folder, flatten=True, dtype="float64")
    assert [split.x.shape for split in (data.train, data.validation, data.test)] == [
        (22, 784),
        (2, 784),
        (6, 784),
    ]
    assert np.array_equal(data.test.x, pixels[24:].reshape(6, 784) / 255)


def test_mnist_is_fetched_file_by_file(write_mnist, server, monkeypatch, tmp_path):
    write_mnist(training=24, test=6)
    address, folder = server
    (tmp_path / "mnist").rename(folder / "mnist")
    origin = mnist.Origin("MNIST", "mnist", f"{address}/mnist/", mnist.MNIST.md5, tuple("0123456789"), "")
    monkeypatch.setattr(mnist, "MNIST", origin)
    place = mnist.locate_mnist(tmp_path / "data", origin)
    assert sorted(os.listdir(place)) == sorted(origin.md5)
    (place / mnist.LABELS).unlink()
    mnist.load(origin, tmp_path / "data", False, "float32")
    assert served_paths[4:] == [f"/mnist/{mnist.LABELS}"]


@pytest.mark.parametrize("spelling", ["-idx", ".idx"])
def test_unpacked_mnist_files_are_read_where_they_lie(write_mnist, spelling, call):
    folder, *_ = write_mnist(training=24, test=6)
    packed, place = datasets.mnist(folder), folder / "mnist"
    assert "official MD5" in call("data", "mnist", "--data", str(folder))[1]
    for name in (mnist.IMAGES, mnist.TEST_LABELS):  # some of them
        plain = name.removesuffix(".gz").replace("-idx", spelling)
        (place / plain).write_bytes(gzip.decompress((place / name).read_bytes()))
        (place / name).unlink()
    assert same(packed, datasets.mnist(folder))
    code, out, _ = call("data", "mnist", "--data", str(folder))
    assert code == 0
    assert "shapes and labels; files were unpacked before" in out
    assert "MD5" not in out
    plain = place / mnist.TEST_LABELS.removesuffix(".gz").replace("-idx", spelling)
    plain.write_bytes(plain.read_bytes()[:-1])
    with raises(ValueError, f"{plain}: expected 14 bytes when unpacked, found 13; delete {place} and load"):
        datasets.mnist(folder)


def test_a_wrong_mnist_is_told(write_mnist):
    bad = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 24) + bytes([11] * 24))
    folder, *_ = write_mnist(training=24, test=6, train_labels=bad)
    place = folder / "mnist"
    with raises(
        ValueError, f"{place / mnist.LABELS}: expected labels from 0 to 9, found 11; delete {place} and"
    ):
        datasets.mnist(folder)
    (place / mnist.LABELS).write_bytes(b"cut")
    with raises(ValueError, f"{place / mnist.LABELS}: expected a file with the MD5 "):
        datasets.mnist(folder)


def zipped(content):
    """The same bytes at any time."""
    return gzip.compress(content, mtime=0)


WHOLE = idx(np.arange(6).reshape(2, 3))
HEADER = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (WHOLE[:-9], "expected a whole gzip file, found a damaged one"),
        (WHOLE[:-5] + b"\0" + WHOLE[-4:], "expected a whole gzip file, found a damaged one"),  # the checksum
        (b"hello", "expected a whole gzip file, found a damaged one"),
        (b"", "expected the IDX header of 2×3 unsigned bytes, found none"),
        (zipped(b"\0\0\x08"), "expected the IDX header of 2×3 unsigned bytes, found none"),
        (zipped(HEADER[:9]), "expected the IDX header of 2×3 unsigned bytes, found none"),
        (zipped(b"\0\0\x0d" + HEADER[3:] + bytes(24)), "found none"),
        (idx(np.zeros((3, 2))), "expected the IDX header of 2×3 unsigned bytes, found that of 3×2"),
        (idx(np.zeros(6)), "expected the IDX header of 2×3 unsigned bytes, found that of 6"),
        (zipped(HEADER + bytes(5)), "expected 18 bytes when unpacked, found 17"),
        (zipped(HEADER + bytes(7)), "expected 18 bytes when unpacked, found more"),
        (zipped(HEADER + bytes(10**7)), "expected 18 bytes when unpacked, found more"),
    ],
)
def test_a_damaged_idx_file_is_told(tmp_path, content, part):
    (tmp_path / "a.gz").write_bytes(content)
    with raises(ValueError, f"{tmp_path / 'a.gz'}: ", part):
        read_idx(tmp_path / "a.gz", (2, 3))


def test_an_idx_file_is_its_array(tmp_path):
    (tmp_path / "a.gz").write_bytes(WHOLE)
    assert read_idx(tmp_path / "a.gz", (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]


# The command line, and runs


def test_minprox_data_tells_where_and_how_many(tmp_path, small, call, accept):
    write_folder(tmp_path / "a", contents(20))
    code, out, err = call("data", "cifar10", "--data", tmp_path / "a")
    assert (code, err) == (0, "")
    for part in (
        "CIFAR-10, complete",
        f"{tmp_path / 'a' / FOLDER}\n",
        "95 images",
        "    5 images",
        "extracted",
    ):
        assert part in out
    archive = accept(write_archive(tmp_path / "b", members(contents(20))))
    code, out, err = call("data", "cifar10", "--data-folder", tmp_path / "b")
    assert (code, err) == (0, "")
    assert f"{archive}\n" in out
    assert "official MD5" in out


@pytest.mark.parametrize("origin", [mnist.MNIST, mnist.FASHION_MNIST])
def test_minprox_data_knows_mnist(write_mnist, call, origin, monkeypatch):
    folder, *_ = write_mnist(origin, training=24, test=6)
    monkeypatch.setenv("MINPROX_DATA", str(folder))
    code, out, err = call("data", origin.folder)
    assert (code, err) == (0, "")
    assert f"{folder / origin.folder}\n" in out
    assert f"{origin.name}, complete: images of 1×28×28 in 10 classes" in out


def test_mistakes_with_data_are_one_line(tmp_path, small, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    write_folder(tmp_path / "bad", contents(20, data_batch_1=b"x\n"))
    for arguments, part in [
        (["data"], "Missing argument 'NAME'"),
        (["data", "cats"], "Invalid value for 'NAME'"),
        (["data", "cifar10", "--data", "file"], "'file' is a file"),
        (["data", "cifar10", "--data", "nowhere"], "the download failed (no connection)"),
        (["data", "cifar10"], "the download failed (no connection)"),
        (["data", "cifar10", "--data", "bad"], "data_batch_1: expected a pickle"),
        (["train", "--data", "cifar10", "--data-folder", "nowhere"], "the download failed"),
        (["train", "--data", "digits", "--data-folder", "bad"], "data folder: only cifar10, mnist, fashion"),
        (["train", "--data", "cifar10", "--data-folder", "bad"], "data_batch_1: expected a pickle"),
    ]:
        code, out, err = call(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("minprox: error: ")
        assert err.count("\n") == 1
        assert part in err
    assert sorted(os.listdir(tmp_path)) == ["bad", "file"]


@pytest.mark.parametrize("architecture", ["paper-convnet", "3072-8-10"])
def test_minprox_train_reads_cifar10(tmp_path, small, call, architecture):
    write_folder(tmp_path / "data", contents(20))
    options = [
        "--data",
        "cifar10",
        "--data-folder",
        tmp_path / "data",
        "--epochs",
        1,
        "--out",
        tmp_path / "run",
    ]
    code, out, err = call("train", *options, "--architecture", architecture)
    assert (code, err) == (0, "")
    assert "after 1 epoch (" in out
    assert str(tmp_path) not in (tmp_path / "run" / "config.json").read_text()


def test_the_nets_of_the_paper(tmp_path, small):
    write_folder(tmp_path, contents(20))
    run = Run(data="cifar10", architecture="paper-mlp")
    shapes = [theta.shape for theta in build(run, tmp_path).net.parameters]
    assert shapes == [(3073, 4000), (4001, 1000), (1001, 4000), (4001, 10)]
    run = Run(data="cifar10", architecture="paper-convnet")
    shapes = [theta.shape for theta in build(run, tmp_path).net.parameters]
    assert shapes == [(76, 16), (401, 20), (501, 20), (1281, 10)]
