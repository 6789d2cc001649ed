"""Measurements on the pages: made from the records in ``docs/results``, never typed in."""

import json
from pathlib import Path

from docutils import nodes
from escaping import literal
from sphinx.util.docutils import SphinxDirective

from minprox.experiments import EXPERIMENTS, table
from minprox.experiments.results import results

UNITS = {"seconds": ("ms", lambda value: f"{1e3 * value:.1f}"), "ratio": ("ratio", "{:.2f}".format)}


class Benchmarks(SphinxDirective):
    """``.. benchmarks::``: a section for each record ``results/bench-*.json``."""

    def run(self):
        folder = Path(self.env.srcdir, "results")
        self.env.note_dependency(str(folder))
        lines = []
        for path in sorted(folder.glob("bench-*.json")):
            self.env.note_dependency(str(path))
            lines += benchmark(path.name, json.loads(path.read_text(encoding="utf-8")))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def benchmark(name, record):
    """Yield the reStructuredText of one record of ``minprox bench``."""
    environment, nets = record["environment"], record["nets"]
    machine = literal(environment.get("gpu") or f"{environment['cores']} cores, {environment['cpu']}")
    yield from ("", machine, "-" * len(machine), "")
    batch, repeats = literal(record["batch"]), literal(record["repeats"])
    yield f"Batch {batch}, median of {repeats} rounds. A ratio is to the first line of "
    yield f"its kind, a direction or a whole step (``step: …``). The record is docs/results/{literal(name)}."
    yield from ("", ".. list-table::", "   :header-rows: 1", "")
    head = ["", *(f"{literal(net)}, {UNITS[column][0]}" for net in nets for column in UNITS)]
    yield from row(head)
    for method in next(iter(nets.values()))["seconds"]:
        found = [nets[net].get(column, {}).get(method) for net in nets for column in UNITS]
        units = [UNITS[column][1] for _ in nets for column in UNITS]
        yield from row(
            [literal(method), *("–" if v is None else unit(v) for v, unit in zip(found, units, strict=True))]
        )
    versions = ", ".join(
        f"{literal(key)} {literal(value)}" for key, value in environment.items() if value is not None
    )
    yield from ("", f"Measured with {versions}.", "")


def row(cells):
    """Yield one row of a list-table."""
    for i, cell in enumerate(cells):
        yield f"   {'*' if i == 0 else ' '} - {cell}"


class Experiment(SphinxDirective):
    """``.. experiment:: x1``: figure and table of an experiment, from its records in ``results/x1``.

    ``.. experiment:: x1 x1-small`` takes those in ``results/x1-small``; so does ``verdict``.
    """

    required_arguments, optional_arguments = 1, 1

    def run(self):
        name, where = self.arguments[0], self.arguments[-1]
        results = Path(self.env.srcdir, "results")
        self.env.note_dependency(str(results))
        folder, found = results / where, []
        for figure in (results / f"{where}.png", folder / f"{where}.png"):
            if figure.exists():
                uri = f"/{figure.relative_to(self.env.srcdir).as_posix()}"
                found += self.parse_text_to_nodes(f".. image:: {uri}\n   :alt: {EXPERIMENTS[name].title}\n")
        if folder.is_dir():
            text = table(EXPERIMENTS[name], folder)
            found.append(nodes.literal_block(text, text, language="text"))
        if not found:
            text = f"There are no records of this experiment here yet; ``minprox run {name}`` makes them."
            found += self.parse_text_to_nodes(text)
        return found


class Verdict(SphinxDirective):
    """``.. verdict:: x1``: what the records in ``results/x1`` say of the claims of the experiment."""

    required_arguments, optional_arguments = 1, 1

    def run(self):
        name, where = self.arguments[0], self.arguments[-1]
        folder = Path(self.env.srcdir, "results", where)
        self.env.note_dependency(str(folder))
        experiment, found = EXPERIMENTS[name], results(EXPERIMENTS[name], folder)
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 60 40", ""]
        lines += row(["The claim", "The records"])
        for claim in experiment.claims:
            decided = claim.decide(found).text()
            lines += row([claim.sentence + ("" if claim.paper else " *(Seen here.)*"), bold(decided)])
        return self.parse_text_to_nodes("\n".join(lines))


def bold(text):
    """Return a verdict with its words in bold, up to the numbers: all of "holds in 2 of 3 seeds"."""
    words, mark, numbers = text.partition(";")
    return f"**{words}**{mark}{numbers}"


def setup(app):
    app.add_directive("verdict", Verdict)
    app.add_directive("benchmarks", Benchmarks)
    app.add_directive("experiment", Experiment)
    return {"parallel_read_safe": True}
