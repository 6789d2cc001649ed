"""The page to play with: one file, made of a template and of measured data; tutorials link to it."""

from pathlib import Path

HERE = Path(__file__).parents[1] / "play"
LINKED = ("01_", "05_", "07_", "09_", "24_", "25_")  # tutorials about what can be moved there


def page():
    """Return the page, with its data in it."""
    template = (HERE / "play.html").read_text(encoding="utf-8")
    measured = (HERE / "training.json").read_text(encoding="utf-8").strip()
    if template.count("@DATA@") != 1 or "<" in measured:
        raise ValueError("play.html wants one place for its data, and data without tags")
    return template.replace("@DATA@", measured)


def write(app, error):
    """Write the page beside the others."""
    if error is None and app.builder.format == "html":
        Path(app.outdir, "play.html").write_text(page(), encoding="utf-8")


def link(app, doctree):
    """Point from a tutorial to the page, at its end."""
    from docutils import nodes  # here, so that the page can be made where no Sphinx is

    folder, _, name = app.env.docname.rpartition("/")
    if folder == "tutorials" and name.startswith(LINKED):
        line = nodes.paragraph("", "", nodes.strong(text="To play with: "))
        line += nodes.reference(
            "", "τ, τ_θ and the batch size as sliders", refuri="../play.html", internal=True
        )
        line += nodes.Text(", over the filter, the steps, the region of stability and a small net.")
        title = next(doctree.findall(nodes.title))
        title.parent.append(line)


def setup(app):
    app.connect("doctree-read", link)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
