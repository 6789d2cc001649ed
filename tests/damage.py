"""Ways to damage a file, each by a number: thousands can be tried, and every one be found again."""

import io
import json
import random
import zipfile

import numpy as np

DTYPES = (
    ">f4",
    ">f8",
    "f2",
    "f4",
    "f8",
    "bool",
    "M8[s]",
    "m8[s]",
    "c8",
    "i8",
    "u1",
    "S3",
    "U3",
    "O",
    "i4,f4",
)
VALUES = (
    *(None, True, False, 0, 1, -1, 2**31, 10**400, 0.5, -0.5, 1e308, float("nan"), float("inf"), "", "text"),
    *("\x1b[31m\n", "../../x", "0" * 10_000, [], [[]], [0], [None] * 3, {}, {"a": 1}, [1, 2, 3], "diverged"),
)


def damaged(content, seed):
    """Return the bytes of a file with some damage, and its kind in a word."""
    draw = random.Random(seed)
    kinds = [truncated, flipped, replaced, joined]
    kinds += [*ARRAYS] * 2 if content[:2] == b"PK" else [*TEXTS] * 2
    kind = draw.choice(kinds)
    return kind(content, draw), kind.__name__


def truncated(content, draw):
    return content[: draw.randrange(len(content))]


def flipped(content, draw):
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        found[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(found)


def replaced(content, draw):
    at, n = draw.randrange(len(content)), draw.choice((1, 4, 64))
    return content[:at] + draw.choice((b"", b"\0" * n, b"\xff" * n, draw.randbytes(n))) + content[at + n :]


def joined(content, draw):
    at = draw.randrange(len(content))
    return draw.choice((content * 2, content[at:] + content[:at], content + b"\0" * 99, b" " + content, b""))


# Files of arrays, written anew by somebody who knows the format


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(members, how=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def changed(content, draw, change):
    """Return the file with one of its arrays changed."""
    members = opened(content)
    name = draw.choice(sorted(members))
    members[name] = npy(change(np.load(io.BytesIO(members[name]))))
    return packed(members)


def bit_in_an_array(content, draw):
    def change(array):
        raw = bytearray(array.tobytes())
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(7)
        return np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)

    return changed(content, draw, change)


def other_dtype(content, draw):
    dtype = draw.choice(DTYPES)
    return changed(content, draw, lambda array: np.zeros(array.shape, dtype))


def other_shape(content, draw):
    def change(array):
        flat = array.ravel()
        return draw.choice((flat, flat[:-1], array[None], np.concatenate([flat, flat]), array.T.copy()))

    return changed(content, draw, change)


def swapped(content, draw):
    members = opened(content)
    a, b = draw.sample(sorted(members), 2)
    members[a], members[b] = members[b], members[a]
    return packed(members)


def without_a_member(content, draw):
    members = opened(content)
    del members[draw.choice(sorted(members))]
    return packed(members)


def with_a_member(content, draw):
    name = draw.choice(
        ("parameters.9", "memory.0", "state.x.0", "changed", "attribute.update", "../x", "a" * 999)
    )
    value = draw.choice((np.zeros(3), np.zeros(()), np.array('{"lr": 1}'), np.array([None], object)))
    return packed({**opened(content), f"{name}.npy": npy(value)})


def renamed(content, draw):
    members = opened(content)
    name = draw.choice(sorted(members))
    found = {(f"{n}x" if n == name else n): data for n, data in members.items()}
    return packed(found)


def bomb(content, draw):
    name = draw.choice(sorted(opened(content)))
    return packed({**opened(content), name: npy(np.zeros(10**6))}, zipfile.ZIP_DEFLATED)


def claim(content, draw):
    """An array whose head claims more than there is."""
    members = opened(content)
    name = draw.choice(sorted(members))
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10 ** draw.randrange(3, 15)},), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    members[name] = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
    return packed(members)


def twice(content, draw):
    members = opened(content)
    names = sorted(members)
    stream = io.BytesIO(packed(members))
    name = draw.choice(names)
    other = next((n for n in names if len(n) == len(name) and n != name), None)
    return stream.getvalue().replace(other.encode(), name.encode()) if other else flipped(content, draw)


def other_meta(content, draw):
    members = opened(content)
    text = str(np.load(io.BytesIO(members["meta.npy"])))
    return packed(
        {**members, "meta.npy": npy(np.array(draw.choice(TEXTS)(text.encode(), draw).decode("latin-1")))}
    )


ARRAYS = (
    *(bit_in_an_array, other_dtype, other_shape, swapped, without_a_member, with_a_member, renamed, bomb),
    *(claim, twice, other_meta),
)


# JSON files, written anew


def places(value, path=()):
    """Yield the path to every value within."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*path, key)
        yield from places(part, (*path, key))


def edited(content, draw, edit):
    found = json.loads(content)
    path = draw.choice(list(places(found)))
    within = found
    for key in path[:-1]:
        within = within[key]
    edit(within, path[-1])
    return json.dumps(found, indent=2).encode()


def other_value(content, draw):
    return edited(content, draw, lambda within, key: within.__setitem__(key, draw.choice(VALUES)))


def without_a_value(content, draw):
    return edited(content, draw, lambda within, key: within.__delitem__(key))


def with_a_value(content, draw):
    found = json.loads(content)
    found[draw.choice(("x", "seed", "Seed", "run", "__class__", ""))] = draw.choice(VALUES)
    return json.dumps(found).encode()


def nested(content, draw):
    depth = draw.choice((60, 1000, 10**5))
    deep = ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth)[draw.randrange(2)].encode()
    return draw.choice((deep, content.rstrip()[:-1] + b', "x": ' + deep + b"}"))


def dense(content, draw):
    return b"[" + draw.choice((b"[],", b"{},", b'"ab",', b"257,")) * draw.choice((100, 10**6)) + b"0]"


def other_encoding(content, draw):
    return content.decode().encode(draw.choice(("utf-16", "utf-32", "utf-8-sig")))


TEXTS = (other_value, other_value, without_a_value, with_a_value, nested, dense, other_encoding)
