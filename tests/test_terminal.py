"""Where text goes: pipes without Greek letters, streams that are missing, readers that leave."""

import io
import os
import subprocess
import sys

import pytest

import minprox as mp
from minprox.cli import cli, main
from minprox.ground import text
from minprox.ground.text import is_terminal, plain, readable

TRAIN = ["train", "--data", "blobs", "--architecture", "2-4-3", "--epochs", "1", "--out", "run"]


def slow(*values):
    """A case like the others, which take a process each."""
    return pytest.param(*values, marks=pytest.mark.slow)


def minprox(folder, *arguments, encoding=None, **options):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    if encoding:
        environment |= {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment, "cwd": folder}
    return subprocess.run([sys.executable, "-m", "minprox", *arguments], **streams | options, timeout=100)


@pytest.mark.parametrize("encoding", ["ascii", slow("cp1252:strict"), "cp437"])
def test_output_is_written_in_the_encoding_that_is_asked_for(tmp_path, encoding):
    done = minprox(tmp_path, "--help", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    found = done.stdout.decode(encoding.partition(":")[0])
    if encoding == "cp437":  # what the encoding has stays as it is
        assert "(A^T A + I/τ_theta) d = A^Tδ" in found
    else:
        assert "(A^T A + I/tau_theta) d = A^T delta" in found
    assert "?" not in found


def test_so_are_mistakes(tmp_path):
    done = minprox(tmp_path, "plot", "τ_θ", "-o", "f.png", encoding="ascii")
    assert done.returncode == 2
    assert done.stderr.startswith(b"minprox: error: tau_theta: expected the folder of a run")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("τ_θ = 0.05", "tau_theta = 0.05"),
        ("θ_l ← θ_l − τ·Aᵀδ", "theta_l <- theta_l - tau*A^T delta"),
        ("(AᵀA)⁻¹ = A⁺(Aᵀ)⁺", "(A^T A)^-1 = A^+(A^T)^+"),
        ("x₁₂ ≤ 2√κ/(1 + κ)", "x_12 <= 2 sqrt kappa/(1 + kappa)"),
        ("1/(2τ) ‖θ‖²", "1/(2 tau) ||theta||^2"),
        ("∇_{θ_l} J, ∇J, ∂φ/∂θ", "grad_{theta_l} J, grad J, dphi/dtheta"),
        ("Σ Δ λ Λ ε", "Sigma Delta lambda Lambda epsilon"),
        ("28×28 … 30–40 é ż ½ ﬁ", "28x28 ... 30-40 e z 1/2 fi"),
        ("plain text, {}[]", "plain text, {}[]"),
        ("学 \ud800", "? ?"),
    ],
)
def test_plain_letters_can_be_read(written, read):
    assert plain(written) == read
    assert plain(f"α{written}β", 1, 1 + len(written)).strip() == read  # as a part of a text


def test_every_letter_of_ours_has_a_plain_form():
    from pathlib import Path

    sources = [path.read_text("utf-8") for path in Path(mp.__file__).parent.rglob("*.py")]
    letters = {letter for source in sources for letter in source if not letter.isascii()}
    assert {letter for letter in letters if plain(letter) == "?"} <= {"学"}
    assert all(plain(letter).isascii() for letter in letters)


def test_a_stream_that_cannot_be_changed_stays_as_it_is():
    for stream in (None, object(), io.StringIO()):
        readable(stream)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    readable(stream)
    stream.write("τ = 1, é, 😀")
    stream.flush()
    assert stream.buffer.getvalue() == "tau = 1, é, ?".encode("latin-1")
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", text.ERRORS)  # reading is not made to pass


