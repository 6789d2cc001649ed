"""The width of a figure in print, which its file tells: pixels over dots per inch."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError


def in_print(path):
    """Return the width of a picture in print, in pixels of CSS (1/96 inch), or None where none is told."""
    try:
        with Image.open(path) as picture:
            dpi = picture.info.get("dpi")
            return round(picture.width / float(dpi[0]) * 96) if dpi else None
    except (FileNotFoundError, UnidentifiedImageError):
        return None


def boxed(picture, path):
    """Return the tag of a picture in a box that knows this width; where there is less room, it scrolls."""
    width = in_print(Path(path))
    return f'<span class="in-print" style="--print: {width}px">{picture}</span>' if width else picture
