"""Labels of formulas, and names of tutorials, are links wherever they stand in a text."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

from minprox.formulas import FORMULAS
from minprox.formulas.labels import BRACKETS, EXPERIMENT, LABEL, tutorials

ROOT = Path(__file__).parents[2]
PLAIN = (
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.reference,
    nodes.title,
    nodes.raw,
)
CODE = "code_links_block"  # what sphinx-gallery makes of the code of a tutorial
FILE = re.compile(r"(?:tutorials/)?(\d\d_\w+)\.py")
logger = logging.getLogger(__name__)


def name_formulas(app, doctree):
    """Say below the title of a tutorial which formulas it explains."""
    for tutorial in tutorials(ROOT):
        if app.env.docname == str(Path(tutorial.file).with_suffix("")) and tutorial.labels:
            labels = [label for label in FORMULAS if label in tutorial.labels]
            line = nodes.paragraph(text=f"Formulas: {', '.join(f'({label})' for label in labels)}")
            title = next(doctree.findall(nodes.title))
            title.parent.insert(title.parent.index(title) + 1, line)


def link(app, doctree, docname):
    """Make links of the labels and of the names of tutorials on a page."""
    pages = {
        label: app.builder.get_relative_uri(docname, page) for label, page in app.env.paper_labels.items()
    }
    for text in list(doctree.findall(nodes.Text)):
        if not any(isinstance(node, PLAIN) or node.tagname == CODE for node in ancestors(text)):
            parts = list(split(text.astext(), pages, docname))
            if len(parts) > 1:
                text.parent.replace(text, parts)
    for literal in list(doctree.findall(nodes.literal)):
        file = FILE.fullmatch(literal.astext())
        page = f"tutorials/{file[1]}" if file else docname
        linked = isinstance(literal.parent, nodes.reference)
        if page != docname and page in app.env.found_docs and not linked:
            reference = nodes.reference(
                "", "", refuri=app.builder.get_relative_uri(docname, page), internal=True
            )
            literal.replace_self(reference)
            reference += literal


def ancestors(node):
    """Yield the nodes that a node stands in."""
    while node.parent is not None:
        node = node.parent
        yield node


def split(text, pages, docname):
    """Yield a text in pieces: labels as links, all the rest as it is."""
    done = 0
    for start, end in sorted(spans(text)):
        label = LABEL.match(text, start)
        name = label[1] + label[2]
        if name not in pages:
            logger.warning("no formula has the label %s", name, location=docname, type="paper")
            continue
        yield nodes.Text(text[done:start])
        refuri = f"{pages[name]}#paper-{name.lower()}"
        yield nodes.reference(
            "", text[start:end], refuri=refuri, internal=True, reftitle=FORMULAS[name].title
        )
        done = end
    yield nodes.Text(text[done:])


def spans(text):
    """Return where labels stand."""
    found = {match.span() for match in EXPERIMENT.finditer(text)}
    for bracket in BRACKETS.finditer(text):
        found |= {match.span() for match in LABEL.finditer(text, *bracket.span())}
    return found


def setup(app):
    app.connect("doctree-read", name_formulas)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True}