class Mute:
    """A stream as some consoles have it: it takes text, and knows nothing else."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


CLOSED = io.StringIO()
CLOSED.close()


@pytest.mark.parametrize(
    "stream", [None, CLOSED, Mute(), io.StringIO()], ids=["none", "closed", "mute", "text"]
)
@pytest.mark.parametrize("progress", [None, False, True])
def test_training_goes_on_whatever_stderr_is(monkeypatch, stream, progress):
    assert not is_terminal(stream)
    if stream is CLOSED and progress:
        return  # a bar that is asked for on a stream that is closed is a mistake
    net = mp.Sequential(mp.Linear(2, 3), seed=0)
    monkeypatch.setattr(sys, "stderr", stream)
    history = mp.train(
        net, mp.datasets.blobs(50), mp.CrossEntropy(), mp.SGD(net, lr=0.1), mp.backprop,
        epochs=1, batch_size=10, progress=progress,
    )  # fmt: skip
    monkeypatch.undo()
    assert history.status == "finished"
    if isinstance(stream, Mute):
        assert bool(stream.text) == bool(progress)
        stream.text = ""


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors")
@pytest.mark.parametrize("closed", [slow((1,)), slow((2,)), (1, 2), slow((0, 1, 2))])
def test_commands_work_without_their_streams(tmp_path, closed):
    def close():
        for descriptor in closed:
            os.close(descriptor)

    done = minprox(tmp_path, *TRAIN, preexec_fn=close)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "run" / "history.json").exists()
    assert minprox(tmp_path, "train", "--tau", "-1", preexec_fn=close).returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals")
class TestEnds:
    @pytest.mark.parametrize("arguments", [["--help"], slow(["train", "--help"]), TRAIN], ids=" ".join)
    def test_a_reader_that_has_left_is_no_mistake(self, tmp_path, arguments):
        reader, writer = os.pipe()
        os.close(reader)
        done = minprox(tmp_path, *arguments, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_mistakes_that_nobody_reads(self, tmp_path):
        reader, writer = os.pipe()
        os.close(reader)
        done = minprox(tmp_path, "train", "--tau", "-1", stderr=writer)
        os.close(writer)
        assert (done.returncode, done.stdout) == (2, b"")

    @pytest.mark.parametrize(
        ("module", "script"),
        [slow("numpy", True), ("numpy", False), slow("minprox.engine.graph", False), ("scipy", True)],
    )
    def test_ctrl_c_during_an_import_is_one_line(self, tmp_path, interruptible, module, script):
        """An import that sends the signal itself: the moment is always the same."""
        (tmp_path / "sitecustomize.py").write_text(
            "import os, signal, sys\n"
            "class Finder:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name == {module!r}:\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Finder())\n"
        )
        (tmp_path / "minprox").write_text("from minprox.cli import main\nmain()\n")
        path = os.pathsep.join([str(tmp_path), *(p or os.getcwd() for p in sys.path)])
        command = [str(tmp_path / "minprox")] if script else ["-m", "minprox"]
        done = subprocess.run(
            [sys.executable, *command, *TRAIN, "--method", "proxprop", "--solver", "cg3"],
            cwd=tmp_path, capture_output=True, text=True, timeout=100, env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (130, "minprox: interrupted\n")

    @pytest.mark.slow
    def test_ctrl_c_at_any_moment_is_one_line(self, tmp_path, interruptible):
        """A process that interrupts itself at the k-th call of a function of ours."""
        (tmp_path / "sitecustomize.py").write_text(
            "import atexit, os, signal, sys\n"
            "moment, count = int(os.environ['MOMENT']), 0\n"
            "def tell(frame, event, argument):\n"
            "    global count\n"
            "    place = frame.f_code.co_filename\n"
            "    begins = not count and place.endswith(('_loading.py', 'minprox/__init__.py'))\n"
            "    if event == 'call' and 'minprox' in place and not begins:\n"
            "        count += 1\n"
            "        if count == moment:\n"
            "            sys.setprofile(None)\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.setprofile(tell)\n"
            "if not moment:\n"
            "    atexit.register(lambda: (sys.setprofile(None), open('count', 'w').write(str(count))))\n"
        )
        path = os.pathsep.join([str(tmp_path), *(p or os.getcwd() for p in sys.path)])

        def interrupted(moment):
            done = subprocess.run(
                [sys.executable, "-m", "minprox", *TRAIN[:-1], f"run-{moment}"], cwd=tmp_path, timeout=100,
                capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path, "MOMENT": str(moment)},
            )  # fmt: skip
            return done.returncode, done.stderr

        assert interrupted(0) == (0, "")
        calls = int((tmp_path / "count").read_text())
        assert calls > 10_000
        for moment in (1, 2, *range(3, calls - 200, calls // 20)):
            assert interrupted(moment) == (130, "minprox: interrupted\n"), moment

    def test_other_processes_keep_their_own_answer_to_ctrl_c(self, tmp_path, interruptible):
        code = "import signal, minprox; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "True\n"
        (tmp_path / "sitecustomize.py").write_text(
            "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # as nohup and & have it
        )
        path = os.pathsep.join([str(tmp_path), *(p or os.getcwd() for p in sys.path)])
        code = "import signal, minprox; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
        (tmp_path / "minprox").write_text(code)
        done = subprocess.run(
            [sys.executable, str(tmp_path / "minprox")],
            capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        assert done.stdout == "True\n"

    def test_out_of_memory_says_how_much_was_asked_for(self, tmp_path):
        import resource

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))

        net = ["--architecture", "2-40000-40000-3"]  # θ of the second layer takes 11.9 GiB
        done = minprox(tmp_path, *TRAIN[:3], *net, preexec_fn=limit)
        assert done.returncode == 2
        told = done.stderr.decode()
        assert told.startswith("minprox: error: out of memory: ")
        assert "GiB" in told
        assert "40001, 40000" in told
        assert told.count("\n") == 1


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("a matrix takes 9 GiB")])
def test_an_error_for_want_of_memory_is_told(monkeypatch, capsys, error):
    def callback(*arguments, **options):
        raise error

    monkeypatch.setattr(cli.commands["info"], "callback", callback)
    with pytest.raises(SystemExit) as left:
        main(["info"])
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("minprox: error: out of memory: ")
    assert told.endswith(f"{error or 'this machine has no more'}\n")


ESCAPE = "\x1b[31mred\n.. raw:: html"


def test_text_of_foreign_origin_is_escaped_at_the_terminal(tmp_path, monkeypatch, capsys):
    """Labels, names of processors, and what plugins and records bring along."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minprox.ground.environment.processor", lambda: ESCAPE)
    lines = [["info"], [*TRAIN, "--label", ESCAPE], ["plot", "run", "-o", "f.svg", "--title", ESCAPE]]
    for line in lines:
        with pytest.raises(SystemExit) as left:
            main(line)
        assert left.value.code == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert out.count(r"\x1b[31mred") == 2
    assert "\x1b" not in (tmp_path / "f.svg").read_text("utf-8")


def test_tables_show_each_label_on_one_line():
    table = text.aligned([("head", "n"), (ESCAPE, "1"), ("τ", "2")], (1,))
    assert table.splitlines()[2].split() == [r"\x1b[31mred", "..", "raw::", "html", "1"]
    assert len(table.splitlines()) == 4


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain τ_θ", "plain τ_θ"),
        ("two\nlines", "two\nlines"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\ud800", r"\ud800"),
        ("a\rb\tc\u2028", r"a\rb\tc\u2028"),
        ("5\N{NO-BREAK SPACE}%", "5\N{NO-BREAK SPACE}%"),
    ],
)
def test_what_would_act_on_a_terminal_stands_as_its_number(written, shown):
    assert text.escaped(written) == shown
    assert text.one_line(shown) == " ".join(shown.split())
