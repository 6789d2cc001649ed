"""Every public name has a complete docstring in numpydoc's form; the checker, and what it rejects."""

import ast
import inspect
import re
import textwrap
import types

import pytest
from docstring_lines import count, total
from wings import ROOT

import minprox as mp
from minprox.formulas.labels import KINDS


def parts(module):
    """The public modules in a module, and those in them: mp.theory, …, mp.methods, mp.methods.spauc, …"""
    for part in (getattr(module, name) for name in module.__all__):
        if inspect.ismodule(part):
            yield from (part, *parts(part))


MODULES = mp, *parts(mp)
ORDER = (
    *("Parameters", "Attributes", "Returns", "Yields", "Raises"),
    *("See Also", "Notes", "References", "Examples"),
)
LABEL = rf"\b[{KINDS}]\d\b"  # as minprox names the formulas of the papers
ARRAY = r"(list of |sequence of )?(array|ndarray)\b"
# Steps of a computation inside a class, not meant to be called from elsewhere: a sentence will do.
INNER = {
    *("Layer.trial", "Layer.fit", "Parametric.initialise", "Parametric.draw"),
    *("Parametric.copied", "Transfer.given_map"),
    *("Pool.sees", "Pool.padded", "Pool.inside", "Pool.windows", "AvgPool.counts"),
    *("MaxPool.tiling", "MaxPool.tiles", "MaxPool.largest", "MaxPool.errors"),
    *("MaxPool.largest_in_tiles", "MaxPool.errors_in_tiles"),
    *("Convolution.images", "Convolution.spread", "Convolution.flipped", "ConvTranspose2d.edges"),
    *("Gate.gate", "Gate.gate_slope", "Gate.gate_bend"),
    *(
        "CrossEntropy.compare",
        "CrossEntropy.mass",
        "CrossEntropy.check_range",
        "BinaryCrossEntropy.targets",
        "Optimizer.update",
    ),
    *("KFAC.remember", "NewtonCG.condition", "NewtonCG.moved", "NewtonCG.value", "NewtonCG.searched"),
    *("BlockCG.run", "BlockCG.iterate", "BlockCG.chosen"),
    *(
        "Attention.weights",
        "Concat.place",
        "Attention.split",
        "Attention.join",
        "BatchNorm.kept",
        "Slice.place",
        "Scale.along",
    ),
    "LinearMap.normal_diagonal",
    *("Exact.chosen", "Run.plain", "Run.settle"),
    *("RowsApart.blocks", "RowsApart.rows", "Communicator.counts", "Communicator.place"),
    *("RowShares.gathered", "RowShares.here", "RowShares.shared_product"),
    *("Dropout.mask", "BatchNorm.keep", "ColumnsApart.own", "ColumnsApart.gathered"),
}
VAGUE = (
    r"Any|Array|ndarray|list|tuple|dict|Sequence|Mapping|Itera|Generator\[|Callable"  # types that need words
)
SHAPED = r"\bshapes?\b|\baligned\b|``\([^)]*\)"  # one way to say what shape an array has


def sections(text):
    """The sections of a docstring, by name; the summary and what follows it under ""."""
    parts, name, lines = {}, "", inspect.cleandoc(text or "").split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("[A-Z][A-Za-z ]*", line) and re.fullmatch("-{3,}", below):
            name = line
            parts[name] = []
        elif not (re.fullmatch("-{3,}", line) and name and not parts[name]):
            parts.setdefault(name, []).append(line)
    return {name: "\n".join(content).strip("\n") for name, content in parts.items()}


def entries(section):
    """Names, type and description of each entry in a section like Parameters."""
    found = []
    for block in re.split(r"\n(?=\S)", section) if section else []:
        head, _, below = block.partition("\n")
        names, _, kind = head.partition(" : ")
        found.append(([name.replace("\\", "") for name in names.split(", ")], kind, below))
    return found


