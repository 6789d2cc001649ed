"""The slides of the one-lecture plan: one page, with the figures that the tutorials drew."""

import re
from pathlib import Path

from widths import boxed

DOCS = Path(__file__).parents[1]
PICTURE = re.compile(r'<img src="_images/([^"]+)" alt="[^"]*">')
FIGURE = re.compile(r'<img data-figure="(\w+) (\d+)" alt="([^"]*)">')


def page(images):
    """Return the slides, with the figures that are in a folder of images, and a note for the others."""

    def figure(found):
        tutorial, number, alt = found[1], int(found[2]), found[3]
        name = f"sphx_glr_{tutorial}_{number:03}.png"
        large = name.replace(".png", "_2_00x.png")
        if not (images / name).exists():
            return f'<p class="missing">{alt} (figure {number} of tutorials/{tutorial}.py)</p>'
        sharp = f' srcset="_images/{name}, _images/{large} 2x"' if (images / large).exists() else ""
        return boxed(f'<img src="_images/{name}"{sharp} alt="{alt}">', images / name)

    text = (DOCS / "slides" / "slides.html").read_text(encoding="utf-8")
    text = PICTURE.sub(lambda picture: boxed(picture[0], images / picture[1]), text)
    return FIGURE.sub(figure, text)


def write(app, error):
    """Write the slides beside the other pages."""
    if error is None and app.builder.format == "html":
        Path(app.outdir, "slides.html").write_text(page(Path(app.outdir, "_images")), encoding="utf-8")


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
