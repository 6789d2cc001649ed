"""The order of the wings, read off the syntax trees: who may import whom, and where imports go in circles."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Each wing imports only what stands to its left; imports inside functions and for typing count too.
ORDER = ["ground", "engine", "paper", "learning", "methods", "experiments", "figures", "face", "bench", "cli"]
ASIDE = {  # what stands beside the row: what these import, and who imports them
    "datasets": ({"ground"}, {"learning", "methods", "experiments", "figures", "face", "bench", "cli"}),
    "formulas": (set(), {"face", "bench", "cli"}),
    "exercises": (set(), {"face", "bench", "cli"}),
}
HOME = {"_loading": "ground", "_version": "ground", "__main__": "cli"}  # what lies beside the wings


def wing_of(module: str) -> str:
    """Return the wing of a module by its dotted name; ``minprox`` itself is the face."""
    room = module.split(".")[1] if "." in module else "face"
    return HOME.get(room, room)


def may_import(importer: str, imported: str) -> bool:
    """Tell whether a wing may import another one."""
    if importer == imported:
        return True
    if importer in ASIDE:
        return imported in ASIDE[importer][0]
    if imported in ASIDE:
        return importer in ASIDE[imported][1]
    return ORDER.index(imported) < ORDER.index(importer)


def modules(package: Path) -> dict[str, Path]:
    """Return the files of a package by their dotted names."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(module: str, is_package: bool, source: str, known: set[str]) -> list[tuple[int, str]]:
    """Return line and name of every module of the project that a file imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".") if is_package else module.split(".")[:-1]
            above = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            inner = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in known else base for name in inner]
        found += [(node.lineno, name) for name in names if name.partition(".")[0] == module.partition(".")[0]]
    return found


def arrows(package: Path) -> list[tuple[str, int, str]]:
    """Return every import within a package as (importer, line, imported)."""
    names = modules(package)
    return [
        (name, line, imported)
        for name, path in names.items()
        for line, imported in imports(name, path.name == "__init__.py", path.read_text("utf-8"), set(names))
    ]


def climbing(package: Path) -> list[tuple[str, int, str]]:
    """Return the imports that the order of the wings forbids."""
    return [
        (importer, line, imported)
        for importer, line, imported in arrows(package)
        if not may_import(wing_of(importer), wing_of(imported))
    ]


def circle(edges: set[tuple[str, str]]) -> list[str]:
    """Return the modules of one circle of imports, or nothing."""
    order: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for importer, imported in edges:
        if importer != imported:
            order.add(importer, imported)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []
