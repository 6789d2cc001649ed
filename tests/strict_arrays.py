"""Arrays that refuse what CuPy's refuse, on a machine without a GPU: NumPy behind a wall.

``strictpy`` is a module with functions that CuPy has, and :class:`ndarray` is its array. No function of NumPy
takes one, no NumPy array mixes with one, and what CuPy lacks is not there. In some places it is
stricter than CuPy, which passes ``np.maximum(z, 0)`` on to itself and takes an index that is a list.

Within ``fetches_forbidden()`` no value leaves the device, so that code passes only if it never waits for one.
"""

import functools
import operator
import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.sparse.linalg
import scipy.special

from minprox.ground import backend

NAME = "strictpy"

# Some of what CuPy 14 and NumPy 2 both have. A maker needs no array as its first argument.
MAKERS = "arange concatenate einsum empty eye full linspace ones result_type stack zeros"
FUNCTIONS = """
abs all any argmax argmin argsort ascontiguousarray bincount broadcast_to clip copy cumsum diagonal dot
empty_like exp expand_dims expm1 full_like greater isfinite isnan log log1p logaddexp matmul max maximum mean
min minimum multiply moveaxis ndim ones_like outer pad prod ravel repeat reshape shape sign sort sqrt squeeze
std sum sin cos floor swapaxes take tanh tensordot trace transpose unique vdot where zeros_like
"""
LINALG = "cholesky eigh eigvalsh inv lstsq norm solve svd"
SPECIAL = "erf expit ndtr"
CONSTANTS = "bool_ finfo float32 float64 inf int32 int64 nan newaxis pi"
METHODS = """
all any argmax argmin argsort astype clip copy cumsum diagonal dot fill flatten max mean min nonzero prod
ravel repeat reshape round squeeze std sum swapaxes take trace transpose var
"""
FETCHES = "__bool__ __float__ __int__ __repr__ item tolist"  # what comes back is Python's
ATTRIBUTES = "T dtype flags nbytes ndim shape size strides"
OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor"
COMPARISONS = "lt le eq ne gt ge"
SIGNS = "neg pos abs invert"

Scalar = (bool, int, float, complex, np.generic)

forbidden = False  # whether values may leave the device
waits = []  # one entry for each time that somebody waited for the device


class FetchError(Exception):
    """Somebody looked at a value on the device, which would make a GPU stop."""


@contextmanager
def fetches_forbidden():
    global forbidden
    forbidden = True
    try:
        yield
    finally:
        forbidden = False


def fetch(name):
    if forbidden:
        raise FetchError(f"{name} fetches a value from the device")


class ndarray:
    """An array on a device that does not exist."""

    __slots__ = ("_held",)
    __array_ufunc__ = None  # NumPy's functions refuse it, and its operators leave the matter to ours
    __hash__ = None

    def __init__(self, held):
        self._held = np.asarray(held)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed: use `.get()` instead")

    def __array_function__(self, function, types, args, kwargs):
        if function in (np.shape, np.ndim):  # they read what is known without the device
            return function(args[0]._held)
        raise TypeError(f"np.{function.__name__} called on an array of {NAME}")

    def get(self):
        fetch("get()")
        return self._held.copy()

    def __len__(self):
        return len(self._held)  # known without the device

    def __getitem__(self, key):
        return given(self._held[index(key)])

    def __setitem__(self, key, value):
        self._held[index(key)] = operand(value)

    def __iter__(self):
        return map(ndarray, self._held)


def operand(value):
    """What NumPy gets for one side of an operator: an array of ours, or a scalar."""
    if isinstance(value, ndarray):
        return value._held
    if isinstance(value, Scalar):
        return value
    if isinstance(value, Traced):
        return value.number
    raise TypeError(f"Unsupported type {type(value)}")


def index(key):
    """What NumPy gets for an index."""
    if isinstance(key, tuple):
        return tuple(map(index, key))
    if isinstance(key, (int, np.integer, slice)) or key is None or key is Ellipsis:
        return key
    if isinstance(key, ndarray) and key.dtype == bool:
        fetch("a mask as an index")  # how many entries it has decides a shape
    return operand(key)