def own_statements(function):
    """What is in the body of a function, without the functions inside it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    waiting = list(ast.iter_child_nodes(tree.body[0]))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def raised(function):
    """The names of the exceptions that the body of a function raises."""
    found = (n.exc for n in own_statements(function) if isinstance(n, ast.Raise) and n.exc is not None)
    calls = (exc.func if isinstance(exc, ast.Call) else exc for exc in found)
    return {call.id for call in calls if isinstance(call, ast.Name)} - {"NotImplementedError"}


def wanted(name, obj):
    """The parameters in the signature, with their stars, as the docstring has to list them."""
    try:
        parameters = list(inspect.signature(obj).parameters.values())
    except ValueError:  # an exception, say
        return []
    if not isinstance(obj, type) and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(p.kind, "") + p.name for p in parameters]


def faults(name, obj, method=False):
    """What is missing in the docstring of a function, a class or a method, or wrong there."""
    if not obj.__doc__ or (isinstance(obj, type) and "__doc__" not in vars(obj)):
        return ["no docstring"]
    parts, is_class = sections(obj.__doc__), isinstance(obj, type)
    summary, found = parts.get("", "").split("\n\n")[0], []
    if not is_sentence(obj.__doc__):
        found.append(f"the summary is not one sentence: {summary!r}")
    known = [part for part in parts if part]
    if known != sorted(known, key=lambda part: ORDER.index(part) if part in ORDER else -1):
        found.append(f"sections {known} instead of the order {ORDER}")
    found += parameter_faults(name, obj, parts)
    for part in ("Parameters", "Attributes", "Returns", "Yields"):
        for names, kind, below in entries(parts.get(part, "")):
            kind = kind or ("" if part == "Parameters" else ", ".join(names))
            if re.match(ARRAY, kind) and not re.search(SHAPED, kind + " " + below, re.I):
                found.append(f"no shape of {', '.join(names)} in {part}")
    function = obj.__init__ if is_class else obj
    if inspect.isfunction(function) and not getattr(obj, "__dataclass_fields__", None):
        for exception in sorted(raised(function)):
            if not re.search(rf"\b{exception}\b", parts.get("Raises", "") + summary):
                found.append(f"{exception} is raised and not in Raises")
    if not is_class:
        returns = str(inspect.signature(obj).return_annotation)
        part = "Yields" if returns.startswith(("Iterator", "Generator")) else "Returns"
        short = method and not wanted(name, obj) and summary.startswith(part.rstrip("s"))
        plain = part == "Returns" and says_all(returns)  # then the first sentence says the rest
        if (
            returns not in ("None", str(inspect.Parameter.empty))
            and part not in parts
            and not (short or plain)
        ):
            found.append(f"no section {part}")
        alone = entries(parts.get("Returns", ""))
        if len(alone) == 1 and not alone[0][2].strip() and same_type(alone[0][1] or alone[0][0][0], returns):
            found.append("Returns only repeats the type")
    source = inspect.getsource(obj)
    body = source.replace(obj.__doc__, "")
    if re.search(rf"# .*\({LABEL}", body) and not re.search(rf"{LABEL}|paper|References", obj.__doc__):
        found.append("a formula of the paper and no label, and no References")
    if not method and ">>>" not in parts.get("Examples", ""):
        found.append("no example")
    return found


def parameter_faults(name, obj, parts):
    """How the documented parameters differ from the signature; a dataclass may list them as Attributes."""
    if isinstance(obj, type) and issubclass(obj, BaseException):
        return []
    fields = getattr(obj, "__dataclass_fields__", None) if isinstance(obj, type) else None
    part = "Attributes" if fields and "Parameters" not in parts else "Parameters"
    found = [n for names, _, _ in entries(parts.get(part, "")) for n in names]
    types = annotations(obj)
    expected = [
        n for n in wanted(name, obj) if n in found or part == "Attributes" or not says_all(types.get(n))
    ]
    repeated = [
        f"the entry of {', '.join(names)} only repeats the type"
        for names, kind, below in entries(parts.get("Parameters", ""))
        if not below.strip() and any(same_type(kind, types.get(n)) for n in names)
    ]
    return repeated + ([] if found == expected else [f"{part}: expected {expected}, found {found}"])


def annotations(obj):
    """The types in the signature, as text, by the names as the docstring writes them."""
    try:
        parameters = inspect.signature(obj).parameters.values()
    except ValueError:
        return {}
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(p.kind, "") + p.name: inspect.formatannotation(p.annotation)
        for p in parameters
        if p.annotation is not inspect.Parameter.empty
    }


def says_all(annotation):
    """Whether a type tells a reader what it is, without a shape or what is in it."""
    return bool(annotation) and not re.search(VAGUE, annotation)


def same_type(kind, annotation):
    """Whether an entry without words has nothing but the type that stands in the signature."""
    if not kind or not says_all(annotation):
        return False

    def alternatives(text):
        names = re.split(r" or |\|", re.sub(r",? *optional", "", text))
        return {name.strip().strip("'").split(".")[-1] for name in names} - {"None"}

    return alternatives(kind) == alternatives(annotation)


def public_names():
    """Every public function and class by its place, and the public methods that the classes define."""
    found = {}
    for module in MODULES:
        for name in module.__all__:
            obj = getattr(module, name)
            if not (inspect.isfunction(obj) or isinstance(obj, type)):
                continue
            found[f"{obj.__module__}.{obj.__qualname__}"] = (obj, None)
            if isinstance(obj, type):
                found |= methods(obj)
    return found


def methods(cls):
    """The public methods and properties that a class and our bases of it define."""
    found = {}
    for base in cls.__mro__:
        if not base.__module__.startswith("minprox"):
            continue
        for name, member in vars(base).items():
            if isinstance(member, (staticmethod, classmethod)):
                member = member.__func__
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                found[f"{base.__module__}.{base.__qualname__}.{name}"] = (member, base)
    return found


def judged(name, obj, owner):
    """The faults of a public name; what overrides a method may leave the details to that one's docstring."""
    short = name.split(".")[-1]
    if owner and any(getattr(getattr(base, short, None), "__doc__", None) for base in owner.__mro__[1:]):
        return [] if not obj.__doc__ or is_sentence(obj.__doc__) else ["the summary is no sentence"]
    if isinstance(obj, property) or ".".join(name.split(".")[-2:]) in INNER:
        return [] if is_sentence(obj.__doc__) else ["no docstring, or its summary is no sentence"]
    return faults(name, obj, owner is not None)


