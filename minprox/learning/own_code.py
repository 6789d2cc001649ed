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

    Of a function count its code, its defaults and what it closes over; of an object the code of its class,
    and its numbers and texts if it has no ``repr`` of its own. Installed packages go by their names.
    """
    found = "\0".join(traces(value, set()))
    return f"{zlib.crc32(found.encode()):08x}" if found else ""


def traces(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield what somebody wrote in a value, in an order that is the same in every process."""
    if id(value) in seen or isinstance(value, SIMPLE) or hasattr(value, "tolist"):
        return
    seen.add(id(value))
    if isinstance(value, partial):
        inside = [value.func, *value.args, *(v for _, v in sorted(value.keywords.items()))]
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    elif isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, types.MethodType):
        inside = [value.__func__, value.__self__]
    elif isinstance(value, types.FunctionType):
        inside = []
        if is_own(value):
            cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
            inside = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells]
            yield code(value)
            yield from (repr(v) for v in inside if isinstance(v, SIMPLE))
    else:
        held = {} if isinstance(value, type) else getattr(value, "__dict__", {})
        kind: Any = value if isinstance(value, type) else type(value)
        inside = [v for k, v in sorted(held.items()) if k not in STATE]
        if is_own(kind):
            yield code(kind)
            if kind.__repr__ is object.__repr__:
                yield from (f"{k}={v!r}" for k, v in sorted(held.items()) if isinstance(v, SIMPLE))
        elif not kind.__module__.startswith("minprox"):
            inside = []  # whatever an installed package keeps
    for part in inside:
        yield from traces(part, seen)


def content(value: Any) -> str:
    """Return what a value holds as a text that is another one once something in it was changed."""
    return "\0".join(held_in(value, set()))


def held_in(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield kind and value of everything that a value holds."""
    yield type(value).__qualname__
    if isinstance(value, SIMPLE):
        yield repr(value)
    elif hasattr(value, "tobytes"):
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
