"""Save every figure of the tutorials as PDF and SVG, for slides and lecture notes: ``make figures``.

    python docs/tutorial_figures.py [--folder FOLDER] [--formats pdf svg] [01 05 …]

Each tutorial is run as it stands; what it shows is saved as ``FOLDER/05_proxprop-1.pdf`` and so on, in the
order in which it is shown.
"""

import argparse
import ast
import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]


def shown(source: str, name: str) -> Iterator[Figure]:
    """Run a tutorial and yield its figures: those of pyplot, and those that are the value of a line."""
    names = {"__name__": "__main__", "__file__": name}
    for node in ast.parse(source, name).body:
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), name, "eval"), names)
            if isinstance(value, Figure):
                yield value
        else:
            exec(compile(ast.Module([node], []), name, "exec"), names)
        if "plt.show" in ast.unparse(node) or "show(" in ast.unparse(node):
            yield from opened()
    yield from opened()


def opened() -> Iterator[Figure]:
    """Yield what pyplot has open, and close it."""
    for number in plt.get_fignums():
        yield plt.figure(number)
        plt.close(number)


def save(path: Path, folder: Path, formats: list[str]) -> int:
    """Save the figures of a tutorial and return how many there are."""
    plt.show = lambda *arguments, **options: None  # its figures are saved here
    mpl.rcdefaults()
    known: list[Figure] = []  # one may be shown twice, by pyplot and as the value of a line
    with redirect_stdout(io.StringIO()):
        for figure in shown(path.read_text(encoding="utf-8"), str(path)):
            if not any(figure is other for other in known):
                known.append(figure)
                for ending in formats:
                    figure.savefig(folder / f"{path.stem}-{len(known)}.{ending}", bbox_inches="tight")
    plt.close("all")
    return len(known)


def main() -> None:
    parser = argparse.ArgumentParser(description="Save every figure of the tutorials.")
    parser.add_argument("numbers", nargs="*", help="of the tutorials, such as 05; all if none is given")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "_build" / "figures")
    parser.add_argument("--formats", nargs="+", default=["pdf", "svg"], choices=["pdf", "svg", "png"])
    asked = parser.parse_args()
    paths = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
    known = {path.name[:2] for path in paths}
    if unknown := sorted({number.zfill(2) for number in asked.numbers} - known):
        parser.error(f"no tutorial {', '.join(unknown)}: expected some of {', '.join(sorted(known))}")
    asked.folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT))
    for path in paths:
        if not asked.numbers or path.name[:2] in {number.zfill(2) for number in asked.numbers}:
            print(
                f"{path.name}: {save(path, asked.folder, asked.formats)} figures in {asked.folder}",
                flush=True,
            )


if __name__ == "__main__":
    main()