def is_sentence(text):
    """Whether the first paragraph of a docstring is one sentence."""
    summary = sections(text).get("", "").split("\n\n")[0]
    return summary.endswith(".") and not re.search(r"[.!?] +[A-Z]", summary)


@pytest.mark.parametrize("name", public_names())
def test_the_docstring_is_complete(name):
    assert judged(name, *public_names()[name]) == []


# Where formulas stand, they are not buried


FORMULAS = {  # what a reader of formulas opens, each with what belongs to it
    "passes": ["engine/passes.py", "engine/reverse.py", "engine/plan.py"],
    "solvers": ["engine/solvers/*.py"],
    "graph": ["engine/graph.py", "engine/order.py"],
    "the paper's text": ["paper/penalty_energy.py", "paper/chain.py"],
}


@pytest.mark.parametrize("patterns", FORMULAS.values(), ids=FORMULAS)
def test_no_more_docstring_than_code_where_formulas_stand(patterns):
    docs, code = total([path for pattern in patterns for path in (ROOT / "minprox").glob(pattern)])
    assert 0 < docs <= code


def test_lines_are_counted_as_a_reader_sees_them():
    source = '''"""One.

    Two.
    """

import os


def f(x):
    """Three."""
    # a formula
    return """no docstring""" + x
'''
    assert count(source) == (4, 4)
    assert count("x = 1\n\n") == (0, 1)


# The checker rejects what it is there for


def good(A, delta, *rest, scale=1.0, **options):
    """Return ``Aᵀ δ``, scaled (P1).

    Parameters
    ----------
    A : LinearMap
    delta : array, shape (rows, n_out)
    *rest : int
    scale : float
        Larger than 0.
    **options
        Whatever else.

    Returns
    -------
    array, shape (cols, n_out)

    Raises
    ------
    ValueError
        If the scale is not positive.

    Examples
    --------
    >>> 1 + 1
    2
    """
    if scale < 0:
        raise ValueError("scale")
    return scale * (A.T @ delta)  # Aᵀ δ  (P1)


good.__annotations__ |= {"scale": "float", "return": "Array"}


