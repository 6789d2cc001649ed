"""Arguments that make no sense, drawn by the kind of argument, and what may become of a call with them.

A kind says which values fit and which ones nearly do. A call with values that do not fit has to end in one
sentence, raised by a statement ``raise`` of minprox that this call reached on purpose.
"""

import ast
import contextlib
import functools
import inspect
import io
import math
import operator
import re
import signal
import traceback
import warnings
from collections.abc import Callable
from fractions import Fraction
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
from hypothesis.extra import numpy as arrays

import minprox as mp

PACKAGE = str(Path(mp.__file__).parent)
SECONDS = 20  # of computing, after which a call hangs
MOST = 1500  # letters of a sentence
SENTENCES = re.compile(r"[a-z]\. [A-Z]")
KINDS = TypeError, ValueError, MemoryError, OSError, NotImplementedError, KeyError, LookupError, ImportError


class Broken:
    """An object that cannot even be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")


class Empty:
    """An object without anything."""


def nothing(*arguments, **options):
    """A function that takes everything, and returns None."""


# Values of every kind

HUGE = (2**31, 2**63, -(2**63), 2**64, 10**400, -(10**400))
FLOATS = (0.0, -0.0, -0.5, 1.5, 5e-309, 5e-324, 1e300, 1e-300, -1.0, math.nan, math.inf, -math.inf)
TEXTS = ("", " ", "x", "0", "-1", "nan", "a\n..raw:: html", "\x1b[31m", "\x00", "\ud800", "学", "a" * 1000)
STRUCTURED = np.zeros(5, [("a", float)])
numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from(HUGE),
    st.integers(),
    st.sampled_from(FLOATS),
    st.floats(),
    st.complex_numbers(),
    st.sampled_from([Fraction(1, 2), np.float32(0.5), np.int64(2), np.bool_(True), np.float16("inf")]),
    st.sampled_from([np.array(2.5), np.array(3), np.array(1j), np.ma.masked, np.array(math.nan)]),
)
texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=8), st.binary(max_size=4))
containers = st.one_of(
    st.lists(numbers, max_size=3),
    st.lists(numbers, max_size=3).map(tuple),
    st.sets(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2),
    st.just([[1, 2], [3]]),
    st.lists(st.lists(st.floats(-1, 1), min_size=2, max_size=2), max_size=3),
)
DTYPES = ("f8", "f4", ">f8", "i8", "i4", "u1", "?", "c16", "f2", "g", "M8[D]", "m8[s]", "U2", "S2", "O")


SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def any_array(draw):
    """An array of any dtype and shape, some with numbers that are not finite, or of a class of its own."""
    shape, dtype = draw(SHAPES), np.dtype(draw(st.sampled_from(DTYPES)))
    size = math.prod(shape)
    if dtype.kind in "MmUSO":
        array = np.full(shape, {"M": "2020-01-01", "m": 1, "U": "a", "S": b"a", "O": None}[dtype.kind], dtype)
    else:
        array = (np.arange(size).reshape(shape) * 0.5 - 1).astype("f8")
        array = np.abs(array).astype(dtype) if dtype.kind in "u?" else array.astype(dtype)
    if size and dtype.kind in "fc" and draw(st.integers(0, 4)) == 0:
        array.flat[draw(st.integers(0, size - 1))] = draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    look = draw(st.integers(0, 9))
    if look == 0:
        return np.ma.array(array, mask=True)
    if look == 1 and array.ndim == 2 and dtype.kind in "fi":
        return array.view(np.matrix)
    if look == 2 and array.ndim > 1:
        return array.T
    return array


@functools.cache
def own_things():
    """What minprox makes, each of them in the place of another."""
    net = mp.Sequential(mp.Linear(2, 2), seed=1)
    tape = mp.forward(net, np.ones((2, 2), "f4"))
    split = mp.datasets.Split(np.ones((2, 2)), np.array([0, 1]))
    return (
        net,
        tape,
        split,
        mp.datasets.Dataset("d", split, split, split),
        mp.SquaredError(),
        mp.SGD(net, 0.1),
        mp.ReLU(),
        mp.Linear(2, 2),
        mp.Input((3,)),
        mp.DenseMap(np.ones((2, 2)), bias=True),
        mp.Exact(),
        mp.prox.L1(0.1),
        mp.History(),
        mp.methods.spauc.Constant(0.1),
        mp.experiments.Run(data="blobs", architecture="2-3"),
        mp.experiments.X1,
    )


objects = st.one_of(
    st.sampled_from([Broken(), Empty(), object(), mp, Ellipsis, NotImplemented, range(3), iter(())]),
    st.sampled_from([int, mp.CrossEntropy, mp.Exact, mp.Sequential, mp.Linear, Broken]),
    st.sampled_from([nothing, print, len, lambda: None]),
    st.deferred(lambda: st.sampled_from(own_things())),
    st.sampled_from([STRUCTURED, np.ones(2).view(np.recarray), np.array("x"), np.dtype("f4")]),
)
anything = st.one_of(numbers, texts, containers, any_array(), objects)


# Kinds of arguments


class Kind(NamedTuple):
    """What an argument may be.

    ``fits(value, good)`` tells whether a value may be accepted where ``good`` is; ``near`` draws values that
    are bad by little, ``fine`` values that are all good.
    """

    fits: Callable[[Any, Any], bool]
    near: Any = anything
    fine: Any = None

    @property
    def values(self):
        return st.one_of(self.near, anything)


def plain_number(value):
    """Return a real number as Python's, None for everything else."""
    if isinstance(value, np.ma.MaskedArray):
        return None
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def real(test=lambda v: True, fine=None, near=numbers):
    """A finite number that passes a test."""
    return Kind(lambda value, good: (v := plain_number(value)) is not None and test(v), near, fine)


