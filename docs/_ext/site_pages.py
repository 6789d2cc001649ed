"""What the site adds to Sphinx: numbers, labels in code as links, tables in notebooks, widths of figures."""

import html
import re
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from sphinx_gallery import notebook
from widths import boxed

from minprox.formulas import FORMULAS
from minprox.formulas.labels import BRACKETS, LABEL

NUMBERED = re.compile(r"tutorials/(\d\d)_\w+")
CARD = re.compile(
    r'(/tutorials/images/thumb/sphx_glr_(\d\d)_.*?<div class="sphx-glr-thumbnail-title">)', re.DOTALL
)
PICTURE = re.compile(r'<img [^>]*src="(?:\.\./)*_images/(?!\w+_thumb\.)([^"]+\.png)"[^>]*>')
RULE = re.compile(r"={2,}( +={2,})+")


def number_title(app, doctree):
    """Put the number of a tutorial before its title, on the page and wherever it is listed."""
    page = NUMBERED.fullmatch(app.env.docname)
    title = next(iter(doctree.findall(nodes.title)), None)
    if page and title is not None:
        title.insert(0, nodes.Text(f"{int(page[1])}. "))


def number_cards(app, docname, source):
    """Put the numbers on the cards of the gallery."""
    if docname == "tutorials/index":
        source[0] = CARD.sub(lambda card: f"{card[1]}{int(card[2])}. ", source[0])


def label_links(app, pagename, templatename, context, doctree):
    """Make links of the labels in the comments and docstrings of code, such as (E6)."""
    pages = getattr(app.env, "paper_labels", {})
    if "body" not in context or not pages:
        return

    def linked(label):
        name = label[1] + label[2]
        if name not in pages:
            return label[0]
        address = f"{app.builder.get_relative_uri(pagename, pages[name])}#paper-{name.lower()}"
        title = html.escape(FORMULAS[name].title, quote=True)
        return f'<a class="label" href="{address}" title="{title}">{label[0]}</a>'

    def in_brackets(comment):
        return BRACKETS.sub(lambda bracket: LABEL.sub(linked, bracket[0]), comment[0])

    context["body"] = re.sub(r'<span class="(?:c1|sd)">[^<]*</span>', in_brackets, context["body"])


def mend_source_links(app, pagename, templatename, context, doctree):
    """Let [docs] on a page of source lead to the anchor that the page of the object has."""
    if not pagename.startswith("_modules/") or "body" not in context:
        return
    known: dict[str, list[str]] = {}
    for name, entry in app.env.get_domain("py").objects.items():
        if not entry.aliased:  # the name under which it was defined has no anchor
            known.setdefault(entry.docname, []).append(name)

    def mended(link):
        names = known.get(link[2], [])
        tails = link[3], link[3].removeprefix("minprox"), f".{link[3].rpartition('.')[2]}"
        found = [name for tail in tails for name in names if name.endswith(tail)]
        return f'{link[1]}{link[2]}.html#{found[0]}"' if found else link[0]

    pattern = r'(<a class="viewcode-back" href="(?:\.\./)*)([^"#]+)\.html#([^"]+)"'
    context["body"] = re.sub(pattern, mended, context["body"])


def drop_links_to_no_source(app, pagename, templatename, context, doctree):
    """Leave the text alone of a link to source that no page shows, as of modules of constants."""
    shown = getattr(app.env, "_viewcode_modules", {})
    if "body" not in context:
        return

    def kept(link):
        return link[0] if shown.get(link[1].replace("/", ".")) else link[2]

    pattern = r'<a class="reference external" href="(?:\.\./)*_modules/([\w/]+)\.html[^"]*">(.*?)</a>'
    context["body"] = re.sub(pattern, kept, context["body"])


def figures_as_in_print(app, pagename, templatename, context, doctree):
    """Give each figure the width that it has in print."""
    if "body" not in context:
        return
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}

    def framed(picture):
        return boxed(picture[0], sources.get(picture[1], Path(app.outdir, "_images", picture[1])))

    context["body"] = PICTURE.sub(framed, context["body"])


def with_tables(convert):
    """Let a converter of reStructuredText to Markdown keep simple tables, which it would run together."""

    def converted(text, *arguments, **options):
        return convert(markdown_tables(text), *arguments, **options)

    return converted


def markdown_tables(text):
    """Return a text with each of its simple tables as one of Markdown's.

    Examples
    --------
    >>> print(markdown_tables("== ===\\na  b\\n== ===\\n1  2 3\\n== ==="))
    | a | b |
    |---|---|
    | 1 | 2 3 |
    """
    lines, done, i = text.split("\n"), [], 0
    while i < len(lines):
        end = next((k for k in range(i, len(lines)) if not lines[k].strip()), len(lines))
        rules = [k for k in range(i, end) if lines[k] == lines[i]]
        if RULE.fullmatch(lines[i]) and len(rules) in (2, 3):
            starts = [*(column.start() for column in re.finditer("=+", lines[i])), None]
            spans = list(pairwise(starts))
            rows = [[line[a:b].strip() for a, b in spans] for line in lines[i + 1 : rules[-1]]]
            heads = rules[1] - i - 1 if len(rules) == 3 else 0
            cells = [" ".join(filter(None, column)) for column in zip(*rows[:heads], strict=True)]
            done += [bars(cells or [""] * len(spans)), "|" + "---|" * len(spans)]
            body: list[list[str]] = []
            for row in rows[heads + 1 :] if heads else rows:
                if body and not row[0]:  # what goes on from the row above
                    body[-1] = [" ".join(filter(None, cells)) for cells in zip(body[-1], row, strict=True)]
                else:
                    body.append(["" if cell == ".." else cell for cell in row])
            done += map(bars, body)
            i = rules[-1] + 1
        else:
            done.append(lines[i])
            i += 1
    return "\n".join(done)


def bars(cells):
    """Return a row of a table in Markdown; a bar within a formula would end its cell."""
    plain = (cell.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for cell in cells)
    return "| " + " | ".join(plain) + " |"


def setup(app):
    notebook.rst2md = with_tables(notebook.rst2md)
    app.connect("doctree-read", number_title, priority=100)  # before titles are collected
    app.connect("source-read", number_cards)
    app.connect("html-page-context", label_links)
    app.connect("html-page-context", mend_source_links)
    app.connect("html-page-context", drop_links_to_no_source)
    app.connect("html-page-context", figures_as_in_print)
    return {"parallel_read_safe": True}