def planted(old, new):
    """The function ``good`` with a change in its docstring."""
    assert old in good.__doc__
    changed = types.FunctionType(good.__code__, good.__globals__, "good", good.__defaults__)
    changed.__kwdefaults__, changed.__annotations__ = good.__kwdefaults__, good.__annotations__
    changed.__doc__ = good.__doc__.replace(old, new)
    return changed


def test_a_complete_docstring_passes():
    assert faults("good", good) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("    A : LinearMap\n", "", "Parameters: expected"),  # a parameter is missing
        ("    scale : float\n        Larger than 0.\n", "    scale : float\n", "scale only repeats the type"),
        ("    *rest : int\n", "    *rest : int\n    scale : float\n", "Parameters: expected"),
        ("scale : float", "size : float", "'size'"),  # has another name
        ("    *rest : int\n", "    rest : int\n", "'rest'"),
        ("    A : LinearMap\n    delta", "    delta", "expected ['A', 'delta', '*rest'"),
        ("array, shape (rows, n_out)", "array", "no shape of delta in Parameters"),
        ("array, shape (cols, n_out)", "array", "no shape of array in Returns"),
        ("    Returns\n    -------\n    array, shape (cols, n_out)\n\n", "", "no section Returns"),
        ("    ValueError\n", "    TypeError\n", "ValueError is raised"),
        (">>> 1 + 1", "1 + 1", "no example"),
        ("Examples\n    --------", "Example\n    -------", "no example"),
        ("Examples\n    --------", "Example\n    -------", "sections"),
        ("    Raises\n    ------", "    Parameters\n    ----------", "Parameters: expected"),
        (" (P1).", ".", "a formula of the paper"),
        ("scaled (P1).", "scaled (P1)", "not one sentence"),
        ("scaled (P1).", "scaled. See (P1).", "not one sentence"),
    ],
)
def test_planted_errors_are_rejected(old, new, fault):
    assert any(fault in found for found in faults("good", planted(old, new)))


def test_what_the_types_say_may_be_left_out_and_is_not_repeated():
    changed = planted("    Returns\n    -------\n    array, shape (cols, n_out)\n\n", "")
    changed.__annotations__ = changed.__annotations__ | {"return": "Report"}
    assert faults("good", changed) == []
    changed.__doc__ = changed.__doc__.replace("    scale : float\n        Larger than 0.\n", "")
    assert faults("good", changed) == []
    changed = planted("array, shape (cols, n_out)", "Report")
    changed.__annotations__ = changed.__annotations__ | {"return": "minprox.Report | None"}
    assert faults("good", changed) == ["Returns only repeats the type"]
    changed = planted(
        "    A : LinearMap\n    delta : array, shape (rows, n_out)\n",
        "    A, delta\n        As for ``bad``.\n",
    )
    assert faults("good", changed) == []


def test_sections_in_another_order_and_missing_docstrings_are_rejected():
    changed = planted("", "")
    head, examples = good.__doc__.split("    Examples\n")
    changed.__doc__ = head.replace(
        "    Parameters\n", "    Examples\n" + examples.rstrip() + "\n\n    Parameters\n"
    )
    assert any("instead of the order" in found for found in faults("good", changed))
    changed.__doc__ = None
    assert faults("good", changed) == ["no docstring"]

    class Bare(mp.Tanh):
        pass

    assert faults("Bare", Bare) == ["no docstring"]  # that of the base is not its own


def test_methods_are_judged_and_names_are_found():
    class Layer(mp.Layer):
        """A layer of one's own."""

        def forward(self, a):  # leaves its docstring to the base
            return a

        def scaled(self, a):
            """Return ``a``."""
            return a

        @property
        def size(self):
            return 1

    Layer.__module__ = "minprox.mine"
    found = {name.split(".")[-1]: judged(name, *entry) for name, entry in methods(Layer).items()}
    assert found["forward"] == []
    assert found["scaled"] == ["Parameters: expected ['a'], found []"]
    assert found["size"] == ["no docstring, or its summary is no sentence"]
    names = public_names()
    assert {
        "minprox.engine.passes.proxprop",
        "minprox.engine.graph.Graph.shapes",
        "minprox.engine.layers.conv.Conv2d",
    } <= set(names)
    assert len(names) > 200
    assert {".".join(name.split(".")[-2:]) for name in names} >= INNER  # no name is left over there
