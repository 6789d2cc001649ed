"""Texts in a figure mean what they say: no mathematics is read in them, and every letter has a font."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Fonts whose letters are not what their numbers say, and one that draws every letter as a box.
STRANGE = ("cm", "Last Resort", "STIXNonUnicode", "STIXSize")


def literal(figure: Figure) -> None:
    """Show every text of a figure as it is written, but for the numbers at the axes, which are not written.

    What is set afterwards is read by matplotlib as always.
    """
    from matplotlib.text import Text

    for text in set(figure.findobj(Text)) - set(numbers_at_axes(figure)):
        written, families = legible(text.get_text())
        text.set_text(written)
        if "$" in written:  # without one there is no mathematics, and what is set later may have some
            text.set_parse_math(False)
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])


def numbers_at_axes(figure: Figure) -> list[Any]:
    """Return the texts that matplotlib writes at the ticks by itself."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    texts = []
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            given = isinstance(axis.get_major_formatter(), (FixedFormatter, FuncFormatter))
            ticks = [*axis.get_minor_ticks(), *([] if given else axis.get_major_ticks())]
            texts += [label for tick in ticks for label in (tick.label1, tick.label2)] + [axis.offsetText]
    return texts


def names(texts: Iterable[str]) -> list[str]:
    """Return names for the ticks of an axis, which matplotlib keeps for itself."""
    return [legible(text)[0] for text in texts]


def legible(text: str) -> tuple[str, list[str]]:
    """Return a text without the letters that no font has, and the fonts that it needs besides the usual one.

    A letter that cannot be shown gives way to its number.

    Examples
    --------
    >>> legible("τ_θ = $5"), legible("\\x07")
    (('τ_θ = $5', []), ('\\\\x07', []))
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text, []
    from matplotlib.font_manager import FontProperties, findfont

    usual, written, families = findfont(FontProperties()), "", dict[str, None]()
    for letter in text:
        family = "" if letter == "\n" else font_with(letter, usual)
        written += letter if family is not None else letter.encode("unicode_escape").decode()
        if family:
            families[family] = None
    return written, list(families)


@lru_cache(10_000)
def font_with(letter: str, usual: str) -> str | None:
    """Return the family of a font that has a letter, "" for the usual one, and None if there is none."""
    from matplotlib.font_manager import fontManager, get_font

    if unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Zl", "Zp"):  # no letter at all
        return None
    if get_font(usual).get_char_index(ord(letter)):
        return ""
    upright = (f for f in fontManager.ttflist if (f.style, f.weight) == ("normal", 400))
    for font in upright:
        if not font.name.startswith(STRANGE) and get_font(font.fname).get_char_index(ord(letter)):
            return font.name
    return None
