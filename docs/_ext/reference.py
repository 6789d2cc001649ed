"""The reference is complete: the build says, and with ``-W`` fails, which public name it leaves out."""

from types import ModuleType

from sphinx.util import logging

import minprox
from minprox.formulas import FORMULAS

logger = logging.getLogger(__name__)


def public():
    """Yield the dotted names that a user may rely on, and those that implement a formula."""
    for name in minprox.__all__:
        value = getattr(minprox, name)
        if isinstance(value, ModuleType):
            yield from (name for name in inner(value) if name.rpartition(".")[2] not in minprox.__all__)
        elif not name.startswith("__"):
            yield f"minprox.{name}"
    for formula in FORMULAS.values():
        yield from (name.partition(".__")[0] for name in formula.objects)


def inner(module):
    """Yield the dotted names in a module and in those that it shows; mp.explain is mp.formulas.explain."""
    for name in module.__all__:
        value = getattr(module, name)
        yield from inner(value) if isinstance(value, ModuleType) else [f"{module.__name__}.{name}"]


def check(app, env):
    """Warn of public names without an entry."""
    known = env.get_domain("py").objects
    for name in sorted(set(public()) - set(known)):
        logger.warning("%s is public, but docs/api/index.rst does not list it", name, type="reference")


def escape_stars(app, what, name, obj, options, lines):
    """Keep ``*inputs`` and ``(N, *shape)`` in the head of a parameter from opening an emphasis."""
    for i, line in enumerate(lines):
        if not line.startswith(" ") and (" : " in line or line.startswith("array, shape")):
            lines[i] = line.replace("*", r"\*")


def setup(app):
    app.connect("autodoc-process-docstring", escape_stars, priority=400)  # numpydoc comes at 500
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