def whole_number(value):
    """Return an integer that is no truth value, None for everything else."""
    if isinstance(value, (bool, np.bool_, np.ma.MaskedArray)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def whole(least=None, most=2**31 - 1, fine=None):
    """An integer in a range."""

    def fits(value, good):
        n = whole_number(value)
        return n is not None and (least is None or n >= least) and n <= most

    return Kind(fits, numbers, fine)


def made_of(part, *lengths):
    """A list or tuple of such values."""

    def fits(value, good):
        return (
            isinstance(value, (list, tuple))
            and (not lengths or len(value) in lengths)
            and all(part.fits(v, good) for v in value)
        )

    return Kind(fits, st.lists(numbers, max_size=3))


def either(*kinds):
    """A value of one of several kinds."""
    fits = lambda value, good: any(kind.fits(value, good) for kind in kinds)  # noqa: E731
    return Kind(fits, st.one_of(*(kind.near for kind in kinds)), kinds[0].fine)


def a(*classes):
    """An object of a class."""
    return Kind(lambda value, good: isinstance(value, classes), objects)


def is_array(value, kinds):
    return type(value) in (np.ndarray, np.memmap) and value.dtype.kind in kinds


def array(kinds="f", free=False):
    """A plain array of such dtypes, of the shape of the good one unless any shape may do."""
    fits = lambda value, good: is_array(value, kinds) and (free or value.shape == good.shape)  # noqa: E731
    return Kind(fits, any_array())


def listed(value, good):
    """Whether NumPy makes an array of real numbers of this."""
    if isinstance(value, np.ndarray):
        return is_array(value, "fiu")
    try:
        return np.asarray(value).dtype.kind in "fiu"
    except (TypeError, ValueError, OverflowError):
        return False


def function_like(value, good):
    return callable(value) and not isinstance(value, type)


flag = Kind(
    lambda v, good: isinstance(v, (bool, np.bool_)) or (type(v) is int and v in (0, 1)),
    numbers,
    st.sampled_from([True, False, 0, 1, np.bool_(True)]),
)
text = Kind(lambda value, good: isinstance(value, str), texts)
path = Kind(lambda value, good: isinstance(value, (str, Path)), texts)
function = Kind(function_like, objects)
same = Kind(lambda value, good: isinstance(value, type(good)), objects)
positive = real(lambda v: v > 0, st.floats(1e-3, 10))
weight = real(lambda v: v >= 0, st.floats(0, 10))
share = real(lambda v: 0 < v < 1, st.floats(0.01, 0.99))
part = real(lambda v: 0 <= v < 1, st.floats(0, 0.9))
finite = real(fine=st.floats(-3, 3))
count = whole(1)
natural = whole(0)
integer = whole()
seed = whole(0, 2**128, st.one_of(st.integers(0, 100), st.just(2**64)))
seeds = either(
    seed,
    Kind(lambda v, good: isinstance(v, (list, tuple)) and len(v) > 0 and all(seed.fits(n, good) for n in v)),
)
size = either(count, made_of(count, 1, 2))
margin = either(natural, made_of(either(natural, made_of(natural, 2)), 1, 2), text)
shape = either(
    count, made_of(either(count, Kind(lambda v, good: v is None))), Kind(lambda v, good: v is None)
)
schedule = either(weight, function)
layer, symbol = a(mp.Layer), a(type(mp.Input((3,))))
floats, reals = array("f"), array("fiu")
any_floats, any_reals = array("f", free=True), array("fiub", free=True)
array_like = Kind(listed, any_array())
array_list = Kind(
    lambda value, good: isinstance(value, (list, tuple)) and all(is_array(v, "fiu") for v in value),
    st.lists(any_array(), max_size=3),
)
step_size = real(lambda v: v > 0 and math.isfinite(1 / v), st.floats(1e-3, 10))
step_sizes = either(
    step_size,
    made_of(either(step_size, Kind(lambda v, good: v is None))),
    Kind(lambda value, good: is_array(value, "fiu") and value.ndim == 1 and (value > 0).all()),
)
dtype = Kind(
    lambda value, good: name_of(value) in ("float32", "float64"),
    st.one_of(
        st.sampled_from(["f2", "int", "<f4", "complex", "g", "O"]),
        st.sampled_from([None, float, int, np.float32]),
    ),
)


def name_of(value):
    try:
        return np.dtype(value).name
    except (TypeError, ValueError):
        return ""


# What becomes of a call


class Hang(BaseException):
    """A call that takes too long."""


def stop(*_):
    raise Hang


@functools.cache
def raising(file):
    """Return the lines of a file that belong to a statement raise."""
    tree = ast.parse(Path(file).read_text("utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None)
    return {n for node in found for n in range(node.lineno, node.end_lineno + 1)}


@contextlib.contextmanager
def limited(seconds):
    """Raise Hang after so many seconds of computing, or ten times as many of waiting."""
    timers = (signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, 10 * seconds)
    former = [signal.signal(number, stop) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit, 0.5)  # again, where somebody swallowed it
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, former, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def outcome(called, arguments, seconds=None, package=PACKAGE):
    """Call a function; return "done", what is wrong with its error, or "" for a good sentence."""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
            limited(seconds or SECONDS),
        ):
            warnings.simplefilter("ignore")
            found = called(**arguments)
            if inspect.isgenerator(found):
                list(found)
        return "done"
    except Hang:
        return f"hangs: for {seconds or SECONDS} seconds"
    except Exception as error:
        return fault(error, package)


def fault(error, package=PACKAGE):
    """Return what is wrong with an error, "" if nothing is."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return ""  # the system's own sentence, which names the file
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = str(error.args[0]) if error.args else ""
    where = f"{type(error).__name__} in {last.filename.removeprefix(package)}:{last.lineno}: {words[:200]!r}"
    if not last.filename.startswith(package):
        return f"foreign: {where}"
    if last.lineno not in raising(last.filename):
        return f"obscure, of an inner line: {where}"
    if not words.strip() or not words.isprintable() or SENTENCES.search(words) or len(words) > MOST:
        return f"obscure, no sentence: {where}"
    if not isinstance(error, (*KINDS, mp.CheckError)):
        return f"obscure, of a wrong kind: {where}"
    return ""


class Call(NamedTuple):
    """A public function, what makes good arguments for it, and their kinds."""

    function: Callable[..., Any]
    good: Callable[[], dict[str, Any]]
    kinds: MappingProxyType

    def optional(self, name):
        """Tell whether None stands for what is not given."""
        try:
            parameter = inspect.signature(self.function).parameters.get(name)
        except (TypeError, ValueError):
            return False
        return parameter is not None and parameter.default is None

    def fits(self, name, value, good):
        return (value is None and self.optional(name)) or self.kinds[name].fits(value, good)


@st.composite
def replacements(draw, call):
    """Draw values for one argument of a call, or for two."""
    names = draw(st.lists(st.sampled_from(sorted(call.kinds)), min_size=1, max_size=2, unique=True))
    return {name: draw(call.kinds[name].values) for name in names}


def trial(call, bad, **options):
    """Make a call with some values replaced; return what is wrong with what becomes of it, or ""."""
    good = call.good()
    result = outcome(call.function, good | bad, **options)
    if result != "done":
        return result
    like = good if len(bad) == 1 else bad  # two that fit each other may have another shape than the usual
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, which is asked what it makes of strange values
        wrong = [name for name, value in bad.items() if not call.fits(name, value, like[name])]
    return f"accepted: {', '.join(wrong)}" if wrong else ""