def argument(value):
    """What NumPy gets for one argument of a function."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(map(argument, value))
    return value._held if isinstance(value, ndarray) else value


def given(result):
    """Make what NumPy returned ours; there are no scalars, only arrays without axes."""
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray(result)
    return tuple(map(given, result)) if isinstance(result, tuple) else result


def strict(function, maker=False):
    """Let a function of NumPy take and return arrays of ours, and nothing else."""

    @functools.wraps(function)
    def call(*args, **options):
        if isinstance(function, np.ufunc):
            if set(options) - {"out", "dtype", "casting"}:
                raise TypeError(f"Wrong arguments {options}")
            args = map(operand, args)
        elif not maker and not isinstance(args[0], ndarray):
            raise TypeError(f"Unsupported type {type(args[0])}")
        else:
            args = map(argument, args)
        return given(function(*args, **{name: argument(value) for name, value in options.items()}))

    return call


def asarray(array, dtype=None):
    """The way onto the device: from a NumPy array, a list or a number."""
    return ndarray(np.asarray(array._held if isinstance(array, ndarray) else np.array(array), dtype))


def array(array, dtype=None):
    return ndarray(np.array(array._held if isinstance(array, ndarray) else array, dtype))


class Traced:
    """Stands for a Python number in a function that is fused: it meets arrays, and knows nothing else."""

    __slots__ = ("number",)
    __array_ufunc__ = None

    def __init__(self, number):
        self.number = number

    def __bool__(self):
        raise TypeError("Can't cast to bool")


def fuse(function):
    """``cupy.fuse`` for updates in place: of arrays and Python numbers."""

    def kernel(*args):
        for arg in args:
            if not isinstance(arg, (ndarray, int, float)):
                raise TypeError(f"Invalid argument type: {type(arg)}")
        if (result := function(*(a if isinstance(a, ndarray) else Traced(a) for a in args))) is not None:
            raise TypeError(f"Fusion function can't return {type(result)}")

    return kernel


class Device:
    compute_capability = "80"

    def synchronize(self):
        waits.append(None)


class LinearOperator:
    def __init__(self, shape, matvec, dtype=None):
        self.shape, self.matvec, self.dtype = shape, matvec, dtype


def cg(A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=None, M=None, callback=None):
    """SciPy's, with the arguments of CuPy's, around products on our side of the wall."""
    B = scipy.sparse.linalg.LinearOperator(A.shape, lambda v: operand(A.matvec(ndarray(v))), dtype=A.dtype)
    options = {"rtol": rtol, "atol": atol, "maxiter": maxiter, "callback": lambda x: callback(ndarray(x))}
    x, info = scipy.sparse.linalg.cg(B, operand(b), **options)
    return ndarray(x), info


def update(op, u, v):
    op(u._held, operand(v))
    return u


def add_methods():
    for name in METHODS.split():
        setattr(ndarray, name, strict(getattr(np.ndarray, name)))
    for name in FETCHES.split():
        setattr(ndarray, name, lambda self, name=name: fetch(name) or getattr(self._held, name)())
    for name in ATTRIBUTES.split():
        setattr(ndarray, name, property(lambda self, name=name: given(getattr(self._held, name))))
    for name in OPERATORS.split():
        plain, updating = (getattr(operator, f"__{prefix}{name}__") for prefix in ("", "i"))
        setattr(ndarray, f"__{name}__", lambda u, v, op=plain: given(op(u._held, operand(v))))
        setattr(ndarray, f"__r{name}__", lambda u, v, op=plain: given(op(operand(v), u._held)))
        setattr(ndarray, f"__i{name}__", lambda u, v, op=updating: update(op, u, v))
    for name in COMPARISONS.split():
        op = getattr(operator, name)
        setattr(ndarray, f"__{name}__", lambda u, v, op=op: given(op(u._held, operand(v))))
    for name in SIGNS.split():
        op = getattr(operator, name)
        setattr(ndarray, f"__{name}__", lambda u, op=op: given(op(u._held)))


def make_module(path, source=None, names="", makers="", **others):
    """Make a module of strict functions, and of nothing else but what is named here."""
    module = ModuleType(f"{NAME}{path}")
    for name in f"{names} {makers}".split():
        setattr(module, name, strict(getattr(source, name), name in makers.split()))
    vars(module).update(others)
    return module


add_methods()
ndarray.__module__ = NAME
strictpy = make_module("", np, FUNCTIONS, MAKERS, ndarray=ndarray, array=array, asarray=asarray)
vars(strictpy).update({name: getattr(np, name) for name in CONSTANTS.split()})
strictpy.linalg = make_module(".linalg", np.linalg, LINALG, LinAlgError=np.linalg.LinAlgError)
strictpy.lib = ModuleType(f"{NAME}.lib")
strictpy.lib.stride_tricks = make_module(".lib.stride_tricks", np.lib.stride_tricks, "as_strided")
runtime = SimpleNamespace(
    getDevice=lambda: 0,
    getDeviceProperties=lambda device: {"name": b"a device that does not exist"},
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 12090,
)
vars(strictpy).update(fuse=fuse, cuda=SimpleNamespace(Device=Device, runtime=runtime), __version__="14.0.0")
compute_types = {"float32": 1}
COMPANIONS = {
    f"{NAME}._core._routines_linalg": make_module(
        "._core._routines_linalg",
        COMPUTE_TYPE_DEFAULT=1,
        COMPUTE_TYPE_TF32=7,
        get_compute_type=compute_types.__getitem__,
        set_compute_type=compute_types.__setitem__,
    ),
    f"{NAME}.scipy.special": make_module(".scipy.special", scipy.special, SPECIAL),
    f"{NAME}.scipy.sparse.linalg": make_module(".scipy.sparse.linalg", cg=cg, LinearOperator=LinearOperator),
}


def install(monkeypatch):
    """Make ``strictpy`` a backend of minprox, the one that ``mp.use("strictpy")`` chooses."""
    load = backend._load
    monkeypatch.setattr(backend, "_load", lambda name: strictpy if name == NAME else load(name))
    monkeypatch.setitem(backend._modules, NAME, strictpy)
    monkeypatch.setitem(backend._companions, NAME, f"{NAME}.scipy")
    for name, module in COMPANIONS.items():
        monkeypatch.setitem(sys.modules, name, module)
    return strictpy
