"""The paper as code: formulas with their source, tests and tutorials, made from the registry of minprox.

The build says, and with ``-W`` fails, where a formula has no code, no test or no tutorial, or no page.
"""

from pathlib import Path

from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from minprox.formulas import FORMULAS, explain, problems

ROOT = Path(__file__).parents[2]
logger = logging.getLogger(__name__)


class Formulas(SphinxDirective):
    """``.. formulas:: E1 E2``: a section for each of these formulas."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        labels = self.arguments[0].split()
        self.env.paper_labels = getattr(self.env, "paper_labels", {}) | dict.fromkeys(
            labels, self.env.docname
        )
        explanations = [explain(label) for label in labels]
        for explanation in explanations:
            for part in (*explanation.sources, *explanation.tests, *explanation.tutorials):
                self.env.note_dependency(str(ROOT / part.file))
        root = "../" * self.env.docname.count("/")
        text = "\n".join(line for explanation in explanations for line in section(explanation, root))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def section(explanation, root):
    """Yield the reStructuredText of one formula, on a page from which ``root`` leads to the first one."""
    formula = explanation.formula
    title = f"{formula.label}: {formula.title}"
    yield from ("", f".. _paper-{formula.label}:", "", title, "-" * len(title), "")
    yield from block(".. math::", [formula.latex])
    yield from (formula.words, "")
    for source in explanation.sources:
        yield from code(source, formula.label, root)
    if explanation.tests:
        yield from ("**Tests**", "")
    for test in explanation.tests:
        summary = f"<summary><code>{test.file}::{test.name}</code></summary>"
        yield from block(".. raw:: html", [f'<details class="test">{summary}'])
        yield from block(".. code-block:: python", test.code.splitlines())
        yield from block(".. raw:: html", ["</details>"])
    if explanation.tutorials:
        yield from ("**Tutorials**", "")
        for tutorial in explanation.tutorials:
            yield f"- :doc:`{tutorial.name} </{Path(tutorial.file).with_suffix('')}>`"
    yield ""


def code(source, label, root):
    """Yield the source of one object with links to it, the lines of the formula emphasised."""
    marked = [str(i) for i, line in enumerate(source.lines, start=1) if line in source.marked(label)]
    object_, _, method = source.name.partition(".__")
    page = f"{root}_modules/{source.module.replace('.', '/')}.html"
    if source.defined:  # constants have no place of their own on it
        page += f"#{source.anchor.partition('.__')[0]}"
    name = f":py:obj:`~{object_}`" + (f" ``.__{method}``" if method else "")
    options = [f":emphasize-lines: {', '.join(marked)}"] if marked else []
    yield from (f"{name} in `{source.file} <{page}>`__", "")
    yield from block(".. code-block:: python", [*options, "", *source.dedented()])


def block(directive, lines):
    """Yield a directive with its content."""
    yield from (directive, *([""] if not lines or not lines[0].startswith(":") else []))
    yield from (f"   {line}" if line else "" for line in lines)
    yield ""


def check(app, env):
    """Warn of what is missing on the way between paper and code."""
    for problem in problems(ROOT):
        logger.warning("%s", problem, type="paper")
    for label in FORMULAS:
        if label not in getattr(env, "paper_labels", {}):
            logger.warning("%s: stands on no page; name it in a directive ``formulas``", label, type="paper")


def setup(app):
    app.add_directive("formulas", Formulas)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": False}
