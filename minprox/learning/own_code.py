"""A check sum of what somebody wrote: tells functions and objects from others of the same name."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import types
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from minprox.ground.backend import to_numpy

SIMPLE = (bool, int, float, complex, str, bytes, type(None))
STATE = {"net", "state", "epoch", "steps_done", "history"}  # what an optimiser holds and changes


def own_code(value: Any) -> str:
    """Return a check sum of the functions and classes of one's own in a value, "" if there are none.

    Of a function count its code, its defaults, what it closes over, and the functions, numbers and texts of
    its module that it names; of an object the code of its class, and what it holds, but for what begins
    with ``_`` and what changes in a run. Installed packages go by their names.
    """
    found = "\0".join(traces(value, set()))
    return f"{zlib.crc32(found.encode()):08x}" if found else ""


def traces(value: Any, seen: set[int], own: bool = False) -> Iterator[str]:
    """Yield what somebody wrote in a value, in an order that is the same in every process.

    Plain values count where they are ``own``: held by a function or an object of one's own.
    """
    if isinstance(value, SIMPLE) or hasattr(value, "tolist"):
        if own:
            yield from held_in(value, set())
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    inside: list[Any] = []
    if isinstance(value, partial):
        inside = [value.func, *value.args, *(v for _, v in sorted(value.keywords.items()))]
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    elif isinstance(value, dict):
        inside = [part for item in value.items() for part in item]
    elif isinstance(value, (set, frozenset)):
        inside = sorted(value, key=repr)
    elif isinstance(value, types.MethodType):
        inside = [value.__func__, value.__self__]
    elif isinstance(value, types.FunctionType):
        if own := is_own(value):
            cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
            inside = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells]
            inside += named_by(value)
            yield code(value)
    else:
        held = {} if isinstance(value, type) else getattr(value, "__dict__", {})
        kind: Any = value if isinstance(value, type) else type(value)
        inside = [v for k, v in sorted(held.items()) if k not in STATE]
        if own := is_own(kind):
            yield from map(code, filter(is_own, kind.__mro__))
            inside = [part for item in sorted(held.items()) if not changing(item[0]) for part in item]
            inside += [v for part in vars(kind).values() if inspect.isfunction(part) for v in named_by(part)]
        elif not kind.__module__.startswith("minprox"):
            inside = []  # whatever an installed package keeps
    for part in inside:
        yield from traces(part, seen, own)


def changing(name: str) -> bool:
    """Tell whether an attribute is one that changes in a run: a state, θ, or what is marked as internal."""
    return name in STATE or name in ("held", "memory") or name.startswith("_")


def named_by(function: types.FunctionType) -> list[Any]:
    """Return the functions, classes and plain values of its module that a function names."""
    known, names = function.__globals__, sorted(set(function.__code__.co_names))
    found = [known[name] for name in names if name in known]
    kinds = (*SIMPLE, tuple, types.FunctionType, type)
    return [part for part in found if isinstance(part, kinds) or hasattr(part, "tolist")]


def content(value: Any) -> str:
    """Return what a value holds as a text that is another one once something in it was changed."""
    return "\0".join(held_in(value, set()))


def held_in(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield kind and value of everything that a value holds."""
    yield type(value).__qualname__
    if isinstance(value, SIMPLE):
        yield repr(value)
    elif hasattr(value, "tobytes") and not isinstance(value, type):
        yield f"{value.shape} {value.dtype} {zlib.crc32(to_numpy(value).tobytes())}"
    elif id(value) not in seen:
        seen.add(id(value))
        inside = {"func": value.func, **value.keywords} if isinstance(value, partial) else None
        if isinstance(value, (list, tuple)):
            inside = {str(k): part for k, part in enumerate(value)}
        elif isinstance(value, dict):
            inside = value
        elif inside is None:
            yield getattr(value, "__qualname__", "")
            inside = {} if isinstance(value, type) else getattr(value, "__dict__", {})
        for name, part in inside.items():
            yield str(name)
            yield from held_in(part, seen)


def is_own(thing: Any) -> bool:
    """Tell whether a function or a class is one's own, rather than of an installed package."""
    name = thing.__module__ or ""
    top = name.partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    installed = top == "minprox" or top in sys.stdlib_module_names or "-packages" in file
    return name == "__main__" or not installed


def code(thing: Any) -> str:
    """Return the code of a function or a class without its comments; byte code if there is no source."""
    try:
        if thing.__name__ == "<lambda>":  # its source is that of the whole line
            return byte_code(thing.__code__)
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(thing))))
    except (OSError, TypeError, SyntaxError):  # typed in, or given on a command line
        parts = [thing] if inspect.isfunction(thing) else vars(thing).values()
        return "".join(byte_code(part.__code__) for part in parts if inspect.isfunction(part))


def byte_code(code: types.CodeType) -> str:
    """Return instructions, names and constants as text, those of inner functions too."""
    constants = [
        byte_code(c) if isinstance(c, types.CodeType)
        else f"{sorted(map(repr, c))}" if isinstance(c, frozenset) else repr(c)
        for c in code.co_consts
    ]  # fmt: skip
    return f"{code.co_code.hex()}{code.co_names}{constants}"
